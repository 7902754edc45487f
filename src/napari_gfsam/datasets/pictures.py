"""Pictures and painted references from files, as the segmenter takes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.api import Segmenter
    from napari_gfsam.core.types import ClassSpec
    from napari_gfsam.imaging import PictureSource, PixelRecipe
    from napari_gfsam.io.records import InputRecord

Region = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class ReadPicture:
    """A picture that was read or, where it is large, opened; how it becomes RGB and what records say of it."""

    pixels: NDArray[Any] | PictureSource
    recipe: PixelRecipe
    record: InputRecord

    @property
    def in_memory(self) -> bool:
        """Whether its pixels are here; a picture read in parts is too large for an overlay."""
        from napari_gfsam.imaging import PictureSource

        return not isinstance(self.pixels, PictureSource)

    @property
    def size_yx(self) -> tuple[int, int]:
        """(height, width), pixels."""
        from napari_gfsam.imaging.source import source_of

        return source_of(self.pixels, self.recipe).size_yx

    def whole(self) -> NDArray[Any]:
        """Return all pixels."""
        from napari_gfsam.imaging.source import source_of, whole_of

        return whole_of(source_of(self.pixels, self.recipe))


def read_picture_file(path: Path, recipe: PixelRecipe) -> ReadPicture:
    """Read a picture and its record.

    Raises
    ------
    ValueError
        If the file is no picture (`io.readers.ImageFileError`).
    """
    from napari_gfsam.imaging import array_hash
    from napari_gfsam.imaging.source import source_hash, whole_of
    from napari_gfsam.io.large import channel_axis_of, large_source, open_picture
    from napari_gfsam.io.pixel_sizes import read_pixel_size
    from napari_gfsam.io.readers import Picture, read_picture
    from napari_gfsam.io.records import InputRecord

    size = read_pixel_size(path)
    source = large_source(path, channel_axis=recipe.channel_axis)
    if source is not None:
        record = InputRecord(path.name, source_hash(source), source.shape, str(absolute(path)), pixel_size=size)
        return ReadPicture(source, _with_axis(recipe, channel_axis_of(source)), record)
    if is_zarr(path):
        opened = open_picture(path, channel_axis=recipe.channel_axis)
        picture = Picture(whole_of(opened), channel_axis_of(opened))
    else:
        picture = read_picture(path, channel_axis=recipe.channel_axis)
    pixels, recipe = picture.pixels, _with_axis(recipe, picture.channel_axis)
    record = InputRecord(path.name, array_hash(pixels), pixels.shape, str(absolute(path)), pixel_size=size)
    return ReadPicture(pixels, recipe, record)


def _with_axis(recipe: PixelRecipe, axis: int | None) -> PixelRecipe:
    """Return a recipe with the channel axis of a file that has one."""
    return recipe if axis is None else replace(recipe, channel_axis=axis)


def read_label_file(path: Path) -> tuple[NDArray[Any], InputRecord]:
    """Read a label image and its record.

    Raises
    ------
    ValueError
        If the file is no label image (`io.readers.ImageFileError`).
    """
    from napari_gfsam.io.readers import read_labels
    from napari_gfsam.io.records import InputRecord, labels_hash

    labels = read_labels(path)
    return labels, InputRecord(path.name, labels_hash(labels), labels.shape, str(absolute(path)))


@dataclass(frozen=True, slots=True)
class Painting:
    """A painted picture as files, and what the words say about it."""

    image: Path
    labels: Path
    classes: tuple[ClassSpec, ...] = ()
    ignore: int | None = None
    region_yx: Region | None = None


def add_painting(segmenter: Segmenter, painting: Painting, recipe: PixelRecipe) -> None:
    """Read a painted picture and give it to the segmenter.

    Raises
    ------
    ValueError
        If a file cannot be read or the paint cannot serve; the sentence names the files.
    """
    from napari_gfsam.api import PaintError
    from napari_gfsam.imaging import ImageError

    picture = read_picture_file(painting.image, recipe)
    labels, labels_record = read_label_file(painting.labels)
    try:
        segmenter.add_reference(
            picture.whole(),
            labels,
            classes=painting.classes,
            ignore=painting.ignore,
            region_yx=painting.region_yx,
            recipe=picture.recipe,
            records=(picture.record, labels_record),
        )
    except (PaintError, ImageError) as error:
        raise ValueError(f"{painting.image} with {painting.labels}: {error}") from error


def absolute(path: Path) -> Path:
    """Return a path as records and comparisons name it."""
    return Path(path).expanduser().resolve()


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a picture by its name."""
    return path.suffix.lower() == ".zarr" and path.is_dir()
