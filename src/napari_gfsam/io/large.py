"""Pictures too large for the memory: opened, and read part by part."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.imaging import ArraySource
from napari_gfsam.io.readers import ImageFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.imaging import PictureSource

#: Suffixes (lower case) of pictures that can be read in parts.
PART_SUFFIXES = (".tif", ".tiff", ".zarr")


@dataclass(frozen=True, slots=True, eq=False)
class WindowSource:
    """A raster file that rasterio reads window by window, each time opened anew: safe from several threads.

    Parameters
    ----------
    path
        The file.
    shape
        (H, W) of one band, (H, W, 3 or 4) of colour.
    dtype
        Type of its values.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size_yx(self) -> tuple[int, int]:
        """(height, width), pixels."""
        return self.shape[0], self.shape[1]

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
class MappedSource:
    """A file whose pixels lie in one piece, mapped for every read anew: what was read does not stay in memory.

    Parameters
    ----------
    path
        The file.
    shape
        (H, W) or (H, W, 3 or 4).
    dtype
        Type of its values, with its byte order.
    offset
        Where the pixels begin, bytes.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int

    @property
    def size_yx(self) -> tuple[int, int]:
        """(height, width), pixels."""
        return self.shape[0], self.shape[1]

    def read(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Read rows and columns."""
        mapped = np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
        return np.array(mapped[rows, columns], dtype=self.dtype.newbyteorder("="))


def open_picture(path: Path | str) -> PictureSource:
    """Open a picture to be read in parts; nothing of its pixels is read now.

    Parameters
    ----------
    path
        An uncompressed TIFF (memory-mapped), a Zarr array or the first level of an OME-Zarr image (needs zarr), or
        any other TIFF that rasterio reads, such as a tiled GeoTIFF (needs the extra ``geo``).

    Returns
    -------
    Rows and columns are its first two axes.

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
        return _zarr(path)
    return _mapped(path) or _windows(path)


def _zarr(path: Path) -> PictureSource:
    try:
        import zarr
    except ImportError as error:
        raise ImageFileError(f'{path} needs the package zarr; pip install "napari-gfsam[exports]".') from error
    try:
        found: Any = zarr.open(str(path), mode="r")
        while not hasattr(found, "shape"):
            found = found["0"]
    except (KeyError, ValueError, OSError) as error:
        raise ImageFileError(f"{path} holds no array that can be read ({error}).") from error
    return ArraySource(_checked(path, found))


def _mapped(path: Path) -> PictureSource | None:
    """Map a TIFF whose pixels lie in one piece; ``None`` where they do not, or it is no TIFF that tifffile reads."""
    import tifffile

    try:
        found = tifffile.memmap(path, mode="r")
    except (tifffile.TiffFileError, ValueError, OSError):
        return None
    _checked(path, found)
    return MappedSource(path, tuple(found.shape), found.dtype, found.offset)


def _windows(path: Path) -> PictureSource:
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
            f'{path} is compressed or tiled, which rasterio reads in parts; pip install "napari-gfsam[geo]".'
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            return rasterio.open(path)
    except OSError as error:  # rasterio's own is one
        raise ImageFileError(f"{path} cannot be read ({error}).") from error


def _checked(path: Path, found: Any) -> Any:
    if len(found.shape) == 2 or (len(found.shape) == 3 and found.shape[2] in (1, 3, 4)):
        return found
    raise ImageFileError(
        f"{path} has the shape {tuple(found.shape)}; (height, width) or (height, width, 3) is expected."
    )
