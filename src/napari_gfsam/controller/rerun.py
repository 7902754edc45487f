"""A corrected target as one more reference: what is not accepted yet is run again, and can be taken back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_gfsam.bridge.ours import Role
from napari_gfsam.controller.correcting import CorrectionError
from napari_gfsam.controller.running import UNANSWERED, UNREACHED
from napari_gfsam.session.packing import pack
from napari_gfsam.session.painting import what_changed
from napari_gfsam.session.types import TargetState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_gfsam.controller.references import References
    from napari_gfsam.controller.review import Review
    from napari_gfsam.controller.running import Running
    from napari_gfsam.controller.sheets import Sheets
    from napari_gfsam.session import Session
    from napari_gfsam.session.packing import PackedPlane
    from napari_gfsam.session.types import PlaneKey, Target

AGAIN = (TargetState.PROPOSED, TargetState.SKIPPED)
LABELS_ONLY = (
    "{} can be painted as before, but the points had to make room on the disk: run these again to correct by points, "
    "or allow corrections more room in the preferences."
)


@dataclass(frozen=True, slots=True, eq=False)
class _Before:
    """What a re-run started from; the reference is empty where it was one before."""

    reference: str
    run: int
    targets: Mapping[PlaneKey, Target]
    merged: Mapping[PlaneKey, PackedPlane]


class Rerun:
    """The last "use as reference". Main thread only; `failed` carries a sentence."""

    failed = Signal(str)

    def __init__(
        self, session: Session, references: References, running: Running, review: Review, sheets: Sheets
    ) -> None:
        self._session, self._references, self._running = session, references, running
        self._review, self._sheets = review, sheets
        self._before: _Before | None = None

    def start(self) -> None:
        """Accept the target under review, make it a reference and run all targets that are not accepted yet again.

        Raises
        ------
        CorrectionError
            If no target is under review, it was not in view, or it shows nothing.
        napari_gfsam.imaging.ImageError
            If a picture is no longer open.
        """
        self._session.history.settle()
        plane = self._review.look()
        if not self._sheets.proposal(plane).any():
            raise CorrectionError("There is nothing in this target to learn from; correct it first.")
        if not self._session.queue.is_accepted(plane):
            self._review.accept(stay=True)
        known = {row.id for row in self._session.references}
        row = self._references.add(plane, self._sheets.layer(Role.ACCEPTED, plane))
        again = [target.plane for target in self._session.queue if target.state in (*AGAIN, *UNREACHED)]
        known_as = {key: self._session.queue.beneath(key) for key in again}
        targets = {key: target for key, target in known_as.items() if target and target.state not in UNANSWERED}
        found = {key: self._session.proposals.merged(key) for key in targets}
        merged = {key: pack(labels) for key, labels in found.items() if labels is not None}
        if again:
            self._running.start(self._references.inputs(), again)
        self._before = _Before("" if row.id in known else row.id, self._session.generation, targets, merged)

    @property
    def possible(self) -> bool:
        """Whether there is something to take back."""
        return self._before is not None

    def changes(self) -> str:
        """Say what changed so far; empty when nothing was run again."""
        if self._before is None or not self._before.targets:
            return ""
        done = self._done(self._before)
        if not done:
            return ""
        differing = 0
        for plane in done:
            before, after = self._before.merged.get(plane), self._session.proposals.merged(plane)
            if before is not None and after is not None and before.shape == after.shape:
                differing += what_changed(before.unpack(), after).pixels > 0
        return f"With the new reference: {differing} of {len(done)} targets changed."

    def changed_of(self, plane: PlaneKey) -> str:
        """Say what changed in one target, empty where nothing is known."""
        before = self._before.merged.get(plane) if self._before else None
        after = self._session.proposals.merged(plane)
        if before is None or after is None or before.shape != after.shape:
            return ""
        return what_changed(before.unpack(), after).describe()

    def revert(self) -> None:
        """Take the reference off the list again and bring the answers back that were there before."""
        before, self._before = self._before, None
        if before is None:
            return
        self._running.cancel_and_forget()
        self._session.references.remove(before.reference)
        done = [plane for plane in self._done(before) if plane in before.merged]
        swapped = [plane for plane in done if self._session.store.swap(plane)]
        lost = [plane for plane in done if plane not in swapped]
        self._session.store.drop(lost)
        for plane in done:
            self._session.history.forget(plane)
            self._sheets.look(plane)
            self._sheets.show_answer(plane, before.merged[plane].unpack())
            self._session.queue.put([before.targets[plane]])
        self._session.queue.put(self._noted(before))
        current = self._session.queue.current
        if current is not None:
            self._review.go_to(current, move=False)
        if lost:
            self.failed.emit(LABELS_ONLY.format(f"{len(lost)} target{'s' if len(lost) > 1 else ''}"))

    def forget(self) -> None:
        """Let the change stand: a new run of another kind began."""
        self._before = None

    def _done(self, before: _Before) -> list[PlaneKey]:
        """Return the targets that the re-run gave another answer, unless that was accepted."""
        found = (self._session.queue.get(plane) for plane in before.targets)
        return [t.plane for t in found if t is not None and t.run == before.run and t.state in AGAIN]

    def _noted(self, before: _Before) -> list[Target]:
        """Return the targets of which nothing changed but that it is noted why they could not be run again."""
        pairs = ((self._session.queue.beneath(plane), target) for plane, target in before.targets.items())
        return [then for now, then in pairs if now is not None and replace(now, note=then.note) == then]
