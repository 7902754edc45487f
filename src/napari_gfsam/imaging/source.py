"""Pictures that need not be in memory: any part can be read, and all parts are stretched alike."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from napari_gfsam.imaging.pixels import limits_of
from napari_gfsam.imaging.resize import array_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from napari_gfsam.imaging.pixels import PixelRecipe

#: Values above which limits are taken from samples of a picture, and how it is sampled: boxes along each axis.
EXACT_VALUES = 2**25
SAMPLES, SAMPLE_SIDE = 16, 256
#: Bytes read at once where a whole picture is walked.
BAND_BYTES = 2**26


@runtime_checkable
class PictureSource(Protocol):
    """A picture of which any part can be read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape as it is stored, with its channels."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its values."""
        ...

    @property
    def size_yx(self) -> tuple[int, int]:
        """(height, width), pixels."""
        ...

    def read(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Read rows and columns: an array of the same axes and type."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ArraySource:
    """Any array that can be sliced: numpy, a memory map, dask, zarr.

    Parameters
    ----------
    array
        (H, W), (H, W, channels), or three axes with `channel_axis`.
    channel_axis
        Axis of channels as in `PixelRecipe`; without it rows and columns are the first two axes.
    """

    array: Any
    channel_axis: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape as it is stored."""
        return tuple(int(size) for size in self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its values."""
        kind: np.dtype[Any] = np.dtype(self.array.dtype)
        return kind

    @property
    def size_yx(self) -> tuple[int, int]:
        """(height, width), pixels."""
        height, width = (self.shape[axis] for axis in self._plane)
        return height, width

    def read(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Read rows and columns: an array of the same axes and type."""
        index = [slice(None)] * len(self.shape)
        for axis, part in zip(self._plane, (rows, columns), strict=True):
            index[axis] = part
        return np.asarray(self.array[tuple(index)])

    @property
    def _plane(self) -> tuple[int, int]:
        """The axes of rows and columns."""
        count = len(self.shape)
        if count < 3 or self.channel_axis is None or not -count <= self.channel_axis < count:
            return 0, 1
        first, second = (axis for axis in range(count) if axis != self.channel_axis % count)
        return first, second


def source_of(picture: ArrayLike | PictureSource, recipe: PixelRecipe) -> PictureSource:
    """Return a picture as a source: what is one already, else anything that can be sliced or turned into an array."""
    if isinstance(picture, PictureSource):
        return picture
    sliceable = hasattr(picture, "shape") and hasattr(picture, "dtype") and hasattr(picture, "__getitem__")
    return ArraySource(picture if sliceable else np.asarray(picture), recipe.channel_axis)


def settled(source: PictureSource, recipe: PixelRecipe) -> PixelRecipe:
    """Return a recipe that reads every part of a picture as `recipe` reads the whole.

    Limits that depend on the picture's values become those of the whole picture; those of more than 33 million values
    are taken from 256 boxes spread evenly over it.
    """
    if recipe.intensity in ("range", "dtype") or (recipe.intensity == "auto" and source.dtype in (np.uint8, np.bool_)):
        return recipe
    parts = np.concatenate([_flat(part, recipe) for part in _samples(source)], axis=0)
    found = (limits_of(parts[:, channel], recipe.percentiles) for channel in range(parts.shape[1]))
    # A channel of one value has no upper limit: any will do that makes the value black.
    limits = tuple((low, high if math.isfinite(high) else low + 1) for low, high in found)
    return replace(recipe, intensity="range", limits=limits)


def whole_of(source: PictureSource) -> NDArray[Any]:
    """Read all of a picture."""
    height, width = source.size_yx
    return source.read(slice(0, height), slice(0, width))


def source_hash(source: PictureSource) -> str:
    """Name a picture by its values: `array_hash` of what fits in memory, else the same digest taken band by band."""
    height, _ = source.size_yx
    if isinstance(source, ArraySource) and isinstance(source.array, np.ndarray):
        return array_hash(source.array)
    little = source.dtype.newbyteorder("<")
    digest = hashlib.blake2b(f"{little.str}{source.shape}".encode(), digest_size=20)
    for rows in bands(source, height):
        part = np.ascontiguousarray(source.read(rows, slice(0, source.size_yx[1])), dtype=little)
        digest.update(part.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def bands(source: PictureSource, height: int) -> Iterator[slice]:
    """Yield slices of rows that hold `BAND_BYTES` at most."""
    row_bytes = max(1, int(np.prod(source.shape)) * source.dtype.itemsize // height)
    step = max(1, BAND_BYTES // row_bytes)
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


def _samples(source: PictureSource) -> Iterator[NDArray[Any]]:
    height, width = source.size_yx
    if int(np.prod(source.shape)) <= EXACT_VALUES:
        yield whole_of(source)
        return
    for top in np.linspace(0, max(height - SAMPLE_SIDE, 0), SAMPLES).astype(int):
        for left in np.linspace(0, max(width - SAMPLE_SIDE, 0), SAMPLES).astype(int):
            yield source.read(slice(top, min(top + SAMPLE_SIDE, height)), slice(left, min(left + SAMPLE_SIDE, width)))


def _flat(part: NDArray[Any], recipe: PixelRecipe) -> NDArray[Any]:
    """(n, channels) values; colour counts as one channel, for its three are stretched together, alpha left out."""
    if recipe.channel_axis is not None and part.ndim == 3:
        return np.moveaxis(part, recipe.channel_axis, -1).reshape(-1, part.shape[recipe.channel_axis])
    return (part[..., :3] if part.ndim == 3 else part).reshape(-1, 1)
