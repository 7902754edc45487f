"""Words of the command line as objects: settings, classes, regions and recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from napari_gfsam.cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_gfsam.api import PixelSizes
    from napari_gfsam.api.scale import Scale
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.types import ClassSpec
    from napari_gfsam.datasets.pictures import Region
    from napari_gfsam.imaging import PixelRecipe

LEAST_TILE = 16


class PaintOptions(Protocol):
    """The options that say what is painted."""

    @property
    def reference(self) -> Sequence[Path]:
        """Painted pictures."""
        ...

    @property
    def labels(self) -> Sequence[Path]:
        """Their label images."""
        ...

    @property
    def classes(self) -> str:
        """``ID=NAME,...``."""
        ...

    @property
    def negative(self) -> Sequence[int]:
        """Ids that mean "not this"."""
        ...

    @property
    def ignore(self) -> int | None:
        """Label of pixels that count as nothing."""
        ...

    @property
    def region(self) -> Sequence[str]:
        """``Y0,X0,Y1,X1`` of what is painted fully."""
        ...


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
    """Parse ``REF,TARGET``: the sides of a pixel in one unit; nothing where files say them or they are alike.

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


def recipe_beside(packs: Sequence[Path], recipe: PixelRecipe) -> PixelRecipe:
    """Return how pictures are read: as the words say, else as the references of packs were.

    Raises
    ------
    ValueError
        If a pack cannot be used (`io.packs.PackError`).
    UsageError
        If the words say nothing, and the references of packs were read in different ways.
    """
    from napari_gfsam.imaging import PixelRecipe
    from napari_gfsam.io.packs import read_about

    manifests = [read_about(path) for path in packs]
    known = [PixelRecipe.from_dict(one.record.recipe) for found in manifests for one in found.references]
    if not known or recipe != PixelRecipe():
        return recipe
    if any(other != known[0] for other in known):
        raise UsageError(
            "The references of the packs were read in different ways; say how pictures are read "
            "(--intensity, --limits, --gamma, --channel-axis)."
        )
    return known[0]


def _pair(text: str) -> tuple[float, float]:
    try:
        low, high = (float(word) for word in text.split(","))
    except ValueError as error:
        raise UsageError(f"{text!r} is no pair of limits; write --limits LOW,HIGH.") from error
    return low, high
