"""GeoJSON of RFC 7946: longitude and latitude of WGS 84, the right-hand rule, cut at the antimeridian."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_gfsam.io.exports.extras import library
from napari_gfsam.io.exports.places import EXTRA, needed_georeference, write_features
from napari_gfsam.io.exports.provenance import as_json, provenance
from napari_gfsam.io.exports.types import ExportError

if TYPE_CHECKING:
    from napari_gfsam.io.exports.types import Georeference, LabelSheet

#: Straight edges bend on the way to WGS 84: with pixels of up to 1 km less than a tenth of a pixel over so many.
LONGEST_EDGE = 64
_DEGREE_METRES = 111_320
#: Coordinates are told to this part of a pixel, and always to the 7 digits that the standard's users expect.
_PART, _DIGITS, _MOST_DIGITS = 100, 7, 15


def encode(sheet: LabelSheet) -> bytes:
    """Return the file; classes and run are in the member ``napari_gfsam`` of the collection.

    Raises
    ------
    ExportError
        If there is no georeference, no way leads from it to WGS 84, or a library is missing.
    """
    place = needed_georeference(sheet)
    options = {"RFC7946": "YES", "COORDINATE_PRECISION": str(_digits(place))}
    content = write_features(sheet, "GeoJSON", longest=LONGEST_EDGE, layer_options=options)
    facts = as_json(provenance(sheet)).encode()
    return content.replace(b"{", b'{\n"napari_gfsam": ' + facts + b",", 1)


def _digits(place: Georeference) -> int:
    """Return how many digits of a degree tell a hundredth of a pixel.

    Raises
    ------
    ExportError
        If the reference system is neither geographic nor projected.
    """
    crs = library("rasterio.crs", EXTRA).CRS.from_wkt(place.crs_wkt)
    if not (crs.is_geographic or crs.is_projected):
        raise ExportError(
            f"{place.source} has a local coordinate reference system, from which no way leads to WGS 84; "
            "export a GeoPackage, which keeps it."
        )
    a, b, _, d, e, _ = place.transform
    side = math.sqrt(abs(a * e - b * d)) * crs.units_factor[1]
    degrees = math.degrees(side) if crs.is_geographic else side / _DEGREE_METRES
    return min(_MOST_DIGITS, max(_DIGITS, math.ceil(-math.log10(degrees / _PART))))
