"""Accepted labels out: label images with run records, one file a plane, never over a person's own file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_gfsam.controller.correcting import CorrectionError
from napari_gfsam.io.records import RecordError, read_record, write_record
from napari_gfsam.io.writers import OutputError, is_ours, write_json, write_labels
from napari_gfsam.session.packing import PackedPlane, pack
from napari_gfsam.session.types import TargetState

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_gfsam.controller.sheets import Sheets
    from napari_gfsam.io.records import RunRecord
    from napari_gfsam.session import Session
    from napari_gfsam.session.store import PredictionStore
    from napari_gfsam.session.types import PlaneKey, Target
    from napari_gfsam.workers import JobRunner

UNSAFE = re.compile(r"[^\w.\- ]+")
LABELS, RECORD, CLASSES = "_labels.tif", "_labels.json", "classes.json"
CLASS_NAMES = {"id", "name", "color"}
#: Characters of a title that a file name takes: with number and ending, every file system has room for it.
LONGEST = 100


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    """What is written for a target."""

    plane: PlaneKey
    name: str
    labels: PackedPlane


class Exporting:
    """Writes accepted labels. Main thread only; reading predictions and writing files happens on a thread.

    `saved` carries a sentence when all is written, `failed` one when it cannot be.
    """

    saved = Signal(str)
    failed = Signal(str)

    def __init__(self, session: Session, sheets: Sheets, jobs: JobRunner) -> None:
        self._session, self._sheets, self._jobs = session, sheets, jobs
        jobs.finished.connect(self.saved.emit)
        jobs.failed.connect(self.failed.emit)

    def save(self, folder: Path) -> None:
        """Write a label image a target, its run record, and the classes with their colours.

        Nothing is written if a file of one of these names is there that we did not write for the same picture.

        Raises
        ------
        CorrectionError
            If nothing is accepted yet.
        napari_gfsam.imaging.ImageError
            If accepted labels are no longer in the viewer.
        """
        accepted = [target for target in self._session.queue if target.state == TargetState.ACCEPTED]
        if not accepted:
            raise CorrectionError("Nothing is accepted yet; accept a proposal (K) first.")
        names = _names(accepted)
        sheets = [_Sheet(t.plane, names[t.plane], pack(self._sheets.accepted(t.plane))) for t in accepted]
        rows = [{"id": row.id, "name": row.name, "color": row.color} for row in self._session.classes]
        self._jobs.start(_written(folder, sheets, rows, self._session.store))

    def close(self) -> None:
        """Stop between two files."""
        self._jobs.stop()


def _written(
    folder: Path, sheets: list[_Sheet], rows: list[dict[str, Any]], store: PredictionStore
) -> Generator[None, None, str]:
    _refuse_foreign_classes(folder / CLASSES)
    records: dict[str, RunRecord] = {}
    for sheet in sheets:
        yield
        prediction = store.get(sheet.plane)
        if prediction is not None:
            records[sheet.name] = prediction.record()
        _refuse_foreign(folder, sheet.name, records.get(sheet.name))
    for sheet in sheets:
        yield
        write_labels(folder / f"{sheet.name}{LABELS}", sheet.labels.unpack())
        if sheet.name in records:
            write_record(folder / f"{sheet.name}{RECORD}", records[sheet.name])
    write_json(folder / CLASSES, rows)
    return f"The labels of {len(sheets)} target{'s'[: len(sheets) - 1]} are saved in {folder.name!r}."


def _names(targets: list[Target]) -> dict[PlaneKey, str]:
    """Return a file name a target from its title: a title is never trusted as a path, and no two are alike."""
    names: dict[PlaneKey, str] = {}
    for target in targets:
        plain = UNSAFE.sub("_", target.title)[:LONGEST].strip(" .") or "target"
        taken = {name.casefold() for name in names.values()}
        number = next(n for n in range(len(targets) + 1) if _numbered(plain, n).casefold() not in taken)
        names[target.plane] = _numbered(plain, number)
    return names


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number + 1}" if number else name


def _refuse_foreign(folder: Path, name: str, record: RunRecord | None) -> None:
    """Raise OutputError where a file is a person's, or ours of another picture of the same name."""
    labels, described = folder / f"{name}{LABELS}", folder / f"{name}{RECORD}"
    if labels.exists() and not is_ours(labels):
        raise _foreign(labels)
    if not described.exists():
        return
    try:
        found = read_record(described)
    except RecordError as error:
        raise _foreign(described) from error
    if record is not None and found.target.content_hash != record.target.content_hash:
        raise OutputError(f"{labels} holds the labels of another picture of that name; choose another folder.")


def _refuse_foreign_classes(path: Path) -> None:
    if not path.exists():
        return
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _foreign(path) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) and set(row) == CLASS_NAMES for row in rows):
        raise _foreign(path)


def _foreign(path: Path) -> OutputError:
    return OutputError(f"{path} is there already and was not written by napari-gfsam; choose another folder.")
