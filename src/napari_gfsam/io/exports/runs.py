"""Run lengths of an object within the whole picture, without ever making the whole picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.io.exports.objects import LabelObject


def run_lengths(found: LabelObject, shape: tuple[int, int], *, by_columns: bool) -> NDArray[np.int64]:
    """Return lengths of runs outside, inside, outside ... the object; the first may be 0, their sum is H * W.

    Parameters
    ----------
    found
        The object.
    shape
        (H, W) of the picture.
    by_columns
        Go down the columns (COCO) and not along the rows (Label Studio).
    """
    mask, (y0, x0), (height, width) = found.mask, found.corner_yx, shape
    if by_columns:
        mask, (y0, x0), (height, width) = mask.T, (x0, y0), (width, height)
    rows, columns = np.nonzero(mask)
    places = (rows.astype(np.int64) + y0) * width + columns + x0
    first = np.flatnonzero(np.diff(places, prepend=-2) > 1)
    starts = places[first]
    ends = places[np.append(first[1:] - 1, len(places) - 1)] + 1
    edges = np.column_stack([starts, ends]).reshape(-1)
    lengths = np.diff(edges, prepend=0)
    rest = height * width - int(edges[-1])
    return np.append(lengths, rest) if rest else lengths
