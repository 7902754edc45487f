"""What is drawn over the target under review: points, clusters, and on request maps and single objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.clusters import ClusterTable
from napari_gfsam.bridge.instances import instances_of, show_instances
from napari_gfsam.bridge.maps import show_map
from napari_gfsam.bridge.ours import Role

if TYPE_CHECKING:
    from napari_gfsam.api import Prediction
    from napari_gfsam.bridge.ours import OurLayers
    from napari_gfsam.controller.correcting import Correcting
    from napari_gfsam.controller.sheets import Sheets
    from napari_gfsam.controller.sources import Sources
    from napari_gfsam.session import Session
    from napari_gfsam.session.types import PlaneKey

ROLES = {
    "points": Role.PROMPTS,
    "clusters": Role.CLUSTERS,
    "confidence": Role.CONFIDENCE,
    "similarity": Role.SIMILARITY,
    "instances": Role.INSTANCES,
}
#: Layers that are there while they are asked for; the others are only hidden.
ON_REQUEST = (Role.CONFIDENCE, Role.SIMILARITY, Role.INSTANCES)


class Overlays:
    """Shows and hides what is drawn over a target. Main thread only."""

    def __init__(
        self, session: Session, sources: Sources, sheets: Sheets, ours: OurLayers, correcting: Correcting
    ) -> None:
        self._session, self._sources, self._sheets, self._ours = session, sources, sheets, ours
        self._correcting = correcting
        correcting.shown.connect(self._update)

    def shown(self) -> set[str]:
        """Return the names of the overlays that are visible."""
        found = {name: self._layer(role) for name, role in ROLES.items()}
        return {name for name, layer in found.items() if layer is not None and layer.visible}

    def show(self, name: str, visible: bool) -> None:
        """Show or hide one, by its name in `ROLES`."""
        role, plane = ROLES[name], self._session.queue.current
        layer = self._layer(role)
        if layer is not None and role in ON_REQUEST and not visible:
            self._ours.remove(role, "" if plane is None else plane.source)
        elif layer is not None:
            layer.visible = visible
        elif visible and plane is not None:
            self._make(role, plane)

    def _update(self, plane: PlaneKey) -> None:
        for role in ON_REQUEST:
            layer = self._layer(role)
            if layer is not None and layer.visible:
                self._make(role, plane)

    def _make(self, role: Role, plane: PlaneKey) -> None:
        prediction = self._session.store.get(plane)
        if prediction is None or not self._sources.is_open(plane):
            return
        source, over = self._sources.of(plane), self._sources.layer(plane)
        if role is Role.INSTANCES:
            labels = self._sheets.proposal(plane)
            found = instances_of(labels, prediction.clusters, prediction.confidence)
            show_instances(self._ours, over, plane, source.shape, found, ClusterTable.of(prediction.points))
        elif role in (Role.CONFIDENCE, Role.SIMILARITY):
            values = prediction.confidence if role is Role.CONFIDENCE else similarity_of(prediction)
            show_map(self._ours, role, over, plane, source.shape, values)

    def _layer(self, role: Role) -> Any:
        plane = self._session.queue.current
        return self._ours.find(role, "" if plane is None else plane.source)


def similarity_of(prediction: Prediction) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return how alike each cell of the grid is to the painted objects of any class: (grid, grid) float32."""
    maps = [trace.maps.positive_mean.cpu().numpy() for trace in prediction.traces.values()]
    return np.asarray(np.max(maps, axis=0).clip(0, 1), dtype=np.float32)
