"""Bytes to arrays: tifffile for TIFF, Pillow for the rest and for TIFF compressions that tifffile leaves out."""

from __future__ import annotations

import logging
import struct
import warnings
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

T = TypeVar("T")

#: The only formats Pillow may try: others run outside programs or are no pictures of this field.
PILLOW_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
#: Pixels above which Pillow refuses a picture that is not TIFF.
LARGEST_PICTURE = 178_956_970
#: Photometric interpretations (TIFF 6.0) whose stored values are the pixels.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE = 0, 1, 2, 3
_ALPHA = (1, 2)
#: What the parsing steps of tifffile and Pillow raise when bytes are not what they should be.
DAMAGE = (
    tifffile.TiffFileError,  # a ValueError in newer versions only
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    SyntaxError,
    EOFError,
    struct.error,
    zlib.error,
)


class _SeveralPagesError(Exception):
    """A stack that only tifffile could read whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """What a file holds: an array, one letter an axis (Y, X, S samples, C channels, ...), and whether S is colour."""

    pixels: NDArray[Any]
    axes: str
    color: bool = True


def decode(path: Path, *, palette: bool = True) -> Stored:
    """Decode a file by its content, whatever its suffix.

    Parameters
    ----------
    path
        An existing file.
    palette
        Look up the colours of a palette; ``False`` gives its indices.

    Raises
    ------
    ValueError
        If the content is damaged or of no known kind.
    OSError
        If the file cannot be opened.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    with quiet():
        stored = _decode_tiff(path, palette) if magic[:2] in (b"II", b"MM") else None
        return stored or _decode_pillow(path, palette)


def read_software(path: Path) -> str | None:
    """Return the program that a TIFF or PNG names as its maker, ``None`` where none is named or the file is damaged."""
    return _from_header(path, _tiff_software, _png_software)


def read_size(path: Path) -> tuple[int, int] | None:
    """Return (height, width) as the header of a picture says, ``None`` where the file is damaged."""
    return _from_header(path, _tiff_size, _pillow_size)


def read_channels(path: Path) -> int | None:
    """Return how many separate channels a picture has, as its header says; ``None`` for grey, colour and damage."""
    return _from_header(path, _tiff_channels, lambda _: None)


def _from_header(path: Path, of_tiff: Callable[[Path], T], of_other: Callable[[Path], T]) -> T | None:
    """Ask a TIFF or another picture; ``None`` where it is damaged."""
    try:
        with path.open("rb") as file:
            tiff = file.read(2) in (b"II", b"MM")
        with quiet():
            return of_tiff(path) if tiff else of_other(path)
    except (OSError, Image.DecompressionBombError, *DAMAGE):
        return None


def _tiff_size(path: Path) -> tuple[int, int]:
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        return int(page.imagelength), int(page.imagewidth)


def _tiff_channels(path: Path) -> int | None:
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        page, sizes = series.keyframe, dict(zip(series.axes, series.shape, strict=True))
        samples = sizes.get("S", 1)
        if not tifffile_reads(page) or page.photometric in (_RGB, _PALETTE) or _is_grey_alpha(samples, page):
            samples = 1
        count = max(int(sizes.get("C", 1)), int(samples))
        return count if count > 1 else None


def _pillow_size(path: Path) -> tuple[int, int]:
    with Image.open(path, formats=PILLOW_FORMATS) as picture:
        return picture.height, picture.width


def _tiff_software(path: Path) -> str | None:
    with tifffile.TiffFile(path) as tiff:
        tag = tiff.pages[0].tags.get("Software")
        return None if tag is None else str(tag.value)


def _png_software(path: Path) -> str | None:
    with Image.open(path, formats=("PNG",)) as picture:
        return str(picture.info.get("Software"))


def _decode_tiff(path: Path, palette: bool) -> Stored | None:
    """Decode with tifffile; ``None`` where only Pillow knows the compression or the colours."""
    try:
        with tifffile.TiffFile(path) as tiff:
            series = tiff.series[0]
            if not tifffile_reads(series.keyframe):
                return None
            return interpret(series.asarray(), series.axes, series.keyframe, palette)
    except DAMAGE as error:
        raise ValueError("its content is damaged or cut short.") from error


def tifffile_reads(page: Any) -> bool:
    """Tell whether tifffile knows the compression and the colours of a page."""
    known = page.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE)
    try:
        tifffile.TIFF.DECOMPRESSORS[page.compression]
        tifffile.TIFF.UNPREDICTORS[page.predictor]
    except (KeyError, ValueError):
        return False
    return bool(known)


def interpret(pixels: NDArray[Any], axes: str, page: Any, palette: bool) -> Stored:
    """Apply palette and alpha as the page says; grey where white is 0 stays as stored, as in napari."""
    if page.photometric == _PALETTE and palette and page.colormap is not None:
        colors = (np.asarray(page.colormap) >> 8).astype(np.uint8).T
        return Stored(colors[pixels], axes + "S")
    color = page.photometric == _RGB
    if not color and "S" in axes and _is_grey_alpha(pixels.shape[axes.index("S")], page):
        return Stored(pixels.take(0, axes.index("S")), axes.replace("S", ""))
    return Stored(pixels, axes, color)


def _is_grey_alpha(samples: int, page: Any) -> bool:
    return samples == 2 and page.extrasamples[:1] in [(kind,) for kind in _ALPHA]


def _decode_pillow(path: Path, palette: bool) -> Stored:
    try:
        with Image.open(path, formats=PILLOW_FORMATS) as picture:
            if picture.format == "TIFF" and getattr(picture, "n_frames", 1) > 1:
                raise _SeveralPagesError
            pixels = np.array(_plain_mode(picture, palette))
    except UnidentifiedImageError as error:
        raise ValueError("it is not a TIFF, PNG, JPEG or BMP picture, is damaged, or needs imagecodecs.") from error
    except Image.DecompressionBombError as error:
        raise ValueError("it has more than 178 million pixels; save it as an uncompressed TIFF.") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError("its content is damaged or cut short.") from error
    except _SeveralPagesError as error:
        raise ValueError("it holds several pages in a compression that needs the package imagecodecs.") from error
    except DAMAGE as error:
        raise ValueError("its content is damaged or cut short.") from error
    return Stored(pixels, "YXS" if pixels.ndim == 3 else "YX")


def _plain_mode(picture: Image.Image, palette: bool) -> Image.Image:
    """Convert modes that are not grey, RGB or RGBA."""
    mode = picture.mode
    if mode in ("LA", "La"):
        return picture.getchannel(0)
    if mode in ("P", "PA"):
        return picture.convert("RGB") if palette else _indices(picture)
    if mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBX", "RGBa"):
        return picture.convert("RGB")
    return picture


def _indices(picture: Image.Image) -> Image.Image:
    return picture if picture.mode == "P" else picture.getchannel(0)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep decoders from writing to the terminal about damage that the caller reports in one sentence."""
    logger = logging.getLogger("tifffile")
    silence = _Silence()  # one of our own: other threads may be at it at the same time
    logger.addFilter(silence)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeFilter(silence)


class _Silence(logging.Filter):
    """Lets nothing through."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Turn any record down."""
        return False
