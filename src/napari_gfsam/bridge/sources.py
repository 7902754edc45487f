"""Image layers as a source of pictures: a snapshot from the main thread, read plane by plane on any thread."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from napari_gfsam.bridge.align import lies_over
from napari_gfsam.bridge.identity import layer_id
from napari_gfsam.bridge.recipes import recipe_of, words_for
from napari_gfsam.imaging import ImageError
from napari_gfsam.session.types import PlaneKey

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_gfsam.bridge.align import Shape
    from napari_gfsam.bridge.recipes import Reading
    from napari_gfsam.imaging import PixelRecipe

#: The finest pyramid level is taken whose planes are no longer than this on either side: the models see 1024 pixels.
LONGEST_SIDE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class LayerSource:
    """A `PictureSource` over image layers: what they were when it was made. Make a new one after they changed.

    Parameters
    ----------
    id
        The same for the same layers in any order, channel axis, pyramid level and shape; positions in its planes then
        mean the same.
    name
        For people.
    shape
        Of label space: one axis an axis of the layers (no RGB axis), at the chosen level; 1 along a channel axis.
    axis_labels
        Names of the axes, as the layer has them.
    recipe
        How the values of `read` become RGB.
    layers
        Ids of the layers, the first of which says where the pictures lie.
    channel_axis
        Axis of the channels within the one layer.
    level
        Of the pyramid, 0 = finest.
    """

    id: str
    name: str
    shape: Shape
    axis_labels: tuple[str, ...]
    recipe: PixelRecipe
    layers: tuple[str, ...]
    channel_axis: int | None
    level: int
    _arrays: tuple[Any, ...] = field(repr=False)
    _words: str = field(repr=False)

    def read(self, plane: PlaneKey) -> NDArray[Any]:
        """Return the values of one plane: (rows, columns), or (rows, columns, channels).

        Nothing but this plane is read (of dask, zarr, xarray and files mapped into memory). May be a view of the
        user's array: not to be written to.

        Raises
        ------
        ValueError
            If the plane is not one of this source.
        """
        self._require_plane(plane)
        planes = [self._read(array, plane) for array in self._arrays]
        return planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)

    def plane_shape(self, plane: PlaneKey) -> tuple[int, int]:
        """Return (rows, columns) of a plane."""
        rows, columns = plane.axes_yx
        return self.shape[rows], self.shape[columns]

    def covers(self, layers: Sequence[Layer]) -> bool:
        """Tell whether its layers, as they are now, have the shape that they had: not other pixels, or more of them."""
        return all(_label_shape(layer, self.channel_axis, self.level) == self.shape for layer in layers)

    def renewed(self, layers: Sequence[Image]) -> LayerSource:
        """Return it with the arrays and the shape that its layers have now, under the same id."""
        shape = _label_shape(layers[0], self.channel_axis, self.level)
        return replace(self, shape=shape, _arrays=tuple(_level(layer, self.level) for layer in layers))

    @property
    def own_id(self) -> str:
        """The id that `source_of` gives a source of this shape."""
        return _id_of(self.layers, self.channel_axis, self.level, self.shape)

    @property
    def pixels(self) -> Hashable:
        """What tells its arrays from others that took their place; holds none of them."""
        return tuple(_Same(array) for array in self._arrays)

    def describe(self) -> str:
        """Return one line for people that says how the layers are read."""
        return self._words

    def title(self, plane: PlaneKey) -> str:
        """Return a name of a plane for people: "cells", or "cells · t 3" where there are several."""
        places = [
            f"{axis_word(self, axis)} {place}".strip()
            for axis, place in enumerate(plane.index)
            if place >= 0 and self.shape[axis] > 1
        ]
        return " · ".join([self.name, ", ".join(places)] if places else [self.name])

    def same_in(self, other: LayerSource, plane: PlaneKey) -> Iterator[PlaneKey]:
        """Walk the planes of another source that show what a plane of this one shows: a layer of both, at that place.

        The other one may have more or fewer of the layers as channels, or another channel axis, but must be as large.
        """
        if set(self.layers).isdisjoint(other.layers) or other.channel_axis in plane.axes_yx:
            return
        channels = (self.channel_axis, other.channel_axis)
        shapes = [tuple(1 if i in channels else n for i, n in enumerate(one.shape)) for one in (self, other)]
        if shapes[0] != shapes[1]:
            return
        places: list[Sequence[int]] = [(place,) for place in plane.index]
        if self.channel_axis is not None:
            places[self.channel_axis] = range(other.shape[self.channel_axis])
        if other.channel_axis is not None:
            places[other.channel_axis] = (0,)
        for index in product(*places):
            yield PlaneKey(other.id, index, plane.axes_yx)

    def _require_plane(self, plane: PlaneKey) -> None:
        fits = (
            plane.source == self.id
            and len(plane.index) == len(self.shape)
            and sorted(plane.axes_yx) == [axis for axis, place in enumerate(plane.index) if place < 0]
            and self.channel_axis not in plane.axes_yx
            and all(place < length for place, length in zip(plane.index, self.shape, strict=True))
        )
        if not fits:
            raise ValueError(f"{plane} is no plane of the source {self.id} of shape {self.shape}.")

    def _read(self, array: Any, plane: PlaneKey) -> NDArray[Any]:
        rows, columns = plane.axes_yx
        kept = [axis for axis, place in enumerate(plane.index) if place < 0 or axis == self.channel_axis]
        where = [slice(None) if axis in kept else place for axis, place in enumerate(plane.index)]
        pixels = np.asarray(array[(*where, ...)])
        first = (kept.index(rows), kept.index(columns))
        return pixels.transpose(*first, *(axis for axis in range(pixels.ndim) if axis not in first))


class _Same:
    """Names an array by which it is, not by its values."""

    __slots__ = ("_get", "_hash")

    def __init__(self, array: Any) -> None:
        self._hash = id(array)
        try:
            self._get: Callable[[], Any] = ref(array)
        except TypeError:  # of a kind that cannot be watched: kept, so that no other gets its place in memory
            self._get = partial(_itself, array)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._get() is not None and self._get() is other._get()


def _itself(array: Any) -> Any:
    return array


def source_of(
    layers: Sequence[Image],
    *,
    channel_axis: int | None = None,
    intensity: Reading | PixelRecipe = "displayed",
    level: int | None = None,
) -> LayerSource:
    """Take image layers as one source of pictures; on the main thread.

    Parameters
    ----------
    layers
        One image layer, or several grey ones of the same place and shape, which are the channels of one picture.
    channel_axis
        Axis of the one layer that holds its channels.
    intensity
        How values become RGB (see `recipes.recipe_of`): as the viewer shows them, or by a recipe of its own.
    level
        Of a pyramid. By default the finest whose planes (last two axes) have at most 4096 pixels on their longer
        side. Labels and predictions have the pixels of this level.

    Raises
    ------
    ImageError
        If the layers cannot be one picture; one sentence.
    ValueError
        If `intensity` is an unknown word.
    """
    _require_pictures(layers)
    first = layers[0]
    axis = _checked_axis(layers, channel_axis)
    chosen = _checked_level(first, level)
    arrays = tuple(_level(layer, chosen) for layer in layers)
    length = None if axis is None else int(arrays[0].shape[axis])
    recipe = recipe_of(layers, length, intensity)
    ids = tuple(layer_id(layer) for layer in layers)
    shape = _label_shape(first, axis, chosen)
    return LayerSource(
        id=_id_of(ids, axis, chosen, shape),
        name=" + ".join(layer.name for layer in layers),
        shape=shape,
        axis_labels=tuple(first.axis_labels),
        recipe=recipe,
        layers=ids,
        channel_axis=axis,
        level=chosen,
        _arrays=arrays,
        _words=words_for(layers, length, recipe) + _level_words(first, chosen),
    )


def levels_of(layer: Image) -> tuple[Shape, ...]:
    """Return the shapes of a layer's pyramid levels without the RGB axis, the finest first; one for a plain layer."""
    return tuple(
        tuple(int(n) for n in array.shape[: layer.ndim]) for array in (layer.data if layer.multiscale else [layer.data])
    )


def axis_word(source: LayerSource, axis: int) -> str:
    """Return the name of an axis, or nothing where the layer has only napari's numbers."""
    label = source.axis_labels[axis]
    # "-3", or "axis -3" before napari 0.7
    return "" if label.removeprefix("axis ").lstrip("-").isdigit() else label


def _require_pictures(layers: Sequence[Image]) -> None:
    from napari.layers import Image

    if not layers:
        raise ImageError("No image layer is chosen; choose one.")
    for layer in layers:
        if not isinstance(layer, Image):
            raise ImageError(f"The layer {layer.name!r} is no image layer; choose an image.")
    for layer in layers[1:]:
        _require_same_place(layers[0], layer)
    if len(layers) > 1 and any(layer.rgb for layer in layers):
        raise ImageError("A colour layer cannot be a channel of a picture; choose it alone.")


def _require_same_place(first: Image, other: Image) -> None:
    if levels_of(first) != levels_of(other) or not lies_over(other, first):
        raise ImageError(
            f"{first.name!r} and {other.name!r} differ in shape, scale or position, so they are not one picture; "
            "choose layers that lie exactly on each other."
        )


def _checked_axis(layers: Sequence[Image], axis: int | None) -> int | None:
    if axis is None:
        return None
    layer = layers[0]
    if len(layers) > 1 or layer.rgb:
        raise ImageError(f"{layer.name!r} is read with other layers or in colour, so it has no channel axis too.")
    if layer.ndim < 3 or not -layer.ndim <= axis < layer.ndim:
        raise ImageError(f"{layer.name!r} has {layer.ndim} axes, so axis {axis} cannot hold its channels.")
    return int(axis % layer.ndim)


def _checked_level(layer: Image, level: int | None) -> int:
    shapes = levels_of(layer)
    if level is None:
        small = (number for number, shape in enumerate(shapes) if max(shape[-2:]) <= LONGEST_SIDE)
        return next(small, len(shapes) - 1)
    if not 0 <= level < len(shapes):
        raise ImageError(f"{layer.name!r} has {len(shapes)} pyramid level(s), counted from 0; there is no {level}.")
    return level


def _id_of(layers: tuple[str, ...], axis: int | None, level: int, shape: Shape) -> str:
    # With the shape: labels of a layer whose pixels were exchanged for others do not fit it any more.
    where = [
        "+".join(sorted(layers)),
        *([] if axis is None else [f"channels{axis}"]),
        *([f"level{level}"] if level else []),
    ]
    return "/".join([*where, "x".join(map(str, shape))])


def _level(layer: Layer, level: int) -> Any:
    return layer.data[level] if layer.multiscale else layer.data


def _label_shape(layer: Layer, axis: int | None, level: int) -> Shape:
    """Return the shape of label space over a layer as it is now; none where it has no such level any more."""
    if layer.multiscale and level >= len(layer.data):
        return ()
    return tuple(1 if i == axis else int(n) for i, n in enumerate(_level(layer, level).shape[: layer.ndim]))


def _level_words(layer: Image, level: int) -> str:
    if not layer.multiscale:
        return ""
    height, width = levels_of(layer)[level][-2:]
    return f", pyramid level {level} ({height} x {width} pixels)"
