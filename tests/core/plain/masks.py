"""Section 3, first half: logits to binary masks in the 1024 frame and to soft masks on the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import interpolate

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = 1024


def upsample(pictures: NDArray, size: tuple[int, int]) -> NDArray:
    """Bilinear, align_corners False, by torch itself: (N, h, w) to (N, *size) float32."""
    if len(pictures) == 0:
        return np.zeros((0, *size), dtype=np.float32)
    tensor = torch.as_tensor(np.asarray(pictures, dtype=np.float32))[:, None]
    return interpolate(tensor, size, mode="bilinear", align_corners=False)[:, 0].numpy()


def binary_masks(logits: NDArray, size: tuple[int, int] = (MODEL, MODEL)) -> NDArray:
    """Upsample, then threshold at 0."""
    return upsample(logits, size) > 0


def soften(mask: NDArray, grid: int) -> NDArray:
    """Reduce one (1024, 1024) mask to soft weights (grid, grid), bilinear, align_corners False, by torch itself.

    Its rounding matters: a full cell may come out as 1 - 6e-8, and what a second full mask adds there is not 0.
    """
    tensor = torch.as_tensor(mask.astype(np.float32))[None, None]
    return interpolate(tensor, (grid, grid), mode="bilinear", align_corners=False)[0, 0].numpy().astype(np.float64)


def soften_by_hand(mask: NDArray, grid: int) -> NDArray:
    """The same reduction written out, in float64."""
    out = np.zeros((grid, grid))
    for i in range(grid):
        for j in range(grid):
            y, x = ((cell + 0.5) * MODEL / grid - 0.5 for cell in (i, j))
            top, left = int(y), int(x)
            bottom, right = min(top + 1, MODEL - 1), min(left + 1, MODEL - 1)
            upper = (1 - (x - left)) * mask[top, left] + (x - left) * mask[top, right]
            lower = (1 - (x - left)) * mask[bottom, left] + (x - left) * mask[bottom, right]
            out[i, j] = (1 - (y - top)) * upper + (y - top) * lower
    return out
