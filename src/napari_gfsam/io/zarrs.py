"""Zarr arrays and OME-Zarr images: opened without reading a pixel, axes of length 1 left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.imaging import ArraySource
from napari_gfsam.io.decode import DAMAGE
from napari_gfsam.io.readers import ImageFileError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

#: Groups that lie in one another before there is an array, at most.
_DEPTH = 4
_COLOR = (1, 3, 4)


@dataclass(frozen=True, slots=True, eq=False)
class ZarrArray:
    """An array in a Zarr, some of its axes at 0; can be sliced.

    Parameters
    ----------
    path
        The Zarr, for messages.
    array
        What zarr opened.
    kept
        The axes that count, by their places; all others have the length 1.
    axes
        One letter each of these, as OME-Zarr names them (t, c, z, y, x); empty where nothing does.
    """

    path: Path
    array: Any
    kept: tuple[int, ...]
    axes: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes that count."""
        return tuple(int(self.array.shape[axis]) for axis in self.kept)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its values."""
        kind: np.dtype[Any] = np.dtype(self.array.dtype)
        return kind

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read a part; the key names all axes that count.

        Raises
        ------
        ImageFileError
            If it is damaged.
        """
        index: list[int | slice] = [0] * len(self.array.shape)
        for axis, part in zip(self.kept, key, strict=True):
            index[axis] = part
        try:
            return np.asarray(self.array[tuple(index)])
        except (OSError, *DAMAGE) as error:  # whatever the codecs raise
            raise ImageFileError(f"{self.path} cannot be read: its content is damaged or cut short.") from error


def open_zarr(path: Path) -> ZarrArray:
    """Open an array, or the first level of an OME-Zarr image.

    Raises
    ------
    ImageFileError
        If there is none, or zarr is not installed.
    """
    try:
        import zarr
    except ImportError as error:
        raise ImageFileError(f'{path} needs the package zarr; pip install "napari-gfsam[exports]".') from error
    try:
        found: Any = zarr.open(str(path), mode="r")
        names: Sequence[str] = ()
        for _ in range(_DEPTH):
            if hasattr(found, "shape"):
                break
            level, names = _first_level(dict(found.attrs))
            found = found[level]
        return ZarrArray(path, found, *_counting(tuple(found.shape), names))
    except (OSError, *DAMAGE) as error:
        raise ImageFileError(f"{path} holds no array that can be read ({error}).") from error


def zarr_picture(path: Path, channel_axis: int | None = None) -> ArraySource:
    """Open a picture; parameters, axes and errors as of `large.open_picture`."""
    found = open_zarr(path)
    if channel_axis is not None and len(found.shape) == 3:
        if not -3 <= channel_axis < 3:
            raise ImageFileError(f"{path} has three axes {found.shape}, so the channel axis is 0, 1 or 2.")
        return ArraySource(found, channel_axis)
    shape, axes = found.shape, found.axes
    color = len(shape) == 3 and shape[2] in _COLOR and axes in ("", "yxc")
    if len(shape) == 2 or color:
        return ArraySource(found)
    if len(shape) == 3 and "c" in axes:
        return ArraySource(found, axes.index("c"))
    named = f"the axes {axes} and " if axes else ""
    raise ImageFileError(
        f"{path} has {named}the shape {shape}; (height, width), (height, width, 3) or channels are expected: "
        "name the channel axis if they are channels."
    )


def _first_level(attributes: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
    """Return where the first array of a group lies, and the names of its axes where they are told."""
    images = attributes.get("ome", attributes).get("multiscales")
    if not images:
        return "0", ()
    axes = images[0].get("axes", ())
    names = [str(axis["name"] if isinstance(axis, dict) else axis) for axis in axes]  # version 0.3 has names alone
    return str(images[0]["datasets"][0]["path"]), names


def _counting(shape: tuple[int, ...], names: Sequence[str]) -> tuple[tuple[int, ...], str]:
    """Return the places and letters of the axes that count."""
    if len(names) == len(shape) and {"y", "x"} <= set(names) and all(len(name) == 1 for name in names):
        kept = tuple(place for place, size in enumerate(shape) if size > 1 or names[place] in "yx")
        return kept, "".join(names[place] for place in kept)
    if len(shape) == 2 or (len(shape) == 3 and shape[2] in _COLOR):
        return tuple(range(len(shape))), ""
    kept = tuple(place for place, size in enumerate(shape) if size > 1)
    return (kept if len(kept) >= 2 else tuple(range(len(shape)))[-2:]), ""
