"""NPZ: plain numpy arrays, none of them pickled."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.io.exports.objects import objects_of
from napari_gfsam.io.exports.provenance import as_json, provenance
from napari_gfsam.io.exports.types import smallest_ids

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.io.exports.types import LabelSheet


def encode(sheet: LabelSheet) -> bytes:
    """Return the file; its arrays are described in ``docs/exports.md``."""
    classes = sheet.classes
    arrays: dict[str, NDArray[Any]] = {
        "labels": smallest_ids(sheet.labels),
        "class_id": np.array([one.id for one in classes], dtype=np.int64),
        "class_name": np.array([one.name for one in classes], dtype=np.str_),
        "class_color": np.array([one.color for one in classes], dtype=np.uint8).reshape(-1, 3),
        "class_score": _scores([one.score for one in classes]),
        "provenance": np.array(as_json(provenance(sheet))),
    }
    if sheet.labels.ndim == 2:
        objects = objects_of(sheet)
        arrays["objects"] = objects.numbers
        arrays["object_class"] = np.array([one.id for one in objects.kinds], dtype=np.int64)
        arrays["object_score"] = _scores(list(objects.scores))
    elif sheet.instances is not None:
        arrays["objects"] = smallest_ids(sheet.instances)
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _scores(values: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
