"""Where a GeoTIFF lies on the earth, as its tags say it: copied as they are to label images on the same pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

#: Code, type, count and value of a tag, and whether only the first page has it (tifffile's ``extratags``).
TiffTag: TypeAlias = tuple[int, int, int, Any, bool]
#: ModelPixelScale, ModelTiepoint, ModelTransformation, GeoKeyDirectory, GeoDoubleParams, GeoAsciiParams.
CODES = (33550, 33922, 34264, 34735, 34736, 34737)


def geo_tags(path: Path) -> tuple[TiffTag, ...]:
    """Return the tags of a GeoTIFF that say where it lies; none of any other file."""
    import tifffile

    from napari_gfsam.io.decode import DAMAGE, quiet

    if path.suffix.lower() not in (".tif", ".tiff"):
        return ()
    try:
        with quiet(), tifffile.TiffFile(path) as tiff:
            found = (tiff.pages[0].tags.get(code) for code in CODES)
            return tuple((tag.code, int(tag.dtype), tag.count, tag.value, True) for tag in found if tag is not None)
    except (OSError, *DAMAGE):
        return ()
