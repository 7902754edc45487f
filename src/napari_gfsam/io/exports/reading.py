"""A label file with what lies beside it, as a sheet: run record, class table, instances, the picture's place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.imaging.colors import class_color
from napari_gfsam.io.exports.types import AXES, ExportClass, ExportError, default_name, label_sheet, plain_name
from napari_gfsam.io.records import RecordError, read_record
from napari_gfsam.io.schema import build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_gfsam.imaging.colors import Rgb
    from napari_gfsam.io.exports.types import Georeference, LabelSheet
    from napari_gfsam.io.records import RunRecord

#: Ends of the stems of label files, and of the records beside them, as the command line and the viewer write them.
LABELS, RECORDS = "_labels", ("_record.json", "_labels.json")
CLASSES = "classes.json"


@dataclass(frozen=True, slots=True)
class SheetSource:
    """A label file and what is said of it.

    Parameters
    ----------
    labels
        TIFF, PNG or BMP: class ids, or numbers of objects of one class.
    name
        What its outputs are called.
    classes
        Names by class id; others come from the files beside it.
    instances
        A label image of the same size with numbers of objects.
    picture
        The picture that is labelled; without it the one that the record names.
    objects_of
        The class id of everything, where the file holds numbers of objects; ``None`` where it holds class ids.
    """

    labels: Path
    name: str
    classes: tuple[tuple[int, str], ...] = ()
    instances: Path | None = None
    picture: Path | None = None
    objects_of: int | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """An entry of ``classes.json``."""

    id: int
    name: str
    color: tuple[int, ...]


def read_sheet(source: SheetSource, *, on_earth: bool = False) -> LabelSheet:
    """Read a label file with what lies beside it.

    Parameters
    ----------
    source
        The files.
    on_earth
        Look for the place of the picture on the earth too: in the named picture, in the label file itself, in the
        picture that the record names.

    Raises
    ------
    ValueError
        If a file cannot be read (`io.readers.ImageFileError`) or does not fit (`ExportError`).
    """
    notes: list[str] = []
    labels, axes = read_label_stack(source.labels)
    instances = None if source.instances is None else read_label_stack(source.instances)[0]
    if source.objects_of is not None:
        instances, labels = labels, np.where(labels > 0, np.uint32(source.objects_of), np.uint32(0))
    record = _record_beside(source.labels, notes)
    return label_sheet(
        labels,
        source.name,
        _classes(source, record, notes),
        picture=_picture_name(source, record),
        picture_path=_picture_path(source, record),
        instances=instances,
        axes=axes,
        georeference=_find_place(source, record) if on_earth else None,
        record=record,
        notes=tuple(notes),
    )


def read_label_stack(path: Path) -> tuple[NDArray[np.integer[Any]], str]:
    """Read a label image or a stack of them.

    Parameters
    ----------
    path
        TIFF, PNG, BMP or a Zarr array.

    Returns
    -------
    (..., H, W) ids and one letter an axis; those of a large picture (256 MB or more) lie on the disk.

    Raises
    ------
    ValueError
        If the file cannot be read (`io.readers.ImageFileError`) or holds no labels (`ExportError`).
    """
    from napari_gfsam.io.by_part import on_disk, open_labels
    from napari_gfsam.io.large import large_source
    from napari_gfsam.io.readers import read_labels

    if path.is_dir() or large_source(path, palette=False) is not None:
        return on_disk(open_labels(path)), "yx"
    found = _read_tiff(path) if path.suffix.lower() in (".tif", ".tiff") and path.is_file() else None
    return found or (read_labels(path), "yx")


def _read_tiff(path: Path) -> tuple[NDArray[np.integer[Any]], str] | None:
    """Return whole numbers in two axes or more; ``None`` where the reader of single label images knows more."""
    from napari_gfsam.io.decode import decode

    try:
        stored = decode(path, palette=False)
    except (ValueError, OSError):
        return None
    kept = [place for place, axis in enumerate(stored.axes) if axis in "YX" or stored.pixels.shape[place] > 1]
    axes = "".join(stored.axes[place] for place in kept)
    pixels = stored.pixels.reshape([stored.pixels.shape[place] for place in kept])
    if "S" in axes or (axes == "YX" and pixels.dtype.kind not in "ui") or pixels.size == 0:
        return None
    if not axes.endswith("YX"):
        raise ExportError(f"{path} has the axes {axes}; a stack of labels ends in rows and columns (YX).")
    return pixels, _known_axes(axes)


def _known_axes(axes: str) -> str:
    """Name axes that are none of t, c and z (such as pages) by how many there are."""
    named = axes.lower()
    order = [axis for axis in "tczyx" if axis in named]
    return named if list(named) == order else AXES.get(len(axes), named)


def _record_beside(path: Path, notes: list[str]) -> RunRecord | None:
    """Return the run record of a label file, if it is there and is one."""
    base = path.stem.removesuffix(LABELS)
    for name in (f"{base}{end}" for end in RECORDS):
        place = path.with_name(name)
        if not place.is_file():
            continue
        try:
            record = read_record(place)
        except RecordError as error:
            notes.append(f"No run record is exported: {error}")
            continue
        if record.labels_file in ("", path.name):
            return record
    return None


def _classes(source: SheetSource, record: RunRecord | None, notes: list[str]) -> list[ExportClass]:
    """Return the known classes: names as given, else of the class table, else of the record; colours of the table."""
    recorded = [one for reference in record.references for one in reference.classes] if record else []
    names: dict[int, str] = {one.id: one.name for one in recorded if not one.negative}
    colors: dict[int, Rgb] = {}
    for row in _class_table(source.labels.with_name(CLASSES), notes):
        red, green, blue = (min(255, max(0, value)) for value in row.color)
        names[row.id], colors[row.id] = row.name, (red, green, blue)
    names.update(source.classes)
    if source.objects_of is not None:
        names = {source.objects_of: names.get(source.objects_of, default_name(source.objects_of))}
    scores = _scores(record)
    return [
        ExportClass(id_, name, colors.get(id_, class_color(id_)), scores.get(id_))
        for id_, name in names.items()
        if id_ > 0
    ]


def _scores(record: RunRecord | None) -> Mapping[int, float]:
    results = record.results if record else ()
    return {one.id: one.score for one in results if np.isfinite(one.score)}


def _class_table(path: Path, notes: list[str]) -> list[_Row]:
    if not path.is_file():
        return []
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        rows = [build(_Row, row) for row in data]
    except (ValueError, TypeError, RecursionError, OSError):
        notes.append(f"{path} is no table of classes and was not used.")
        return []
    return [row for row in rows if len(row.color) == 3]


def _picture_name(source: SheetSource, record: RunRecord | None) -> str:
    if source.picture is not None:
        return source.picture.name
    return plain_name(record.target.name) if record else ""


def _picture_path(source: SheetSource, record: RunRecord | None) -> str:
    if source.picture is not None:
        return (source.picture.parent.resolve() / source.picture.name).as_posix()
    return record.target.path.replace("\\", "/") if record else ""


def _find_place(source: SheetSource, record: RunRecord | None) -> Georeference | None:
    """Return where the picture lies: as the named picture says, else the label file, else the recorded picture."""
    from napari_gfsam.io.exports.places import read_georeference

    if source.picture is not None:
        return read_georeference(source.picture)
    try:
        own = read_georeference(source.labels)
    except ExportError:
        own = None
    picture = _recorded_picture(source.labels, record) if own is None else None
    return own if picture is None else read_georeference(picture)


def _recorded_picture(labels: Path, record: RunRecord | None) -> Path | None:
    """Return the picture that a record names, if it is where the record says and still has the same pixels."""
    target = record.target if record else None
    if target is None or not target.path:
        return None
    places = [labels.resolve().parent / target.relative_path] if target.relative_path else []
    for place in (*places, Path(target.path)):
        if place.is_file() and _has_pixels(place, record):
            return place
    raise ExportError(
        f"{target.name}, the picture of {labels}, is no longer where its record says or was changed; name it yourself."
    )


def _has_pixels(path: Path, record: RunRecord | None) -> bool:
    """Tell whether a picture is the recorded one: one of another place would put the labels elsewhere on the earth."""
    from napari_gfsam.imaging import array_hash
    from napari_gfsam.imaging.source import source_hash
    from napari_gfsam.io.large import large_source
    from napari_gfsam.io.readers import ImageFileError, read_picture

    if record is None:
        return False
    axis = record.recipe.get("channel_axis")
    large = large_source(path) if axis is None else None
    if large is not None:
        return source_hash(large) == record.target.content_hash
    try:
        pixels = read_picture(path, channel_axis=axis if isinstance(axis, int) else None).pixels
    except ImageFileError:
        return False
    return array_hash(pixels) == record.target.content_hash
