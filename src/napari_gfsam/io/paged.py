"""TIFF files in tiles or strips, compressed or not: decoded piece by piece with tifffile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.io.decode import DAMAGE, quiet, tifffile_reads
from napari_gfsam.io.raster import RasterFile
from napari_gfsam.io.readers import ImageFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class PagedSource(RasterFile):
    """The first page of a TIFF; parameters as `RasterFile`."""

    def read(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Read rows and columns: only the pieces that hold them are decoded.

        Raises
        ------
        ImageFileError
            If the file is damaged or gone.
        """
        import tifffile

        found = np.zeros((rows.stop - rows.start, columns.stop - columns.start, *self.shape[2:]), self.dtype)
        try:
            with quiet(), tifffile.TiffFile(self.path) as tiff:
                for (top, left), piece in _pieces(tiff, rows, columns):
                    _lay(
                        found,
                        (top - rows.start, left - columns.start),
                        piece.reshape(*piece.shape[:2], *self.shape[2:]),
                    )
        except OSError as error:
            raise ImageFileError(f"{self.path} cannot be read ({error.strerror or error}).") from error
        except DAMAGE as error:
            raise ImageFileError(f"{self.path} cannot be read: its content is damaged or cut short.") from error
        return found


def paged(path: Path) -> PagedSource | None:
    """Open a TIFF; ``None`` where tifffile does not decode it piece by piece, or it is none."""
    import tifffile

    try:
        with quiet(), tifffile.TiffFile(path) as tiff:
            page = tiff.pages[0]
            plain = page.planarconfig == 1 and page.imagedepth == 1 and tiff.series[0].shape == page.shape
            if not (plain and page.dtype is not None and tifffile_reads(page)):
                return None
            return PagedSource(path, tuple(page.shape), np.dtype(page.dtype))
    except (OSError, *DAMAGE):
        return None


def one_page(path: Path) -> bool:
    """Tell whether a TIFF holds one picture, not a stack; so does a file that tifffile does not read."""
    import tifffile

    try:
        with quiet(), tifffile.TiffFile(path) as tiff:
            return bool(math.prod(tiff.series[0].shape) == math.prod(tiff.pages[0].shape))
    except (OSError, *DAMAGE):
        return True


def _pieces(tiff: Any, rows: slice, columns: slice) -> Iterator[tuple[tuple[int, int], NDArray[Any]]]:
    """Yield corner and (h, w, samples) values of the tiles or strips that hold some of the rows and columns."""
    page = tiff.pages[0]
    height, width = page.chunks[:2]
    across = -(-page.imagewidth // width)
    for row in range(rows.start // height, -(-rows.stop // height)):
        for column in range(columns.start // width, -(-columns.stop // width)):
            index = row * across + column
            if not page.databytecounts[index]:
                continue  # a piece that was never written is 0 everywhere
            tiff.filehandle.seek(page.dataoffsets[index])
            data = tiff.filehandle.read(page.databytecounts[index])
            values, _, shape = page.decode(data, index)
            yield (row * height, column * width), values[0, : shape[1], : shape[2]]


def _lay(into: NDArray[Any], corner_yx: tuple[int, int], piece: NDArray[Any]) -> None:
    """Copy the part of a piece that lies within an array; its corner is given in the array's rows and columns."""
    there, here = [], []
    for start, count, size in zip(corner_yx, piece.shape, into.shape, strict=False):
        low, high = max(start, 0), min(start + count, size)
        there.append(slice(low, high))
        here.append(slice(low - start, high - start))
    into[tuple(there)] = piece[tuple(here)]
