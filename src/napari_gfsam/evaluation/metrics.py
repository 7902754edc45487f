"""What is counted and what is reported: overlaps, mIoU, FB-IoU, specificity, rank correlation.

The official code (and HSNet before it) sums intersections and unions over the episodes of a class, takes the ratio
per class, then the mean over classes; FB-IoU sums over everything, for foreground and background apart.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_gfsam.core.frames import MODEL_SIZE, legacy_nearest_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Overlap:
    """Pixels shared and covered by an answer and the truth; ignored pixels are in none of them.

    Parameters
    ----------
    fg_intersection, fg_union
        Pixels in both masks, pixels in at least one.
    bg_intersection, bg_union
        The same for the masks' complements.
    """

    fg_intersection: int = 0
    fg_union: int = 0
    bg_intersection: int = 0
    bg_union: int = 0

    def __add__(self, other: Overlap) -> Overlap:
        """Sum the counts of two overlaps."""
        return Overlap(
            self.fg_intersection + other.fg_intersection,
            self.fg_union + other.fg_union,
            self.bg_intersection + other.bg_intersection,
            self.bg_union + other.bg_union,
        )

    @property
    def iou(self) -> float:
        """Foreground intersection over union in [0, 1]; NaN where answer and truth are both empty."""
        return _ratio(self.fg_intersection, self.fg_union)

    @property
    def background_iou(self) -> float:
        """Background intersection over union in [0, 1]; NaN where neither has background."""
        return _ratio(self.bg_intersection, self.bg_union)


class Specificity(NamedTuple):
    """How targets without the class were answered.

    Parameters
    ----------
    targets
        Share of targets answered empty, in [0, 1]; NaN without targets.
    pixels
        Share of pixels rightly left empty over all targets, in [0, 1]; NaN without targets.
    """

    targets: float
    pixels: float


def overlap(answer: NDArray[np.bool_], truth: NDArray[np.bool_], ignore: NDArray[np.bool_] | None = None) -> Overlap:
    """Count what an answer and the truth share.

    Parameters
    ----------
    answer, truth
        (H, W) bool.
    ignore
        (H, W) bool, pixels left out of every count.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if answer.shape != truth.shape or (ignore is not None and ignore.shape != truth.shape):
        raise ValueError(f"The answer is {answer.shape} and the truth {truth.shape}; they must have the same size.")
    if ignore is not None:
        answer, truth = answer[~ignore], truth[~ignore]
    both = int(np.count_nonzero(answer & truth))
    either = int(np.count_nonzero(answer | truth))
    return Overlap(both, either, truth.size - either, truth.size - both)


def squash(mask: NDArray[Any], size: int = MODEL_SIZE) -> NDArray[Any]:
    """Bring a (H, W) mask into the square frame as torch's ``interpolate(mode="nearest")`` does.

    Returns
    -------
    (size, size) array of the same dtype.
    """
    rows = legacy_nearest_rows(mask.shape[0], size)
    columns = legacy_nearest_rows(mask.shape[1], size)
    return mask[rows[:, None], columns[None, :]]


def class_overlaps(counted: Iterable[tuple[int, Overlap]]) -> dict[int, Overlap]:
    """Sum overlaps per class id, in order of class id."""
    sums: defaultdict[int, Overlap] = defaultdict(Overlap)
    for class_id, found in counted:
        sums[class_id] += found
    return dict(sorted(sums.items()))


def mean_iou(counted: Iterable[tuple[int, Overlap]]) -> float:
    """Return mIoU over classes: counts summed per class, ratio per class, mean over classes.

    A class whose union is empty counts as 0, as in the official meter.

    Parameters
    ----------
    counted
        (class id, overlap) of every episode.

    Returns
    -------
    float in [0, 1]; NaN without episodes.
    """
    ious = [found.iou for found in class_overlaps(counted).values()]
    return mean_of(0.0 if math.isnan(iou) else iou for iou in ious)


def fb_iou(overlaps: Iterable[Overlap]) -> float:
    """Return FB-IoU: counts summed over all episodes, the mean of foreground's and background's ratio.

    Returns
    -------
    float in [0, 1]; NaN where a ratio has no pixels.
    """
    total = sum(overlaps, Overlap())
    return (total.iou + total.background_iou) / 2


def specificity(absent: Sequence[Overlap]) -> Specificity:
    """Return how targets without the class were answered.

    Parameters
    ----------
    absent
        Overlaps of targets whose truth is empty: the foreground's union is what was wrongly answered.
    """
    total = sum(absent, Overlap())
    empty = sum(found.fg_union == 0 for found in absent)
    return Specificity(_ratio(empty, len(absent)), _ratio(total.bg_intersection, total.bg_union))


def rank_correlation(scores: Sequence[float], ious: Sequence[float]) -> float:
    """Return Spearman's rank correlation of confidence scores with IoUs.

    Pairs with a NaN are left out.

    Returns
    -------
    float in [-1, 1]; NaN for fewer than three pairs, or where one side is constant.
    """
    from scipy.stats import spearmanr  # slow to import, and only wanted for the summary

    pairs = np.array([scores, ious], dtype=np.float64)
    pairs = pairs[:, ~np.isnan(pairs).any(axis=0)]
    if pairs.shape[1] < 3 or (np.ptp(pairs, axis=1) == 0).any():
        return math.nan
    return float(spearmanr(pairs[0], pairs[1]).statistic)


def mean_of(values: Iterable[float]) -> float:
    """Return the mean of the values that are not NaN; NaN without any."""
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
