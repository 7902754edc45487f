"""What a person may have painted since the last save, so that a save reads that and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from napari_gfsam.bridge.identity import facts_of, find_layer, our_layers, role
from napari_gfsam.bridge.ours import Role
from napari_gfsam.bridge.planes import shown_plane
from napari_gfsam.bridge.strokes import reached, reached_beside
from napari_gfsam.imaging import ImageError
from napari_gfsam.session.types import PlaneKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Layer

    from napari_gfsam.bridge.ours import OurLayers
    from napari_gfsam.controller.sources import Sources
    from napari_gfsam.session import Session

#: Events of a label layer after which its labels may be others: a stroke; an undo, or a script's `refresh`; new data.
EVENTS = ("paint", "set_data", "data")


class Watch:
    """Watches accepted labels and references, and tells the session that something changed. Main thread only.

    Parameters
    ----------
    session, ours, sources
        State, layers of ours, pictures.
    """

    def __init__(self, session: Session, ours: OurLayers, sources: Sources) -> None:
        self._session, self._ours, self._sources = session, ours, sources
        self._changed: set[PlaneKey] = set()
        self._painted: set[PlaneKey] = set()
        self._watched: WeakSet[Layer] = WeakSet()
        session.accepted.changed.connect(self._mark)
        session.references.changed.connect(self._watch_all)
        ours.added.connect(self._watch_all)
        self._watch_all()

    def __len__(self) -> int:
        """Return the number of planes whose accepted labels may have changed since they were taken."""
        return len(self._changed)

    def take(self) -> set[PlaneKey]:
        """Return the planes whose accepted labels may have changed since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def put_back(self, planes: Iterable[PlaneKey]) -> None:
        """Take in planes that were taken but not saved."""
        self._changed.update(planes)

    def close(self) -> None:
        """Stop watching."""
        self._session.accepted.changed.disconnect(self._mark)
        self._session.references.changed.disconnect(self._watch_all)
        self._ours.added.disconnect(self._watch_all)
        for layer in self._watched:
            for name in EVENTS:
                getattr(layer.events, name).disconnect(self._on_change)
        self._watched.clear()

    def _watch_all(self, *_: Any) -> None:
        """Watch all layers that hold accepted labels or paint of references, each once."""
        viewer = self._ours.viewer
        names = {row.labels_layer for row in self._session.references.with_removed}
        references = [layer for name in names if (layer := find_layer(viewer, name)) is not None]
        for layer in {*our_layers(viewer, Role.ACCEPTED), *references} - set(self._watched):
            self._watched.add(layer)
            for name in EVENTS:
                getattr(layer.events, name).connect(self._on_change)

    def _mark(self, plane: PlaneKey) -> None:
        self._changed.add(plane)

    def _on_change(self, event: Any) -> None:
        layer = event.source
        if role(layer) == Role.ACCEPTED.value:
            self._changed |= self._planes(event, str(facts_of(layer).get("source", "")))
        self._session.touch()

    def _planes(self, event: Any, source: str) -> set[PlaneKey]:
        """Return the planes that a change of a layer may have reached: targets, and others that are painted on."""
        planes = {target.plane for target in self._session.queue.of_source(source)}
        shown = self._shown(source)
        if event.type == "paint":
            found = reached(event.value, planes).union(reached_beside(event.value, shown) if shown else ())
            self._painted |= found
            return found
        planes |= {plane for plane in self._painted if plane.source == source}
        crosses = shown not in planes and any(shown is None or plane.axes_yx != shown.axes_yx for plane in planes)
        if event.type == "data" or crosses:
            return planes
        # An undo may be of a stroke in a plane that is not shown now.
        return {plane for plane in planes if plane == shown or plane in self._painted}

    def _shown(self, source: str) -> PlaneKey | None:
        known = self._sources.get(source)
        if known is None or not self._sources.is_open(PlaneKey(source)):
            return None
        try:
            return shown_plane(self._ours.viewer, known)
        except ImageError:  # 3D, or the sliders stand elsewhere
            return None
