"""What paint says: which pixels count (method, section 10). Light: no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_gfsam.core.arrays import BoolArray, LabelArray


def counted_pixels(labels: LabelArray, ignore: int | None, region_yx: tuple[int, int, int, int] | None) -> BoolArray:
    """Return (H, W) bool: pixels that are not ignored and lie in the region box.

    Parameters
    ----------
    labels
        (H, W) integers.
    ignore
        Label of pixels to leave out.
    region_yx
        (top, left, bottom, right) pixels, half open; ``None`` is the whole picture.
    """
    top, left, bottom, right = (0, 0, *labels.shape) if region_yx is None else (max(edge, 0) for edge in region_yx)
    counts = np.zeros(labels.shape, dtype=bool)
    counts[top:bottom, left:right] = True
    return counts if ignore is None else counts & (labels != ignore)
