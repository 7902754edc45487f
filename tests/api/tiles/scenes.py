"""Bright discs on a dark ground, as many and as large as a test wants."""

from __future__ import annotations

import numpy as np
from skimage.draw import disk


def discs(
    shape: tuple[int, int], centres_yx: list[tuple[float, float]], radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return (H, W, 3) uint8 and (H, W) int32 numbers of the discs, from 1."""
    numbers = np.zeros(shape, dtype=np.int32)
    for number, centre in enumerate(centres_yx, 1):
        numbers[disk(centre, radius, shape=shape)] = number
    ground = 20.0 + 5 * np.sin(np.arange(shape[1]) / 9)
    picture = np.where(numbers[..., None] > 0, (210.0, 190.0, 60.0), ground[None, :, None] + np.zeros((*shape, 3)))
    return picture.astype(np.uint8), numbers
