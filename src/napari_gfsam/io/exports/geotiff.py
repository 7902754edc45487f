"""GeoTIFF: class ids as they are, in the reference system and on the grid of the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.io.exports.extras import library
from napari_gfsam.io.exports.places import EXTRA, needed_georeference
from napari_gfsam.io.exports.provenance import as_json, provenance
from napari_gfsam.io.exports.types import smallest_ids
from napari_gfsam.io.parts import ROWS
from napari_gfsam.io.writers import SOFTWARE

if TYPE_CHECKING:
    from napari_gfsam.io.exports.types import LabelSheet

#: Tag of the dataset that holds classes and run as JSON.
TAG = "NAPARI_GFSAM"


def encode(sheet: LabelSheet) -> bytes:
    """Return the file: background is "no data", so that maps show it clear; up to 255 classes have a colour table.

    Raises
    ------
    ExportError
        If there is no georeference or rasterio is missing.
    """
    place = needed_georeference(sheet)
    rasterio, memory = library("rasterio", EXTRA), library("rasterio.io", EXTRA)
    ids = smallest_ids(sheet.labels)
    height, width = ids.shape
    profile = {
        "driver": "GTiff",
        "height": height,
        "width": width,
        "count": 1,
        "dtype": ids.dtype.name,
        "nodata": 0,
        "crs": rasterio.crs.CRS.from_wkt(place.crs_wkt),
        "transform": rasterio.Affine(*place.transform),
        "compress": "deflate",
        "tiled": True,
        "bigtiff": "if_safer",
    }
    with memory.MemoryFile() as file:
        with file.open(**profile) as opened:
            for top in range(0, height, ROWS):
                band = ids[top : top + ROWS]
                opened.write(band, 1, window=((top, top + len(band)), (0, width)))
            opened.set_band_description(1, "class id")
            if ids.dtype == np.uint8:
                opened.write_colormap(1, _colors(sheet))
            opened.update_tags(TIFFTAG_SOFTWARE=SOFTWARE, **{TAG: as_json(provenance(sheet))})
        content: bytes = file.read()
    return content


def _colors(sheet: LabelSheet) -> dict[int, Any]:
    return {one.id: (*one.color, 255) for one in sheet.classes if one.id < 256}
