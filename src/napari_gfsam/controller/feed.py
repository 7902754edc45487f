"""Things that only the main thread may read, for work on another thread that asks for one after the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

Made = TypeVar("Made")
#: So many are asked for before they are needed.
AHEAD = 3
POLL_SECONDS = 0.02


class StoppedError(Exception):
    """The work was cancelled."""


class Feed:
    """Asks for things by number and hands them over in order; what waits is never more than a few of them.

    Parameters
    ----------
    count
        How many there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._asked: SimpleQueue[int] = SimpleQueue()
        self._answers: SimpleQueue[tuple[Any, Exception | None]] = SimpleQueue()
        self._stopped = Event()

    def __iter__(self) -> Iterator[Any]:
        """Walk the things, on the thread that works; an error of reading one is raised here."""
        for number in range(min(AHEAD, self._count)):
            self._asked.put(number)
        for number in range(self._count):
            found, error = self._next()
            if error is not None:
                raise error
            if number + AHEAD < self._count:
                self._asked.put(number + AHEAD)
            yield found

    def answer(self, read: Callable[[], Any]) -> None:
        """Read the next thing that was asked for, on the main thread."""
        try:
            self._answers.put((read(), None))
        except (ValueError, OSError, MemoryError) as error:
            self._answers.put((None, error))

    def asked(self) -> list[int]:
        """Return the numbers that were asked for since the last time."""
        numbers = []
        while True:
            try:
                numbers.append(self._asked.get_nowait())
            except Empty:
                return numbers

    def stop(self) -> None:
        """End the work when it asks the next time."""
        self._stopped.set()

    def require(self) -> None:
        """Raise StoppedError if the work was cancelled, on the thread that works."""
        if self._stopped.is_set():
            raise StoppedError

    def _next(self) -> tuple[Any, Exception | None]:
        while True:
            self.require()
            try:
                return self._answers.get(timeout=POLL_SECONDS)
            except Empty:
                continue


def fed(feed: Feed, work: Callable[[], Made]) -> Generator[list[int], None, Made]:
    """Do work on a thread of its own, as a job: yields lists of numbers to be answered, returns what was made."""
    pool = ThreadPoolExecutor(1, "napari-gfsam export")
    try:
        future = pool.submit(work)
        while not wait([future], timeout=POLL_SECONDS).done:
            yield feed.asked()
        return future.result()
    finally:
        feed.stop()
        pool.shutdown()
