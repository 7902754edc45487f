"""Pictures too large for the memory: opened, and read part by part."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.imaging import ArraySource
from napari_gfsam.io.decode import DAMAGE, quiet
from napari_gfsam.io.paged import one_page, paged
from napari_gfsam.io.raster import RasterFile
from napari_gfsam.io.readers import ImageFileError
from napari_gfsam.io.zarrs import zarr_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.imaging import PictureSource

#: Suffixes (lower case) of pictures that can be read in parts.
PART_SUFFIXES = (".tif", ".tiff", ".zarr")
#: Bytes of pixels above which a picture is not read whole.
LARGE_BYTES = 2**28
#: No TIFF holds more bytes of pixels than so many times those of the file.
_MOST_COMPRESSED = 2000
_PALETTE = 3


@dataclass(frozen=True, slots=True, eq=False)
class WindowSource(RasterFile):
    """A raster file that rasterio reads window by window; parameters as `RasterFile`."""

    def read(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Read rows and columns, bands last."""
        window = ((rows.start, rows.stop), (columns.start, columns.stop))
        bands = list(range(1, (self.shape[2] if len(self.shape) == 3 else 1) + 1))
        with _opened(self.path) as file:
            try:
                found = file.read(bands, window=window)
            except OSError as error:  # rasterio's own is one
                raise ImageFileError(f"{self.path} cannot be read ({error}).") from error
        return np.asarray(found[0] if len(self.shape) == 2 else np.moveaxis(found, 0, 2))


@dataclass(frozen=True, slots=True, eq=False)
class MappedSource(RasterFile):
    """A file whose pixels lie in one piece, mapped for every read anew: what was read does not stay in memory.

    Parameters
    ----------
    path, shape, dtype
        As `RasterFile`; the type with its byte order.
    offset
        Where the pixels begin, bytes.
    """

    offset: int

    def read(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Read rows and columns."""
        mapped = np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
        return np.array(mapped[rows, columns], dtype=self.dtype.newbyteorder("="))


def open_picture(path: Path | str, *, channel_axis: int | None = None) -> PictureSource:
    """Open a picture to be read in parts; nothing of its pixels is read now.

    Parameters
    ----------
    path
        A TIFF (memory-mapped where it is not compressed, else decoded tile by tile or strip by strip), a Zarr array or
        the first level of an OME-Zarr image (needs zarr). TIFF compressions that tifffile does not know, such as LZW,
        and bands that lie one after the other need rasterio (the extra ``geo``).
    channel_axis
        Axis of separate channels in a Zarr with three axes (axes of length 1 not counted); that of an OME-Zarr image
        which is named c by default.

    Returns
    -------
    Rows and columns are its first two axes but for that of channels (`channel_axis_of`).

    Raises
    ------
    ImageFileError
        If the file is missing, of another kind, holds several planes, or what reads it is not installed.
    """
    path = Path(path)
    if path.suffix.lower() not in PART_SUFFIXES:
        raise ImageFileError(f"{path} cannot be read in parts; save it as TIFF or Zarr.")
    if not path.exists():
        raise ImageFileError(f"{path} does not exist.")
    if path.suffix.lower() == ".zarr":
        return zarr_picture(path, channel_axis)
    return _mapped(path) or _paged(path) or _windows(path)


def channel_axis_of(source: PictureSource) -> int | None:
    """Return the axis of separate channels in what `open_picture` returned, ``None`` where it has none."""
    return source.channel_axis if isinstance(source, ArraySource) else None


def large_source(path: Path, *, palette: bool = True, channel_axis: int | None = None) -> PictureSource | None:
    """Open a picture if it is large (256 MB of pixels or more) and can be read in parts.

    Parameters
    ----------
    path
        Any file or folder.
    palette
        Leave out pictures whose values are numbers of colours in a palette.
    channel_axis
        As `open_picture`; a TIFF for which it is named is to be read whole.

    Returns
    -------
    ``None`` where it is to be read whole.
    """
    if path.suffix.lower() not in PART_SUFFIXES or not path.exists():
        return None
    try:
        if path.is_file() and (channel_axis is not None or not _may_be_large(path, palette)):
            return None
        source = open_picture(path, channel_axis=channel_axis)
    except ImageFileError:  # whoever reads it whole says what is wrong with it, or knows more kinds
        return None
    return source if math.prod(source.shape) * source.dtype.itemsize >= LARGE_BYTES else None


def _may_be_large(path: Path, palette: bool) -> bool:
    """Look at the first page of a TIFF, unless the file is far too small."""
    import tifffile

    try:
        if path.stat().st_size * _MOST_COMPRESSED < LARGE_BYTES:
            return False
        with quiet(), tifffile.TiffFile(path) as tiff:
            page = tiff.pages[0]
            return page.nbytes >= LARGE_BYTES and not (palette and page.photometric == _PALETTE)
    except (OSError, *DAMAGE):
        return False


def _mapped(path: Path) -> PictureSource | None:
    """Map a TIFF whose pixels lie in one piece, bands last; ``None`` where they do not, or tifffile reads no TIFF."""
    import tifffile

    try:
        found = tifffile.memmap(path, mode="r")
    except (tifffile.TiffFileError, ValueError, OSError):
        return None
    shape = tuple(found.shape)
    return MappedSource(path, shape, found.dtype, found.offset) if _is_plane(shape) else None


def _paged(path: Path) -> PictureSource | None:
    found = paged(path)
    if found is not None and not _is_plane(found.shape):
        raise ImageFileError(f"{path} has the shape {found.shape}; (height, width) or (height, width, 3) is expected.")
    return found


def _windows(path: Path) -> PictureSource:
    if not one_page(path):  # rasterio would read the first one
        raise ImageFileError(f"{path} holds several planes; one picture a file is expected.")
    with _opened(path) as file:
        bands, dtype = file.count, np.dtype(file.dtypes[0])
        shape = (file.height, file.width) if bands == 1 else (file.height, file.width, bands)
        if bands not in (1, 3, 4):
            raise ImageFileError(f"{path} has {bands} bands; one, or three or four of colour, are expected.")
    return WindowSource(path, shape, dtype)


def _opened(path: Path) -> Any:
    try:
        rasterio = import_module("rasterio")
    except ImportError as error:
        raise ImageFileError(
            f'{path} is stored in a way that rasterio reads in parts; pip install "napari-gfsam[geo]".'
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            return rasterio.open(path)
    except OSError as error:  # rasterio's own is one
        raise ImageFileError(f"{path} cannot be read ({error}).") from error


def _is_plane(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
