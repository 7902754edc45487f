"""Label PNG: class ids as indices of a palette of the class colours, all else as JSON in a text chunk."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, PngImagePlugin

from napari_gfsam.io.decode import LARGEST_PICTURE
from napari_gfsam.io.exports.provenance import as_json, provenance
from napari_gfsam.io.exports.types import ExportError, smallest_ids
from napari_gfsam.io.writers import SOFTWARE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_gfsam.io.exports.types import ExportClass, LabelSheet

#: Keyword of the text chunk.
KEY = "napari-gfsam"
#: Bytes of text: Pillow refuses a picture with more that is packed, libpng one with more in a chunk (8,000,000).
MOST_PACKED, MOST_TEXT = 2**20 - 1, 7 * 2**20


def encode(sheet: LabelSheet) -> bytes:
    """Return the file: with a palette, or, with an id above 255, 16-bit grey.

    Raises
    ------
    ExportError
        If PNG cannot hold the ids or the size, or readers would refuse what is known of the labels.
    """
    ids = smallest_ids(sheet.labels)
    if ids.dtype.itemsize > 2:
        raise ExportError(f"{sheet.name}: PNG holds label ids up to 65535, not {ids.max()}; export a TIFF instead.")
    if ids.size > LARGEST_PICTURE:
        raise ExportError(f"{sheet.name}: a PNG of {ids.size} pixels could not be read; export a TIFF instead.")
    text = as_json(provenance(sheet))
    if len(text) > MOST_TEXT:
        raise ExportError(
            f"{sheet.name}: classes and run take {len(text)} bytes and readers of PNG stop at {MOST_TEXT}; "
            "export a TIFF instead."
        )
    picture = Image.fromarray(ids)
    if ids.dtype == np.uint8:
        picture.putpalette(_palette(sheet.classes))
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", SOFTWARE)
    info.add_itxt(KEY, text, zip=len(text) <= MOST_PACKED)
    buffer = BytesIO()
    picture.save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()


def _palette(classes: Iterable[ExportClass]) -> bytes:
    colors = np.zeros((256, 3), dtype=np.uint8)
    for one in classes:
        if one.id < 256:
            colors[one.id] = one.color
    return colors.tobytes()
