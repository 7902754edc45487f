"""Polygons of objects along exact pixel edges, holes kept.

The pixel in row r and column c covers [c, c + 1] x [r, r + 1]: x to the right, y down, the origin in the upper left
corner of the first pixel. So a polygon's area is the object's number of pixels, and drawing it gives the pixels back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.io.exports.extras import library
from napari_gfsam.io.exports.objects import objects_of
from napari_gfsam.io.exports.types import smallest_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_gfsam.io.exports.objects import Objects
    from napari_gfsam.io.exports.types import ExportClass, LabelSheet


@dataclass(frozen=True, slots=True, eq=False)
class Outlined:
    """The objects of one plane by their outlines.

    Parameters
    ----------
    kinds
        Class of object 1, 2, ...
    scores
        Confidence of object 1, 2, ..., ``None`` where it is not known.
    pixels
        Number of pixels of object 1, 2, ...
    outlines
        shapely Polygon or MultiPolygon of object 1, 2, ...
    """

    kinds: tuple[ExportClass, ...]
    scores: tuple[float | None, ...]
    pixels: NDArray[np.int64]
    outlines: list[Any]


def outlined(sheet: LabelSheet, extra: str) -> Outlined:
    """Return the objects of one plane (see `objects_of`) by their outlines.

    Without instances the labels are walked once, row by row: memory grows with the outlines, not with the pixels.

    Parameters
    ----------
    sheet
        Of two axes.
    extra
        Of this package, that brings rasterio and shapely.

    Raises
    ------
    ExportError
        If a library is missing.
    """
    ids = smallest_ids(sheet.labels) if sheet.instances is None else None
    if ids is None or ids.dtype.itemsize > 2:  # GDAL walks no larger numbers
        objects = objects_of(sheet)
        return Outlined(objects.kinds, objects.scores, objects.pixels(), outlines_of(objects, extra))
    place = {one.id: number for number, one in enumerate(sheet.classes)}
    found = sorted(
        ((place[class_id], *_first_yx(outline), outline) for outline, class_id in _walk(ids, extra)),
        key=lambda one: one[:3],
    )
    kinds = tuple(sheet.classes[number] for number, *_ in found)
    outlines = [one[3] for one in found]
    pixels = np.array([round(outline.area) for outline in outlines], dtype=np.int64)
    return Outlined(kinds, tuple(one.score for one in kinds), pixels, outlines)


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
    geometry = library("shapely.geometry", extra)
    pieces: list[list[Any]] = [[] for _ in range(len(objects))]
    for outline, number in _walk(objects.numbers, extra):
        pieces[number - 1].append(outline)
    return [mine[0] if len(mine) == 1 else geometry.MultiPolygon(mine) for mine in pieces]


def polygons_in(outline: Any) -> list[Any]:
    """Return the polygons that a Polygon or MultiPolygon is made of."""
    return list(getattr(outline, "geoms", [outline]))


def _walk(numbers: NDArray[np.integer[Any]], extra: str) -> Iterator[tuple[Any, int]]:
    """Yield outline and number of all connected pieces."""
    features, geometry = library("rasterio.features", extra), library("shapely.geometry", extra)
    mask = numbers if numbers.dtype == np.uint8 else numbers > 0
    for outline, number in features.shapes(numbers, mask=mask, connectivity=4):
        yield geometry.shape(outline), int(number)


def _first_yx(outline: Any) -> tuple[float, float]:
    """Return the first pixel of a piece, row by row."""
    corners = np.asarray(outline.exterior.coords)
    top = corners[:, 1].min()
    return float(top), float(corners[corners[:, 1] == top, 0].min())
