"""A painted picture, checked and kept as a snapshot: later changes to the caller's arrays do not reach it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.core.paint import counted_pixels
from napari_gfsam.core.types import ClassSpec
from napari_gfsam.imaging import PixelRecipe, array_hash, require_content, to_model_input, to_rgb
from napari_gfsam.io.records import ClassRecord, InputRecord, ReferenceRecord, labels_hash

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_gfsam.core.arrays import LabelArray

Classes = Mapping[int, str] | Sequence[ClassSpec]
Region = tuple[int, int, int, int]
MAX_CLASS_ID = 65535


class PaintError(ValueError):
    """A painted picture that cannot serve as a reference; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Reference:
    """A painted picture.

    Parameters
    ----------
    model_input
        (1024, 1024, 3) uint8, what the models see.
    labels
        (H, W) integers, 0 = unpainted.
    classes
        The classes it shows, by id.
    ignore
        Label of pixels that count neither as object nor as background.
    region_yx
        (top, left, bottom, right): pixels outside count for neither.
    record
        What goes into run records.
    rgb
        (H, W, 3) uint8, the picture as its recipe reads it: what tiles and packs are made of.
    """

    model_input: NDArray[np.uint8]
    labels: LabelArray
    classes: tuple[ClassSpec, ...]
    ignore: int | None
    region_yx: Region | None
    record: ReferenceRecord
    rgb: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Painting:
    """What a caller says about the paint: class names, the id to ignore and the region that is painted fully."""

    classes: Classes | None = None
    ignore: int | None = None
    region_yx: Region | None = None


def make_reference(
    image: ArrayLike,
    labels: ArrayLike,
    painting: Painting,
    recipe: PixelRecipe,
    image_record: InputRecord | None = None,
    labels_record: InputRecord | None = None,
) -> Reference:
    """Check a painted picture and keep it.

    Raises
    ------
    PaintError
        If the labels are no label image, do not fit the picture, or show no object or no background.
    napari_gfsam.imaging.ImageError
        If the picture is none, or has one value everywhere.
    """
    rgb = to_rgb(image, recipe)
    require_content(rgb, "The reference picture")
    painted = _checked_labels(labels, rgb.shape[:2])
    specs = _present(painted, painting)
    _require_background(painted, specs, painting)
    record = ReferenceRecord(
        image=image_record or InputRecord("reference", array_hash(np.asarray(image)), np.shape(image)),
        labels=labels_record or InputRecord("labels", labels_hash(painted), painted.shape),
        classes=tuple(ClassRecord(spec.id, spec.name, spec.negative) for spec in specs),
        ignore=painting.ignore,
        region_yx=painting.region_yx,
        recipe=recipe.as_dict(),
    )
    kept = rgb.copy() if np.shares_memory(rgb, np.asarray(image)) else rgb
    return Reference(to_model_input(rgb), painted, specs, painting.ignore, painting.region_yx, record, kept)


def class_specs(classes: Classes | None) -> dict[int, ClassSpec]:
    """Return class specs by id from names or specs.

    Raises
    ------
    PaintError
        If an id is not between 1 and 65535 or is named twice.
    """
    if classes is None:
        return {}
    if isinstance(classes, Mapping):
        specs = [ClassSpec(int(id_), str(name)) for id_, name in classes.items()]
    else:
        specs = list(classes)
    for spec in specs:
        if not 1 <= spec.id <= MAX_CLASS_ID:
            raise PaintError(f"Class id {spec.id} ({spec.name}) is not between 1 and {MAX_CLASS_ID}.")
    if len({spec.id for spec in specs}) < len(specs):
        raise PaintError("A class id is named twice; give every class an id of its own.")
    return {spec.id: spec for spec in specs}


def _checked_labels(labels: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.integer[Any]]:
    array = np.asarray(labels)
    if array.dtype == bool:
        array = array.astype(np.uint8)
    if not np.issubdtype(array.dtype, np.integer):
        raise PaintError(
            f"The label image holds {array.dtype} values; whole numbers are needed (0 = unpainted, else class ids)."
        )
    if array.shape != shape:
        raise PaintError(
            f"The label image is {_size(array.shape)} but its picture is {_size(shape)}; they must have the same size."
        )
    if array.size and (array.min() < 0 or array.max() > MAX_CLASS_ID):
        raise PaintError(f"Labels must lie between 0 and {MAX_CLASS_ID}, found {array.min()} to {array.max()}.")
    return np.array(array, dtype=np.uint8 if array.size and array.max() < 256 else np.uint16)


def _present(labels: LabelArray, painting: Painting) -> tuple[ClassSpec, ...]:
    known = class_specs(painting.classes)
    counted = labels[counted_pixels(labels, painting.ignore, painting.region_yx)]
    ids = [int(id_) for id_ in np.unique(counted) if id_ != 0]
    if not ids:
        raise PaintError("The label image has no painted pixel; paint at least one object with a label above 0.")
    return tuple(known.get(id_, ClassSpec(id_, f"class {id_}")) for id_ in ids)


def _require_background(labels: LabelArray, specs: tuple[ClassSpec, ...], painting: Painting) -> None:
    free = (labels == 0) & counted_pixels(labels, painting.ignore, painting.region_yx)
    if len(specs) == 1 and not free.any():
        raise PaintError(
            "The paint covers every pixel that counts, so nothing is left as background; leave background unpainted."
        )


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single value"
