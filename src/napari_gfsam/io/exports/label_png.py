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


def encode(sheet: LabelSheet) -> bytes:
    """Return the file: with a palette, or, with an id above 255, 16-bit grey.

    Raises
    ------
    ExportError
        If PNG cannot hold the ids or the size.
    """
    ids = smallest_ids(sheet.labels)
    if ids.dtype.itemsize > 2:
        raise ExportError(f"{sheet.name}: PNG holds label ids up to 65535, not {ids.max()}; export a TIFF instead.")
    if ids.size > LARGEST_PICTURE:
        raise ExportError(f"{sheet.name}: a PNG of {ids.size} pixels could not be read; export a TIFF instead.")
    picture = Image.fromarray(ids)
    if ids.dtype == np.uint8:
        picture.putpalette(_palette(sheet.classes))
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", SOFTWARE)
    info.add_itxt(KEY, as_json(provenance(sheet)), zip=True)
    buffer = BytesIO()
    picture.save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()


def _palette(classes: Iterable[ExportClass]) -> bytes:
    colors = np.zeros((256, 3), dtype=np.uint8)
    for one in classes:
        if one.id < 256:
            colors[one.id] = one.color
    return colors.tobytes()
