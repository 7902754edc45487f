"""Proposals and accepted labels, plane by plane: what the books say is what the layers show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_gfsam.bridge.align import on_plane
from napari_gfsam.bridge.clicks import plane_yx
from napari_gfsam.bridge.describe import file_of
from napari_gfsam.bridge.identity import facts_of, layer_id, our_layers, role
from napari_gfsam.bridge.ours import OurLayers, Role
from napari_gfsam.bridge.planes import data_at
from napari_gfsam.bridge.proposals import pixels_of, read_plane, takes, write_plane
from napari_gfsam.controller.files import path_of
from napari_gfsam.imaging import ImageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from napari.layers import Labels, Layer

    from napari_gfsam.controller.folders import Folders
    from napari_gfsam.controller.sources import Sources
    from napari_gfsam.core.arrays import LabelArray
    from napari_gfsam.session import Session
    from napari_gfsam.session.painting import Paint
    from napari_gfsam.session.types import PlaneKey


class Sheets:
    """The label layers over targets. Main thread only.

    Parameters
    ----------
    session
        Holds the books.
    ours
        Holds the layers.
    sources, folders
        The pictures.

    Notes
    -----
    `adopted` carries a layer of proposals that a closed dock left, when its work goes on.
    """

    adopted = Signal(object)

    def __init__(self, session: Session, ours: OurLayers, sources: Sources, folders: Folders) -> None:
        self._session, self._ours, self._sources, self._folders = session, ours, sources, folders
        self._left = {layer_id(layer) for layer in our_layers(ours.viewer, Role.PROPOSAL)}
        ours.added.connect(self._fill)

    def close(self) -> None:
        """Stop listening."""
        self._ours.added.disconnect(self._fill)

    def layer(self, wanted: Role, plane: PlaneKey) -> Labels:
        """Return the layer of a role over a plane's picture, made if it is not there.

        Raises
        ------
        napari_gfsam.imaging.ImageError
            If the picture is no longer open.
        """
        source = self._sources.of(plane)
        if wanted is Role.PROPOSAL:
            self.let_go([source.id])
        return self._ours.labels(wanted, self._sources.layer(plane), source.id, source.shape)

    def is_in_use(self, layer: Layer) -> bool:
        """Tell whether a layer is none of proposals that a closed dock left and nobody has gone on with."""
        return layer_id(layer) not in self._left

    def adopt(self, source: str) -> bool:
        """Go on with the layer of proposals that is left over a picture; tell whether there is any layer of them."""
        layer = self._ours.find(Role.PROPOSAL, source)
        if layer is not None and not self.is_in_use(layer):
            self._left.remove(layer_id(layer))
            self.adopted.emit(layer)
        return layer is not None

    def let_go(self, sources: Collection[str] | None = None) -> None:
        """Give layers that are left to the person, over some pictures or all: no book says what is paint in them."""
        for layer in our_layers(self._ours.viewer, Role.PROPOSAL):
            if not self.is_in_use(layer) and (sources is None or facts_of(layer).get("source") in sources):
                self._ours.release(layer)

    def show_answer(self, plane: PlaneKey, merged: LabelArray | None = None, *, draw: bool = True) -> None:
        """Show a new answer (or the last one) with a person's paint on top, now or when its picture is opened."""
        if merged is not None:
            self._let_go_of_other_size(plane, merged.shape)
        composed = self._session.proposals.compose(plane, merged)
        if self._sources.is_open(plane):
            write_plane(self.layer(Role.PROPOSAL, plane), plane, composed, draw=draw)

    def look(self, plane: PlaneKey) -> tuple[Paint | None, Paint | None]:
        """Take in a person's strokes on a proposal: all paint before and after; the same object if nothing is new."""
        before = self._session.proposals.paint(plane)
        layer = self._ours.find(Role.PROPOSAL, plane.source)
        if layer is None or not self.is_in_use(layer):  # a deleted layer is no stroke, nor is an earlier answer
            return before, before
        seen = read_plane(layer, plane)
        if before is None and not seen.any():
            return None, None
        return before, self._session.proposals.look(plane, seen)

    def proposal(self, plane: PlaneKey) -> LabelArray:
        """Return what stands in the proposal now, strokes included; ValueError before any run."""
        self.look(plane)
        return self._session.proposals.compose(plane)

    def show_again(self, plane: PlaneKey) -> None:
        """Show a proposal whole: its layer may be gone, or hold answers of planes that cross this one."""
        if self._session.proposals.paint(plane) is None:
            return
        self.layer(Role.PROPOSAL, plane)  # made, and filled, for a file just opened or after a deletion
        if self._session.proposals.is_crossed(plane):
            self.look(plane)
            self.show_answer(plane, self._session.proposals.merged(plane))

    def accepted(self, plane: PlaneKey) -> LabelArray:
        """Return the accepted labels of a plane as they are now; errors as `layer`."""
        if self._sources.is_closed_file(plane):
            kept, composed = self._folders.accepted(plane), self._session.proposals.compose(plane)
            return np.zeros_like(composed) if kept is None or kept.shape != composed.shape else kept
        return read_plane(self._accepted_layer(plane), plane)

    def write_accepted(self, plane: PlaneKey, labels: LabelArray, *, draw: bool = True) -> None:
        """Write the accepted labels of a plane; errors as `layer`. Without drawing, `draw` is to follow."""
        if self._sources.is_closed_file(plane):
            self._folders.set_accepted(plane, labels)
        else:
            write_plane(self._accepted_layer(plane), plane, labels, draw=draw)

    def draw(self, wanted: Role, planes: Iterable[PlaneKey]) -> None:
        """Draw the layers of a role over planes anew, each once."""
        for source in {plane.source for plane in planes}:
            layer = self._ours.find(wanted, source)
            if layer is not None:
                layer.refresh()

    def takes_accepted(self, plane: PlaneKey, shape: tuple[int, int] | None = None) -> bool:
        """Tell whether accepted labels of a plane (and shape) can be read and written.

        Its picture or their layer is there; a file may have another size by now.
        """
        if self._sources.is_closed_file(plane):
            return shape in (None, self._session.proposals.shape(plane))
        layer = self._ours.find(Role.ACCEPTED, plane.source)
        if layer is None:
            return self._sources.is_open(plane)
        return shape is None or takes(layer, plane, shape)

    def origin(self, plane: PlaneKey) -> dict[str, Any]:
        """Return the file of a plane's picture (or ``None``), and scale, units and translation where they are shown."""
        found: dict[str, Any] = {"file": path_of(plane.source)}
        if found["file"] is None and self._sources.is_open(plane):
            found["file"] = file_of(self._sources.layer(plane))
        over = (self._ours.find(wanted, plane.source) for wanted in (Role.ACCEPTED, Role.PROPOSAL))
        layer = next((one for one in over if one is not None), None)
        return found if layer is None else {**found, **pixels_of(layer, plane)}

    def at_pointer(self, plane: PlaneKey) -> tuple[float, float]:
        """Return where the mouse points in a plane: (row, column), pixel centres at integers.

        Raises
        ------
        napari_gfsam.imaging.ImageError
            If it does not point at the plane: beside the picture, or while another plane is shown.
        """
        layer, viewer = self.layer(Role.PROPOSAL, plane), self._ours.viewer
        world = viewer.cursor.position
        y, x = plane_yx(viewer, layer, plane, world)
        height, width = (layer.data.shape[axis] for axis in plane.axes_yx)
        inside = -0.5 <= y < height - 0.5 and -0.5 <= x < width - 0.5
        if not inside or not on_plane(plane, data_at(viewer, layer, world))[0]:
            raise ImageError("The pointer is not on the target under review; point at it and press the key again.")
        return y, x

    def _accepted_layer(self, plane: PlaneKey) -> Labels:
        """Return the layer of accepted labels: over a picture that a person closed it may still be there."""
        layer: Labels | None = self._ours.find(Role.ACCEPTED, plane.source)
        return self.layer(Role.ACCEPTED, plane) if layer is None else layer

    def _fill(self, layer: Layer) -> None:
        """Write all proposals into a layer that was just made: the first, or one for a layer that was deleted."""
        if role(layer) != Role.PROPOSAL.value:
            return
        for plane in self._session.proposals:
            if plane.source == facts_of(layer).get("source"):
                labels = self._session.proposals.compose(plane)
                if takes(layer, plane, labels.shape):
                    plane.put(layer.data, labels)
        layer.refresh()

    def _let_go_of_other_size(self, plane: PlaneKey, shape: tuple[int, ...]) -> None:
        """Forget proposal and paint of a file that has another size by now; what was accepted of it is kept aside."""
        if self._session.proposals.shape(plane) in (None, shape):
            return
        if self._sources.is_shown(plane):
            self._folders.close()
        self._session.proposals.forget([plane])
        self._session.accepted.forget([plane])
