"""The pictures that planes belong to, by id: image layers as they are now, and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_gfsam.bridge.identity import find_layer
from napari_gfsam.bridge.planes import layer_of
from napari_gfsam.bridge.sources import source_of
from napari_gfsam.controller.files import path_of
from napari_gfsam.imaging import ImageError

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_gfsam.bridge.sources import LayerSource
    from napari_gfsam.controller.files import FileSource
    from napari_gfsam.session.types import PlaneKey


class Sources:
    """Picture sources by id. Main thread only.

    Parameters
    ----------
    viewer
        Whose layers are read.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._known: dict[str, Any] = {}

    def take(self, *layers: Image, **reading: Any) -> LayerSource:
        """Return layers as a source, as they are shown now; `reading` as in `bridge.sources.source_of`."""
        source = source_of(layers, **reading)
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
            If its layers are not in the viewer any more.
        """
        source = self._known.get(plane.source)
        if source is None:
            raise ImageError("The picture of this target is no longer open; open it again, or take it off the list.")
        return source

    def is_open(self, plane: PlaneKey) -> bool:
        """Tell whether a plane's picture is in the viewer."""
        source = self._known.get(plane.source)
        return source is not None and all(find_layer(self._viewer, layer) is not None for layer in source.layers)

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
        """Return the layer over which a plane's labels lie; errors as `of`."""
        return layer_of(self._viewer, self.of(plane))
