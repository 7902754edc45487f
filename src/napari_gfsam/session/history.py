"""One command history for every layer of ours: strokes and decisions undone in the order in which they were made."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

LIMIT = 200
LIMIT_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """Something done that can be undone.

    Parameters
    ----------
    title
        For people, such as "switch cluster 3 off".
    do, undo
        What does it again, and what takes it back.
    subject
        What it was done to; of several things, a set of them, of which `History.forget` takes out what it forgets.
    nbytes
        Memory that it holds.
    """

    title: str
    do: Callable[[], None]
    undo: Callable[[], None]
    subject: Hashable | set[Hashable] = None
    nbytes: int = 0


class History:
    """The last commands. One whose `do` or `undo` raises stays where it was, and the error goes to the caller.

    Parameters
    ----------
    limit, limit_bytes
        Commands kept, and the memory that they hold at most; the oldest are forgotten, the last one never is.

    Attributes
    ----------
    settle
        Called before a command is kept, undone or done again: finishes what is still under way.
    """

    changed = Signal()

    def __init__(self, limit: int = LIMIT, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._done: deque[Command] = deque(maxlen=limit)
        self._undone: list[Command] = []
        self._busy = False
        self.settle: Callable[[], object] = lambda: None

    @property
    def can_undo(self) -> bool:
        """Whether there is a command to take back."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is a command to do again."""
        return bool(self._undone)

    @property
    def undo_title(self) -> str:
        """Title of the command that `undo` takes back, else empty."""
        return self._done[-1].title if self._done else ""

    @property
    def redo_title(self) -> str:
        """Title of the command that `redo` does again, else empty."""
        return self._undone[-1].title if self._undone else ""

    @property
    def busy(self) -> bool:
        """Whether a command is being undone or done again now: what layers report meanwhile is our own work."""
        return self._busy

    def push(self, command: Command) -> None:
        """Keep a command that was just done; what was undone before can no longer be done again.

        Raises
        ------
        RuntimeError
            If a command is being undone or done again (see `busy`).
        """
        self._refuse_while_busy()
        self.settle()
        self._done.append(command)
        self._undone.clear()
        while len(self._done) > 1 and sum(kept.nbytes for kept in self._done) > self._limit_bytes:
            self._done.popleft()
        self.changed.emit()

    def undo(self) -> str | None:
        """Take the last command back and return its title; ``None`` if there is none."""
        self.settle()
        if not self._done:
            return None
        command = self._done[-1]
        self._run(command.undo)
        self._undone.append(self._done.pop())
        self.changed.emit()
        return command.title

    def redo(self) -> str | None:
        """Do again what was last undone and return its title; ``None`` if there is nothing."""
        self.settle()
        if not self._undone:
            return None
        command = self._undone[-1]
        self._run(command.do)
        self._done.append(self._undone.pop())
        self.changed.emit()
        return command.title

    def forget(self, subject: Hashable) -> None:
        """Forget the commands on something that is no longer what it was, such as a target that was run again."""
        done = [command for command in self._done if _is_left(command, subject)]
        undone = [command for command in self._undone if _is_left(command, subject)]
        if (len(done), len(undone)) != (len(self._done), len(self._undone)):
            self._done, self._undone = deque(done, maxlen=self._done.maxlen), undone
            self.changed.emit()

    def clear(self) -> None:
        """Forget all commands."""
        self._done.clear()
        self._undone.clear()
        self.changed.emit()

    def _run(self, step: Callable[[], None]) -> None:
        self._refuse_while_busy()
        self._busy = True
        try:
            step()
        finally:
            self._busy = False

    def _refuse_while_busy(self) -> None:
        if self._busy:
            raise RuntimeError("A command is being undone or done again; wait until it is finished.")


def _is_left(command: Command, forgotten: Hashable) -> bool:
    """Tell whether a command is still about anything once a thing is forgotten."""
    if not isinstance(command.subject, set):
        return command.subject != forgotten
    command.subject.discard(forgotten)
    return bool(command.subject)
