"""A generator as a job on a thread of its own; what it yields, returns or raises arrives on the main thread.

The thread never touches Qt: it leaves its answers in a queue, which a timer of the main thread empties. So nothing is
lost or called back when a window is closed in the middle. (superqt's worker replaces the warning filters of the whole
process while it runs and leaves a stopped generator open, which a run that holds models must not.)
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from weakref import finalize

from qtpy.QtCore import QCoreApplication, QObject, QTimer, Signal

from napari_gfsam.sentences import is_expected, sentence_of
from napari_gfsam.slices import SLICE_SECONDS, is_alive

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_gfsam.slices import Steps

POLL_MILLISECONDS = 30
CLOSING_SECONDS = 3.0
#: How much nicer than the window's thread (in Unix's sense) those of jobs are.
NICER = 10
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Yielded:
    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class _Finished:
    value: Any


@dataclass(frozen=True, slots=True)
class _Failed:
    sentence: str


@dataclass(frozen=True, slots=True)
class _Cancelled:
    pass


_End = _Finished | _Failed | _Cancelled


class _Job:
    """A generator and the thread that runs it, once the job before it has ended."""

    def __init__(self, generation: int, steps: Steps, before: _Job | None) -> None:
        self.generation = generation
        self._steps = steps
        self._before = before
        self._answers: SimpleQueue[_Yielded | _End] = SimpleQueue()
        self._cancelled, self._may_go_on = threading.Event(), threading.Event()
        # A daemon: a program that ends in the middle of a run must not wait for all its targets.
        self.thread = threading.Thread(target=self._run, name=f"napari-gfsam run {generation}", daemon=True)

    def cancel(self) -> None:
        """End at the next yield."""
        self._cancelled.set()
        self._may_go_on.set()

    def go_on(self) -> None:
        """Let it go on from an answer that is awaited, if that is taken."""
        if self._answers.empty():
            self._may_go_on.set()

    def take(self) -> _Yielded | _End | None:
        """Return the next answer, or ``None`` while there is none."""
        try:
            return self._answers.get_nowait()
        except Empty:
            return None

    def _run(self) -> None:
        _give_way()
        if self._before is not None:
            self._before.thread.join()
            self._before = None
        end: _End = _Failed("The run ended without an answer; the log has the details.")
        try:
            end = self._work()
        finally:
            self._answers.put(end)

    def _work(self) -> _End:
        try:
            with closing(self._steps) as steps:
                while not self._cancelled.is_set():
                    try:
                        value = next(steps)
                    except StopIteration as last:
                        return _Finished(last.value)
                    self._tell(value)
        except Exception as error:  # the end of a thread: whatever it was, the window must stay alive
            if not is_expected(error):
                logger.exception("A run failed.")
            return _Cancelled() if self._cancelled.is_set() else _Failed(sentence_of(error))
        return _Cancelled()

    def _tell(self, value: Any) -> None:
        """Leave an answer; one that says that it is ``awaited`` holds the job until it has been taken in."""
        self._answers.put(_Yielded(value))
        if getattr(value, "awaited", False):
            self._may_go_on.clear()  # after it was left: before that, an empty queue says that nothing is awaited
            if not self._cancelled.is_set():
                self._may_go_on.wait()


class _Jobs(list[_Job]):
    """Jobs that have not been taken leave of."""

    def cancel(self, *_: object) -> None:
        """End all at their next yields."""
        for job in self:
            job.cancel()

    def go_on(self) -> None:
        """Let all go on that wait for an answer to be taken."""
        for job in self:
            job.go_on()


class JobRunner(QObject):
    """Runs one job at a time; starting another cancels the first. One runner a dock; use it on the main thread only.

    Parameters
    ----------
    parent
        Owns it.
    held
        Tells whether what came of an ``awaited`` answer is still being done: its job waits meanwhile, since a window
        that makes layers while a job runs stands still three times as long.

    Attributes
    ----------
    reported
        (value): what the newest job yields.
    overtaken
        (value): what a job yields after a newer one was started. Mostly of no interest; but a target that such a job
        has already stored must not be missed.
    finished
        (value): the newest job has ended; what its generator returned.
    failed
        (sentence): the newest job has ended by an error.
    cancelled
        The newest job has ended because it was cancelled; its generator is closed.
    running_changed
        (running): a job was started while there was none, or the newest has ended.
    """

    reported = Signal(object)
    overtaken = Signal(object)
    finished = Signal(object)
    failed = Signal(str)
    cancelled = Signal()
    running_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None, *, held: Callable[[], bool] = lambda: False) -> None:
        super().__init__(parent)
        self._held = held
        self._jobs = _Jobs()
        self._last: _Job | None = None
        self._generation = 0
        self._delivering = False
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MILLISECONDS)
        self._timer.timeout.connect(self._deliver)
        # Deleted by its parent, or collected. A bound method, which Qt holds weakly: any other callable may have been
        # taken apart by the garbage collector when a runner that it found on another thread is deleted at last.
        self.destroyed.connect(self._jobs.cancel)
        finalize(self, self._jobs.cancel)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.stop)

    @property
    def generation(self) -> int:
        """Number of the newest job, 0 before any; it grows with every start and stop."""
        return self._generation

    @property
    def running(self) -> bool:
        """Whether the newest job has not ended yet."""
        return any(job.generation == self._generation for job in self._jobs)

    def start(self, steps: Steps) -> int:
        """Run a generator on a thread of its own; an earlier job is cancelled and ends first.

        Returns
        -------
        The job's generation.
        """
        was_running = self.running
        self._jobs.cancel()
        self._generation += 1
        self._last = _Job(self._generation, steps, self._last)
        self._jobs.append(self._last)
        self._last.thread.start()
        self._timer.start()
        if not was_running:
            self.running_changed.emit(True)
        return self._generation

    def cancel(self) -> None:
        """Ask the job to end at its next yield; what it yielded until then still arrives, then `cancelled`."""
        self._jobs.cancel()

    def stop(self, seconds: float = CLOSING_SECONDS) -> bool:
        """Cancel, drop whatever would still arrive, and wait a little: for closing.

        Parameters
        ----------
        seconds
            How long to wait at most; a thread that is still in the middle of a step then ends by itself after it.

        Returns
        -------
        Whether no thread is left.
        """
        was_running = self.running
        self._jobs.cancel()
        self._jobs.clear()
        self._generation += 1
        if is_alive(self._timer):  # not where a program ends by an error: Qt's objects are gone before the dock
            self._timer.stop()
        if was_running and is_alive(self):
            self.running_changed.emit(False)
        return _wait(self._last, seconds)

    def _deliver(self) -> None:
        """Hand over what has come, in order, as far as it is done in a moment; the rest comes with the next tick.

        Not again while a receiver of it runs an event loop of its own.
        """
        if self._delivering:
            return
        self._delivering = True
        try:
            until = time.monotonic() + SLICE_SECONDS
            for job in tuple(self._jobs):
                while job in self._jobs and time.monotonic() < until and (answer := job.take()) is not None:
                    self._hand_over(job, answer)
            if not self._held():
                self._jobs.go_on()
        finally:
            self._delivering = False

    def _hand_over(self, job: _Job, answer: _Yielded | _End) -> None:
        newest = job.generation == self._generation
        if isinstance(answer, _Yielded):
            (self.reported if newest else self.overtaken).emit(answer.value)
            return
        self._jobs.remove(job)
        if not self._jobs:
            self._timer.stop()
        if newest:
            self.running_changed.emit(False)
            self._tell_end(answer)

    def _tell_end(self, end: _End) -> None:
        if isinstance(end, _Finished):
            self.finished.emit(end.value)
        elif isinstance(end, _Failed):
            self.failed.emit(end.sentence)
        else:
            self.cancelled.emit()


def _give_way() -> None:
    """Let the window's thread go first where cores are scarce; threads that this one starts (torch's) do so too."""
    if sys.platform == "linux":  # elsewhere priorities are those of whole processes
        with suppress(OSError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(os.nice(0) + NICER, 19))


def _wait(job: _Job | None, seconds: float) -> bool:
    """Wait for the newest thread, which waits for those before it."""
    if job is None or job.thread is threading.current_thread():
        return True
    job.thread.join(max(seconds, 0.0))
    return not job.thread.is_alive()
