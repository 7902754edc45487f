"""Proposals and accepted labels, plane by plane: what the books say is what the layers show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.identity import facts_of, role
from napari_gfsam.bridge.ours import OurLayers, Role
from napari_gfsam.bridge.proposals import read_plane, write_plane
from napari_gfsam.controller.files import FileSource

if TYPE_CHECKING:
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
    """

    def __init__(self, session: Session, ours: OurLayers, sources: Sources, folders: Folders) -> None:
        self._session, self._ours, self._sources, self._folders = session, ours, sources, folders
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
        return self._ours.labels(wanted, self._sources.layer(plane), source.id, source.shape)

    def show_answer(self, plane: PlaneKey, merged: LabelArray | None = None) -> None:
        """Show a new answer (or the last one) with a person's paint on top, now or when its picture is opened."""
        composed = self._session.proposals.compose(plane, merged)
        if self._sources.is_open(plane):
            write_plane(self.layer(Role.PROPOSAL, plane), plane, composed)

    def look(self, plane: PlaneKey) -> tuple[Paint | None, Paint | None]:
        """Take in a person's strokes on a proposal: all paint before and after; the same object if nothing is new."""
        before = self._session.proposals.paint(plane)
        layer = self._ours.find(Role.PROPOSAL, plane.source)
        if layer is None or before is None:  # a deleted layer is no stroke
            return before, before
        return before, self._session.proposals.look(plane, read_plane(layer, plane))

    def proposal(self, plane: PlaneKey) -> LabelArray:
        """Return what stands in the proposal now, strokes included; ValueError before any run."""
        self.look(plane)
        return self._session.proposals.compose(plane)

    def accepted(self, plane: PlaneKey) -> LabelArray:
        """Return the accepted labels of a plane as they are now; errors as `layer`."""
        if not self._sources.is_open(plane) and isinstance(self._sources.get(plane.source), FileSource):
            kept = self._folders.accepted(plane)
            return np.zeros_like(self._session.proposals.compose(plane)) if kept is None else kept
        return read_plane(self.layer(Role.ACCEPTED, plane), plane)

    def write_accepted(self, plane: PlaneKey, labels: LabelArray) -> None:
        """Write the accepted labels of a plane; errors as `layer`."""
        if not self._sources.is_open(plane) and isinstance(self._sources.get(plane.source), FileSource):
            self._folders.set_accepted(plane, labels)
            return
        write_plane(self.layer(Role.ACCEPTED, plane), plane, labels)

    def at_pointer(self, layer: Any, plane: PlaneKey) -> tuple[float, float]:
        """Return where the mouse points in a plane: (row, column), pixel centres at integers."""
        from napari_gfsam.bridge.clicks import plane_yx

        return plane_yx(layer, plane, self._ours.viewer.cursor.position)

    def _fill(self, layer: Layer) -> None:
        """Write all proposals into a layer that was just made: the first, or one for a layer that was deleted."""
        if role(layer) != Role.PROPOSAL.value:
            return
        for plane in self._session.proposals:
            if plane.source == facts_of(layer).get("source"):
                plane.put(layer.data, self._session.proposals.compose(plane))
        layer.refresh()
