"""Labels out to where people train and map: one format a module, what each keeps and loses in `FORMATS`.

A `LabelSheet` (from a file by `read_sheet`, from arrays by `label_sheet`) goes into `export`. Formats that need more
than this package's own dependencies say which extra brings it.
"""

from napari_gfsam.io.exports.reading import SheetSource, read_sheet
from napari_gfsam.io.exports.registry import FORMATS, ExportFormat, export_format
from napari_gfsam.io.exports.running import Exported, check_libraries, export
from napari_gfsam.io.exports.types import (
    ExportClass,
    ExportError,
    Georeference,
    LabelSheet,
    label_sheet,
    safe_name,
)

__all__ = [
    "FORMATS",
    "ExportClass",
    "ExportError",
    "ExportFormat",
    "Exported",
    "Georeference",
    "LabelSheet",
    "SheetSource",
    "check_libraries",
    "export",
    "export_format",
    "label_sheet",
    "read_sheet",
    "safe_name",
]
