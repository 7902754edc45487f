"""The CSV of an evaluation: one line per episode and settings, appended and flushed, so that a run can go on."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from napari_gfsam.evaluation.metrics import Overlap

if TYPE_CHECKING:
    from collections.abc import Iterable

SEPARATOR = "; "


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """One answered episode. Its fields are the CSV's columns.

    Parameters
    ----------
    fingerprint
        Hash of the question and all its answer depends on: files and their sizes, settings, and the next seven columns.
    data_set, seed, shots, model, settings, episode, absent
        Where the row belongs: names of set, model and settings; number of the episode, from 0.
    class_id, class_name, references, target
        The episode; references are joined by ``"; "``.
    iou_1024, iou_native
        Intersection over union in [0, 1], squashed and at the picture's size; NaN where both masks are empty.
    fg_intersection_1024, fg_union_1024, bg_intersection_1024, bg_union_1024
        Pixels in the squashed frame.
    fg_intersection_native, fg_union_native, bg_intersection_native, bg_union_native
        Pixels at the picture's size.
    score
        Confidence of the answer.
    empty
        Nothing was found.
    prompts, clusters
        How many there were.
    seconds
        Wall time of the answer; the first settings of an episode pay for encoding the pictures.
    error
        What went wrong, else an empty string. A row with an error counts in no figure.
    """

    fingerprint: str
    data_set: str
    seed: int
    shots: int
    model: str
    settings: str
    episode: int
    absent: bool
    class_id: int
    class_name: str
    references: str
    target: str
    iou_1024: float = float("nan")
    iou_native: float = float("nan")
    fg_intersection_1024: int = 0
    fg_union_1024: int = 0
    bg_intersection_1024: int = 0
    bg_union_1024: int = 0
    fg_intersection_native: int = 0
    fg_union_native: int = 0
    bg_intersection_native: int = 0
    bg_union_native: int = 0
    score: float = 0.0
    empty: bool = True
    prompts: int = 0
    clusters: int = 0
    seconds: float = 0.0
    error: str = ""

    @property
    def identity(self) -> tuple[str, int, int, str, str, int, bool]:
        """Which question the row answers; a later row of the same identity replaces an earlier one."""
        return (self.data_set, self.seed, self.shots, self.model, self.settings, self.episode, self.absent)

    @property
    def overlap_1024(self) -> Overlap:
        """Counts in the squashed frame."""
        return Overlap(self.fg_intersection_1024, self.fg_union_1024, self.bg_intersection_1024, self.bg_union_1024)

    @property
    def overlap_native(self) -> Overlap:
        """Counts at the picture's size."""
        return Overlap(
            self.fg_intersection_native, self.fg_union_native, self.bg_intersection_native, self.bg_union_native
        )


COLUMNS = tuple(field.name for field in fields(EpisodeRow))
_TYPES = get_type_hints(EpisodeRow)


class RowFile:
    """An evaluation's CSV, open for appending.

    Opening repairs a last line that a crash left half written; it is the only line ever removed.

    Parameters
    ----------
    path
        The file; made with its folder when missing.

    Raises
    ------
    OSError
        If the file cannot be read or written.
    ValueError
        If it is not an evaluation's CSV, or a line within it is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not _repair(self.path):
            self._append(COLUMNS)
        self._done = {row.identity: row for row in read_rows(self.path)}

    def find(self, identity: tuple[str, int, int, str, str, int, bool], fingerprint: str) -> EpisodeRow | None:
        """Return the row that already answers a question in the same way and without error, else ``None``."""
        row = self._done.get(identity)
        return row if row is not None and row.fingerprint == fingerprint and not row.error else None

    def append(self, row: EpisodeRow) -> None:
        """Write a row; when this returns it is on the disk.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        self._append([_to_text(getattr(row, name)) for name in COLUMNS])
        self._done[row.identity] = row

    def _append(self, values: Iterable[str]) -> None:
        with self.path.open("ab") as file:
            file.write(_line(values))
            file.flush()
            os.fsync(file.fileno())


def read_rows(path: str | Path) -> tuple[EpisodeRow, ...]:
    """Read an evaluation's rows, of each identity the last one, in order of first appearance.

    A half-written last line is passed over.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not an evaluation's CSV, or a line within it is damaged.
    """
    lines = _complete_lines(Path(path).read_bytes())
    if not lines or not _is_header(lines[0]):
        raise ValueError(f"{path} is not an evaluation's CSV of this version; give the name of a new file.")
    rows: dict[tuple[object, ...], EpisodeRow] = {}
    for number, line in enumerate(lines[1:], start=2):
        row = _parse(line)
        if row is not None:
            rows[row.identity] = row
        elif number < len(lines):
            raise ValueError(f"Line {number} of {path} is damaged; remove that line, and it is computed again.")
    return tuple(rows.values())


def one_line(text: str) -> str:
    """Return a text as it is kept in the CSV: white space runs become one space, nothing that UTF-8 cannot hold."""
    return " ".join(text.split()).encode("utf-8", errors="backslashreplace").decode("utf-8")


def _repair(path: Path) -> bool:
    """Cut off a half-written last line; return whether anything is left."""
    if not path.exists():
        return False
    content = path.read_bytes()
    lines = _complete_lines(content)
    if not (_is_header(lines[0]) if lines else _line(COLUMNS).startswith(content)):
        raise ValueError(f"{path} is not an evaluation's CSV of this version; give the name of a new file.")
    if len(lines) > 1 and _parse(lines[-1]) is None:
        lines.pop()
    kept = sum(map(len, lines))
    if kept < len(content):
        os.truncate(path, kept)
    return bool(lines)


def _is_header(line: bytes) -> bool:
    return _values(line) == list(COLUMNS)


def _complete_lines(content: bytes) -> list[bytes]:
    return [line for line in content.splitlines(keepends=True) if line.endswith(b"\n")]


def _line(values: Iterable[str]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([one_line(value) for value in values])
    return buffer.getvalue().encode("utf-8")


def _values(line: bytes) -> list[str]:
    try:
        return next(csv.reader([line.decode("utf-8", errors="replace")]), [])
    except csv.Error:
        return []


def _parse(line: bytes) -> EpisodeRow | None:
    """Return the row of a line, ``None`` for a line that is none."""
    values = _values(line)
    if len(values) != len(COLUMNS):
        return None
    try:
        return EpisodeRow(*(_from_text(text, _TYPES[name]) for name, text in zip(COLUMNS, values, strict=True)))
    except ValueError:
        return None


def _to_text(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return repr(int(value)) if isinstance(value, bool) else repr(value)


def _from_text(text: str, kind: type) -> Any:
    if kind is str:
        return text
    if kind is bool:
        return bool(int(text))
    return int(text) if kind is int else float(text)
