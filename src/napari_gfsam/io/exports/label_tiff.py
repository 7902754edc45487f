"""Label TIFF: class ids as they are, all else as JSON in the description (tifffile: ``shaped_metadata``)."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import tifffile

from napari_gfsam.io.exports.provenance import finite, provenance
from napari_gfsam.io.exports.types import smallest_ids
from napari_gfsam.io.writers import SOFTWARE

if TYPE_CHECKING:
    from napari_gfsam.io.exports.types import LabelSheet


def encode(sheet: LabelSheet) -> bytes:
    """Return the file.

    Colours are in the description, not a palette: readers that look palettes up would lose the ids.
    """
    buffer = BytesIO()
    tifffile.imwrite(
        buffer,
        smallest_ids(sheet.labels),
        compression="zlib",
        photometric="minisblack",
        software=SOFTWARE,
        metadata={"axes": sheet.axes.upper(), "napari_gfsam": finite(provenance(sheet))},
    )
    return buffer.getvalue()
