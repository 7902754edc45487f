"""Strokes in the label layers that references are painted in, the person's own too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from psygnal import Signal

from napari_gfsam.bridge.identity import find_layer

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_gfsam.bridge.ours import OurLayers
    from napari_gfsam.session import Session


class ReferenceStrokes:
    """Listens to the layers of the references on the list. Main thread only.

    `made` carries the layer and what napari tells of the stroke (see `bridge.strokes`).
    """

    made = Signal(object, object)

    def __init__(self, session: Session, ours: OurLayers) -> None:
        self._session, self._ours = session, ours
        self._heard: WeakSet[Labels] = WeakSet()
        session.references.changed.connect(self._hear_all)
        ours.added.connect(self._hear_all)

    def close(self) -> None:
        """Stop."""
        self._session.references.changed.disconnect(self._hear_all)
        self._ours.added.disconnect(self._hear_all)
        for layer in self._heard:
            layer.events.paint.disconnect(self._on_paint)
        self._heard.clear()

    def _hear_all(self, *_: Any) -> None:
        names = {row.labels_layer for row in self._session.references}
        found = {layer for name in names if (layer := find_layer(self._ours.viewer, name)) is not None}
        for layer in found - set(self._heard):
            self._heard.add(layer)
            layer.events.paint.connect(self._on_paint)

    def _on_paint(self, event: Any) -> None:
        self.made.emit(event.source, event.value)
