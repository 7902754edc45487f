"""Large arrays in parts, so that what is computed of them takes little memory beside them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_gfsam.imaging import PictureSource

PART = 2**20
#: Rows of a picture that are read together: as many as the tiles of our own files have.
ROWS = 512


def in_parts(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Walk views of an array along its first axis, in order, each of about a million values (or one entry)."""
    if array.ndim == 0 or array.size <= PART:
        yield array
        return
    step = max(1, PART // max(1, math.prod(array.shape[1:])))
    for start in range(0, len(array), step):
        yield array[start : start + step]


def row_bands(source: PictureSource) -> Iterator[NDArray[Any]]:
    """Walk a picture in bands of rows, from the top."""
    height, width = source.size_yx
    for top in range(0, height, ROWS):
        yield source.read(slice(top, min(top + ROWS, height)), slice(0, width))
