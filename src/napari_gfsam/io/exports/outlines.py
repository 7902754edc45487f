"""Polygons of objects along exact pixel edges, holes kept.

The pixel in row r and column c covers [c, c + 1] x [r, r + 1]: x to the right, y down, the origin in the upper left
corner of the first pixel. So a polygon's area is the object's number of pixels, and drawing it gives the pixels back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_gfsam.io.exports.extras import library

if TYPE_CHECKING:
    from napari_gfsam.io.exports.objects import Objects


def outlines_of(objects: Objects, extra: str) -> list[Any]:
    """Return a valid shapely Polygon (of an object in several pieces a MultiPolygon) of object 1, 2, ...

    Parameters
    ----------
    objects
        The objects.
    extra
        Of this package, that brings rasterio and shapely.

    Raises
    ------
    ExportError
        If a library is missing.
    """
    features, geometry = library("rasterio.features", extra), library("shapely.geometry", extra)
    pieces: list[list[Any]] = [[] for _ in range(len(objects))]
    for outline, number in features.shapes(objects.numbers, mask=objects.numbers > 0, connectivity=4):
        pieces[int(number) - 1].append(geometry.shape(outline))
    return [mine[0] if len(mine) == 1 else geometry.MultiPolygon(mine) for mine in pieces]


def polygons_in(outline: Any) -> list[Any]:
    """Return the polygons that a Polygon or MultiPolygon is made of."""
    return list(getattr(outline, "geoms", [outline]))
