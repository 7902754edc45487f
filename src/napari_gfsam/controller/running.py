"""Runs: from picked planes to proposals in the queue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_gfsam.activity import ActivityBar
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
        self._before: dict[PlaneKey, Target] = {}
        self._decided: dict[PlaneKey, object] = {}
        self._unwanted = 0
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
        known = {plane: self._session.queue.get(plane) for plane in planes}
        self._before = {plane: target for plane, target in known.items() if target is not None}
        if (current := self._session.queue.current) is not None and self._state(current) == TargetState.FAILED:
            self._session.queue.current = None  # why it failed was read: what is found first is shown
        self._session.queue.put(
            replace(known[plane] or Target(plane, source.title(plane)), state=TargetState.WAITING)
            for plane, source in targets
        )
        self._planes = tuple(planes)
        self._decided = {plane: self._session.store.decided(plane) for plane in self._before}
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
                self._session.queue.update(event.plane, state=TargetState.RUNNING)
            self._show(event)
            self.progressed.emit(event)
        elif isinstance(event, TargetDone):
            self._take(event)
        elif isinstance(event, TargetFailed):
            self._session.queue.update(event.plane, state=TargetState.FAILED, note=event.sentence, run=event.run)

    def _show(self, event: RunProgress) -> None:
        """Show how far the run is in napari's activity dock; a bar takes a moment to make, and the click goes first."""
        if self._bar is None:
            count = len(self._planes)
            self._bar = ActivityBar(f"GF-SAM on {count} target{'s' if count > 1 else ''}", self.cancel)
        self._bar.show(event.fraction, event.text)

    def _on_overtaken(self, event: RunEvent) -> None:
        """Take in what a cancelled run has already stored, unless the new run does it again."""
        if isinstance(event, TargetDone) and event.plane not in self._planes:
            self._take(event)

    def _take(self, event: TargetDone) -> None:
        if event.plane not in self._session.queue:  # taken off the list meanwhile
            self._session.store.drop([event.plane])
            return
        if event.run <= self._unwanted:
            if not self._session.store.swap(event.plane):
                self._session.store.drop([event.plane])
            return
        if self._corrected_meanwhile(event.plane) and self._session.store.swap(event.plane):
            self._session.queue.put([self._before[event.plane]])
            return
        self._session.history.forget(event.plane)
        self._sheets.look(event.plane)
        self._sheets.show_answer(event.plane, event.labels)
        self._session.queue.update(
            event.plane,
            state=TargetState.PROPOSED,
            score=event.score,
            note=event.reason,
            run=event.run,
            view=event.view,
        )
        self.done.emit(event.plane)

    def _on_finished(self, pace: Pace) -> None:
        self._pace = pace
        failed = sum(self._state(plane) == TargetState.FAILED for plane in self._planes)
        count = len(self._planes)
        self._settle()
        self.ended.emit(f"{failed} of {count} targets failed; the list says why." if failed else "")

    def _on_failed(self, sentence: str) -> None:
        self._settle()
        self.failed.emit(sentence)

    def _on_cancelled(self) -> None:
        done, count = self.counts
        self._settle()
        self.ended.emit(f"Cancelled: {done} of {count} targets are finished and stay.")

    def _settle(self) -> None:
        """Forget the run: targets it did not reach are again what they were before it, new ones leave the queue."""
        left = [plane for plane in self._planes if self._is_open(plane)]
        self._session.queue.put(self._before[plane] for plane in left if plane in self._before)
        self._session.queue.remove(plane for plane in left if plane not in self._before)
        self._planes, self._before = (), {}
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _corrected_meanwhile(self, plane: PlaneKey) -> bool:
        """Tell whether a person corrected the former answer while the run was on its way: that answer stays."""
        former = self._session.store.decided(plane, before=True)
        return plane in self._before and former not in (None, self._decided[plane])

    def _is_open(self, plane: PlaneKey) -> bool:
        return self._state(plane) in (TargetState.WAITING, TargetState.RUNNING)

    def _state(self, plane: PlaneKey) -> TargetState | None:
        target = self._session.queue.get(plane)
        return None if target is None else target.state
