"""GeoPackage: one feature an object, in the reference system of the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gfsam.io.exports.places import write_features
from napari_gfsam.io.exports.provenance import as_json, provenance

if TYPE_CHECKING:
    from napari_gfsam.io.exports.types import LabelSheet


def encode(sheet: LabelSheet) -> bytes:
    """Return the file; classes and run are in its metadata.

    Raises
    ------
    ExportError
        If there is no georeference or a library is missing.
    """
    return write_features(sheet, "GPKG", dataset_metadata={"napari_gfsam": as_json(provenance(sheet))})
