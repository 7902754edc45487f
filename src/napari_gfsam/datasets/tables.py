"""Tables at the end of a run: all targets in order, and the same with what most needs a look first."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from napari_gfsam.datasets.rows import Ended
from napari_gfsam.datasets.targets import natural

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from napari_gfsam.datasets.rows import Row

SUMMARY, REVIEW = "summary.csv", "review.csv"
COLUMNS = ("file", "state", "labels", "classes", "prompts", "accepted", "score", "seconds", "error")


def write_tables(folder: Path, rows: Iterable[Row]) -> tuple[Row, ...]:
    """Write ``summary.csv`` and ``review.csv``, each whole or not at all.

    The order of the first is that of the file names, the order of the second `worst_first`; neither depends on who did
    what when.

    Parameters
    ----------
    folder
        Where.
    rows
        One a target.

    Returns
    -------
    The rows, worst first.

    Raises
    ------
    OSError
        If a file cannot be written (`io.writers.OutputError`).
    """
    from napari_gfsam.io.writers import write_bytes

    ordered = sorted(rows, key=lambda row: (natural(row.file), row.file))
    worst = worst_first(ordered)
    for name, table in ((SUMMARY, ordered), (REVIEW, worst)):
        # Names of files need not be text in any encoding.
        write_bytes(folder / name, _csv(table).encode("utf-8", "backslashreplace"))
    return worst


def worst_first(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return the rows that failed, then the others by their score from low to high; equals stay in order."""
    return tuple(sorted(rows, key=lambda row: (row.state != Ended.FAILED, row.score)))


def _csv(rows: Sequence[Row]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(_cells, rows))
    return text.getvalue()


def _cells(row: Row) -> tuple[Any, ...]:
    if row.state is Ended.FAILED:
        return row.file, row.state, "", "", "", "", "", "", row.error
    name, classes, score = Path(row.labels).name, "; ".join(row.found), f"{row.score:.4f}"
    return row.file, row.state, name, classes, row.prompts, row.accepted, score, f"{row.seconds:.3f}", ""
