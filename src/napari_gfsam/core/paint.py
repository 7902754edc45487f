"""What paint says: which pixels count (method, section 10), how large its objects are. Light: no torch."""

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


def object_spans(labels: LabelArray, grid: int = 37) -> dict[int, float]:
    """Return how large the painted objects of each class are to the model.

    Parameters
    ----------
    labels
        (H, W) integers, 0 = unpainted.
    grid
        Cells a side that the model sees.

    Returns
    -------
    By class id, the side in cells of a square as large as the median painted piece (4-connected).
    """
    from scipy import ndimage  # takes a while: a window opens without it

    cell_area = labels.shape[0] * labels.shape[1] / grid**2
    spans = {}
    for class_id in np.unique(labels[labels > 0]):
        pieces, _ = ndimage.label(labels == class_id)
        spans[int(class_id)] = float(np.sqrt(np.median(np.bincount(pieces.ravel())[1:]) / cell_area))
    return spans
