"""A painted reference on the grid: which share of every cell is the class, which is background (paper 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_gfsam.core.frames import MODEL_SIZE, aligned_taps, area_weights, legacy_nearest_rows
from napari_gfsam.core.paint import counted_pixels
from napari_gfsam.core.types import GridWeights

if TYPE_CHECKING:
    from napari_gfsam.core.arrays import BoolArray, FloatArray, IntArray, LabelArray
    from napari_gfsam.core.config import MaskPooling


def reference_weights(
    labels: LabelArray,
    class_id: int,
    *,
    grid: int,
    pooling: MaskPooling,
    ignore: int | None = None,
    region_yx: tuple[int, int, int, int] | None = None,
) -> GridWeights:
    """Reduce one class of a painted reference and its background to the grid.

    Paint of any other class is background. Outside the region box, and wherever the paint is `ignore`, a pixel
    counts for neither, so that objects nobody painted are not taken for background (method, section 10).

    Parameters
    ----------
    labels
        (H, W) integers, 0 = unpainted.
    class_id
        The class.
    grid
        Cells a side.
    pooling
        ``sampled`` or ``area``.
    ignore
        Label of pixels to leave out.
    region_yx
        (top, left, bottom, right) pixels, half open; ``None`` is the whole picture.
    """
    painted = labels == class_id
    counts = counted_pixels(labels, ignore, region_yx)
    reduce = _sampled if pooling == "sampled" else _area
    return GridWeights(*(_to_tensor(reduce(mask, grid)) for mask in (painted & counts, ~painted & counts)))


def _area(mask: BoolArray, grid: int) -> FloatArray:
    """Exact area average over every cell."""
    height, width = mask.shape
    return np.asarray(area_weights(height, grid) @ mask.astype(np.float64) @ area_weights(width, grid).T)


def _sampled(mask: BoolArray, grid: int) -> FloatArray:
    """Nearest to 1024, then bilinear with aligned corners (official code), reading only the pixels that count."""
    rows, columns = (legacy_nearest_rows(size, MODEL_SIZE) for size in mask.shape)
    taps = aligned_taps(MODEL_SIZE, grid)
    weight = taps.weight

    def row(positions: IntArray) -> FloatArray:
        low = mask[np.ix_(rows[positions], columns[taps.low])].astype(np.float32)
        high = mask[np.ix_(rows[positions], columns[taps.high])].astype(np.float32)
        return low * (1 - weight) + high * weight

    return row(taps.low) * (1 - weight[:, None]) + row(taps.high) * weight[:, None]


def _to_tensor(weights: FloatArray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(weights, dtype=np.float32)).flatten()
