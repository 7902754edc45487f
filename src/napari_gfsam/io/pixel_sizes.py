"""How large a pixel is, as files say it: OME-XML, ImageJ, GeoTIFF, the resolution of a TIFF, OME-Zarr."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from napari_gfsam.io.records import PixelSize

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MICRO = "µ"  # of Latin-1; the Greek letter is turned into it
#: Metres in a unit, by the names and signs that files use.
METRES: Mapping[str, float] = {
    **dict.fromkeys(("m", "meter", "metre"), 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e-2),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e-3),
    **dict.fromkeys((f"{_MICRO}m", "um", "micron", "micrometer", "micrometre"), 1e-6),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-9),
    **dict.fromkeys(("pm", "picometer", "picometre"), 1e-12),
    **dict.fromkeys(("km", "kilometer", "kilometre"), 1e3),
    **dict.fromkeys(("å", "angstrom"), 1e-10),
    **dict.fromkeys(("in", "inch"), 0.0254),
    **dict.fromkeys(("ft", "foot"), 0.3048),
    "us survey foot": 1200 / 3937,
}
_INCH, _CENTIMETRE = 2, 3
#: Pixels an inch at most of resolutions that only say how large a picture is to be printed.
PRINTED = 1200
_PROJECTED, _GEOGRAPHIC = 1, 2
_LINEAR = {9001: "meter", 9002: "foot", 9003: "us survey foot"}


def read_pixel_size(path: Path) -> PixelSize | None:
    """Read how large a pixel is.

    Parameters
    ----------
    path
        TIFF or Zarr; other files do not say it.

    Returns
    -------
    ``None`` where it is not said, or not in a way that can be relied on: resolutions of up to 1200 pixels an inch are
    meant for printers.
    """
    try:
        if path.suffix.lower() in (".tif", ".tiff") and path.is_file():
            return _of_tiff(path)
        return _of_zarr(path) if path.suffix.lower() == ".zarr" and path.is_dir() else None
    except (OSError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError):
        return None  # what is said is no number, or of another form


def metres(size: PixelSize) -> float | None:
    """Return the side of a pixel, or of a square of its area; ``None`` where the unit is none of length."""
    unit = METRES.get(size.unit.replace("μ", _MICRO).strip().lower())
    side = math.sqrt(size.height * size.width)
    return None if unit is None else side * unit


def _made(height: Any, width: Any, unit: str) -> PixelSize | None:
    height, width = abs(float(height)), abs(float(width))
    usable = 0 < height < math.inf and 0 < width < math.inf and unit
    return PixelSize(height, width, unit) if usable else None


def _of_tiff(path: Path) -> PixelSize | None:
    import tifffile

    from napari_gfsam.io.decode import DAMAGE, quiet

    try:
        with quiet(), tifffile.TiffFile(path) as tiff:
            page = tiff.pages[0]
            for found in (_ome(tiff.ome_metadata), _geo(page.geotiff_tags), _imagej(tiff, page), _printed(page)):
                if found is not None:
                    return found
    except (OSError, *DAMAGE):
        pass
    return None


def _ome(text: str | None) -> PixelSize | None:
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", text or "")
    if pixels is None:
        return None
    facts = dict(re.findall(r"""(PhysicalSize[XY](?:Unit)?)\s*=\s*["']([^"']*)["']""", pixels[0]))
    sides = [facts.get(f"PhysicalSize{axis}") for axis in "YX"]
    units = {facts.get(f"PhysicalSize{axis}Unit", f"{_MICRO}m") for axis in "YX"}
    return _made(sides[0], sides[1], units.pop()) if all(sides) and len(units) == 1 else None


def _geo(facts: Mapping[str, Any] | None) -> PixelSize | None:
    if facts is None:
        return None
    kind = int(facts.get("GTModelTypeGeoKey", 0))
    unit = _LINEAR.get(int(facts.get("ProjLinearUnitsGeoKey", 0)), "") if kind == _PROJECTED else ""
    unit = "degree" if kind == _GEOGRAPHIC else unit
    if "ModelPixelScale" in facts:
        width, height = facts["ModelPixelScale"][:2]
    elif "ModelTransformation" in facts:
        (a, b, *_), (d, e, *_) = facts["ModelTransformation"][:2]
        width, height = math.hypot(a, d), math.hypot(b, e)
    else:
        return None
    return _made(height, width, unit)


def _imagej(tiff: Any, page: Any) -> PixelSize | None:
    unit = str((tiff.imagej_metadata or {}).get("unit", "")).replace("\\u00B5", _MICRO)
    if unit.lower() not in METRES:
        return None
    return _made(_side(page, "YResolution"), _side(page, "XResolution"), unit)


def _printed(page: Any) -> PixelSize | None:
    unit = {_INCH: "inch", _CENTIMETRE: "centimeter"}.get(int(page.tags.valueof("ResolutionUnit", 0)))
    if unit is None:
        return None
    height, width = _side(page, "YResolution"), _side(page, "XResolution")
    if max(height, width) * METRES[unit] >= METRES["inch"] / PRINTED:
        return None
    return _made(height, width, unit)


def _side(page: Any, name: str) -> float:
    pixels, units = page.tags.valueof(name, (0, 0))
    return float(units / pixels)


def _of_zarr(path: Path) -> PixelSize | None:
    import zarr

    attributes: Any = dict(zarr.open(str(path), mode="r").attrs)
    image = attributes.get("ome", attributes)["multiscales"][0]
    axes = {axis["name"]: (place, axis.get("unit", "")) for place, axis in enumerate(image["axes"])}
    (row, unit), (column, other) = axes["y"], axes["x"]
    scale = next(one["scale"] for one in image["datasets"][0]["coordinateTransformations"] if one["type"] == "scale")
    return _made(scale[row], scale[column], unit) if unit == other else None
