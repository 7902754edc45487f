"""Progress of a long run: one bar for the targets, one for the prompts of the current one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from napari_gfsam.cli.console import stdout

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

STAGES = {
    "load": "references",
    "reference": "encoding",
    "target": "prompts",
    "points": "masks",
    "masks": "gates",
    "gates": "merging",
}


def make_progress() -> Progress:
    """Return a progress display that leaves nothing behind; lines printed above it stay. No bars without a terminal."""
    console = stdout()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, *times, console=console, transient=True, disable=not console.is_terminal)


class TargetsProgress:
    """A bar over targets; a context manager, so that the terminal is left clean whatever happens.

    Parameters
    ----------
    total
        Number of targets.
    """

    def __init__(self, total: int) -> None:
        self._progress = make_progress()
        self._all = self._progress.add_task("targets", total=total)
        self._one = self._progress.add_task("", total=None, visible=False)

    def __enter__(self) -> Self:
        """Start drawing."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing."""
        self._progress.stop()

    def begin(self, name: str) -> None:
        """Say which target is worked on."""
        self._progress.remove_task(self._one)
        self._one = self._progress.add_task(f"{escape(name)}: loading", total=None)

    def done(self, line: str) -> None:
        """Write the target's summary line (rich markup) and count it."""
        self._progress.update(self._one, visible=False)
        self._progress.advance(self._all)
        self._progress.console.print(line, soft_wrap=True)

    def follow(self, name: str, events: Iterable[Any]) -> Any:
        """Show the events of a run and return its prediction.

        Raises
        ------
        RuntimeError
            If the run ends without one.
        """
        from napari_gfsam.api import PredictionReady

        for event in events:
            if isinstance(event, PredictionReady):
                return event.prediction
            self.show(name, event)
        raise RuntimeError("A run ended without an answer; please report this.")

    def show(self, name: str, event: Any) -> None:
        """Show an event of a run; from any thread."""
        from napari_gfsam.core.pipeline import PromptsDecoded, StageDone, TilesDone

        if isinstance(event, TilesDone):
            text = f"{escape(name)}: tiles {event.stage}"
            self._progress.update(self._one, completed=event.done, total=event.total, description=text, visible=True)
        elif isinstance(event, PromptsDecoded):
            text = f"{escape(name)}: class {event.class_id}"
            self._progress.update(self._one, completed=event.done, total=event.total, description=text, visible=True)
        elif isinstance(event, StageDone) and event.stage in STAGES:
            text = f"{escape(name)}: {STAGES[event.stage]}"
            self._progress.update(self._one, description=text, visible=True)
