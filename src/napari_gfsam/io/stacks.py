"""Stacks in TIFF files: read and written plane by plane, so that memory does not grow with their number."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.io.decode import DAMAGE, interpret, quiet
from napari_gfsam.io.readers import ImageFileError, check_file, whole_numbers
from napari_gfsam.io.writers import SOFTWARE, beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

TIFF_SUFFIXES = (".tif", ".tiff")
#: Above this many bytes a TIFF needs 64-bit offsets.
LARGE = 2**32 - 2**25


class Stack:
    """A stack whose planes are read when they are asked for.

    Parameters
    ----------
    shape
        Without axes of length 1, but for rows and columns.
    axis
        Along which the planes lie.
    channel_axis
        Axis of separate channels in a plane, ``None`` where there is none.
    read
        Reads a plane by its place.
    """

    def __init__(
        self, shape: tuple[int, ...], axis: int, channel_axis: int | None, read: Callable[[int], NDArray[Any]]
    ) -> None:
        self.shape, self.axis, self.channel_axis, self._read = shape, axis, channel_axis, read

    def __len__(self) -> int:
        """Return the number of planes."""
        return self.shape[self.axis]

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        """Return a plane: the key names its place along the axis and is full before it."""
        return self.plane(int(key[self.axis]))  # type: ignore[arg-type]

    def plane(self, place: int) -> NDArray[Any]:
        """Read a plane.

        Raises
        ------
        ImageFileError
            If it is damaged.
        """
        return self._read(place)


@contextmanager
def open_stack(path: Path, axis: int, *, palette: bool = True) -> Iterator[Stack]:
    """Open a TIFF of several planes.

    Parameters
    ----------
    path
        The file.
    axis
        Along which the planes lie, of the axes that are longer than 1.
    palette
        Look up the colours of a palette; ``False`` gives its indices.

    Raises
    ------
    ImageFileError
        If the file is missing, damaged, no TIFF, or has no such axis.
    """
    import tifffile

    path = check_file(path)
    if path.suffix.lower() not in TIFF_SUFFIXES:
        raise ImageFileError(f"{path} is no TIFF; stacks are read from TIFF files.")
    try:
        with quiet():
            tiff = tifffile.TiffFile(path)
    except (*DAMAGE, OSError) as error:
        raise ImageFileError(f"{path} cannot be read: its content is damaged or cut short.") from error
    with tiff:
        try:
            with quiet():
                stack = _stack(path, tiff, axis, palette)
        except DAMAGE as error:
            if isinstance(error, ImageFileError):
                raise
            raise ImageFileError(f"{path} cannot be read: its content is damaged or cut short.") from error
        yield stack


@contextmanager
def open_label_stack(path: Path, axis: int) -> Iterator[Stack]:
    """Open a label stack: its planes are whole numbers, 0 or more, as `readers.read_labels` reads them.

    Raises
    ------
    ImageFileError
        As `open_stack`; a plane that is no label image raises when it is read.
    """
    with open_stack(path, axis, palette=False) as stack:
        yield Stack(stack.shape, stack.axis, None, lambda place: whole_numbers(stack.plane(place), path))


def is_stack(path: Path) -> bool:
    """Tell whether a TIFF holds several planes; one that cannot be read does not."""
    import tifffile

    try:
        with quiet(), tifffile.TiffFile(path) as tiff:
            series = tiff.series[0]
            names = [name for name, size in zip(series.axes, series.shape, strict=True) if _counts(name, size)]
    except (*DAMAGE, OSError):
        return False
    return len([name for name in names if name != "S"]) > 2


def _stack(path: Path, tiff: Any, axis: int, palette: bool) -> Stack:
    series = tiff.series[0]
    long = [
        place for place, (name, size) in enumerate(zip(series.axes, series.shape, strict=True)) if _counts(name, size)
    ]
    shape, axes = tuple(series.shape[place] for place in long), "".join(series.axes[place] for place in long)
    if len(shape) < 3 or not -len(shape) <= axis < len(shape) or axes[axis] in "YXS":
        raise ImageFileError(f"{path} has no planes along axis {axis} (axes {axes}, shape {shape}).")
    axis %= len(shape)
    inside = axes[:axis] + axes[axis + 1 :]
    take = _reader(path, tiff, shape, axis)

    def read(place: int) -> NDArray[Any]:
        try:
            with quiet():
                return interpret(take(place), inside, series.keyframe, palette).pixels
        except DAMAGE as error:
            raise ImageFileError(f"Plane {place} of {path} is damaged or cut short.") from error

    return Stack(shape, axis, inside.index("C") if "C" in inside else None, read)


def _counts(name: str, size: int) -> bool:
    return size > 1 or name in "YX"


def _reader(path: Path, tiff: Any, shape: tuple[int, ...], axis: int) -> Callable[[int], NDArray[Any]]:
    """Return what reads one plane: a page, a part of an uncompressed file, or, where all else fails, of all of it."""
    import tifffile

    series = tiff.series[0]
    if axis == 0 and len(series.pages) == shape[0]:
        return lambda place: np.asarray(series.pages[place].asarray()).reshape(shape[1:])
    try:
        whole = tifffile.memmap(path, mode="r").reshape(shape)
    except ValueError:  # compressed
        whole = series.asarray().reshape(shape)
    return lambda place: np.array(np.take(whole, place, axis))


def write_label_stack(
    path: Path,
    planes: Iterable[NDArray[np.integer[Any]]],
    shape: tuple[int, int, int],
    dtype: type[np.unsignedinteger[Any]],
) -> None:
    """Write label planes into one TIFF (deflate), one after the other, whole or not at all.

    Parameters
    ----------
    path
        Ends in .tif or .tiff.
    planes
        (H, W) ids each; they are asked for while the file is written.
    shape
        (planes, H, W).
    dtype
        uint8, uint16 or uint32: what holds all ids.

    Raises
    ------
    OutputError
        If the file cannot be written; no half file is left.
    """
    import tifffile

    big = np.prod(shape, dtype=np.int64) * np.dtype(dtype).itemsize > LARGE
    with beside(path) as hidden, tifffile.TiffWriter(hidden, bigtiff=big) as tiff:
        tiff.write(
            (np.ascontiguousarray(plane, dtype=dtype) for plane in planes),
            shape=shape,
            dtype=dtype,
            compression="zlib",
            photometric="minisblack",
            software=SOFTWARE,
        )


class StackHash:
    """`records.labels_hash` of a label stack, fed plane by plane."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self._digest = hashlib.sha256(str(shape).encode())

    def add(self, plane: NDArray[np.integer[Any]]) -> None:
        """Take in the next plane."""
        self._digest.update(np.ascontiguousarray(plane, dtype="<i8").reshape(-1).view(np.uint8).data)

    @property
    def value(self) -> str:
        """64 hexadecimal digits."""
        return self._digest.hexdigest()
