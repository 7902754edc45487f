"""YOLO segmentation: a text file a picture, one outline a line; what it cannot hold lies beside it as JSON."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from napari_gfsam.io.exports.outlines import outlined, polygons_in
from napari_gfsam.io.exports.provenance import ClassBook, Runs, about_program, as_json, class_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_gfsam.io.exports.registry import SetOptions
    from napari_gfsam.io.exports.types import ExportClass, LabelSheet

NAME, BESIDE = "data.yaml", "napari_gfsam.json"
EXTRA = "exports"
_NO_ASCII = re.compile(r"[^ -~]")


def encode_set(sheets: Iterable[LabelSheet], options: SetOptions) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents: ``labels/<name>.txt`` for every picture, then the two files about all of them.

    Classes are numbered from 0 in the order in which they come.

    Raises
    ------
    ExportError
        If pictures disagree about the name of a class.
    """
    book, runs, pictures = ClassBook(), Runs(), []
    filled = split = 0
    for sheet in sheets:
        book.add(sheet.classes, sheet.name)
        pictures.append(runs.facts(sheet))
        lines: list[str] = []
        objects = outlined(sheet, EXTRA)
        for kind, outline in zip(objects.kinds, objects.outlines, strict=True):
            polygons = polygons_in(outline)
            split += len(polygons) > 1
            filled += sum(len(polygon.interiors) for polygon in polygons)
            lines += [_line(book.place(kind.id), polygon, sheet.labels.shape) for polygon in polygons]
        yield f"labels/{sheet.name}.txt", "".join(lines).encode()
    yield BESIDE, _beside(book, runs, pictures)
    yield NAME, _data(book.all)
    _say_losses(filled, split, options)


def _line(place: int, polygon: Any, shape: tuple[int, ...]) -> str:
    height, width = shape
    corners = (f"{x / width:.8g} {y / height:.8g}" for x, y in polygon.exterior.coords[:-1])
    return f"{place} {' '.join(corners)}\n"


def _beside(book: ClassBook, runs: Runs, pictures: list[dict[str, Any]]) -> bytes:
    classes = [{"index": place, **class_facts(one)} for place, one in enumerate(book.all)]
    facts = {**about_program(), "classes": classes, "runs": runs.all, "pictures": pictures}
    return (as_json(facts, indent=2) + "\n").encode()


def _data(classes: tuple[ExportClass, ...]) -> bytes:
    """Return the YAML, in ASCII."""
    names = "".join(f"  {place}: {_quoted(one.name)}\n" for place, one in enumerate(classes))
    head = "# Put the pictures into images/, each with the name of its text file.\n"
    return f"{head}path: .\ntrain: images\nval: images\nnames:{chr(10) + names if names else ' {}' + chr(10)}".encode()


def _quoted(text: str) -> str:
    """Return a YAML string: one of JSON, but that JSON has no escape for characters that take more than 16 bits."""
    return _NO_ASCII.sub(lambda found: f"\\U{ord(found[0]):08x}", json.dumps(text, ensure_ascii=False))


def _say_losses(filled: int, split: int, options: SetOptions) -> None:
    if filled:
        options.note(f"YOLO has no holes: {filled} were filled.")
    if split:
        options.note(f"YOLO has one outline an object: {split} objects in several pieces became several objects.")
