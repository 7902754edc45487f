"""Masks at the few places where graph and gates look at them, straight from the logits (method, section 9).

A mask is 0 < logits after bilinear interpolation from 256 to 1024. The graph needs it at the prompts' pixels, the
gates at the four neighbours of every cell's bilinear sample: interpolating only there, by the same rule, gives the
same signs as upsampling everything, except where neighbouring logits cancel to within float32 rounding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.core.frames import LOGIT_SIZE, MODEL_SIZE, linear_taps
from napari_gfsam.core.types import MaskSamples

if TYPE_CHECKING:
    from napari_gfsam.core.arrays import BoolArray, FloatArray, IntArray
    from napari_gfsam.core.frames import Taps


def sample_masks(logits: FloatArray, model_xy: IntArray, grid: int) -> MaskSamples:
    """Sample N masks at N prompts and at the cells.

    Parameters
    ----------
    logits
        (N, 256, 256) float32.
    model_xy
        (N, 2) int64 prompt pixels.
    grid
        Cells a side.
    """
    taps = linear_taps(LOGIT_SIZE, MODEL_SIZE)
    at_points = _points(logits, taps.at(model_xy[:, 1]), taps.at(model_xy[:, 0])) > 0
    cells = taps.at(_neighbours(grid))
    return MaskSamples(at_points, interpolate_outer(logits, cells, cells) > 0)


def samples_from_binary(masks: BoolArray, model_xy: IntArray, grid: int) -> MaskSamples:
    """Sample (N, 1024, 1024) binary masks in the same places (for masks that came without logits)."""
    positions = _neighbours(grid)
    return MaskSamples(masks[:, model_xy[:, 1], model_xy[:, 0]], masks[:, positions][:, :, positions])


def cell_weights(at_cells: BoolArray) -> FloatArray:
    """Reduce sampled masks to the grid: torch's bilinear 1024 -> grid, ``align_corners=False``.

    Parameters
    ----------
    at_cells
        (..., 2 * grid, 2 * grid) bool.

    Returns
    -------
    (..., grid, grid) float32 in [0, 1].
    """
    grid = at_cells.shape[-1] // 2
    high = linear_taps(MODEL_SIZE, grid).weight
    low = 1 - high
    samples = at_cells.astype(np.float32)
    # Four products added in torch's order: a mask that is covered already must gain the same rounding error.
    weights = samples[..., 0::2, 0::2] * np.outer(low, low)
    weights += samples[..., 0::2, 1::2] * np.outer(low, high)
    weights += samples[..., 1::2, 0::2] * np.outer(high, low)
    weights += samples[..., 1::2, 1::2] * np.outer(high, high)
    return np.asarray(weights)


def _neighbours(grid: int) -> IntArray:
    """(2 * grid,) model pixels on both sides of every cell's sample."""
    taps = linear_taps(MODEL_SIZE, grid)
    return np.stack([taps.low, taps.high], axis=1).reshape(-1)


def _points(logits: FloatArray, y: Taps, x: Taps) -> FloatArray:
    """(N, M) interpolated logits of N masks at M points."""
    rows = (logits[:, row, x.low] * (1 - x.weight) + logits[:, row, x.high] * x.weight for row in (y.low, y.high))
    upper, lower = rows
    return upper * (1 - y.weight) + lower * y.weight


def interpolate_outer(logits: FloatArray, y: Taps, x: Taps) -> FloatArray:
    """Return (N, len(y), len(x)) interpolated logits on the crossings of rows and columns."""
    wanted = np.unique(np.concatenate([y.low, y.high]))
    rows = logits[:, wanted]
    columns = rows[:, :, x.low] * (1 - x.weight) + rows[:, :, x.high] * x.weight
    upper, lower = (columns[:, np.searchsorted(wanted, side)] for side in (y.low, y.high))
    return upper * (1 - y.weight[:, None]) + lower * y.weight[:, None]
