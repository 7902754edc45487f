"""Accepted labels out: label images with run records, one file a plane, never over a person's own file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_gfsam.controller.correcting import CorrectionError
from napari_gfsam.io.records import write_record
from napari_gfsam.io.writers import OutputError, is_ours, write_json, write_labels
from napari_gfsam.session.types import TargetState

if TYPE_CHECKING:
    from pathlib import Path

    from napari_gfsam.controller.sheets import Sheets
    from napari_gfsam.session import Session
    from napari_gfsam.session.types import Target

UNSAFE = re.compile(r"[^\w.\- ]+")
LABELS, RECORD, CLASSES = "_labels.tif", "_labels.json", "classes.json"
#: Characters of a title that a file name takes: with number and ending, every file system has room for it.
LONGEST = 100


class Exporting:
    """Writes accepted labels. Main thread only."""

    def __init__(self, session: Session, sheets: Sheets) -> None:
        self._session, self._sheets = session, sheets

    def save(self, folder: Path) -> int:
        """Write a label image a target, its run record, and the classes with their colours; tell how many targets.

        Raises
        ------
        CorrectionError
            If nothing is accepted yet.
        OutputError
            If a file cannot be written, or one of that name is there that we did not write.
        """
        accepted = [target for target in self._session.queue if target.state == TargetState.ACCEPTED]
        if not accepted:
            raise CorrectionError("Nothing is accepted yet; accept a proposal (K) first.")
        names = _names(accepted)
        for name in names.values():
            _refuse_foreign(folder / f"{name}{LABELS}")
        for target in accepted:
            self._save_one(target, folder, names[target.plane])
        rows = [{"id": row.id, "name": row.name, "color": row.color} for row in self._session.classes]
        write_json(folder / CLASSES, rows)
        return len(accepted)

    def _save_one(self, target: Target, folder: Path, name: str) -> None:
        write_labels(folder / f"{name}{LABELS}", self._sheets.accepted(target.plane))
        prediction = self._session.store.get(target.plane)
        if prediction is not None:
            write_record(folder / f"{name}{RECORD}", prediction.record())


def _names(targets: list[Target]) -> dict[object, str]:
    """Return a file name a target from its title: a title is never trusted as a path, and no two are alike."""
    names: dict[object, str] = {}
    for target in targets:
        plain = UNSAFE.sub("_", target.title)[:LONGEST].strip(" .") or "target"
        taken = {name.casefold() for name in names.values()}
        number = next(n for n in range(len(targets) + 1) if _numbered(plain, n).casefold() not in taken)
        names[target.plane] = _numbered(plain, number)
    return names


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number + 1}" if number else name


def _refuse_foreign(path: Path) -> None:
    if path.exists() and not is_ours(path):
        raise OutputError(f"{path} is there already and was not written by napari-gfsam; choose another folder.")
