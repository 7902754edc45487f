"""Tables as plain text and as markdown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text.

    Parameters
    ----------
    header
        Names of the columns.
    rows
        The lines; the first column is flushed left, the others right.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def plain(self) -> str:
        """Return the table for a terminal, columns two spaces apart."""
        widths = _widths([self.header, *self.rows])
        lines = [self.header, tuple("-" * width for width in widths), *self.rows]
        return "\n".join("  ".join(_padded(line, widths)).rstrip() for line in lines)

    def markdown(self) -> str:
        """Return the table as GitHub markdown, columns aligned in the source."""
        escaped = [tuple(cell.replace("|", "\\|") for cell in row) for row in (self.header, *self.rows)]
        widths = _widths(escaped)
        rule = tuple("-" * width if place == 0 else "-" * (width - 1) + ":" for place, width in enumerate(widths))
        lines = [escaped[0], rule, *escaped[1:]]
        return "\n".join("| " + " | ".join(_padded(line, widths)) + " |" for line in lines)


def percent(value: float) -> str:
    """Return a share as a percentage with one decimal, ``-`` for NaN."""
    return "-" if math.isnan(value) else f"{100 * value:.1f}"


def number(value: float, decimals: int = 2) -> str:
    """Return a number with fixed decimals, ``-`` for NaN."""
    return "-" if math.isnan(value) else f"{value:.{decimals}f}"


def _padded(cells: tuple[str, ...], widths: list[int]) -> list[str]:
    first = cells[0].ljust(widths[0])
    return [first, *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))]


def _widths(rows: Sequence[tuple[str, ...]]) -> list[int]:
    return [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
