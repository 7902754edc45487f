"""Decisions made steady along a stack: what one plane alone says against both of its neighbours is put right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.imaging.linking import LEAST_IOU, Linker, paired
from napari_gfsam.imaging.objects import Pieces, pieces_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Labels = NDArray[np.integer[Any]]
    Box = tuple[slice, ...]

#: A gap is filled where at least this share of the shape between its neighbours is background.
LEAST_FREE = 0.5
#: IoU of two objects that lie in one place.
SAME_PLACE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Plane:
    """A plane with its objects and their ids."""

    labels: Labels
    pieces: Pieces
    ids: NDArray[np.int64]


def smooth_planes(planes: Iterable[Labels | None], *, least_iou: float = LEAST_IOU) -> Iterator[Labels | None]:
    """Smooth label planes along their stack; three of them are in memory at a time.

    * An object that is there in the plane before and in the plane after (see `Linker`) and missing between them is
      filled in: the shape between its two neighbours, on background.
    * An object of another class in its place takes the class of its two neighbours.
    * An object that is in one plane only is deleted: nothing of its class lies within its bounding box, neither in the
      plane before nor in the plane after. So whatever is in two or more planes stays, and with it every object in three
      planes, as long as it moves by less than its own size from plane to plane.

    The first and the last plane, and planes beside one that is not known, stay as they are.

    Parameters
    ----------
    planes
        (H, W) class ids each, 0 = background; ``None`` for a plane that is not known.
    least_iou
        As in `Linker`.

    Yields
    ------
    (H, W) integers for every plane, the plane itself where nothing changes; ``None`` where it is not known.

    Raises
    ------
    ValueError
        If the planes differ in size.
    """
    linker = Linker(least_iou)
    before: _Plane | None = None
    now: _Plane | None = None
    number = -1
    for number, labels in enumerate(planes):
        pieces = None if labels is None else pieces_of(labels)
        ids = linker.add(pieces)
        after = None if labels is None or pieces is None else _Plane(labels, pieces, ids)
        if number:
            yield _smoothed(before, now, after)
        before, now = now, after
    if number >= 0:
        yield None if now is None else now.labels


def _smoothed(before: _Plane | None, now: _Plane | None, after: _Plane | None) -> Labels | None:
    if before is None or now is None or after is None:
        return None if now is None else now.labels
    alone = _alone(before, now, after)
    missing = np.setdiff1d(np.intersect1d(before.ids, after.ids), now.ids)
    if not len(missing) and not alone.any():
        return now.labels
    shapes = [_between(before, after, name) for name in missing.tolist()]
    labels = now.labels.astype(np.result_type(before.labels, now.labels, after.labels))
    return _put_right(labels, now, alone, [shape for shape in shapes if shape is not None])


def _alone(before: _Plane, now: _Plane, after: _Plane) -> NDArray[np.bool_]:
    """Tell (n,) which objects have nothing of their class near them in either neighbour."""
    from scipy import ndimage  # takes a while: a window opens without it

    boxes = ndimage.find_objects(now.pieces.numbers, max_label=len(now.pieces))
    found = [
        not any((plane.labels[box] == class_id).any() for plane in (before, after))
        for box, class_id in zip(boxes, now.pieces.class_id, strict=True)
    ]
    return np.array(found, dtype=bool)


def _between(before: _Plane, after: _Plane, name: int) -> tuple[int, Box, NDArray[np.bool_]] | None:
    """Return class, box and mask of the shape half way between an object of two planes; ``None`` if it is empty."""
    from scipy import ndimage  # takes a while: a window opens without it

    places = [int(np.flatnonzero(plane.ids == name)[0]) for plane in (before, after)]
    first, last = before.pieces.numbers == places[0] + 1, after.pieces.numbers == places[1] + 1
    box: Box = ndimage.find_objects((first | last).astype(np.uint8))[0]
    shape = np.asarray(_depth(first[box]) + _depth(last[box]) > 0)
    return (int(before.pieces.class_id[places[0]]), box, shape) if shape.any() else None


def _depth(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how deep inside a mask each pixel lies, below 0 outside."""
    from scipy import ndimage  # takes a while: a window opens without it

    padded = np.pad(mask, 1)
    deep: NDArray[np.float64] = ndimage.distance_transform_edt(padded) - ndimage.distance_transform_edt(~padded)
    return deep[1:-1, 1:-1]


def _put_right(
    labels: Labels,
    now: _Plane,
    alone: NDArray[np.bool_],
    shapes: list[tuple[int, Box, NDArray[np.bool_]]],
) -> Labels:
    """Take out what is alone and put in what is missing; `labels` is a copy of the plane's."""
    labels[np.concatenate([[False], alone])[now.pieces.numbers]] = 0
    for class_id, box, shape in shapes:
        stand_in = _stand_in(now, alone, box, shape)
        free = labels[box] == 0
        if stand_in is not None:
            labels[now.pieces.numbers == stand_in + 1] = class_id
        elif free[shape].mean() >= LEAST_FREE:
            labels[box][shape & free] = class_id
    return labels


def _stand_in(now: _Plane, alone: NDArray[np.bool_], box: Box, shape: NDArray[np.bool_]) -> int | None:
    """Return the place of the lonely object, of whatever class, that lies where a shape is missing."""
    mask = np.zeros(now.labels.shape, np.int32)
    mask[box][shape] = 1
    any_class = Pieces(now.pieces.numbers, np.zeros(len(now.pieces), np.int64))
    _, places = paired(Pieces(mask, np.zeros(1, np.int64)), any_class, SAME_PLACE, np.ones(1, bool), alone)
    return int(places[0]) if len(places) else None
