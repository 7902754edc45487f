"""What is done along a stack after a run: decisions smoothed where that is wished for, objects numbered through."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_gfsam.bridge.instances import LinkedPlane, features_of, objects_of
from napari_gfsam.bridge.ours import Role
from napari_gfsam.controller.nearest import line_through
from napari_gfsam.imaging.linking import Linker
from napari_gfsam.imaging.objects import Pieces
from napari_gfsam.imaging.smoothing import smooth_planes
from napari_gfsam.session.history import Command
from napari_gfsam.session.packing import PackedPlane, pack
from napari_gfsam.session.sizes import bytes_held
from napari_gfsam.session.types import TargetState
from napari_gfsam.workers import JobRunner

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from napari_gfsam.api.tiles.prediction import AnyPrediction
    from napari_gfsam.controller.running import Running
    from napari_gfsam.controller.sheets import Sheets
    from napari_gfsam.core.arrays import LabelArray
    from napari_gfsam.session import Session
    from napari_gfsam.session.types import PlaneKey
    from napari_gfsam.slices import Slices

#: Proposals that may still change by themselves: nobody has accepted them.
OPEN = (TargetState.PROPOSED, TargetState.SKIPPED)


@dataclass(frozen=True, slots=True, eq=False)
class Smoothed:
    """What smoothing changes in the answer for a plane."""

    plane: PlaneKey
    before: PackedPlane
    after: PackedPlane


class Stacks:
    """Smooths and links. Main thread only.

    Attributes
    ----------
    smooth
        Whether proposals are smoothed along their stack after a run.
    plane_linked
        Carries a `bridge.instances.LinkedPlane`: the next plane of the stack that is being linked.
    linked
        Comes after the last of them.
    changed
        Comes after proposals were smoothed, or that was undone.
    failed
        Carries a sentence.
    """

    plane_linked = Signal(object)
    linked = Signal()
    changed = Signal()
    failed = Signal(str)

    def __init__(self, session: Session, sheets: Sheets, running: Running, slices: Slices) -> None:
        self._session, self._sheets, self._slices = session, sheets, slices
        self.smooth = False
        self._fresh: list[PlaneKey] = []
        self._linking, self._smoothing = JobRunner(), JobRunner()
        self._linking.reported.connect(self.plane_linked.emit)
        self._linking.finished.connect(self._on_linked)
        self._smoothing.finished.connect(self._on_smoothed)
        for jobs in (self._linking, self._smoothing):
            jobs.failed.connect(self.failed.emit)
        running.done.connect(self._fresh.append)
        running.ended.connect(self._on_ended)

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return self._linking.running or self._smoothing.running or self._slices.running

    @property
    def linking(self) -> bool:
        """Whether a stack is being linked."""
        return self._linking.running

    def close(self) -> None:
        """Stop."""
        self._linking.stop()
        self._smoothing.stop()

    def line(self, plane: PlaneKey) -> list[PlaneKey]:
        """Return the planes with proposals that lie in one line with a plane, itself among them, in order."""
        return line_through(self._session.proposals, plane)

    def link(self, plane: PlaneKey) -> None:
        """Begin to give the objects of a plane's stack ids that hold in all planes; `linked` comes at the end."""
        names = {spec.id: spec.name for spec in self._session.classes.specs}
        self._linking.start(_link(self._session, self.line(plane), names))

    def _on_linked(self, _: object) -> None:
        self.linked.emit()

    def _on_ended(self, _: str) -> None:
        fresh, self._fresh[:] = tuple(self._fresh), []
        lines = {tuple(self.line(plane)) for plane in fresh if plane in self._session.queue}
        if self.smooth and any(len(line) > 2 for line in lines):
            self._smoothing.start(_smooth(self._session, sorted(lines)))
        else:
            self.changed.emit()

    def _on_smoothed(self, found: tuple[Smoothed, ...]) -> None:
        good = [one for one in found if self._is_open(one.plane)]
        if good:
            title = f"smooth {len(good)} plane{'s' if len(good) > 1 else ''}"
            redo, undo = (partial(self._show, good, back=back) for back in (False, True))
            self._session.history.push(Command(title, redo, undo, nbytes=bytes_held(good)))
            redo()
        else:
            self.changed.emit()

    def _show(self, changes: list[Smoothed], *, back: bool) -> None:
        """Show planes as they were smoothed, or as they were before; those that are another answer now stay."""
        pairs = [(one.plane, *((one.after, one.before) if back else (one.before, one.after))) for one in changes]
        self._slices.start(self._showing(pairs), "GF-SAM: smooth", whole=True)

    def _showing(self, pairs: list[tuple[PlaneKey, PackedPlane, PackedPlane]]) -> Generator[float, None, None]:
        proposals, current = self._session.proposals, self._session.queue.current
        try:
            for number, (plane, expected, wanted) in enumerate(pairs, 1):
                now = proposals.packed(plane)
                if now is not None and now[0].name == expected.name and self._is_open(plane):
                    self._sheets.look(plane)
                    self._sheets.show_answer(plane, wanted.unpack(), draw=plane == current)
                yield number / len(pairs)
        finally:
            self._sheets.draw(Role.PROPOSAL, [plane for plane, *_ in pairs])
            self.changed.emit()

    def _is_open(self, plane: PlaneKey) -> bool:
        target = self._session.queue.get(plane)
        return target is not None and target.state in OPEN


def _link(session: Session, line: list[PlaneKey], names: dict[int, str]) -> Generator[LinkedPlane, None, None]:
    """Link proposals plane by plane; on any thread."""
    linker = Linker()
    for plane in line:
        labels = session.proposals.compose(plane)
        found, clusters = objects_of(labels, _prediction(session, plane))
        pieces = Pieces(found.labels, found.class_id)
        ids = linker.add(pieces)
        yield LinkedPlane(plane, pieces.renumbered(ids), features_of(found, ids, clusters, names))


def _prediction(session: Session, plane: PlaneKey) -> AnyPrediction | None:
    """Return what was predicted; ``None`` where it had to make room or is damaged."""
    try:
        return session.store.get(plane)
    except ValueError:  # its file is damaged: objects are told apart without it
        return None


def _smooth(session: Session, lines: list[tuple[PlaneKey, ...]]) -> Generator[None, None, tuple[Smoothed, ...]]:
    """Smooth the answers for stacks; on any thread."""
    found: list[Smoothed] = []
    for line in lines:
        waiting: deque[LabelArray | None] = deque()
        steady = smooth_planes(_answers(session, line, waiting))
        for plane, labels in zip(line, steady, strict=True):
            before = waiting.popleft()
            if before is not None and labels is not None and not np.array_equal(labels, before):
                found.append(Smoothed(plane, pack(before), pack(labels)))
            yield
    return tuple(found)


def _answers(
    session: Session, line: tuple[PlaneKey, ...], waiting: deque[LabelArray | None]
) -> Iterator[LabelArray | None]:
    for plane in line:
        waiting.append(session.proposals.merged(plane))
        yield waiting[-1]
