"""How image layers are read: a pixel recipe that gives the models what the viewer shows, and the words for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from napari_gfsam.imaging import ImageError, PixelRecipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image

    from napari_gfsam.imaging.pixels import Color, Limits

Reading = Literal["displayed", "auto", "percentile", "dtype"]
#: Axis of the channels in the planes of several layers, or of a layer with a channel axis.
CHANNELS_LAST = 2
_WHITE = (1.0, 1.0, 1.0)
#: A colormap this near to a straight way from black to its top colour is a tint.
_TINT_TOLERANCE = 0.02
_COLOR_NAMES: dict[str, Color] = {
    "white": _WHITE,
    "grey": (0.5, 0.5, 0.5),
    "black": (0.0, 0.0, 0.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
    "cyan": (0.0, 1.0, 1.0),
    "magenta": (1.0, 0.0, 1.0),
    "yellow": (1.0, 1.0, 0.0),
    "orange": (1.0, 0.6, 0.0),
    "light blue": (0.2, 0.7, 1.0),
    "purple": (0.6, 0.1, 0.6),
}


def recipe_of(layers: Sequence[Image], channels: int | None, intensity: Reading | PixelRecipe) -> PixelRecipe:
    """Return how the planes of image layers become RGB.

    Parameters
    ----------
    layers
        One, or several grey ones that are the channels of one picture.
    channels
        Length of the channel axis within the one layer, or ``None``.
    intensity
        ``displayed``: contrast limits, gamma and colours as the viewer has them (several layers are added). A colormap
        that is no tint (viridis, say) reads as grey. Else as `PixelRecipe` says; a recipe is followed as it is.

    Raises
    ------
    ImageError
        If a recipe is for another number of channels.
    ValueError
        If `intensity` is an unknown word.
    """
    count = channels or len(layers)
    axis = CHANNELS_LAST if channels or len(layers) > 1 else None
    if isinstance(intensity, PixelRecipe):
        return _fitting(intensity, axis, count)
    if intensity not in get_args(Reading):
        raise ValueError(f"intensity={intensity!r} is not a choice; use one of {', '.join(get_args(Reading))}.")
    colors = _colors(layers)
    if intensity == "displayed":
        return _displayed(layers, axis, colors)
    return PixelRecipe(intensity, channel_axis=axis, channel_colors=colors if len(layers) > 1 else ())


def words_for(layers: Sequence[Image], channels: int | None, recipe: PixelRecipe) -> str:
    """Return one line for people that says how the layers are read, such as "16-bit grey, shown range 120 to 4000"."""
    kind = _type_words(layers[0].dtype)
    if len(layers) > 1:
        colors = recipe.channel_colors or (_WHITE,) * len(layers)
        named = [f"{layer.name} {_color_name(color)}" for layer, color in zip(layers, colors, strict=True)]
        what = f"{len(layers)} channels: {', '.join(named)}"
    elif channels:
        what = f"{kind}, {channels} channel{'s' * (channels > 1)} of one layer"
    elif layers[0].rgb:
        alpha = " (its transparency is not used)" if layers[0].data.shape[-1] == 4 else ""
        what = f"{kind} colour{alpha}"
    elif recipe.channel_colors:
        what = f"{kind} in {_color_name(recipe.channel_colors[0])}"
    else:
        what = f"{kind} grey"
    return ", ".join([what, *_range_words(layers, recipe)])


def _fitting(recipe: PixelRecipe, axis: int | None, count: int) -> PixelRecipe:
    """Return a recipe for planes with channels at this axis, if it is for as many channels as they have."""
    named = max(len(recipe.limits), len(recipe.gammas), len(recipe.channel_colors))
    if named > 1 and named != count:
        raise ImageError(f"The way of reading is for {named} channels, and this picture has {count}.")
    return replace(recipe, channel_axis=axis)


def _displayed(layers: Sequence[Image], axis: int | None, colors: tuple[Color, ...]) -> PixelRecipe:
    if any(_never_drawn(layer) for layer in layers):
        return PixelRecipe("percentile", channel_axis=axis, channel_colors=colors)
    gammas = tuple(float(layer.gamma) for layer in layers)
    alike = len(set(gammas)) == 1
    return PixelRecipe(
        "range",
        limits=tuple(_limits(layer) for layer in layers),
        gamma=gammas[0] if alike else 1.0,
        gammas=() if alike else gammas,
        channel_axis=axis,
        channel_colors=colors,
    )


def _never_drawn(layer: Image) -> bool:
    """Tell whether a lazy layer has no contrast limits yet, only the range of its type, because it was never drawn."""
    if layer.visible or isinstance(layer.data, np.ndarray) or layer.dtype.itemsize == 1:
        return False
    kind = np.iinfo(layer.dtype) if layer.dtype.kind in "ui" else None
    return _limits(layer) == ((0.0, 1.0) if kind is None else (float(kind.min), float(kind.max)))


def _limits(layer: Image) -> Limits:
    low, high = layer.contrast_limits
    return float(low), float(high)


def _colors(layers: Sequence[Image]) -> tuple[Color, ...]:
    """Return the colour of each layer's brightest value; nothing for one layer that is grey, coloured or no tint."""
    if len(layers) > 1:
        return tuple(_faded(_top(layer), layer.opacity) for layer in layers)
    color = _WHITE if layers[0].rgb or not _is_tint(layers[0]) else _top(layers[0])
    return () if color == _WHITE else (color,)


def _top(layer: Image) -> Color:
    red, green, blue = (float(part) for part in np.asarray(layer.colormap.map(np.ones(1)))[0, :3])
    return red, green, blue


def _faded(color: Color, opacity: float) -> Color:
    red, green, blue = (min(1.0, part * float(opacity)) for part in color)
    return red, green, blue


def _is_tint(layer: Image) -> bool:
    steps = np.linspace(0, 1, 33)
    colors = np.asarray(layer.colormap.map(steps))[:, :3]
    return bool(np.abs(colors - steps[:, None] * colors[-1]).max() <= _TINT_TOLERANCE)


def _range_words(layers: Sequence[Image], recipe: PixelRecipe) -> list[str]:
    words = []
    if recipe.intensity == "range":
        words = _shown_range(layers, recipe)
    elif recipe.intensity == "dtype":
        words = ["the whole range of the type" if layers[0].dtype.kind != "f" else "range 0 to 1"]
    elif recipe.intensity == "percentile" or layers[0].dtype not in (np.uint8, np.bool_):
        low, high = recipe.percentiles
        words = [f"from the darkest {low:g} % to the brightest {100 - high:g} % of each plane"]
    if any(gamma != 1 for gamma in (recipe.gamma, *recipe.gammas)):
        words.append(f"gamma {', '.join(f'{gamma:g}' for gamma in recipe.gammas or (recipe.gamma,))}")
    if len(layers) == 1 and not (layers[0].rgb or recipe.channel_axis is not None or _is_tint(layers[0])):
        words.append(f"without the colours of {layers[0].colormap.name}")
    return words


def _shown_range(layers: Sequence[Image], recipe: PixelRecipe) -> list[str]:
    """Say the limits, unless they are those of an 8-bit or boolean type."""
    whole = {"u": (0.0, 255.0), "b": (0.0, 1.0)}.get(layers[0].dtype.kind)
    limits = list(dict.fromkeys(recipe.limits))
    if layers[0].dtype.itemsize == 1 and limits == [whole]:
        return []
    return ["shown range " + " and ".join(f"{low:g} to {high:g}" for low, high in limits)]


def _type_words(dtype: Any) -> str:
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return "true-or-false"
    word = {"u": "", "i": " signed", "f": " float"}.get(kind.kind, f" {kind.name}")
    return f"{8 * kind.itemsize}-bit{word}"


def _color_name(color: Color) -> str:
    """Return the name of the nearest common colour, whatever its brightness."""
    brightest = max(color)
    if brightest == 0:
        return "black"
    full = np.asarray(color) / brightest
    plain = {name: value for name, value in _COLOR_NAMES.items() if name not in ("grey", "black")}
    return min(plain, key=lambda name: float(np.abs(full - np.asarray(plain[name]) / max(plain[name])).sum()))
