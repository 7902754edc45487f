"""The rows of a run while it goes on: appended to a file as they come, so that memory stays small."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from napari_gfsam.datasets.errors import DatasetError
from napari_gfsam.datasets.rows import Row
from napari_gfsam.io.schema import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

JOURNAL = "summary.jsonl"


class Journal:
    """A file of rows, a line each, after a first line that names the run; a context manager.

    Parameters
    ----------
    folder
        Where it is made; one of an earlier run that was killed is replaced.
    run
        Name of this run.

    Raises
    ------
    OSError
        If it cannot be written (`io.writers.OutputError`).
    """

    def __init__(self, folder: Path, run: str) -> None:
        from napari_gfsam.io.writers import write_text

        self.path = folder / JOURNAL
        write_text(self.path, json.dumps({"run": run}) + "\n")
        self._file = self.path.open("ab", buffering=0)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, which stays."""
        self._file.close()

    def add(self, row: Row) -> None:
        """Append a row.

        Raises
        ------
        OSError
            If it cannot be written (`io.writers.OutputError`).
        """
        from napari_gfsam.io.writers import OutputError

        line = json.dumps(asdict(row)).encode() + b"\n"
        try:
            written = self._file.write(line)
            if written != len(line):
                raise OSError(0, f"{written} of {len(line)} bytes")
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written ({error.strerror or error}).") from error


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a journal; a last line that was torn is passed over.

    Raises
    ------
    DatasetError
        If another line is none.
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        file.readline()
        for number, line in enumerate(file, start=2):
            if not line.endswith(b"\n"):
                return
            try:
                row: Row = build(Row, json.loads(line))
            except ValueError as error:
                raise DatasetError(f"Line {number} of {path} is damaged: {error}") from error
            yield row


def run_of(folder: Path) -> str:
    """Return the name of the run that writes into a folder; empty where none does."""
    try:
        with (folder / JOURNAL).open("rb") as file:
            return str(json.loads(file.readline())["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def delete(path: Path) -> None:
    """Delete a journal whose rows are told elsewhere."""
    os.unlink(path)
