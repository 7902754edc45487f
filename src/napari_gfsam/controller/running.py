"""Runs: from picked planes to proposals in the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from napari_gfsam.activity import ActivityBar
from napari_gfsam.controller.files import path_of
from napari_gfsam.controller.looking import Looks
from napari_gfsam.controller.pace import Estimate, Pace, estimate
from napari_gfsam.controller.runs import RunProgress, TargetDone, TargetFailed, run_targets
from napari_gfsam.controller.warmup import models_imported
from napari_gfsam.session.types import Target, TargetState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_gfsam.controller.models import Models
    from napari_gfsam.controller.run_types import Paint
    from napari_gfsam.controller.runs import ReferenceInput, RunEvent
    from napari_gfsam.controller.sheets import Sheets
    from napari_gfsam.controller.sources import Sources
    from napari_gfsam.session import Session
    from napari_gfsam.session.types import PlaneKey
    from napari_gfsam.workers import JobRunner

#: Still to be reached by the run under way.
UNREACHED = (TargetState.WAITING, TargetState.RUNNING)
#: Without anything to show.
UNANSWERED = (TargetState.WAITING, TargetState.FAILED)


class Running:
    """Starts runs and takes in what they yield. Main thread only.

    `progressed` carries a `RunProgress`; `done` the plane of a new proposal; `ended` what to tell the person, or an
    empty string; `failed` a sentence.
    """

    progressed = Signal(object)
    done = Signal(object)
    ended = Signal(str)
    failed = Signal(str)

    def __init__(self, session: Session, sources: Sources, sheets: Sheets, models: Models, jobs: JobRunner) -> None:
        self._session, self._sources, self._sheets = session, sources, sheets
        self._models, self._jobs, self._looks = models, jobs, Looks(sources, models)
        self._pace: Pace | None = None
        self._planes: tuple[PlaneKey, ...] = ()
        self._new: tuple[PlaneKey, ...] = ()
        self._decided: dict[PlaneKey, object] = {}
        self._failed = self._unwanted = 0
        self._bar: ActivityBar | None = None
        jobs.reported.connect(self._on_report)
        jobs.overtaken.connect(self._on_overtaken)
        jobs.finished.connect(self._on_finished)
        jobs.failed.connect(self._on_failed)
        jobs.cancelled.connect(self._on_cancelled)

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return bool(self._planes)

    @property
    def counts(self) -> tuple[int, int]:
        """(targets finished, targets in all) of the run under way."""
        waiting = sum(self._is_open(plane) for plane in self._planes)
        return len(self._planes) - waiting, len(self._planes)

    @property
    def has_failed(self) -> bool:
        """Whether a target of the newest run failed."""
        failed = (target.run for target in self._session.queue if target.state == TargetState.FAILED)
        return self._session.generation in failed

    def views(self, paints: Sequence[Paint], planes: Sequence[PlaneKey]) -> int:
        """Return in how many parts a run will look at planes: tiles, and pictures that are not cut."""
        tiles = self._looks.of(paints, planes).tiles
        return sum(tiles.get(plane, 1) for plane in planes)

    def warning(self, paints: Sequence[Paint]) -> str:
        """Return a sentence where paint is too small for the next run to see, else nothing."""
        return self._looks.warning(paints)

    def estimate(self, n_targets: int, n_views: int, n_classes: int, n_references: int) -> Estimate:
        """Say what a run will take."""
        return estimate(n_targets, n_classes, n_references, self._pace, n_views=n_views, loaded=models_imported())

    def start(self, references: Sequence[ReferenceInput], planes: Sequence[PlaneKey]) -> None:
        """Run planes; a run under way is cancelled first, what it finished stays.

        Raises
        ------
        napari_gfsam.imaging.ImageError
            If a picture is no longer open.
        """
        targets = [(plane, self._sources.of(plane)) for plane in planes]
        self._settle()
        run = self._session.next_generation()
        self._planes, self._failed = tuple(planes), 0
        self._new = tuple(plane for plane in planes if plane not in self._session.queue)
        self._decided = {plane: self._session.store.decided(plane) for plane in planes}
        current = self._session.queue.current
        reviewed = None if current is None else self._session.queue.get(current)
        if reviewed is not None and reviewed.state == TargetState.FAILED:
            self._session.queue.current = None  # why it failed was read: what is found first is shown
        self._session.queue.begin(Target(plane, source.title(plane)) for plane, source in targets)
        steps = run_targets(
            self._models.segmenter,
            references,
            targets,
            self._session.store,
            run=run,
            pace=self._pace,
            looking=self._looks.of([reference.paint for reference in references], planes),
        )
        self._jobs.start(steps)

    def cancel(self) -> None:
        """End the run within one batch of prompts; what is finished stays."""
        self._jobs.cancel()

    def cancel_and_forget(self) -> None:
        """End the run; what it has finished but not told yet is not wanted any more."""
        self._unwanted = self._session.generation
        self._jobs.cancel()

    def close(self) -> None:
        """Stop and wait a little."""
        self._jobs.stop()
        self._settle()

    def _on_report(self, event: RunEvent) -> None:
        if isinstance(event, RunProgress):
            if event.plane is not None:
                self._session.queue.run_at(event.plane)
            self._show(event)
            self.progressed.emit(event)
        elif isinstance(event, TargetDone):
            self._take(event)
        elif isinstance(event, TargetFailed):
            self._note(event)

    def _show(self, event: RunProgress) -> None:
        """Show how far the run is in napari's activity dock; a bar takes a moment to make, and the click goes first."""
        if self._bar is None:
            count = len(self._planes)
            self._bar = ActivityBar(f"GF-SAM on {count} target{'s' if count > 1 else ''}", self.cancel)
        self._bar.show(event.fraction, event.text)

    def _on_overtaken(self, event: RunEvent) -> None:
        """Let go of what a cancelled run stored when its targets were already again what they were before it."""
        if isinstance(event, TargetDone) and event.plane not in self._planes:
            self._session.store.refuse(event.plane)

    def _take(self, event: TargetDone) -> None:
        if event.run <= self._unwanted or event.plane not in self._session.queue:  # taken off the list meanwhile
            self._session.store.refuse(event.plane)
            return
        if self._corrected_meanwhile(event.plane):
            self._session.store.refuse(event.plane)
            self._session.queue.reached(event.plane)
            return
        changed = "" if path_of(event.plane.source) else self._sources.why_changed(event.plane)
        if changed:  # while it was run
            self._session.store.refuse(event.plane)
            self._session.queue.reached(event.plane, state=TargetState.FAILED, note=changed, run=event.run)
            return
        self._session.store.take(event.plane)
        self._session.history.forget(event.plane)
        self._sheets.look(event.plane)
        self._sheets.show_answer(event.plane, event.labels)
        self._session.queue.reached(
            event.plane,
            state=TargetState.PROPOSED,
            score=event.score,
            note=event.reason,
            run=event.run,
            view=event.view,
        )
        self.done.emit(event.plane)

    def _note(self, event: TargetFailed) -> None:
        """Say why a target failed; one that has an answer stays what it was."""
        self._failed += 1
        known = self._session.queue.beneath(event.plane)
        if known is None or known.state in UNANSWERED:
            self._session.queue.reached(event.plane, state=TargetState.FAILED, note=event.sentence, run=event.run)
        else:
            self._session.queue.reached(event.plane, note=f"It could not be run again. {event.sentence}")

    def _on_finished(self, pace: Pace) -> None:
        self._pace = pace
        failed, count = self._failed, len(self._planes)
        self._settle()
        self.ended.emit(f"{failed} of {count} targets failed; the list says why." if failed else "")

    def _on_failed(self, sentence: str) -> None:
        self._settle()
        self.failed.emit(sentence)

    def _on_cancelled(self) -> None:
        done, count = self.counts
        self._settle()
        wanted = self._session.generation > self._unwanted
        self.ended.emit(f"Cancelled: {done} of {count} targets are finished and stay." if wanted else "")

    def _settle(self) -> None:
        """Forget the run: targets it did not reach are again what they were before it, new ones leave the queue."""
        left = [plane for plane in self._planes if self._is_open(plane)]
        for plane in left:
            self._session.store.refuse(plane)
        self._session.queue.remove(plane for plane in left if plane in self._new)
        self._session.queue.end()
        self._planes = self._new = ()
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _corrected_meanwhile(self, plane: PlaneKey) -> bool:
        """Tell whether a person corrected the former answer while the run was on its way: that answer stays."""
        return self._session.store.decided(plane) not in (None, self._decided[plane])

    def _is_open(self, plane: PlaneKey) -> bool:
        target = self._session.queue.get(plane)
        return target is not None and target.state in UNREACHED
