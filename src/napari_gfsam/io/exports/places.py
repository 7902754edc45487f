"""Georeferences: read from pictures, never invented; and what the formats of maps share."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.io.exports.extras import library
from napari_gfsam.io.exports.outlines import outlined, polygons_in
from napari_gfsam.io.exports.types import ExportError, Georeference

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_gfsam.io.exports.types import LabelSheet

EXTRA = "geo"
LAYER = "objects"
#: GDAL's drivers of the only formats that are opened: others may name further files or addresses.
_DRIVERS = {
    ".tif": "GTiff",
    ".tiff": "GTiff",
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".bmp": "BMP",
    ".jp2": "JP2OpenJPEG",
}


def read_georeference(path: Path) -> Georeference:
    """Read where a picture lies.

    Parameters
    ----------
    path
        GeoTIFF, or PNG, JPEG, BMP and JPEG 2000 with a world file and a file that names the reference system.

    Raises
    ------
    ExportError
        If the file cannot be read, names no coordinate reference system or has no position in it.
    """
    rasterio = library("rasterio", EXTRA)
    driver = _DRIVERS.get(path.suffix.lower())
    if driver is None:
        raise ExportError(f"{path} cannot be read as a georeferenced picture; use {', '.join(_DRIVERS)}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(path.resolve(), driver=driver) as opened:
                crs, transform, shape = opened.crs, opened.transform, opened.shape
    except rasterio.errors.RasterioIOError as error:
        raise ExportError(f"{path} cannot be read as a georeferenced picture.") from error
    if crs is None or not crs.to_wkt():
        raise ExportError(
            f"{path} names no coordinate reference system, and none is invented; "
            "give it one (gdal_edit.py -a_srs EPSG:...) or choose a format without coordinates."
        )
    if transform.is_identity:
        raise ExportError(
            f"{path} names a coordinate reference system but not where it lies in it, and no place is invented; "
            "warp it first (gdalwarp) or choose a format without coordinates."
        )
    return Georeference(crs.to_wkt(), tuple(transform)[:6], shape, str(path))


def needed_georeference(sheet: LabelSheet) -> Georeference:
    """Return the georeference of a sheet.

    Raises
    ------
    ExportError
        If it has none.
    """
    if sheet.georeference is None:
        raise ExportError(
            f"{sheet.name}: it is not known where the picture lies on the earth, and no coordinate reference system is "
            "invented; name the georeferenced picture that was labelled, or choose a format without coordinates."
        )
    return sheet.georeference


def write_features(sheet: LabelSheet, driver: str, *, longest: float | None = None, **options: Any) -> bytes:
    """Return a vector file with one feature an object, in the coordinates of the sheet's georeference.

    Parameters
    ----------
    sheet
        Of two axes, with a georeference.
    driver
        Of GDAL.
    longest
        Cut edges longer than so many pixels, where they will be bent by another reference system.
    **options
        For ``pyogrio.raw.write``.

    Raises
    ------
    ExportError
        If there is no georeference or GDAL cannot write the features.
    """
    place, (pyogrio, raw) = needed_georeference(sheet), (library("pyogrio", EXTRA), library("pyogrio.raw", EXTRA))
    columns, outlines = _columns(sheet)
    several = any(len(polygons_in(outline)) > 1 for outline in outlines)
    buffer = BytesIO()
    try:
        raw.write(
            buffer,
            _on_earth(outlines, place, longest),
            list(columns.values()),
            list(columns),
            layer=LAYER,
            driver=driver,
            geometry_type="MultiPolygon" if several else "Polygon",
            promote_to_multi=several,
            crs=place.crs_wkt,
            **options,
        )
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.CRSError) as error:
        raise ExportError(f"{sheet.name} cannot be written as {driver} ({' '.join(str(error).split())}).") from error
    return buffer.getvalue()


def _columns(sheet: LabelSheet) -> tuple[dict[str, NDArray[Any]], list[Any]]:
    """Return the attributes and outlines of the objects."""
    found = outlined(sheet, EXTRA)
    kinds = found.kinds
    columns: dict[str, NDArray[Any]] = {
        "object": np.arange(1, len(kinds) + 1, dtype=np.int64),
        "class_id": np.array([one.id for one in kinds], dtype=np.int64),
        "class": np.array([one.name for one in kinds], dtype=object),
        "color": np.array([one.hex_color for one in kinds], dtype=object),
        "score": np.array([np.nan if one is None else one for one in found.scores], dtype=np.float64),
        "pixels": found.pixels,
    }
    return columns, found.outlines


def _on_earth(outlines: list[Any], place: Georeference, longest: float | None) -> NDArray[Any]:
    """Return (n,) well-known binary of outlines in the coordinates of the reference system."""
    shapely = library("shapely", EXTRA)
    a, b, c, d, e, f = place.transform

    def lay(corners_xy: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = corners_xy.T
        return np.column_stack([a * x + b * y + c, d * x + e * y + f])

    shapes = np.array(outlines, dtype=object)
    shapes = shapes if longest is None else shapely.segmentize(shapes, longest)
    wkb: NDArray[Any] = np.asarray(shapely.to_wkb(shapely.transform(shapes, lay)), dtype=object)
    return wkb
