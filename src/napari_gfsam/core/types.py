"""What passes between the stages: frozen, slotted dataclasses, and what the stages ask of a mask decoder."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_gfsam.core.arrays import BoolArray, FloatArray, IntArray, LabelArray
    from napari_gfsam.core.frames import Frame


#: (minimum, maximum).
Limits: TypeAlias = tuple[float, float]


class Status(IntEnum):
    """What became of a prompt (method, section 6; the last three are decisions of a person)."""

    BACKGROUND = 0
    KEPT = 1
    OUTLIER = 2
    OFF_BY_HAND = 3
    ON_BY_HAND = 4
    ERASER = 5

    @property
    def accepted(self) -> bool:
        """Whether the prompt's mask is part of the answer."""
        return self in ACCEPTED


ACCEPTED = (Status.KEPT, Status.ON_BY_HAND)
BY_HAND = (Status.OFF_BY_HAND, Status.ON_BY_HAND, Status.ERASER)


@dataclass(frozen=True, slots=True)
class ClassSpec:
    """One class of objects.

    Parameters
    ----------
    id
        Label value, at least 1.
    name
        Name for people.
    negative
        "Not this": segmented and competing like any class, then erased from the answer.
    """

    id: int
    name: str
    negative: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ImageFeatures:
    """What the encoders see in one image; made once, whatever the number of classes and settings.

    Parameters
    ----------
    tokens
        (grid * grid, C) float tensor, row by row: tokens before the last norm, prefix tokens dropped.
    frame
        The image's frame.
    """

    tokens: Tensor
    frame: Frame


@dataclass(frozen=True, slots=True, eq=False)
class GridWeights:
    """One class of one reference on the grid.

    Parameters
    ----------
    foreground, background
        (grid * grid,) float32 tensors in [0, 1]; ignored pixels are in neither.
    """

    foreground: Tensor
    background: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceFeatures:
    """An encoded reference for one class: its tokens and where on the grid the class and its background are."""

    tokens: Tensor
    weights: GridWeights


@dataclass(frozen=True, slots=True, eq=False)
class UnitTokens:
    """Tokens after feature normalisation, as float32 unit rows, so that a product of rows is a cosine.

    Parameters
    ----------
    target
        (n, C) rows of the target.
    references
        One (n, C) tensor a reference.
    """

    target: Tensor
    references: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, eq=False)
class EncodedClass:
    """A class with every encoded reference that shows it.

    Parameters
    ----------
    spec
        The class.
    references
        The references.
    ground
        (n, C) raw tokens of the references without the class, where tiles may be empty.
    """

    spec: ClassSpec
    references: tuple[ReferenceFeatures, ...]
    ground: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SimilarityMaps:
    """Similarity of every target token to the references (paper 4.1, Eq. 2 and 3).

    Parameters
    ----------
    positive_mean, positive_max, negative_mean
        (grid, grid) float32 tensors: S+mean, S+max, S-mean.
    allowed
        (grid, grid) bool tensor: cells where prompts may be placed (all, without the reciprocal gate).
    """

    positive_mean: Tensor
    positive_max: Tensor
    negative_mean: Tensor
    allowed: Tensor


@dataclass(frozen=True, slots=True)
class PictureRange:
    """Between what a class's maps lie over a whole picture: what tells its tiles without any likely cell.

    Parameters
    ----------
    proposal, negative
        (minimum, maximum) of the map that proposes points and of S-mean.
    """

    proposal: Limits
    negative: Limits


@dataclass(frozen=True, slots=True, eq=False)
class PointPrompts:
    """Prompts in their order: by x, then y (the index that breaks all later ties).

    Parameters
    ----------
    grid_xy
        (N, 2) int64 cells.
    model_xy
        (N, 2) int64 pixels of the model frame.
    score
        (N,) float32 value of the point map P.
    """

    grid_xy: IntArray
    model_xy: IntArray
    score: FloatArray

    def __len__(self) -> int:
        """Return the number of prompts."""
        return len(self.grid_xy)


@dataclass(frozen=True, slots=True, eq=False)
class MaskSamples:
    """The binary masks of N prompts where the graph and the gates look at them.

    Parameters
    ----------
    at_points
        (N, N) bool: [l, m] mask l at prompt m's pixel.
    at_cells
        (N, 2 * grid, 2 * grid) bool: the four neighbours of every cell's bilinear sample.
    """

    at_points: BoolArray
    at_cells: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class MaskGraph:
    """Clusters of prompts (paper 4.2).

    Parameters
    ----------
    coverage
        (N, N) bool: mask l covers prompt m.
    cluster
        (N,) int64 component of each prompt, from 0.
    """

    coverage: BoolArray
    cluster: IntArray

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.cluster.max()) + 1 if len(self.cluster) else 0


@dataclass(frozen=True, slots=True, eq=False)
class Gates:
    """The answers of both gates (paper 4.3).

    Parameters
    ----------
    positive, consistent
        (N,) bool: passed mask growth; self-consistent.
    cluster_score
        (N,) float32: positive minus negative area of the last mask visited in the prompt's cluster (for the fallback).
    status
        (N,) int64: `Status` values 0, 1 or 2.
    """

    positive: BoolArray
    consistent: BoolArray
    cluster_score: FloatArray
    status: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class MaskStack:
    """N binary masks of the model frame, packed, with what merging asks of each.

    Parameters
    ----------
    logits
        (N, 256, 256) float32.
    bits
        (N, 1024, 128) uint8: the masks, `numpy.packbits` over x.
    box_yx
        (N, 4) int64 (top, left, bottom, right) model pixels around each mask, half open; left and right are
        multiples of 8.
    positive_mean, negative_mean
        (N,) float32: mean of S+mean and of S-mean, upsampled bilinearly, over each mask; 0 for an empty one.
    """

    logits: FloatArray
    bits: NDArray[np.uint8]
    box_yx: IntArray
    positive_mean: FloatArray
    negative_mean: FloatArray

    def __len__(self) -> int:
        """Return the number of masks."""
        return len(self.bits)


@dataclass(frozen=True, slots=True, eq=False)
class ClassTrace:
    """All that re-merging one class needs, without any model.

    Parameters
    ----------
    spec
        The class.
    maps
        The similarity maps.
    prompts
        N prompts.
    masks
        Their masks.
    graph
        Their clusters.
    gates
        The gates' answers for the prompts that the stages chose; prompts added by hand come after these.
    status
        (N,) int64 `Status` values: the gates', then a person's.
    found_again
        How well the automatic answer finds the reference again, in [0, 1].
    background_removed
        Whether the references' background was projected out.
    """

    spec: ClassSpec
    maps: SimilarityMaps
    prompts: PointPrompts
    masks: MaskStack
    graph: MaskGraph
    gates: Gates
    status: IntArray
    found_again: float = 0.0
    background_removed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ClassPrediction:
    """The answer for one class in the image's frame.

    Parameters
    ----------
    spec
        The class.
    mask
        (H, W) bool.
    confidence
        (H, W) float32, per pixel the highest mean S+mean of the accepted masks over it, 0 outside.
    score
        How well the automatic answer finds the reference again, in [0, 1]; 0 when empty. Lowest first for review.
    points
        The prompts.
    cluster
        (N,) int64.
    status
        (N,) int64 `Status` values.
    reason
        Why the answer is empty, else an empty string.
    """

    spec: ClassSpec
    mask: BoolArray
    confidence: FloatArray
    score: float
    points: PointPrompts
    cluster: IntArray
    status: IntArray
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The answer for one image.

    Parameters
    ----------
    labels
        (H, W) uint8 or uint16 class ids, 0 = background.
    confidence
        (H, W) float32 of the class that holds the pixel, 0 in the background.
    classes
        `ClassPrediction` by class id (negative classes included, for review).
    """

    labels: LabelArray
    confidence: FloatArray
    classes: Mapping[int, ClassPrediction]


class MaskDecoder(Protocol):
    """Turns prompts on ONE image into mask logits; made for an image by a segmenter's ``prepare``."""

    def __call__(self, model_xy: IntArray, labels: IntArray) -> Tensor:
        """Decode prompts.

        Parameters
        ----------
        model_xy
            (N, K, 2) int64 pixels of the model frame.
        labels
            (N, K) int64, 1 positive, 0 negative.

        Returns
        -------
        (N, 256, 256) float32 logits of mask token 0.
        """
        ...
