"""Workers that take one target each at a time, wherever they are, and what happens when one of them ends."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from napari_gfsam.datasets.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from napari_gfsam.datasets.job import Task
    from napari_gfsam.datasets.rows import Row

#: A target is given to so many workers that end over it.
ATTEMPTS = 2
#: So many workers may end in a row, without any target being done, before that is no target's fault.
DEATHS_A_SEAT, DEATHS = 4, 4


@dataclass(frozen=True, slots=True)
class Joined:
    """A worker is there and free."""

    seat: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A worker is done with its target and free."""

    seat: str
    row: Row


@dataclass(frozen=True, slots=True)
class Gone:
    """A worker ended, with words about how (``it was killed by signal 9``)."""

    seat: str
    how: str


Message = Joined | Answered | Gone


class Crew(Protocol):
    """Workers; one that ends is replaced by the crew, as another seat."""

    def give(self, seat: str, task: Task) -> None:
        """Give a target to a free worker."""
        ...

    def messages(self) -> Iterator[Message]:
        """Yield what happens, waiting for it.

        Raises
        ------
        DatasetError
            If the run cannot go on.
        """
        ...

    def close(self) -> None:
        """Stop all workers, those at work within a batch of prompts."""
        ...


def work_through(crew: Crew, tasks: Iterable[Task]) -> Generator[Row, None, None]:
    """Have a crew do targets.

    The target of a worker that ends is given to one more; a target that ends both has failed.

    Parameters
    ----------
    crew
        The workers.
    tasks
        The targets; taken one by one when a worker is free.

    Yields
    ------
    What became of each target, in the order in which that is known.

    Raises
    ------
    DatasetError
        If the run cannot go on: the crew says so, or workers end one after the other without doing anything.
    """
    board = _Board(crew, tasks)
    for message in crew.messages():
        row = board.take(message)
        if row is not None:
            yield row
        if not board.hand_out():
            return


class _Board:
    """Who works on what."""

    def __init__(self, crew: Crew, tasks: Iterable[Task]) -> None:
        self._crew, self._tasks = crew, iter(tasks)
        self._again: deque[Task] = deque()
        self._free: deque[str] = deque()
        self._held: dict[str, Task] = {}
        self._ended: Counter[int] = Counter()
        self._in_a_row, self._most_seats = 0, 0
        self._more = True

    def take(self, message: Message) -> Row | None:
        """Note what happened and return the row of a target with which it is over."""
        match message:
            case Joined(seat):
                self._free.append(seat)
                self._most_seats = max(self._most_seats, len(self._free) + len(self._held))
            case Answered(seat, row):
                return self._answered(seat, row)
            case Gone(seat, how):
                return self._gone(seat, how)
        return None

    def hand_out(self) -> bool:
        """Give targets to all who are free and tell whether anything is left to wait for."""
        while self._free and (task := self._next()) is not None:
            seat = self._free.popleft()
            self._held[seat] = task
            self._crew.give(seat, task)
        return self._more or bool(self._held or self._again)

    def _next(self) -> Task | None:
        if self._again:
            return self._again.popleft()
        task = next(self._tasks, None)
        self._more = task is not None
        return task

    def _answered(self, seat: str, row: Row) -> Row:
        task = self._held.pop(seat)
        self._free.append(seat)
        self._in_a_row = 0
        del self._ended[task.number]
        return replace(row, file=task.path)

    def _gone(self, seat: str, how: str) -> Row | None:
        task = self._held.pop(seat, None)
        if task is None:
            if seat in self._free:
                self._free.remove(seat)
            return None
        self._ended[task.number] += 1
        self._in_a_row += 1
        if self._in_a_row > DEATHS + DEATHS_A_SEAT * self._most_seats:
            raise DatasetError(f"Workers end one after the other without doing a target (the last one: {how}).")
        if self._ended[task.number] < ATTEMPTS:
            self._again.append(task)
            return None
        del self._ended[task.number]
        row = task.failed(f"{task.path}: the worker that had it ended twice (the last time: {how}).")
        return replace(row, killed=True)
