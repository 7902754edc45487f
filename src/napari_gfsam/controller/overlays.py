"""What is drawn over the target under review: points, clusters, and on request maps and single objects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.identity import our_layers, role
from napari_gfsam.bridge.instances import (
    LinkedPlane,
    finish_linked,
    objects_of,
    show_class_names,
    show_instances,
    write_linked,
)
from napari_gfsam.bridge.maps import show_map
from napari_gfsam.bridge.ours import Role

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_gfsam.bridge.ours import OurLayers
    from napari_gfsam.controller.correcting import Correcting
    from napari_gfsam.controller.sheets import Sheets
    from napari_gfsam.controller.sources import Sources
    from napari_gfsam.controller.stacks import Stacks
    from napari_gfsam.session import Session
    from napari_gfsam.session.types import PlaneKey

ROLES = {
    "points": Role.PROMPTS,
    "clusters": Role.CLUSTERS,
    "confidence": Role.CONFIDENCE,
    "similarity": Role.SIMILARITY,
    "instances": Role.INSTANCES,
}
#: Planes on each side in which an object in the same place has the same number.
NEAR = 2
NOTHING = np.zeros((0, 0), np.int32)
#: Layers that are there while they are asked for; the others are only hidden.
ON_REQUEST = (Role.CONFIDENCE, Role.SIMILARITY, Role.INSTANCES)


class Overlays:
    """Shows and hides what is drawn over a target. Main thread only."""

    def __init__(
        self,
        session: Session,
        sources: Sources,
        sheets: Sheets,
        ours: OurLayers,
        correcting: Correcting,
        stacks: Stacks,
    ) -> None:
        self._session, self._sources, self._sheets, self._ours = session, sources, sheets, ours
        self._stacks = stacks
        self._linked: list[LinkedPlane] = []
        self._stale: set[Role] = set()
        ours.added.connect(self._watch)
        for layer in our_layers(ours.viewer):
            self._watch(layer)
        session.classes.changed.connect(self._show_class_names)
        correcting.shown.connect(self._update)
        stacks.changed.connect(self._link)
        stacks.plane_linked.connect(self._take_linked)
        stacks.linked.connect(self._finish_linked)

    def close(self) -> None:
        """Stop listening to the layers, which stay."""
        self._ours.added.disconnect(self._watch)
        for layer in our_layers(self._ours.viewer):
            if role(layer) in ON_REQUEST:
                layer.events.visible.disconnect(self._on_visible)

    def shown(self) -> set[str]:
        """Return the names of the overlays that are visible."""
        found = {name: self._layer(wanted) for name, wanted in ROLES.items()}
        return {name for name, layer in found.items() if layer is not None and layer.visible}

    def show(self, name: str, visible: bool) -> None:
        """Show or hide one, by its name in `ROLES`."""
        wanted, plane = ROLES[name], self._session.queue.current
        layer = self._layer(wanted)
        if layer is not None and wanted in ON_REQUEST and not visible:
            self._ours.remove(wanted, "" if plane is None else plane.source)
        elif layer is not None:
            layer.visible = visible
        elif visible and plane is not None:
            self._make_and_link(wanted, plane)

    def _watch(self, layer: Layer) -> None:
        if role(layer) in ON_REQUEST:
            layer.events.visible.connect(self._on_visible)

    def _on_visible(self, event: Any) -> None:
        """Make what was hidden meanwhile anew when it is seen again, whether by its box or by the eye beside it."""
        layer, plane = event.source, self._session.queue.current
        for wanted in tuple(self._stale):
            if plane is not None and layer.visible and layer is self._layer(wanted):
                self._make_and_link(wanted, plane)

    def _make_and_link(self, wanted: Role, plane: PlaneKey) -> None:
        self._make(wanted, plane)
        if wanted is Role.INSTANCES:
            self._link()

    def _show_class_names(self) -> None:
        show_class_names(self._ours.viewer, tuple(self._session.classes))

    def _link(self) -> None:
        """Begin to give the objects of the stack under review ids that hold in all planes, if objects are shown."""
        plane, self._linked = self._session.queue.current, []
        if plane is not None and self._layer(Role.INSTANCES) is not None and len(self._stacks.line(plane)) > 1:
            self._stacks.link(plane)

    def _take_linked(self, one: LinkedPlane) -> None:
        layer = self._ours.find(Role.INSTANCES, one.plane.source)
        if layer is not None:
            write_linked(layer, one)
            self._linked.append(replace(one, numbers=NOTHING))

    def _finish_linked(self) -> None:
        linked, self._linked = self._linked, []
        layer = self._ours.find(Role.INSTANCES, linked[0].plane.source) if linked else None
        if layer is None:
            return
        finish_linked(layer, [one.features for one in linked])
        self._show_class_names()
        plane = self._session.queue.current
        if plane is not None:
            self._update(plane)

    def _update(self, plane: PlaneKey) -> None:
        for wanted in ON_REQUEST:
            layer = self._layer(wanted)
            if layer is not None and layer.visible:
                self._make(wanted, plane)
            elif layer is not None:
                self._stale.add(wanted)
        if self._linked or self._stacks.linking:
            self._link()

    def _make(self, wanted: Role, plane: PlaneKey) -> None:
        self._stale.discard(wanted)
        prediction = self._session.store.get(plane)
        if prediction is None or not self._sources.is_open(plane):
            return
        source, over = self._sources.of(plane), self._sources.layer(plane)
        if wanted is Role.INSTANCES:
            objects, line = objects_of(self._sheets.proposal(plane), prediction), self._stacks.line(plane)
            here = line.index(plane)
            near = sorted(line[max(0, here - NEAR) : here + NEAR + 1], key=lambda one: abs(line.index(one) - here))
            show_instances(self._ours, over, plane, source.shape, objects, near[1:])
        elif wanted in (Role.CONFIDENCE, Role.SIMILARITY):
            values = prediction.confidence if wanted is Role.CONFIDENCE else prediction.similarity
            show_map(self._ours, wanted, over, plane, source.shape, values)

    def _layer(self, wanted: Role) -> Any:
        plane = self._session.queue.current
        return self._ours.find(wanted, "" if plane is None else plane.source)
