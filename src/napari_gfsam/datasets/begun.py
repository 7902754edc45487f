"""Which targets were begun and never ended: over one of them the process may have ended, too."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_gfsam.datasets.pictures import absolute

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from napari_gfsam.datasets.job import Task
    from napari_gfsam.datasets.rows import Row

BEGUN = ".napari-gfsam.begun"


class Begun:
    """Notes in the output folder, a line each, of targets that are begun and ended; a context manager.

    They go away at the end of a run, but for those of targets that ended the processes that had them (`Row.killed`).
    What cannot be noted is missed only by a run after a crash, and so never an error.

    Parameters
    ----------
    folder
        The output folder; nobody else may be writing there.

    Attributes
    ----------
    suspects
        Places of the targets over which a process may have ended.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / BEGUN
        self.suspects, self._open = _left(self._path), set[str]()

    def __enter__(self) -> Self:
        """Return itself; the notes begin with those that an earlier run left."""
        self._settle()
        self._file = self._path.open("ab", buffering=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep what the next run must know."""
        self._file.close()
        self._settle()

    def suspected(self, task: Task) -> bool:
        """Tell whether a process may have ended over a target."""
        return _place(task.path) in self.suspects

    def noted(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Yield targets, each noted as begun before."""
        for task in tasks:
            if not task.problem:
                self._begin(_place(task.path))
            yield task

    def followed(self, rows: Iterable[Row]) -> Generator[Row, None, None]:
        """Yield what became of targets, each noted as ended before."""
        for row in rows:
            place = _place(row.file)
            if row.killed:
                self.suspects.add(place)
                self._begin(place)
            elif place in self.suspects or place in self._open:
                self.suspects.discard(place)
                self._open.discard(place)
                self._note("ended", place)
            yield row

    def _begin(self, place: str) -> None:
        self._open.add(place)
        self._note("begun", place)

    def _note(self, what: str, place: str) -> None:
        with suppress(OSError):
            self._file.write(json.dumps({what: place}).encode() + b"\n")

    def _settle(self) -> None:
        """Write anew what is suspected; no file where nothing is."""
        from napari_gfsam.io.writers import write_text

        with suppress(OSError):
            if self.suspects:
                write_text(self._path, "".join(json.dumps({"begun": place}) + "\n" for place in sorted(self.suspects)))
            else:
                self._path.unlink(missing_ok=True)


def _place(path: str) -> str:
    return str(absolute(Path(path)))


def _left(path: Path) -> set[str]:
    """Return the targets that were begun and not ended; lines that were torn or damaged are passed over."""
    left: set[str] = set()
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return left
    for line in lines:
        with suppress(ValueError, AttributeError):
            for what, place in json.loads(line).items():
                (left.add if what == "begun" else left.discard)(str(place))
    return left
