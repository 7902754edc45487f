"""COCO JSON: one file for all pictures; polygons along pixel edges, run lengths where an object has holes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from napari_gfsam.io.exports.extras import library
from napari_gfsam.io.exports.objects import objects_of
from napari_gfsam.io.exports.outlines import outlines_of, polygons_in
from napari_gfsam.io.exports.pictures import PictureNames
from napari_gfsam.io.exports.provenance import ClassBook, Runs, about_program, as_json
from napari_gfsam.io.exports.runs import run_lengths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_gfsam.io.exports.objects import LabelObject
    from napari_gfsam.io.exports.registry import SetOptions
    from napari_gfsam.io.exports.types import ExportClass, LabelSheet

NAME = "coco.json"
EXTRA = "exports"


def encode_set(sheets: Iterable[LabelSheet], options: SetOptions) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of the file.

    Raises
    ------
    ExportError
        If pictures disagree about the name of a class, or cannot be told apart.
    """
    book, runs, names = ClassBook(), Runs(), PictureNames()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, sheet in enumerate(sheets, start=1):
        book.add(sheet.classes, sheet.name)
        names.add(sheet)
        height, width = sheet.labels.shape
        images.append({"id": number, "width": width, "height": height, "napari_gfsam": runs.facts(sheet)})
        for found in _annotations(sheet):
            annotations.append({"id": len(annotations) + 1, "image_id": number, **found})
    for image, name in zip(images, names.all(options.note), strict=True):
        image["file_name"] = f"{options.picture_prefix}{name}"
    content = {
        "info": {**_info(), "napari_gfsam": {**about_program(), "runs": runs.all}},
        "licenses": [],
        "categories": [_category(one) for one in sorted(book.all, key=lambda one: one.id)],
        "images": images,
        "annotations": annotations,
    }
    yield NAME, as_json(content).encode()


def _info() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "description": "Labels exported by napari-gfsam",
        "version": about_program()["version"],
        "year": now.year,
        "contributor": "",
        "date_created": now.isoformat(timespec="seconds"),
    }


def _category(one: ExportClass) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "supercategory": "", "color": list(one.color), "isthing": 1}


def _annotations(sheet: LabelSheet) -> Iterator[dict[str, Any]]:
    objects = objects_of(sheet)
    for found, outline in zip(objects, outlines_of(objects, EXTRA), strict=True):
        (y0, x0), (height, width) = found.corner_yx, found.mask.shape
        annotation = {
            "category_id": found.kind.id,
            "segmentation": _segmentation(found, outline, sheet),
            "area": int(found.mask.sum()),
            "bbox": [x0, y0, width, height],
            "iscrowd": 0,
        }
        yield annotation if found.score is None else {**annotation, "score": found.score}


def _segmentation(found: LabelObject, outline: Any, sheet: LabelSheet) -> Any:
    polygons = polygons_in(outline)
    if any(polygon.interiors for polygon in polygons):
        return _run_length_code(found, sheet)
    return [[float(value) for corner in polygon.exterior.coords[:-1] for value in corner] for polygon in polygons]


def _run_length_code(found: LabelObject, sheet: LabelSheet) -> dict[str, Any]:
    height, width = sheet.labels.shape
    counts = run_lengths(found, (height, width), by_columns=True).tolist()
    packed = library("pycocotools.mask", EXTRA).frPyObjects({"size": [height, width], "counts": counts}, height, width)
    return {"size": [height, width], "counts": packed["counts"].decode("ascii")}
