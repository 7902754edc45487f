"""A picture in a file as a source of one plane; read when it is needed, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_gfsam.bridge.align import shape_of
from napari_gfsam.session.types import PlaneKey

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_gfsam.imaging import PixelRecipe
    from napari_gfsam.io.records import PixelSize

PREFIX = "file:"


@dataclass(frozen=True, slots=True)
class FileSource:
    """A `PictureSource` over one file.

    Parameters
    ----------
    path
        Absolute.
    recipe
        How its values become RGB: that of the references.
    """

    path: Path
    recipe: PixelRecipe

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
        """Return the pixels; `napari_gfsam.io.readers.ImageFileError` with one sentence if that cannot be."""
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
        """Say how it is read."""
        return "read as the references are"


def header_of(path: Path) -> tuple[tuple[int, int] | None, PixelSize | None]:
    """Return (rows, columns) and pixel size of a picture without reading its pixels; ``None`` for what is not known."""
    return _header(path, _stamp(path))


def path_of(source_id: str) -> Path | None:
    """Return the file that the id of a source names, ``None`` for a source of layers."""
    return Path(source_id.removeprefix(PREFIX)) if source_id.startswith(PREFIX) else None


def _pixels(path: Path) -> NDArray[Any]:
    return _read(path, _stamp(path))


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0


@lru_cache(maxsize=4096)
def _shape(path: Path, stamp: int) -> tuple[int, int]:
    height, width = _read(path, stamp).shape[:2]
    return int(height), int(width)


@lru_cache(maxsize=64)
def _header(path: Path, stamp: int) -> tuple[tuple[int, int] | None, PixelSize | None]:
    from napari_gfsam.io.decode import read_size
    from napari_gfsam.io.pixel_sizes import read_pixel_size

    return read_size(path), read_pixel_size(path)


@lru_cache(maxsize=2)
def _read(path: Path, stamp: int) -> NDArray[Any]:
    from napari_gfsam.io.readers import read_picture

    pixels = read_picture(path).pixels
    pixels.setflags(write=False)
    return pixels
