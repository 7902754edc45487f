"""A picture in a file as a source of one plane; read when it is needed, one at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.align import shape_of
from napari_gfsam.imaging import PixelRecipe
from napari_gfsam.session.types import PlaneKey

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_gfsam.io.records import PixelSize

PREFIX = "file:"
#: Axis of separate channels in what is read of a file.
CHANNELS_LAST = 2
AS_REFERENCES = "read as the references are"
BY_ITSELF = "read by itself (8-bit values as they are, others from the darkest 0.1 % to the brightest 0.1 %)"


@dataclass(frozen=True, slots=True)
class FileSource:
    """A `PictureSource` over one file.

    Parameters
    ----------
    path
        Absolute.
    recipes
        How values of the references become RGB; the first that suits its channels is its own.
    """

    path: Path
    recipes: tuple[PixelRecipe, ...]

    @property
    def id(self) -> str:
        """The same whenever this file is a target; also that of the layer that shows it."""
        return f"{PREFIX}{self.path}"

    @property
    def name(self) -> str:
        """Of the file."""
        return self.path.name

    @property
    def layers(self) -> tuple[str, ...]:
        """Id of the layer that shows it, while one does."""
        return (self.id,)

    @property
    def recipe(self) -> PixelRecipe:
        """How the values that `read` returns become RGB; reads the header of the file the first time."""
        return self._recipe_of_references or PixelRecipe(channel_axis=None if self.channels is None else CHANNELS_LAST)

    @property
    def channels(self) -> int | None:
        """Number of separate channels; ``None`` for a grey or colour picture. Reads the header the first time."""
        return _channels(self.path, _stamp(self.path))

    @property
    def _recipe_of_references(self) -> PixelRecipe | None:
        fitting = (_for_channels(recipe, self.channels) for recipe in self.recipes)
        return next((recipe for recipe in fitting if recipe is not None), None)

    @property
    def channel_axis(self) -> None:
        """None: the channels of a file are its last axis, which its label layer does not have."""
        return None

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns); reads the file the first time."""
        return _shape(self.path, _stamp(self.path))

    def plane_shape(self, plane: PlaneKey) -> tuple[int, int]:
        """Return (rows, columns)."""
        return self.shape

    @property
    def plane(self) -> PlaneKey:
        """Its one plane."""
        return PlaneKey(self.id)

    def read(self, plane: PlaneKey) -> NDArray[Any]:
        """Return the pixels, channels last; `napari_gfsam.io.readers.ImageFileError` with a sentence if that fails."""
        return _pixels(self.path)

    def title(self, plane: PlaneKey) -> str:
        """Return the name of the file."""
        return self.path.name

    def covers(self, layers: Sequence[Layer]) -> bool:
        """Tell whether the layer that shows it has the size of the file as it is now, where that can be read."""
        try:
            return shape_of(layers[0]) == self.shape
        except (ValueError, OSError):  # what is shown is all there is of it
            return True

    @property
    def pixels(self) -> Hashable:
        """When the file was written: what tells its pixels from others."""
        return _stamp(self.path)

    def describe(self) -> str:
        """Say how it is read; reads the header of the file the first time."""
        if self._recipe_of_references is not None:
            return AS_REFERENCES
        if not self.recipes:
            return f"{BY_ITSELF} until there is a reference"
        count = self.channels
        return f"{BY_ITSELF}: it has {f'{count} channels' if count else 'no channels'}, unlike the references"


def header_of(path: Path) -> tuple[tuple[int, int] | None, PixelSize | None]:
    """Return (rows, columns) and pixel size of a picture without reading its pixels; ``None`` for what is not known."""
    return _header(path, _stamp(path))


def path_of(source_id: str) -> Path | None:
    """Return the file that the id of a source names, ``None`` for a source of layers."""
    return Path(source_id.removeprefix(PREFIX)) if source_id.startswith(PREFIX) else None


def _for_channels(recipe: PixelRecipe, channels: int | None) -> PixelRecipe | None:
    """Return a recipe for a picture with so many separate channels, ``None`` if it is for another number of them."""
    count = channels or 1
    if max(len(recipe.limits), len(recipe.gammas), len(recipe.channel_colors)) not in (0, 1, count):
        return None
    colors = recipe.channel_colors if len(recipe.channel_colors) == count else ()
    return replace(recipe, channel_axis=None if channels is None else CHANNELS_LAST, channel_colors=colors)


def _pixels(path: Path) -> NDArray[Any]:
    return _read(path, _stamp(path))


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0


@lru_cache(maxsize=4096)
def _shape(path: Path, stamp: int) -> tuple[int, int]:
    height, width = _read(path, stamp).shape[:2]
    return int(height), int(width)


@lru_cache(maxsize=4096)
def _channels(path: Path, stamp: int) -> int | None:
    from napari_gfsam.io.decode import read_channels

    return read_channels(path)


@lru_cache(maxsize=64)
def _header(path: Path, stamp: int) -> tuple[tuple[int, int] | None, PixelSize | None]:
    from napari_gfsam.io.decode import read_size
    from napari_gfsam.io.pixel_sizes import read_pixel_size

    return read_size(path), read_pixel_size(path)


@lru_cache(maxsize=2)
def _read(path: Path, stamp: int) -> NDArray[Any]:
    from napari_gfsam.io.readers import read_picture

    picture = read_picture(path)
    pixels = picture.pixels
    if picture.channel_axis is not None:
        pixels = np.moveaxis(pixels, picture.channel_axis, CHANNELS_LAST)
    pixels.setflags(write=False)
    return pixels
