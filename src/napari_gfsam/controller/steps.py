"""Strokes on the layers of ours over targets: each is a step of the one history."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari_gfsam.bridge.identity import facts_of, role
from napari_gfsam.bridge.ours import Role
from napari_gfsam.bridge.strokes import reached_beside, replay
from napari_gfsam.controller.files import path_of
from napari_gfsam.session.history import Command
from napari_gfsam.session.sizes import bytes_held

if TYPE_CHECKING:
    from napari_gfsam.bridge.ours import OurLayers
    from napari_gfsam.controller.correcting import Correcting
    from napari_gfsam.controller.review import Review
    from napari_gfsam.controller.sources import Sources
    from napari_gfsam.session import Session
    from napari_gfsam.session.types import PlaneKey

#: Layers whose strokes the history holds; in a reference, where nothing but paint is, napari's own undo serves.
TAKEN = (Role.PROPOSAL, Role.ACCEPTED, Role.INSTANCES)


class StrokeSteps:
    """Takes strokes into the history. Main thread only.

    On a proposal they are paint, found by comparing (see `session.painting`). On accepted labels and single objects,
    where no book says what is there, the step is what napari's event tells.
    """

    def __init__(
        self, session: Session, ours: OurLayers, sources: Sources, review: Review, correcting: Correcting
    ) -> None:
        self._session, self._ours, self._sources = session, ours, sources
        self._review, self._correcting = review, correcting

    def take(self, event: Any) -> None:
        """Take in a stroke, from the ``paint`` event of a layer."""
        wanted, source = Role(str(role(event.source))), str(facts_of(event.source).get("source", ""))
        if self._session.history.busy:
            return
        planes = self._planes(source, event.value)
        if wanted is Role.PROPOSAL:
            self._correcting.take_strokes(on=planes)
            return
        step = partial(self._replay, wanted, source, tuple(event.value), planes)
        do, undo = partial(step, back=False), partial(step, back=True)
        self._session.history.push(Command("paint", do, undo, (wanted, source), _nbytes(event.value)))

    def let_go(self, wanted: str | None, source: str) -> None:
        """Forget the strokes on a layer that a person deleted; those over a file come and go with it."""
        if wanted in TAKEN and path_of(source) is None and self._ours.find(Role(wanted), source) is None:
            self._session.history.forget((Role(wanted), source))

    def _planes(self, source: str, changes: Any) -> list[PlaneKey]:
        """Return the planes that a stroke reached: they lie as the one that is shown, in 3D as that under review."""
        current = self._session.queue.current
        over = self._review.shown(source) or (current if current and current.source == source else None)
        return [] if over is None else reached_beside(changes, over)

    def _replay(self, wanted: Role, source: str, changes: Any, planes: list[PlaneKey], *, back: bool) -> None:
        if planes and self._review.shown(source) not in planes and self._sources.can_open(planes[0]):
            self._correcting.bring(planes[0])
        layer = self._ours.find(wanted, source)
        if layer is not None:
            replay(layer.data, changes, back=back)
            layer.refresh()


def _nbytes(changes: Any) -> int:
    """Return the memory that the value of a ``paint`` event holds."""
    return sum(bytes_held(tuple(change)) for change in changes)
