"""Planes as large as a picture, in memory while they are small, else on disk; parts are read and written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray

    from napari_gfsam.imaging.tiles import Box, Size

#: Bytes that a plane may take in memory.
IN_MEMORY = 2**27
#: Bytes that are read at once where a whole plane is walked.
BAND = 2**26


class Plane:
    """A plane of values, all 0 at first.

    Parameters
    ----------
    shape
        (height, width), pixels.
    dtype
        Of the values.
    path
        Where it lies when it is too large for the memory.
    """

    def __init__(self, shape: Size, dtype: DTypeLike, path: Path) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._patches: tuple[tuple[Box, NDArray[Any]], ...] = ()
        self._path: Path | None = None
        self._values: NDArray[Any] | None = None
        nbytes = shape[0] * shape[1] * self.dtype.itemsize
        if nbytes <= IN_MEMORY:
            self._values = np.zeros(shape, dtype=self.dtype)
        else:
            self._path = path
            _reserve(path, nbytes)

    @classmethod
    def holding(cls, values: NDArray[Any], path: Path) -> Plane:
        """Return a plane of values."""
        height, width = values.shape
        plane = cls((height, width), values.dtype, path)
        plane.write((slice(0, height), slice(0, width)), values)
        return plane

    @property
    def size_yx(self) -> Size:
        """(height, width), pixels."""
        return self.shape

    def read(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a copy of rows and columns."""
        box = (rows, columns)
        found = np.array(self._open("r")[box])
        for place, values in self._patches:
            _copy_shared(found, box, values, place)
        return found

    def write(self, box: Box, values: NDArray[Any]) -> None:
        """Write a box, before anything is patched."""
        # The map is let go of at once, so that its pages do not count as memory of the process.
        target = self._open("r+")
        target[box] = values

    def patched(self, box: Box, values: NDArray[Any]) -> Plane:
        """Return the plane with other values in a box; this one stays."""
        other = Plane.__new__(Plane)
        other.shape, other.dtype = self.shape, self.dtype
        other._path, other._values = self._path, self._values
        kept = tuple(patch for patch in self._patches if patch[0] != box)
        other._patches = (*kept, (box, values))
        return other

    def count(self, value: int) -> int:
        """Return how many pixels have a value."""
        height, width = self.shape
        step = max(1, BAND // max(width * self.dtype.itemsize, 1))
        bands = (slice(top, min(top + step, height)) for top in range(0, height, step))
        return sum(int(np.count_nonzero(self.read(rows, slice(0, width)) == value)) for rows in bands)

    def whole(self) -> NDArray[Any]:
        """Return all values; a plane in memory that was never patched is not copied."""
        if self._values is not None and not self._patches:
            return self._values
        return self.read(slice(0, self.shape[0]), slice(0, self.shape[1]))

    def _open(self, mode: Any) -> NDArray[Any]:
        if self._values is not None:
            return self._values
        return np.memmap(str(self._path), dtype=self.dtype, mode=mode, shape=self.shape)


def _reserve(path: Path, nbytes: int) -> None:
    """Make a file of zeros that has its room on the disk: a map of a file that has not would kill the process.

    Raises
    ------
    napari_gfsam.io.writers.OutputError
        If there is no room.
    """
    from napari_gfsam.io.writers import no_room

    try:
        with path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, nbytes)
                return
            for start in range(0, nbytes, BAND):
                file.write(bytes(min(BAND, nbytes - start)))
    except OSError as error:
        raise no_room(path.parent, error) from error


def _copy_shared(into: NDArray[Any], at: Box, values: NDArray[Any], place: Box) -> None:
    """Copy what two boxes of a picture share from the values of the second into those of the first."""
    mine, theirs = [], []
    for one, other in zip(at, place, strict=True):
        low, high = max(one.start, other.start), min(one.stop, other.stop)
        if low >= high:
            return
        mine.append(slice(low - one.start, high - one.start))
        theirs.append(slice(low - other.start, high - other.start))
    into[tuple(mine)] = values[tuple(theirs)]
