"""OME-Zarr (NGFF 0.4): the labels as label images with colours and properties, in a group that viewers open.

``labels/classes`` holds class ids, ``labels/objects`` the numbers of objects where instances are given. The group
itself is an image too, as the format asks: it shows the same arrays as ``labels/classes``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.io.exports.extras import library
from napari_gfsam.io.exports.objects import pairs_of
from napari_gfsam.io.exports.provenance import finite, provenance
from napari_gfsam.io.exports.types import ExportError, smallest_ids

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_gfsam.io.exports.types import ExportClass, LabelSheet

VERSION = "0.4"
EXTRA = "exports"
CLASSES, OBJECTS = "labels/classes", "labels/objects"
#: Every level has half the rows and columns of the one before, until it is no larger than this.
SMALLEST_LEVEL = 512
_CHUNK = 1024
_KINDS = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}


def write_folder(sheet: LabelSheet, folder: Path) -> None:
    """Write the group.

    Parameters
    ----------
    sheet
        Of any number of axes.
    folder
        A new folder.

    Raises
    ------
    ExportError
        If zarr is missing or the axes are none of the format's.
    OSError
        If a file cannot be written.
    """
    zarr = library("zarr", EXTRA)
    axes = _axes(sheet)
    root = zarr.open_group(folder, mode="w", zarr_format=2)
    levels = _write_levels(root.create_group(CLASSES), smallest_ids(sheet.labels))
    parts = {CLASSES: (levels, _of_classes(sheet.classes))}
    if sheet.instances is not None:
        levels = _write_levels(root.create_group(OBJECTS), smallest_ids(sheet.instances))
        parts[OBJECTS] = (levels, _of_objects(sheet, sheet.instances))
    for path, (levels, label) in parts.items():
        image = _multiscales(sheet, axes, levels, path.rpartition("/")[2])
        root[path].attrs.update({**image, "image-label": {"version": VERSION, **label, "source": {"image": "../../"}}})
    root["labels"].attrs["labels"] = [path.rpartition("/")[2] for path in parts]
    shared = _multiscales(sheet, axes, parts[CLASSES][0], sheet.name, f"{CLASSES}/")
    root.attrs.update({**shared, "napari_gfsam": finite(provenance(sheet))})


def _axes(sheet: LabelSheet) -> list[dict[str, str]]:
    """Return the axes as the format describes them.

    Raises
    ------
    ExportError
        If an axis is none of the format's, or they are not in its order.
    """
    order = [axis for axis in _KINDS if axis in sheet.axes]
    if list(sheet.axes) != order or len(sheet.axes) != sheet.labels.ndim:
        raise ExportError(f"{sheet.name}: OME-Zarr has the axes t, c, z, y, x in this order, not {sheet.axes!r}.")
    axes = [{"name": axis, "type": _KINDS[axis]} for axis in sheet.axes]
    for axis, unit in zip(axes, sheet.units, strict=False):
        if unit and axis["type"] != "channel":
            axis["unit"] = unit
    return axes


def _write_levels(group: Any, ids: NDArray[np.unsignedinteger[Any]]) -> int:
    """Write an image pyramid whose levels take every second row and column, and return the number of levels."""
    compressor = library("numcodecs", EXTRA).Blosc()
    number = 0
    while True:
        chunks = (1,) * (ids.ndim - 2) + tuple(min(_CHUNK, max(1, size)) for size in ids.shape[-2:])
        array = group.create_array(
            str(number),
            shape=ids.shape,
            dtype=ids.dtype,
            chunks=chunks,
            compressors=compressor,
            fill_value=0,
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
        array[...] = ids
        number += 1
        if max(ids.shape[-2:]) <= SMALLEST_LEVEL:
            return number
        ids = ids[..., ::2, ::2]


def _multiscales(
    sheet: LabelSheet, axes: list[dict[str, str]], levels: int, name: str, prefix: str = ""
) -> dict[str, Any]:
    scale = sheet.scale or (1.0,) * sheet.labels.ndim
    moved = [{"type": "translation", "translation": list(map(float, sheet.translate))}] if any(sheet.translate) else []
    datasets = []
    for level in range(levels):
        sizes = [float(size) * (2**level if axis in "yx" else 1) for size, axis in zip(scale, sheet.axes, strict=True)]
        transforms = [{"type": "scale", "scale": sizes}, *moved]
        datasets.append({"path": f"{prefix}{level}", "coordinateTransformations": transforms})
    return {"multiscales": [{"version": VERSION, "name": name, "axes": axes, "datasets": datasets}]}


def _of_classes(classes: tuple[ExportClass, ...]) -> dict[str, Any]:
    return {
        "colors": [_color(one.id, one) for one in classes],
        "properties": [{"label-value": one.id, "class": one.name, "score": finite(one.score)} for one in classes],
    }


def _of_objects(sheet: LabelSheet, instances: NDArray[np.integer[Any]]) -> dict[str, Any]:
    """Return colours and properties by object: its class is the one that most of it has."""
    known = {one.id: one for one in sheet.classes}
    colors, properties = [], []
    for number, class_id in sorted(_classes_of(sheet, instances).items()):
        one = known[class_id]
        colors.append(_color(number, one))
        score = finite(sheet.scores.get(number, one.score))
        properties.append({"label-value": number, "class": one.name, "class-id": class_id, "score": score})
    return {"colors": colors, "properties": properties}


def _classes_of(sheet: LabelSheet, instances: NDArray[np.integer[Any]]) -> Mapping[int, int]:
    pairs = pairs_of(sheet.labels, instances)
    order = np.argsort(pairs.pixels, kind="stable")
    return dict(zip(pairs.instance[order].tolist(), pairs.class_id[order].tolist(), strict=True))


def _color(value: int, one: ExportClass) -> dict[str, Any]:
    return {"label-value": value, "rgba": [*one.color, 255]}
