"""A stack that grows while it is recorded: what was painted and found in it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_gfsam.bridge.align import Shape
    from napari_gfsam.bridge.ours import OurLayers
    from napari_gfsam.bridge.sources import LayerSource
    from napari_gfsam.controller.sources import Sources
    from napari_gfsam.session import Session
    from napari_gfsam.session.types import PlaneKey


class Growing:
    """Carries the work on a stack over when it has more planes. Main thread only.

    Parameters
    ----------
    session, ours, sources
        State, layers of ours, pictures.
    """

    def __init__(self, session: Session, ours: OurLayers, sources: Sources) -> None:
        self._session, self._ours, self._sources = session, ours, sources
        sources.may_grow = self._may_grow
        sources.grown.connect(self._carry)

    def _carry(self, source: LayerSource, before: Shape) -> None:
        """Make our layers over a picture as long as it is now."""
        over = self._sources.over(source)
        if over is not None:
            self._ours.grow(source.id, over, before, source.shape)

    def _may_grow(self, source: LayerSource, shape: Shape, other: str) -> bool:
        """Tell whether all that is known of a picture means the same when it has another shape.

        Not so if there is work on that shape already, under another id.
        """
        session = self._session
        rows = session.references.with_removed
        planes = [*(row.plane for row in rows), *(target.plane for target in session.queue), *session.proposals]
        mine = [plane for plane in planes if plane.source == source.id]
        if not mine or any(plane.source == other for plane in planes):
            return False
        return _has_grown(source.shape, shape, mine)


def _has_grown(before: Shape, after: Shape, planes: Iterable[PlaneKey]) -> bool:
    """Tell whether one shape is the other with more along axes that are neither rows nor columns of any plane."""
    if len(before) != len(after) or before == after:
        return False
    longer = {axis for axis, (old, new) in enumerate(zip(before, after, strict=True)) if new != old}
    shown = {axis for plane in planes for axis in plane.axes_yx}
    return not longer & shown and all(after[axis] > before[axis] for axis in longer)
