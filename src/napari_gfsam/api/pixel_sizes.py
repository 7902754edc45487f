"""Pixel sizes of references and target, brought to one unit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_gfsam.api.scale import PixelSizes
from napari_gfsam.io.pixel_sizes import metres

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_gfsam.api.reference import Reference
    from napari_gfsam.io.records import InputRecord, PixelSize

#: References whose pixels differ by more than this have no size in common.
ALIKE = 1.05


def pixel_sizes_of(references: Sequence[Reference], target: InputRecord | None) -> PixelSizes | None:
    """Return the sides of a pixel in references and target.

    Parameters
    ----------
    references
        Painted pictures; their records say what is known of them.
    target
        What is known of the target.

    Returns
    -------
    ``None`` where a size is not known, units cannot be compared, or the references differ among themselves.
    """
    known = [reference.record.image.pixel_size for reference in references]
    return pixel_sizes_between(known, target.pixel_size if target else None)


def pixel_sizes_between(known: Sequence[PixelSize | None], mine: PixelSize | None) -> PixelSizes | None:
    """Return the same from the pixel sizes of references and target, ``None`` where one is not known."""
    if mine is None or not known:
        return None
    sides = [None if size is None else _ratio(size, mine) for size in known]
    ratios = [side for side in sides if side is not None]
    if len(ratios) < len(sides) or max(ratios) > ALIKE * min(ratios):
        return None
    return PixelSizes(math.exp(sum(map(math.log, ratios)) / len(ratios)), 1.0)


def _ratio(size: PixelSize, other: PixelSize) -> float | None:
    """How many of another's pixels a pixel spans."""
    if size.unit == other.unit:
        return math.sqrt(size.height * size.width / (other.height * other.width))
    one, two = metres(size), metres(other)
    return None if one is None or two is None else one / two
