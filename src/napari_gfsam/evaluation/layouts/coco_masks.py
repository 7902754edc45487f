"""COCO's mask encodings to arrays: run lengths (plain or as text) and polygons.

Pixels are counted down the columns. A polygon is drawn on a raster five times finer, and every column keeps the
rows where the outline crosses its centre; a pixel lies inside after an odd number of crossings above it. The results
are the same as those of ``pycocotools``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

Size = tuple[int, int]
"""(height, width), pixels."""
FINER = 5


def decode_segmentation(segmentation: Any, size: Size) -> NDArray[np.bool_]:
    """Decode one object's segmentation.

    Parameters
    ----------
    segmentation
        A list of polygons ``[x0, y0, x1, y1, ...]``, a run length encoding ``{"size": [h, w], "counts": ...}``, or a
        (H, W) array.
    size
        Size of the picture, for polygons.

    Returns
    -------
    (H, W) bool.

    Raises
    ------
    ValueError
        If it is none of these, or is damaged.
    """
    if isinstance(segmentation, dict):
        return decode_runs(segmentation)
    if isinstance(segmentation, np.ndarray) and segmentation.ndim == 2:
        return segmentation.astype(np.bool_)
    if isinstance(segmentation, list):
        return union((fill_polygon(polygon, size) for polygon in segmentation), size)
    raise ValueError(f"A segmentation is a {type(segmentation).__name__}; expected polygons, run lengths or an array.")


def union(masks: Iterable[NDArray[np.bool_]], size: Size) -> NDArray[np.bool_]:
    """Return the (H, W) bool union of masks, all of one size.

    Raises
    ------
    ValueError
        If a mask has another size.
    """
    covered = np.zeros(size, dtype=np.bool_)
    for mask in masks:
        if mask.shape != size:
            raise ValueError(f"A mask is {mask.shape} but its picture is {size}; the annotations do not fit it.")
        covered |= mask
    return covered


def decode_runs(encoded: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Decode run lengths, given as numbers or as COCO's compressed text.

    Returns
    -------
    (H, W) bool.

    Raises
    ------
    ValueError
        If the runs do not fill the size.
    """
    try:
        height, width = (int(length) for length in encoded["size"])
        counts = encoded["counts"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("A run length encoding has no size or no counts.") from error
    runs = np.asarray(counts_of(counts) if isinstance(counts, str | bytes) else counts, dtype=np.int64)
    if (runs < 0).any() or runs.sum() != height * width:
        raise ValueError(f"A run length encoding does not fill its size of {height} x {width}; it is damaged.")
    covered = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return covered.reshape(width, height).T


def counts_of(text: str | bytes) -> list[int]:
    """Read COCO's compressed run lengths.

    A number is a chain of characters of six bits, lowest first: five of value, one that says that more follow;
    the last one's highest value bit is the sign. From the fourth number on, each is a difference to the one two before.

    Raises
    ------
    ValueError
        If the text is cut short.
    """
    counts: list[int] = []
    value = shift = 0
    for code in text.encode("ascii") if isinstance(text, str) else text:
        bits = code - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("A run length encoding is cut short.")
    return counts


def fill_polygon(polygon: ArrayLike, size: Size) -> NDArray[np.bool_]:
    """Fill one polygon by the even-odd rule, as COCO does.

    Parameters
    ----------
    polygon
        ``[x0, y0, x1, y1, ...]``, at least three corners, pixels (corners of pixels are whole numbers).
    size
        Size of the picture.

    Returns
    -------
    (H, W) bool.

    Raises
    ------
    ValueError
        If it has fewer than three corners or half a corner.
    """
    flat = np.asarray(polygon, dtype=np.float64).ravel()
    if len(flat) < 6 or len(flat) % 2:
        raise ValueError(f"A polygon has {len(flat)} coordinates; expected an even number of at least 6.")
    height, width = size
    x, y = _outline(np.trunc(FINER * flat.reshape(-1, 2) + 0.5).astype(np.int64))
    turns = np.flatnonzero(np.diff(x)) + 1
    column = (np.where(x[turns] < x[turns - 1], x[turns], x[turns] - 1) + 0.5) / FINER - 0.5
    row = (np.minimum(y[turns], y[turns - 1]) + 0.5) / FINER - 0.5
    kept = (column == np.floor(column)) & (column >= 0) & (column <= width - 1)
    rows = np.ceil(np.clip(row[kept], 0, height)).astype(np.int64)
    crossings = np.bincount(column[kept].astype(np.int64) * height + rows, minlength=height * width + 1)
    inside: NDArray[np.bool_] = np.cumsum(crossings[: height * width]) % 2 == 1
    return inside.reshape(width, height).T


def _outline(corners: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the raster points (x, y) along the closed polygon of (N, 2) fine corners."""
    ends = np.roll(corners, -1, axis=0)
    edges: Sequence[NDArray[np.int64]] = [_edge(start, end) for start, end in zip(corners, ends, strict=True)]
    points = np.concatenate(edges)
    return points[:, 0], points[:, 1]


def _edge(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the (n, 2) points of one edge: a step of 1 along its longer axis, always walked upwards."""
    length = np.abs(end - start)
    axis = 0 if length[0] >= length[1] else 1
    backwards = start[axis] > end[axis]
    low, high = (end, start) if backwards else (start, end)
    steps = np.arange(length[axis] + 1)
    slope = (high[1 - axis] - low[1 - axis]) / max(int(length[axis]), 1)
    points = np.empty((len(steps), 2), dtype=np.int64)
    points[:, axis] = low[axis] + steps
    points[:, 1 - axis] = np.trunc(low[1 - axis] + slope * steps + 0.5)
    return points[::-1] if backwards else points
