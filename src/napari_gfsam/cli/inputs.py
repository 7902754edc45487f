"""Words of the command line as objects: settings, classes, regions, recipes and painted references."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from napari_gfsam.cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_gfsam.api import PixelSizes, Segmenter
    from napari_gfsam.api.scale import Scale
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.types import ClassSpec
    from napari_gfsam.imaging import PictureSource, PixelRecipe
    from napari_gfsam.io.records import InputRecord

Region = tuple[int, int, int, int]
LEAST_TILE = 16
#: Bytes above which a file is not read whole.
LARGE_BYTES = 2**28


class RecipeOptions(Protocol):
    """The options that say how pixels are read."""

    @property
    def intensity(self) -> str:
        """``auto``, ``range``, ``percentile`` or ``dtype``."""
        ...

    @property
    def limits(self) -> str:
        """``LOW,HIGH`` or nothing."""
        ...

    @property
    def gamma(self) -> float:
        """Exponent."""
        ...

    @property
    def channel_axis(self) -> int | None:
        """Axis of channels."""
        ...


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


def settings_of(preset: str, changes: Sequence[str]) -> GFSAMConfig:
    """Return a preset with single settings changed (``name=value`` each).

    Raises
    ------
    UsageError
        If the preset or a setting is unknown or a value is no choice.
    """
    from napari_gfsam.core.config import parse_setting
    from napari_gfsam.core.config import preset as preset_of

    try:
        return preset_of(preset).with_settings(**dict(parse_setting(change) for change in changes))
    except ValueError as error:
        raise UsageError(str(error)) from error


def class_specs_of(names: str, negative: Sequence[int]) -> list[ClassSpec]:
    """Parse ``1=nucleus,2=debris`` and the ids that mean "not this".

    Raises
    ------
    UsageError
        If the text is of another form or an id is named twice.
    """
    from napari_gfsam.core.types import ClassSpec

    found: dict[int, str] = {}
    for part in filter(None, (part.strip() for part in names.split(","))):
        number, separator, name = (word.strip() for word in part.partition("="))
        if not (separator and number.isdecimal() and name):
            raise UsageError(f"{part!r} names no class; write --classes 1=nucleus,2=debris.")
        if int(number) in found:
            raise UsageError(f"Class {number} is named twice in --classes.")
        found[int(number)] = name
    for number_ in negative:
        found.setdefault(number_, f"class {number_}")
    return [ClassSpec(id_, name, id_ in negative) for id_, name in sorted(found.items())]


def region_of(text: str) -> Region:
    """Parse ``Y0,X0,Y1,X1``.

    Raises
    ------
    UsageError
        If the text is not four whole numbers that bound a box.
    """
    words = [word.strip() for word in text.split(",")]
    if len(words) != 4 or not all(word.isdecimal() for word in words):
        raise UsageError(f"{text!r} is no region; write --region Y0,X0,Y1,X1 in whole pixels.")
    y0, x0, y1, x1 = map(int, words)
    if y0 >= y1 or x0 >= x1:
        raise UsageError(f"The region {text!r} holds no pixel; Y0 < Y1 and X0 < X1 are needed.")
    return y0, x0, y1, x1


def scale_of(text: str) -> Scale:
    """Parse ``auto``, ``whole`` or the side of a tile in pixels.

    Raises
    ------
    UsageError
        If the text is none of them.
    """
    word = text.strip().lower()
    if word == "auto":
        return "auto"
    if word == "whole":
        return "whole"
    if not word.isdecimal() or int(word) < LEAST_TILE:
        raise UsageError(f"{text!r} is no scale; write --tile auto, whole or a number of at least {LEAST_TILE} pixels.")
    return int(word)


def pixels_of(text: str) -> PixelSizes | None:
    """Parse ``REF,TARGET``: the sides of a pixel in one unit; nothing where they are alike.

    Raises
    ------
    UsageError
        If the text is not two numbers above 0.
    """
    from napari_gfsam.api.scale import PixelSizes

    if not text:
        return None
    try:
        reference, target = (float(word) for word in text.split(","))
        return PixelSizes(reference, target)
    except ValueError as error:
        raise UsageError(f"{text!r} is no pair of pixel sizes; write --pixel-size 0.5,0.25.") from error


def recipe_of(options: RecipeOptions) -> PixelRecipe:
    """Return the pixel recipe that the options ask for.

    Raises
    ------
    UsageError
        If they do not fit together.
    """
    from napari_gfsam.imaging import PixelRecipe

    known: dict[str, Any] = {"intensity": options.intensity, "gamma": options.gamma}
    if options.limits:
        pair = _pair(options.limits)
        known |= {"limits": (pair,)} if options.intensity == "range" else {"percentiles": pair}
    try:
        return PixelRecipe(**known, channel_axis=options.channel_axis)
    except ValueError as error:
        raise UsageError(str(error)) from error


def read_picture_file(path: Path, recipe: PixelRecipe) -> ReadPicture:
    """Read a picture and its record.

    Raises
    ------
    ValueError
        If the file is no picture (`io.readers.ImageFileError`).
    """
    from napari_gfsam.imaging import array_hash
    from napari_gfsam.imaging.source import source_hash
    from napari_gfsam.io.large import PART_SUFFIXES, open_picture
    from napari_gfsam.io.readers import read_picture
    from napari_gfsam.io.records import InputRecord

    if path.suffix.lower() in PART_SUFFIXES and _bytes(path) > LARGE_BYTES and recipe.channel_axis is None:
        source = open_picture(path)
        record = InputRecord(path.name, source_hash(source), source.shape, str(absolute(path)))
        return ReadPicture(source, recipe, record)
    picture = read_picture(path, channel_axis=recipe.channel_axis)
    if picture.channel_axis is not None:
        recipe = replace(recipe, channel_axis=picture.channel_axis)
    pixels = picture.pixels
    record = InputRecord(path.name, array_hash(pixels), pixels.shape, str(absolute(path)))
    return ReadPicture(pixels, recipe, record)


def read_whole(picture: ReadPicture) -> NDArray[Any]:
    """Return all pixels of a picture."""
    from napari_gfsam.imaging.source import source_of

    source = source_of(picture.pixels, picture.recipe)
    height, width = source.size_yx
    return source.read(slice(0, height), slice(0, width))


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


def _bytes(path: Path) -> int:
    """Size of a file; 0 where it is none, which whoever reads it says better."""
    return path.stat().st_size if path.is_file() else 0


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
            read_whole(picture),
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


def _pair(text: str) -> tuple[float, float]:
    try:
        low, high = (float(word) for word in text.split(","))
    except ValueError as error:
        raise UsageError(f"{text!r} is no pair of limits; write --limits LOW,HIGH.") from error
    return low, high
