"""Label Studio: a task a picture with one brush region an object, and the labelling interface with the colours.

Brush masks are packed as @thi.ng/rle-pack does: the picture as RGBA bytes along its rows, cut into runs. A code is one
bit that says run, two bits that choose one of four widths, the length less one in that width, and the byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import numpy as np

from napari_gfsam.io.exports.objects import objects_of
from napari_gfsam.io.exports.pictures import PictureNames
from napari_gfsam.io.exports.provenance import ClassBook, about_program, as_json, provenance
from napari_gfsam.io.exports.runs import run_lengths
from napari_gfsam.io.exports.types import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from napari_gfsam.io.exports.objects import LabelObject
    from napari_gfsam.io.exports.registry import SetOptions
    from napari_gfsam.io.exports.types import ExportClass, LabelSheet

NAME, INTERFACE = "label_studio.json", "label_studio.xml"
#: Widths in bits of a run's length, narrowest first.
_WIDTHS = np.array([3, 4, 8, 16])
_WORD = 8
_HEAD = 3
#: Their number of bytes is told in 32 bits.
_MOST_PIXELS = (2**32 - 1) // 4


def encode_set(sheets: Iterable[LabelSheet], options: SetOptions) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents: the labelling interface and the tasks with their predictions.

    Raises
    ------
    ExportError
        If pictures disagree about the name of a class or cannot be told apart, or one has more than 1,073,741,823
        pixels.
    """
    book, names = ClassBook(), PictureNames()
    tasks: list[dict[str, Any]] = []
    for sheet in sheets:
        book.add(sheet.classes, sheet.name)
        names.add(sheet)
        tasks.append({"predictions": [_prediction(sheet)], "meta": {"napari_gfsam": provenance(sheet)}})
    for task, name in zip(tasks, names.all(options.note), strict=True):
        task["data"] = {"image": f"{options.picture_prefix}{name}"}
    yield INTERFACE, _interface(book.all).encode()
    yield NAME, as_json(tasks).encode()


def pack(lengths: NDArray[np.int64]) -> bytes:
    """Pack a mask.

    Parameters
    ----------
    lengths
        (n,) pixels of runs outside, inside, outside ...

    Returns
    -------
    The packed RGBA picture, all four bytes of a pixel 0 or 255.
    """
    values = np.where(np.arange(len(lengths)) % 2, 255, 0)[lengths > 0]
    sizes, values = _cut(4 * lengths[lengths > 0], values)
    choice = np.searchsorted(2**_WIDTHS, sizes)
    width = _WIDTHS[choice]
    codes = (((4 + choice) << width | sizes - 1) << _WORD) | values
    total = width + _HEAD + _WORD
    longest = int(_WIDTHS[-1]) + _HEAD + _WORD
    place = total[:, None] - 1 - np.arange(longest)
    bits = (codes[:, None] >> np.maximum(place, 0) & 1)[place >= 0]
    return np.packbits(np.concatenate([_header(int(sizes.sum())), bits]).astype(np.uint8)).tobytes()


def _cut(sizes: NDArray[np.int64], values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut runs into pieces that the widest length can tell."""
    most = 2 ** int(_WIDTHS[-1])
    pieces = -(-sizes // most)
    cut = np.full(int(pieces.sum()), most, dtype=np.int64)
    cut[np.cumsum(pieces) - 1] = sizes - (pieces - 1) * most
    return cut, np.repeat(values, pieces)


def _header(number: int) -> NDArray[np.int64]:
    """Return the bits of: number of bytes (32), bits a word less 1 (5), the four widths less 1 (4 each)."""
    text = f"{number:032b}{_WORD - 1:05b}" + "".join(f"{width - 1:04b}" for width in _WIDTHS.tolist())
    return np.array([int(bit) for bit in text], dtype=np.int64)


def _prediction(sheet: LabelSheet) -> dict[str, Any]:
    regions = [_region(found, sheet) for found in objects_of(sheet)]
    scores = [one["score"] for one in regions if "score" in one]
    prediction = {"model_version": _model(sheet), "result": regions}
    return {**prediction, "score": sum(scores) / len(scores)} if scores else prediction


def _model(sheet: LabelSheet) -> str:
    program = f"napari-gfsam {about_program()['version']}"
    if sheet.record is None:
        return program
    return f"napari-gfsam {sheet.record.version}: {' + '.join(model.id for model in sheet.record.models)}"


def _region(found: LabelObject, sheet: LabelSheet) -> dict[str, Any]:
    height, width = sheet.labels.shape
    if height * width > _MOST_PIXELS:
        raise ExportError(f"{sheet.name}: Label Studio's masks end at {_MOST_PIXELS} pixels; export tiles.")
    lengths = run_lengths(found, (height, width), by_columns=False)
    region = {
        "id": f"object-{found.number}",
        "type": "brushlabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {"format": "rle", "rle": list(pack(lengths)), "brushlabels": [found.kind.name]},
    }
    return region if found.score is None else {**region, "score": found.score}


def _interface(classes: tuple[ExportClass, ...]) -> str:
    labels = "".join(
        f"    <Label value={quoteattr(one.name)} background={quoteattr(one.hex_color)}/>\n"
        for one in sorted(classes, key=lambda one: one.id)
    )
    return (
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <BrushLabels name="label" toName="image">\n{labels}  </BrushLabels>\n</View>\n'
    )
