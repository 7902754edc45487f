"""What an export from the viewer writes. Neither Qt nor napari; on a thread."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_gfsam.io.records import RecordError, read_record, write_record
from napari_gfsam.io.writers import OutputError, is_ours, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from napari_gfsam.controller.feed import Feed
    from napari_gfsam.io.exports import ExportFormat, LabelSheet
    from napari_gfsam.io.records import RunRecord
    from napari_gfsam.session.store import PredictionStore
    from napari_gfsam.session.types import ClassRow, PlaneKey

#: Endings of the run records that lie beside label images, by format; `napari-gfsam export` and `replay` read them.
BESIDE: Mapping[str, str] = {"tiff": "_labels.json", "png": "_labels.json"}
CLASSES = "classes.json"
CLASS_NAMES = {"id", "name", "color"}


@dataclass(frozen=True, slots=True)
class ExportTarget:
    """A target to export.

    Parameters
    ----------
    plane
        Which.
    name
        Of its files, without ending.
    title
        For people.
    file
        The picture's own file, ``None`` where there is none.
    scale, units, translate
        Of its rows and columns, as the viewer shows them.
    """

    plane: PlaneKey
    name: str
    title: str
    file: Path | None = None
    scale: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    translate: tuple[float, ...] = ()

    @property
    def picture(self) -> str:
        """What the picture is called in the output: its file, unless that holds several."""
        return self.title if self.file is None or max(self.plane.index) >= 0 else self.file.name


@dataclass(frozen=True, slots=True)
class ExportJob:
    """What is to be exported, how and where; `accepted` tells accepted labels from proposals."""

    format_id: str
    folder: Path
    replace: bool
    targets: tuple[ExportTarget, ...]
    rows: tuple[ClassRow, ...]
    accepted: bool


def run_export(job: ExportJob, labels: Feed, store: PredictionStore) -> str:
    """Write all outputs of a job and return a sentence about them.

    Parameters
    ----------
    job
        What to do.
    labels
        (H, W) class ids of its targets, in their order, taken one at a time.
    store
        Has the predictions.

    Raises
    ------
    ValueError
        If the labels do not fit the format, a library is missing, or an output is there (`io.exports.ExportError`).
    OSError
        If an output cannot be written, or is a person's own (`io.writers.OutputError`).
    StoppedError
        If it was cancelled.
    """
    from napari_gfsam.io.exports import check_libraries, export, export_format

    chosen = export_format(job.format_id)
    check_libraries(chosen)
    records = _Records(labels, store)
    if job.format_id in BESIDE:
        _refuse_all_foreign(job, chosen, records)
    inputs = [target.file for target in job.targets if target.file is not None]
    # A generator that the export walks: what one plane needs is gone before the next one is made.
    sheets = _sheets(job, chosen, labels, records)
    done = export(chosen.id, sheets, job.folder, overwrite=job.replace, inputs=inputs)
    if job.format_id in BESIDE:
        _write_beside(job, records)
    return " ".join([_say(job, chosen), *done.notes])


def _say(job: ExportJob, chosen: ExportFormat) -> str:
    count = len(job.targets)
    some = f"{count} target{'s'[: count - 1]}"
    what = f"The labels of {some}" if job.accepted else f"The proposals of {some}, not accepted yet,"
    return f"{what} are exported to {job.folder.name!r} ({chosen.title})."


class _Records:
    """How the labels of targets were made, each read once: a prediction may be on disk."""

    def __init__(self, labels: Feed, store: PredictionStore) -> None:
        self._kept: dict[str, RunRecord | None] = {}
        self._labels, self._store = labels, store

    def get(self, target: ExportTarget) -> RunRecord | None:
        if target.name not in self._kept:
            self._labels.require()
            prediction = self._store.get(target.plane)
            self._kept[target.name] = None if prediction is None else prediction.record()
        return self._kept[target.name]


def _sheets(job: ExportJob, chosen: ExportFormat, labels: Feed, records: _Records) -> Iterator[LabelSheet]:
    from napari_gfsam.io.exports import ExportClass, label_sheet

    for target, ids in zip(job.targets, labels, strict=True):
        record = records.get(target)
        scores = {one.id: one.score for one in record.results} if record else {}
        shown = [row for row in job.rows if not row.negative or (ids == row.id).any()]
        more: dict[str, Any] = {"georeference": _place(target)} if chosen.on_earth else {}
        yield label_sheet(
            ids,
            target.name,
            [ExportClass(row.id, row.name, row.color, scores.get(row.id)) for row in shown],
            picture=target.picture,
            picture_path="" if target.file is None else target.file.as_posix(),
            record=record,
            scale=target.scale,
            units=target.units,
            translate=target.translate,
            **more,
        )


def _place(target: ExportTarget) -> Any:
    """Return where a picture lies on the earth, as its file says.

    Raises
    ------
    ExportError
        If there is no file, or it does not say.
    """
    from napari_gfsam.io.exports import ExportError
    from napari_gfsam.io.exports.places import read_georeference

    if target.file is None:
        raise ExportError(
            f"{target.title} was not opened from a file that says where it lies on the earth, and no coordinate "
            "reference system is invented; choose a format without coordinates."
        )
    return read_georeference(target.file)


def _write_beside(job: ExportJob, records: _Records) -> None:
    for target in job.targets:
        record = records.get(target)
        if record is not None:
            write_record(job.folder / f"{target.name}{BESIDE[job.format_id]}", record)
    rows = [{"id": row.id, "name": row.name, "color": row.color} for row in job.rows]
    write_json(job.folder / CLASSES, rows)


def _refuse_all_foreign(job: ExportJob, chosen: ExportFormat, records: _Records) -> None:
    """Raise OutputError, before anything is written, where a label image or what lies beside it is a person's."""
    _refuse_foreign_classes(job.folder / CLASSES)
    for target in job.targets:
        described = job.folder / f"{target.name}{BESIDE[job.format_id]}"
        _refuse_foreign(job.folder / f"{target.name}{chosen.outputs[0]}", described, records.get(target))


def _refuse_foreign(labels: Path, described: Path, record: RunRecord | None) -> None:
    """Raise OutputError where a file is a person's, or ours of another picture of the same name."""
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
