"""Layers of ours kept over their pictures: when a person scales, moves or turns a picture, they go with it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.align import aligned, aligned_plane, shape_of

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_gfsam.bridge.align import Kwargs, Shape
    from napari_gfsam.session.types import PlaneKey

#: What says where a layer lies; each has an event of its name.
TRANSFORMS = ("affine", "scale", "rotate", "shear", "translate", "units", "axis_labels")


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a layer of ours lies.

    Parameters
    ----------
    over
        The picture that it covers.
    shape
        Of label space.
    plane, size
        The one plane that it covers, and (rows, columns) of what is stretched over that; without them, all planes.
    """

    over: Layer
    shape: Shape
    plane: PlaneKey | None = None
    size: tuple[int, int] | None = None

    def kwargs(self, name: str) -> Kwargs:
        """Return what puts a new layer of this name there, as the picture lies now (see `align`)."""
        if self.plane is None:
            return aligned(self.over, name=name, shape=self.shape)
        return aligned_plane(self.over, self.plane, name=name, shape=self.shape, size=self.size)


class Anchors:
    """Says where layers of ours lie and keeps them there. Main thread only.

    A picture is listened to while a layer is held over it. One that has another shape by now moves nothing: the layers
    cover what it was.
    """

    def __init__(self) -> None:
        self._places: dict[Layer, Place] = {}
        self._shapes: dict[Layer, Shape] = {}

    def hold(self, layer: Layer, place: Place) -> None:
        """Put a layer in its place and keep it there, wherever its picture goes, until `let_go` or another place.

        Raises
        ------
        ValueError
            If the picture has another number of axes.
        """
        before = self._places.get(layer)
        if before is None or before.over is not place.over:
            self.let_go(layer)
            if place.over not in self._pictures():
                self._listen(place.over)
        self._places[layer], self._shapes[layer] = place, shape_of(place.over)
        _move(layer, place.kwargs(layer.name))

    def grow(self, over: Layer, before: Shape, shape: Shape) -> None:
        """Go on holding what lies over a picture that has more planes by now, where label space had the shape before.

        Arrays that cover all planes must have the new shape already.
        """
        for layer, place in tuple(self._places.items()):
            if place.over is over and place.shape == before:
                self.hold(layer, replace(place, shape=shape))

    def let_go(self, gone: Layer) -> None:
        """Forget a layer, or all that is held over a picture; nothing happens to layers that are not known."""
        held = {layer: place.over for layer, place in self._places.items() if gone in (layer, place.over)}
        for layer in held:
            del self._places[layer], self._shapes[layer]
        for over in set(held.values()) - self._pictures():
            for name in TRANSFORMS:
                getattr(over.events, name).disconnect(self._on_moved)

    def close(self) -> None:
        """Forget all; the layers stay where they are."""
        for over in self._pictures():
            self.let_go(over)

    def _pictures(self) -> set[Layer]:
        return {place.over for place in self._places.values()}

    def _listen(self, over: Layer) -> None:
        for name in TRANSFORMS:
            getattr(over.events, name).connect(self._on_moved)

    def _on_moved(self, event: Any) -> None:
        for layer, place in tuple(self._places.items()):
            if place.over is event.source and self._shapes[layer] == shape_of(place.over):
                with suppress(ValueError):  # it was made flat: there is no such place
                    _move(layer, place.kwargs(layer.name))


def _move(layer: Layer, kwargs: Kwargs) -> None:
    """Give a layer other transforms (those of `align`'s keyword arguments); the same ones cost nothing."""
    for name in TRANSFORMS:
        if not _same(getattr(layer, name), kwargs[name]):
            setattr(layer, name, kwargs[name])


def _same(now: Any, wanted: Any) -> bool:
    if isinstance(wanted, np.ndarray):
        return bool(np.array_equal(np.asarray(getattr(now, "affine_matrix", now)), wanted))
    return bool(now == wanted)
