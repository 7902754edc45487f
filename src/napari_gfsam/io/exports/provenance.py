"""How labels were made, as plain JSON values: what every format that has room for it carries along.

Places on the disk are left out: exports are shared, and a path tells who made them.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from napari_gfsam.io.exports.types import ExportError, default_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_gfsam.io.exports.types import ExportClass, LabelSheet
    from napari_gfsam.io.records import RunRecord

FORMAT = "napari-gfsam-export/1"
#: Parts of a run record that runs over many pictures share.
_SHARED = ("version", "models", "settings", "references", "environment")
_PLACES = ("path", "relative_path")


def provenance(sheet: LabelSheet) -> dict[str, Any]:
    """Return all that is known of a sheet but its pixels: program, classes, picture, run."""
    facts = {**about_program(), "classes": [class_facts(one) for one in sheet.classes], **picture_facts(sheet)}
    if sheet.record is not None:
        facts["run"] = run_facts(sheet.record)
    return facts


def about_program() -> dict[str, Any]:
    """Return what made the export."""
    try:
        known = version("napari-gfsam")
    except PackageNotFoundError:  # a source tree that was never installed
        known = "0+unknown"
    return {"format": FORMAT, "program": "napari-gfsam", "version": known}


def class_facts(one: ExportClass) -> dict[str, Any]:
    """Return a class as JSON values."""
    return {"id": one.id, "name": one.name, "color": list(one.color), "score": finite(one.score)}


def picture_facts(sheet: LabelSheet) -> dict[str, Any]:
    """Return what holds for one picture: its name and, with a record, target, decisions and results.

    ``labels_as_recorded`` tells whether the labels are those of the run, or were changed since.
    """
    facts: dict[str, Any] = {"picture": sheet.picture}
    if sheet.record is None:
        return facts
    from napari_gfsam.io.records import labels_hash

    record = _plain(sheet.record)
    own = {key: value for key, value in record.items() if key not in (*_SHARED, "format", "labels_file")}
    return {**facts, **own, "labels_as_recorded": labels_hash(sheet.labels) == sheet.record.labels_hash}


def run_facts(record: RunRecord) -> dict[str, Any]:
    """Return what holds for all pictures of one run."""
    plain = _plain(record)
    return {key: plain[key] for key in _SHARED}


def as_json(data: Any, *, indent: int | None = None) -> str:
    """Return ASCII JSON."""
    return json.dumps(finite(data), indent=indent, allow_nan=False)


def finite(value: Any) -> Any:
    """Return JSON values with ``None`` for what is no number, which JSON does not have."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Runs:
    """The different runs behind many pictures, each kept once."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []
        self._places: dict[str, int] = {}

    def facts(self, sheet: LabelSheet) -> dict[str, Any]:
        """Return what holds for one picture, with the number of its run in `all`."""
        facts = picture_facts(sheet)
        if sheet.record is not None:
            run = run_facts(sheet.record)
            key = as_json(run)
            if key not in self._places:
                self._places[key] = len(self.all)
                self.all.append(run)
            facts["run"] = self._places[key]
        return facts


class ClassBook:
    """The classes of many pictures in the order in which they came, each id with one name."""

    def __init__(self) -> None:
        self._known: dict[int, ExportClass] = {}
        self._where: dict[int, str] = {}

    def add(self, classes: Iterable[ExportClass], where: str) -> None:
        """Take in the classes of one picture.

        Raises
        ------
        ExportError
            If an id has another name already. ("class 3" is no name; a real one takes its place.)
        """
        for one in classes:
            known = self._known.get(one.id)
            if known is None or (known.name == default_name(one.id) and one.name != known.name):
                self._known[one.id], self._where[one.id] = one, where
            elif one.name not in (known.name, default_name(one.id)):
                raise ExportError(
                    f"Class {one.id} is {known.name!r} in {self._where[one.id]} and {one.name!r} in {where}; "
                    "one set needs one name for it, so name the classes yourself."
                )

    @property
    def all(self) -> tuple[ExportClass, ...]:
        """The classes in the order in which they came."""
        return tuple(self._known.values())

    def place(self, class_id: int) -> int:
        """Return where a class stands in `all`."""
        return list(self._known).index(class_id)


def _plain(record: RunRecord) -> dict[str, Any]:
    plain: dict[str, Any] = _without_places(asdict(record))
    return plain


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_places(item) for key, item in value.items() if key not in _PLACES}
    return [_without_places(item) for item in value] if isinstance(value, list | tuple) else value
