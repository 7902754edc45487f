"""How any two-dimensional plane becomes the RGB picture the models see: one recipe, stored and repeated."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

Intensity = Literal["auto", "range", "percentile", "dtype"]
Limits: TypeAlias = tuple[float, float]
Color: TypeAlias = tuple[float, float, float]
RgbImage: TypeAlias = NDArray[np.uint8]
FloatPlane: TypeAlias = NDArray[np.floating[Any]]

WHITE: Color = (1.0, 1.0, 1.0)
#: Colours of channels when the recipe names none, by their number; more channels repeat the last row.
CHANNEL_COLORS: dict[int, tuple[Color, ...]] = {
    1: (WHITE,),
    2: ((0.0, 1.0, 0.0), (1.0, 0.0, 1.0)),
    3: ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    4: ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0), WHITE),
}


class ImageError(ValueError):
    """A plane that cannot become a picture; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class PixelRecipe:
    """How a plane's values become RGB; the same recipe reads a reference and its targets.

    Parameters
    ----------
    intensity
        ``auto``: 8-bit values and booleans unchanged, all else as ``percentile``. ``range``: ``limits`` become
        black and white (contrast limits, "as displayed"). ``percentile``: the two ``percentiles`` of the plane's
        finite values become black and white. ``dtype``: the whole range of an integer type, 0 to 1 for floats.
    limits
        For ``range``: one (low, high) for all channels, or one for each.
    percentiles
        For ``percentile`` and ``auto``: (low, high), percent.
    gamma
        Exponent on values scaled to 0..1, above 0.
    gammas
        One exponent for each channel, where they differ; then `gamma` is not used.
    channel_axis
        Axis of separate channels: each is stretched by itself, coloured and added. ``None``: the plane is
        (H, W) grey or (H, W, 3 or 4) colour, whose three channels are stretched together and whose alpha is dropped.
    channel_colors
        Colour of every channel, (r, g, b) in 0..1; also tints a grey plane. Empty: grey for one channel, green and
        magenta for two, red, green and blue for three, cyan, magenta, yellow and white for more.

    Raises
    ------
    ValueError
        If a value is out of its range.
    """

    intensity: Intensity = "auto"
    limits: tuple[Limits, ...] = ()
    percentiles: Limits = (0.1, 99.9)
    gamma: float = 1.0
    channel_axis: int | None = None
    channel_colors: tuple[Color, ...] = ()
    gammas: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a recipe that cannot be followed."""
        if self.intensity not in get_args(Intensity):
            words = ", ".join(get_args(Intensity))
            raise ValueError(f"intensity={self.intensity!r} is not a choice; use one of {words}.")
        if self.intensity == "range" and not self.limits:
            raise ValueError("intensity='range' needs limits=((low, high),).")
        for low, high in (*self.limits, self.percentiles):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(f"Limits ({low}, {high}) are not two finite numbers, the lower first.")
        if not 0 <= self.percentiles[0] < self.percentiles[1] <= 100:
            raise ValueError(f"Percentiles {self.percentiles} are not between 0 and 100.")
        for gamma in (self.gamma, *self.gammas):
            if not (math.isfinite(gamma) and gamma > 0):
                raise ValueError(f"gamma={gamma} is not a number above 0.")
        if any(len(color) != 3 or not all(0 <= part <= 1 for part in color) for color in self.channel_colors):
            raise ValueError("channel_colors takes (r, g, b) triples with values from 0 to 1.")

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON-ready values."""
        return {
            "intensity": self.intensity,
            "limits": [list(pair) for pair in self.limits],
            "percentiles": list(self.percentiles),
            "gamma": self.gamma,
            "channel_axis": self.channel_axis,
            "channel_colors": [list(color) for color in self.channel_colors],
            "gammas": list(self.gammas),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PixelRecipe:
        """Build a recipe from `as_dict` (missing names take their defaults).

        Raises
        ------
        ValueError
            If a name is unknown or a value is of the wrong kind.
        """
        unknown = sorted(set(data) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"A pixel recipe has no entry {unknown[0]!r}.")
        try:
            values = {name: _tuples(value) for name, value in data.items()}
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"The pixel recipe {dict(data)!r} holds a value of the wrong kind.") from error


def to_rgb(plane: ArrayLike, recipe: PixelRecipe | None = None) -> RgbImage:
    """Turn a plane into an RGB picture.

    Parameters
    ----------
    plane
        (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); any three-dimensional shape with ``recipe.channel_axis``.
        Any boolean, integer or real type.
    recipe
        How to read the values; ``PixelRecipe()`` when not given.

    Returns
    -------
    (H, W, 3) uint8. 8-bit colour passes unchanged by default (it may be the array itself), 8-bit grey is repeated.
    NaN becomes black, infinities the ends of the range; a plane with one value only becomes black where that value
    is 0 or less, else white (see `require_content` for telling the user).

    Raises
    ------
    ImageError
        If the plane has no pixel, no finite value, or a shape or type that is no picture.
    """
    recipe = recipe or PixelRecipe()
    array = _real_array(plane)
    if recipe.channel_axis is not None:
        channels = _split_channels(array, recipe.channel_axis)
        return _mix([_grey(channel, recipe, i, len(channels)) for i, channel in enumerate(channels)], recipe)
    array = _grey_or_color(array)
    if array.ndim == 3:
        return np.ascontiguousarray(_grey(array, recipe, 0, 1))
    grey = _grey(array, recipe, 0, 1)
    if recipe.channel_colors:
        return _mix([grey], recipe)
    return np.repeat(grey[:, :, None], 3, axis=2)


def require_content(rgb: RgbImage, name: str = "The picture") -> None:
    """Refuse a picture in which nothing can be found because all its pixels are alike.

    Raises
    ------
    ImageError
        If every pixel of the (H, W, 3) picture has the same colour.
    """
    first = rgb[0, 0]
    if (rgb == first).all():
        color = ", ".join(str(int(part)) for part in first)
        height, width = rgb.shape[:2]
        what = "a single pixel" if height * width == 1 else f"the same colour ({color}) everywhere"
        raise ImageError(f"{name} is {what}, so there is nothing in it to compare; use a picture with content.")


def _real_array(plane: ArrayLike) -> NDArray[Any]:
    array = np.asarray(plane)
    if array.dtype.kind not in "buif":
        raise ImageError(f"A picture holds real numbers, not values of type {array.dtype}.")
    if array.size == 0:
        raise ImageError(f"The picture has no pixel (its shape is {array.shape}).")
    if array.dtype.kind == "f" and not np.isfinite(array).any():
        raise ImageError("The picture holds no finite value (all NaN or infinite), so there is nothing to see in it.")
    return array


def _grey_or_color(array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim == 2:
        return array
    if array.ndim == 3 and array.shape[2] in (1, 3, 4):
        return array[:, :, 0] if array.shape[2] == 1 else array[:, :, :3]
    hint = "; name the axis of its channels (channel_axis)" if array.ndim == 3 else "; pick one plane of it"
    raise ImageError(f"A picture is (height, width) or (height, width, 3 or 4), not {array.shape}{hint}.")


def _split_channels(array: NDArray[Any], axis: int) -> list[NDArray[Any]]:
    if array.ndim == 2:
        return [array]
    if array.ndim != 3 or not -3 <= axis < 3:
        raise ImageError(f"A picture with channel_axis={axis} has three axes, not the shape {array.shape}.")
    return list(np.moveaxis(array, axis, 0))


def _grey(array: NDArray[Any], recipe: PixelRecipe, index: int, count: int) -> RgbImage:
    """Scale one channel (or RGB together) to uint8 of the same shape."""
    gamma = _gamma(recipe, index, count)
    if recipe.intensity == "auto" and array.dtype == np.uint8:
        return array if gamma == 1 else _gamma_table(gamma)[array]
    low, high = _limits(array, recipe, index, count)
    scaled = _scale(array, low, high)
    if gamma != 1:
        scaled **= gamma
    return np.rint(scaled * 255).astype(np.uint8)


def _gamma(recipe: PixelRecipe, index: int, count: int) -> float:
    if not recipe.gammas:
        return recipe.gamma
    if len(recipe.gammas) != count:
        raise ImageError(f"The recipe has {len(recipe.gammas)} gammas for {count} channel(s).")
    return recipe.gammas[index]


def _gamma_table(gamma: float) -> RgbImage:
    return np.rint((np.arange(256) / 255) ** gamma * 255).astype(np.uint8)


def _limits(array: NDArray[Any], recipe: PixelRecipe, index: int, count: int) -> Limits:
    if array.dtype == np.bool_ and recipe.intensity in ("auto", "dtype"):
        return 0.0, 1.0
    if recipe.intensity == "range":
        if len(recipe.limits) not in (1, count):
            raise ImageError(f"The recipe has {len(recipe.limits)} pairs of limits for {count} channel(s).")
        return recipe.limits[min(index, len(recipe.limits) - 1)]
    if recipe.intensity == "dtype":
        if array.dtype.kind == "f":
            return 0.0, 1.0
        info = np.iinfo(array.dtype)
        return float(info.min), float(info.max)
    return limits_of(array, recipe.percentiles)


def limits_of(array: NDArray[Any], percentiles: Limits) -> Limits:
    """Return the percentiles of the finite values, or their extremes where the percentiles meet."""
    values = array.ravel()
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if values.size == 0:  # one empty channel among others: black
        return 0.0, 1.0
    if values.dtype == np.bool_:
        values = values.astype(np.uint8)
    # Neighbouring values instead of interpolation: nothing overflows near the ends of the type.
    low = float(np.percentile(values, percentiles[0], method="lower"))
    high = float(np.percentile(values, percentiles[1], method="higher"))
    if low < high:
        return low, high
    low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else _constant_limits(low)


def _constant_limits(value: float) -> Limits:
    """Return limits that make a constant plane black where it is 0 or less, else white."""
    return (0.0, value) if value > 0 else (value, math.inf)


def _scale(array: NDArray[Any], low: float, high: float) -> FloatPlane:
    """Map low..high to 0..1, clipped; NaN to 0."""
    exact_in_single = array.dtype.itemsize <= 2
    values: FloatPlane = array.astype(np.float32 if exact_in_single else np.float64)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if not math.isfinite(high - low) and math.isfinite(high):
            values, low, high = values / 2, low / 2, high / 2
        values -= low
        values /= high - low
    return np.clip(np.nan_to_num(values, copy=False, nan=0.0, posinf=1.0, neginf=0.0), 0, 1, out=values)


def _mix(greys: Sequence[RgbImage], recipe: PixelRecipe) -> RgbImage:
    """Colour the channels and add them, clipped."""
    colors = recipe.channel_colors or _default_colors(len(greys))
    if len(colors) != len(greys):
        raise ImageError(f"The recipe has {len(colors)} channel colours and the picture {len(greys)} channel(s).")
    total = np.zeros((*greys[0].shape, 3), dtype=np.float32)
    for grey, color in zip(greys, colors, strict=True):
        total += grey[:, :, None] * np.asarray(color, dtype=np.float32)
    return np.rint(np.minimum(total, 255)).astype(np.uint8)


def _default_colors(count: int) -> tuple[Color, ...]:
    row = CHANNEL_COLORS.get(count, CHANNEL_COLORS[4])
    return tuple(row[i % len(row)] for i in range(count))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value
