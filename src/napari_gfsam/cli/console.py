"""Writing to the terminal, through rich only: results to stdout, complaints to stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Columns where there is no terminal to ask.
PLAIN_WIDTH = 120


def stdout() -> Console:
    """Return the console of results."""
    return Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)


def stderr() -> Console:
    """Return the console of complaints."""
    return Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """Write a line of rich markup."""
    stdout().print(text, soft_wrap=True)


def complain(text: str) -> None:
    """Write a plain sentence to stderr."""
    stderr().print(f"[red]Error:[/red] {escape(text)}", soft_wrap=True)


def note(text: str) -> None:
    """Write a plain sentence that is no failure to stderr."""
    stderr().print(f"[yellow]Note:[/yellow] {escape(text)}", soft_wrap=True)


def sentence(error: BaseException) -> str:
    """Return an error as one line for the user."""
    text = " ".join(str(error).split())
    return text or type(error).__name__


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> None:
    """Write a table whose first ``left`` columns are text and the others numbers."""
    grid = Table(title=title or None, title_justify="left")
    for number, name in enumerate(columns):
        grid.add_column(name, justify="left" if number < left else "right", overflow="fold")
    for row in rows:
        grid.add_row(*(escape(cell) for cell in row))
    stdout().print(grid)
