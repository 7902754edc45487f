"""Sections 6 and 10: the answer of one class, and of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tests.core.plain.masks import MODEL, binary_masks, upsample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.core.config import GFSAMConfig
    from tests.core.plain.maps import Maps
    from tests.core.plain.margin import Margin


@dataclass
class ClassResult:
    """One class in the image's frame: per pixel of its mask the highest mean of S+mean over a mask that holds the
    pixel (confidence), and the highest mean of S+mean - S-mean (claim).
    """

    mask: NDArray
    confidence: NDArray
    claim: NDArray


def fallback_point(status: list[int], cluster_score: list[float], margin: Margin) -> int:
    """The point whose mask answers when nothing passed both gates."""
    score = [value if s == 2 else 0.0 for value, s in zip(cluster_score, status, strict=True)]
    best = 0
    for point in range(1, len(score)):
        margin.note(score[point], score[best], same=True)
        if score[point] > score[best]:
            best = point
    return best


def merge(
    logits: NDArray,
    status: list[int],
    cluster_score: list[float],
    maps: Maps,
    image_shape: tuple[int, int],
    settings: GFSAMConfig,
    margin: Margin,
) -> ClassResult:
    """The answer of one class, from the statuses of both gates."""
    binary = binary_masks(logits)
    accepted = [point for point, s in enumerate(status) if s == 1]
    if status and not binary[accepted].any() and settings.fallback == "best":
        accepted = [fallback_point(status, cluster_score, margin)]
    ours, theirs = (
        upsample(one[None], (MODEL, MODEL))[0].astype(np.float64) for one in (maps.positive_mean, maps.negative_mean)
    )
    accepted = [point for point in accepted if binary[point].any()]
    level = {point: float(ours[binary[point]].mean()) for point in accepted}
    stake = {point: level[point] - float(theirs[binary[point]].mean()) for point in accepted}
    native = {point: binary_masks(logits[point][None], image_shape)[0] for point in accepted}
    found = ClassResult(np.zeros(image_shape, dtype=bool), np.zeros(image_shape), np.zeros(image_shape))
    for row in range(image_shape[0]):
        for column in range(image_shape[1]):
            # The model pixel that holds the centre of the image's pixel.
            y = int((row + 0.5) * MODEL / image_shape[0])
            x = int((column + 0.5) * MODEL / image_shape[1])
            if settings.output_frame == "native":
                holders = [point for point in accepted if native[point][row, column]]
            else:
                holders = [point for point in accepted if binary[point][y, x]]
            if holders:
                found.mask[row, column] = True
                found.confidence[row, column] = max(level[point] for point in holders)
                found.claim[row, column] = max(stake[point] for point in holders)
    return found


def labels_of(
    results: dict[int, ClassResult], negative: set[int], shape: tuple[int, int], margin: Margin
) -> tuple[NDArray, NDArray]:
    """Class ids and confidence of the whole image; negative classes win pixels and are then erased."""
    labels = np.zeros(shape, dtype=np.int64)
    confidence = np.zeros(shape)
    for row in range(shape[0]):
        for column in range(shape[1]):
            best = None
            for class_id in sorted(results):
                if not results[class_id].mask[row, column]:
                    continue
                if best is not None:
                    margin.note(results[class_id].claim[row, column], results[best].claim[row, column], same=True)
                if best is None or results[class_id].claim[row, column] > results[best].claim[row, column]:
                    best = class_id
            if best is not None and best not in negative:
                labels[row, column] = best
                confidence[row, column] = results[best].confidence[row, column]
    return labels, confidence
