"""Work on the window's own thread in slices, between which the window stays alive."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal

from napari_gfsam.activity import ActivityBar
from napari_gfsam.sentences import is_expected, sentence_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    Steps = Generator[Any, None, Any]

#: What is done on the main thread is done for so long at a time.
SLICE_SECONDS = 0.012
logger = logging.getLogger(__name__)
is_alive: Callable[[QObject], bool] = isalive


class Slices(QObject):
    """Work that belongs on the main thread (layers are touched there), a little at a time: the window stays alive.

    One generator at a time; what it yields is what is done, 0 to 1. It is closed where the person cancels: what it did
    until then stays.

    Parameters
    ----------
    parent
        Owns it.
    pause_milliseconds
        From one slice to the next.

    Attributes
    ----------
    failed
        (sentence): the generator has ended by an error.
    """

    failed = Signal(str)

    def __init__(self, parent: QObject | None = None, *, pause_milliseconds: int = 0) -> None:
        super().__init__(parent)
        self._steps: Steps | None = None
        self._bar: ActivityBar | None = None
        self._inside = self._whole = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)  # a pause begins when a slice ends, however long that was
        self._timer.setInterval(pause_milliseconds)
        self._timer.timeout.connect(self._slice)

    @property
    def running(self) -> bool:
        """Whether something is not finished yet."""
        return self._steps is not None

    def start(self, steps: Steps, title: str = "", *, whole: bool = False) -> None:
        """Begin a generator; an earlier one is finished first.

        Parameters
        ----------
        steps
            The generator.
        title
            For people; what has none is not shown in the activity dock.
        whole
            It makes no sense half done: it cannot be cancelled.
        """
        self.finish()
        self._steps, self._whole = steps, whole
        self._bar = ActivityBar(title, self.cancel) if title else None
        self._timer.start()

    def finish(self) -> None:
        """Do the rest at once: before something that builds on it. Nothing is done from within the generator itself."""
        while self._steps is not None and not self._inside:
            self._step()

    def cancel(self) -> None:
        """Leave the rest undone, unless it makes no sense half done."""
        if self._steps is not None and not self._inside and not self._whole:
            self._guarded(self._steps.close)
            self._end()

    def _slice(self) -> None:
        until = time.monotonic() + SLICE_SECONDS
        while self._steps is not None and time.monotonic() < until:
            self._step()
        if self._steps is not None:
            self._timer.start()

    def _step(self) -> None:
        steps = self._steps
        if steps is None or self._inside:
            return
        done = self._guarded(partial(next, steps, None))
        if done is None:
            self._end()
        elif self._bar is not None:
            self._bar.show(done)

    def _guarded(self, step: Callable[[], float | None]) -> float | None:
        """Run a step of the generator; ``None`` if it was the last one or failed."""
        self._inside = True
        try:
            return step()
        except Exception as error:  # whatever it was, the window must stay alive
            if not is_expected(error):
                logger.exception("A step on the main thread failed.")
            self.failed.emit(sentence_of(error))
            return None
        finally:
            self._inside = False

    def _end(self) -> None:
        self._steps = None
        if is_alive(self._timer):
            self._timer.stop()
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()
