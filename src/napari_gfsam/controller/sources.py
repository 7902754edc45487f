"""The pictures that planes belong to, by id: image layers as they are now, and files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from psygnal import Signal

from napari_gfsam.bridge.identity import find_layer, layer_id
from napari_gfsam.bridge.planes import changed_words, layer_of
from napari_gfsam.bridge.sources import LayerSource, source_of
from napari_gfsam.controller.files import path_of
from napari_gfsam.imaging import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_gfsam.bridge.align import Shape
    from napari_gfsam.controller.files import FileSource
    from napari_gfsam.session.types import PlaneKey


class Sources:
    """Picture sources by id. Main thread only.

    `grown` carries a source that has more planes by now, under the id that it had, and its shape before.

    Parameters
    ----------
    viewer
        Whose layers are read.

    Attributes
    ----------
    may_grow
        Tells whether a source is the same picture when it has another shape, and nothing is known of that shape under
        an id of its own.
    """

    grown = Signal(object, object)

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._known: dict[str, Any] = {}
        self._ids: dict[str, str] = {}
        self._watched: WeakSet[Layer] = WeakSet()
        self.may_grow: Callable[[LayerSource, Shape, str], bool] = lambda source, shape, other: False

    def close(self) -> None:
        """Stop listening to layers."""
        for layer in self._watched:
            layer.events.data.disconnect(self._on_data)
        self._watched.clear()

    def take(self, *layers: Image, **reading: Any) -> LayerSource:
        """Return layers as a source, as they are shown now; `reading` as in `bridge.sources.source_of`."""
        source = source_of(layers, **reading)
        source = replace(source, id=self._ids.get(source.id, source.id))
        for layer in set(layers) - set(self._watched):
            self._watched.add(layer)
            layer.events.data.connect(self._on_data)
        self._known[source.id] = source
        return source

    def keep(self, source: FileSource) -> None:
        """Take in a file."""
        self._known[source.id] = source

    def get(self, source_id: str) -> Any:
        """Return a source by its id."""
        return self._known.get(source_id)

    def of(self, plane: PlaneKey) -> Any:
        """Return the source of a plane: a `LayerSource` or a `FileSource`.

        Raises
        ------
        ImageError
            If it is not known any more.
        """
        source = self._known.get(plane.source)
        if source is None:
            raise ImageError("The picture of this target is no longer open; open it again, or take it off the list.")
        return source

    def is_open(self, plane: PlaneKey) -> bool:
        """Tell whether a plane's picture is in the viewer, in the shape that it had."""
        return self.is_shown(plane) and not self.why_changed(plane)

    def is_shown(self, plane: PlaneKey) -> bool:
        """Tell whether the layers of a plane's picture are in the viewer, whatever their shape."""
        source = self._known.get(plane.source)
        return source is not None and all(layer is not None for layer in self._layers(source))

    def why_changed(self, plane: PlaneKey) -> str:
        """Return a sentence if the layers of a plane's picture have another shape now, else nothing."""
        source = self._known.get(plane.source)
        if source is None:
            return ""
        layers = [layer for layer in self._layers(source) if layer is not None]
        return "" if not layers or source.covers(layers) else changed_words(source.name)

    def is_closed_file(self, plane: PlaneKey) -> bool:
        """Tell whether a plane's picture comes from a file that is not in the viewer now."""
        return path_of(plane.source) is not None and not self.is_shown(plane)

    def can_open(self, plane: PlaneKey) -> bool:
        """Tell whether a plane's picture is in the viewer or comes from a file that is there."""
        path = path_of(plane.source)
        return self.is_open(plane) or (path is not None and path.is_file())

    def of_layer(self, layer: str) -> list[str]:
        """Return the ids of the pictures that a layer is part of, files left out."""
        return [name for name, source in self._known.items() if layer in source.layers and path_of(name) is None]

    def drop(self, source_id: str) -> None:
        """Let go of a picture and its memory."""
        self._known.pop(source_id, None)

    def layer(self, plane: PlaneKey) -> Layer:
        """Return the layer over which a plane's labels lie.

        Raises
        ------
        ImageError
            If it is not in the viewer any more, or has another shape now.
        """
        return layer_of(self._viewer, self.of(plane))

    def over(self, source: LayerSource) -> Layer | None:
        """Return the layer over which a picture's labels lie, if it is there."""
        return find_layer(self._viewer, source.layers[0])

    def _on_data(self, event: Any) -> None:
        name = layer_id(event.source)
        for source in tuple(self._known.values()):
            if name in source.layers and isinstance(source, LayerSource):
                self._grow(source)

    def _grow(self, source: LayerSource) -> None:
        """Take more planes of a picture under the id that it has, where all that is known of it means the same then.

        The ids of the two shapes are exchanged: one that is short again is another picture.
        """
        layers: list[Any] = self._layers(source)
        if any(layer is None for layer in layers) or source.covers(layers):
            return
        new = source.renewed(layers)
        free = self._ids.get(new.own_id, new.own_id)
        if not new.covers(layers) or not self.may_grow(source, new.shape, free):
            return
        self._ids[source.own_id], self._ids[new.own_id] = free, source.id
        self._known.pop(free, None)
        self._known[source.id] = new
        self.grown.emit(new, source.shape)

    def _layers(self, source: Any) -> list[Layer | None]:
        return [find_layer(self._viewer, layer) for layer in source.layers]
