"""Nothing is lost: the work is saved by itself, and can be gone on with."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_gfsam.bridge.ahead import read_ahead, warm_layers
from napari_gfsam.bridge.preferences import preferences
from napari_gfsam.controller.resuming import Resuming
from napari_gfsam.controller.snapshots import Prepared, Snapshots, prepare
from napari_gfsam.controller.warmup import collector_at_rest, import_models
from napari_gfsam.sentences import is_expected, sentence_of
from napari_gfsam.session.offer import latest_offer

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_gfsam.bridge.ahead import Ahead
    from napari_gfsam.controller.desk import Desk
    from napari_gfsam.controller.snapshots import Collected
    from napari_gfsam.session import Session, SessionFolder
    from napari_gfsam.session.offer import Offer
    from napari_gfsam.session.resumed import Resumed
    from napari_gfsam.session.saved import SavedSession
    from napari_gfsam.workers import JobRunner

#: More planes than these are packed on the thread (3 ms a plane of 1024 x 1024).
FEW_PLANES = 8
GOING_ON = "GF-SAM: going on"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Written:
    """The end of a save."""


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """The end of reading earlier work."""

    resumed: Resumed
    ahead: Ahead


class Saving:
    """Saves the work at a desk, and brings earlier work back. Main thread only.

    Parameters
    ----------
    desk
        Whose work.
    jobs
        A runner of its own: packing and writing are done on its thread.

    Notes
    -----
    `failed` carries a sentence; `written` comes when a save is on disk; `brought_back` carries a tuple of sentences,
    one for everything of an earlier session that could not be brought back.
    """

    failed = Signal(str)
    written = Signal()
    brought_back = Signal(object)

    def __init__(self, desk: Desk, jobs: JobRunner) -> None:
        self._desk, self._jobs = desk, jobs
        self._session: Session = desk.session
        self._snapshots = Snapshots(desk)
        self._in_work: Collected | None = None
        self._again = False
        self._saved_at = time.monotonic()
        self._offer: Offer | None = None
        self._returning = False
        self._before: SavedSession | None = None
        self._told: set[str] = set()
        self._lost: tuple[str, ...] = ()
        jobs.finished.connect(self._on_finished)
        jobs.failed.connect(self._on_failed)
        desk.review.accepted.connect(self._on_accepted)
        desk.viewer.layers.events.removing.connect(self._on_removing)

    @property
    def holds_work(self) -> bool:
        """Whether there is anything to go on with: references, targets or accepted labels."""
        session = self._session
        return bool(
            len(session.references) or session.references.removed or len(session.queue) or any(session.accepted)
        )

    @property
    def busy(self) -> bool:
        """Whether a save, or the reading of an earlier session, is under way."""
        return self._jobs.running

    def save(self, *, wait: bool = False) -> None:
        """Save the work as it is now; while a save is under way, once more after it.

        Parameters
        ----------
        wait
            Come back only when it is on disk.
        """
        self._before = None
        if self._returning or not self.holds_work:
            return
        if wait:
            self._save_now()
        elif self._jobs.running:
            self._again = True
        else:
            self._begin()
            self._jobs.start(_preparing(self._session, self._collect()))

    def tick(self) -> None:
        """Save if there is something new and the last save is the minutes of the preferences ago; call it often."""
        if self._session.dirty and time.monotonic() - self._saved_at >= 60 * preferences().autosave_minutes:
            self.save()

    def layers_deleted(self) -> None:
        """Say that layers went because a person deleted them, not with their window: the work goes on without them."""
        self._before = None

    def offer(self) -> Offer | None:
        """Return the newest earlier session to go on with, and remember it for `go_on` and `start_fresh`."""
        self._offer, damaged = latest_offer(self._session.root)
        for sentence in damaged:
            self.failed.emit(sentence)
        return self._offer

    def go_on(self, folder: SessionFolder | None = None) -> tuple[str, ...]:
        """Go on with an earlier session; what is at the desk now is saved first and can be gone on with later.

        Parameters
        ----------
        folder
            Of the session; that of the last `offer` when not given.

        Returns
        -------
        A sentence for everything that could not be brought back.

        Raises
        ------
        napari_gfsam.session.SessionError
            If it is damaged, or open in another window; nothing has changed then.
        napari_gfsam.io.writers.OutputError
            If it cannot be written to.
        """
        wanted = self._wanted(folder)
        if wanted is None:
            return ()
        self._leave()
        self._desk.slices.start(self._bringing(self._session.resume(wanted)), GOING_ON, whole=True)
        self._desk.slices.finish()
        return self._lost

    def bring_back(self, folder: SessionFolder | None = None) -> None:
        """Do the same while the window stays alive: reading and imports on a thread, then one layer at a time.

        `brought_back` or `failed` comes then.
        """
        wanted = self._wanted(folder)
        if wanted is not None:
            self._leave()
            self._returning = True
            self._jobs.start(_reading(self._session, wanted))

    def start_fresh(self, folder: SessionFolder | None = None) -> None:
        """Let an earlier session (that of the last `offer` when not given) be; its files stay on disk.

        Its proposals that are still in the viewer become the person's own layers.

        Raises
        ------
        napari_gfsam.io.writers.OutputError
            If that cannot be noted in its folder.
        """
        wanted = self._wanted(folder)
        if wanted is not None:
            wanted.finish()
        self._desk.sheets.let_go()

    def close(self) -> None:
        """Save what is new and let go of the session, which can be gone on with later.

        A window that closes takes its layers away first, one by one; what was there before is saved then.
        """
        self._jobs.stop()
        if self._before is not None:
            self._write_now(self._before)
        elif self._session.dirty:
            self.save(wait=True)
        self._desk.review.accepted.disconnect(self._on_accepted)
        self._desk.viewer.layers.events.removing.disconnect(self._on_removing)
        self._snapshots.close()
        self._session.close()

    def _wanted(self, folder: SessionFolder | None) -> SessionFolder | None:
        offered, self._offer = self._offer, None
        return folder or (offered.folder if offered else None)

    def _leave(self) -> None:
        """End what is under way; its session can be gone on with later."""
        self._desk.slices.finish()
        self._desk.running.close()
        self.save(wait=True)
        self._jobs.stop()

    def _begin(self) -> None:
        self._again, self._saved_at = False, time.monotonic()
        for name in self._snapshots.too_large():
            if name not in self._told:
                self._told.add(name)
                self.failed.emit(
                    f"{name!r} came from no file and is too large to be saved with the work; save it as a file, "
                    "and open that."
                )

    def _collect(self) -> Collected:
        if self._in_work is not None:  # collected before and not saved yet
            self._snapshots.put_back(self._in_work)
        self._desk.correcting.take_strokes()
        self._in_work = self._snapshots.collect()
        return self._in_work

    def _save_now(self) -> None:
        self._jobs.stop()
        self._begin()
        saved = self._snapshot()
        if saved is not None:
            self._write_now(saved)

    def _snapshot(self) -> SavedSession | None:
        try:
            return self._describe(prepare(self._session, self._collect()))
        except (ValueError, OSError, MemoryError) as error:
            self._on_failed(self._sentence(error))
            return None

    def _describe(self, prepared: Prepared) -> SavedSession:
        saved = self._snapshots.take(prepared)
        self._in_work = None
        return saved

    def _write_now(self, saved: SavedSession) -> None:
        try:
            self._session.write(saved)
        except (ValueError, OSError, MemoryError) as error:
            self._on_failed(self._sentence(error))
        else:
            self.written.emit()

    def _bringing(self, resumed: Resumed, ahead: Ahead | None = None) -> Generator[float, None, None]:
        self._returning, self._lost = True, ()
        try:
            self._lost = yield from Resuming(self._desk, self._snapshots, resumed, ahead).steps()
        finally:
            self._returning = False
        self._saved_at = time.monotonic()
        self.brought_back.emit(self._lost)

    @staticmethod
    def _sentence(error: Exception) -> str:
        if not is_expected(error):
            logger.error("The work could not be saved.", exc_info=error)
        return sentence_of(error)

    def _on_finished(self, value: Any) -> None:
        if isinstance(value, _Read):
            self._desk.slices.start(self._bringing(value.resumed, value.ahead), GOING_ON, whole=True)
        elif isinstance(value, Prepared) and (self._in_work is None or self._snapshots.behind > FEW_PLANES):
            self.save()  # overtaken: by a newer description, or by many accepts at once
        elif isinstance(value, Prepared):
            try:
                saved = self._describe(value)
            except (ValueError, OSError, MemoryError) as error:
                self._on_failed(self._sentence(error))
            else:
                self._jobs.start(_writing(self._session, saved))
        else:
            self.written.emit()
            if self._again:
                self.save()

    def _on_failed(self, sentence: str) -> None:
        if self._in_work is not None:
            self._snapshots.put_back(self._in_work)
            self._in_work = None
        self._returning = False
        self._session.touch()
        self.failed.emit(sentence)

    def _on_accepted(self, _: object) -> None:
        self.save()

    def _on_removing(self, event: Any) -> None:
        """Describe the work before the first of several layers goes: a window that closes takes them all away."""
        layer = self._desk.viewer.layers[event.index]
        if self._before is None and not self._returning and self.holds_work and self._snapshots.matters(layer):
            self._before = self._snapshot()
            self._session.touch()


def _preparing(session: Session, collected: Collected) -> Generator[None, None, Prepared]:
    yield
    return prepare(session, collected)


def _writing(session: Session, saved: SavedSession) -> Generator[None, None, _Written]:
    yield
    session.write(saved)
    return _Written()


def _reading(session: Session, folder: SessionFolder) -> Generator[Any, None, _Read]:
    """Read all that going on needs, and import what the first layers do; on any thread."""
    yield from import_models()
    with collector_at_rest():
        warm_layers()
    yield
    resumed = session.resume(folder)
    ahead: Ahead = {}
    for origin, found in read_ahead(resumed.saved.layers):
        ahead[origin] = found
        yield
    return _Read(resumed, ahead)
