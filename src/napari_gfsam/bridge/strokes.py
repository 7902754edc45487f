"""What a stroke did, told from napari's event: which planes it reached, and how to take it back or do it again.

The value of the ``paint`` event of a Labels layer is a list, of a box each (since napari 0.9: ``slice_key``, ``mask``,
``old_values``, ``new_value``), or of pixels (one array of positions an axis, the labels before, those after).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_gfsam.session.types import PlaneKey

#: What a value of another kind raises.
_STRANGE = (TypeError, IndexError, AttributeError)


def reached(changes: Any, planes: Iterable[PlaneKey]) -> set[PlaneKey]:
    """Return the planes that a stroke may have reached.

    Parameters
    ----------
    changes
        The value of the ``paint`` event.
    planes
        Of the layer's picture.
    """
    planes = set(planes)
    try:
        places = [_where(change) for change in changes]
        return {plane for plane in planes if any(_meets(plane, where) for where in places)}
    except _STRANGE:  # another napari: better too many than too few
        return planes


def reached_beside(changes: Any, plane: PlaneKey) -> list[PlaneKey]:
    """Return all planes that lie as one does and that a stroke may have reached, in order.

    Parameters
    ----------
    changes
        The value of the ``paint`` event.
    plane
        Of the layer's picture: the one that was painted on.
    """
    fixed = [axis for axis, place in enumerate(plane.index) if place >= 0]
    try:
        found = {places for change in changes for places in _places(_where(change), fixed)}
    except _STRANGE:
        return [plane]
    return [_moved(plane, fixed, places) for places in sorted(found)]


def replay(data: Any, changes: Sequence[Any], *, back: bool) -> None:
    """Take a stroke back, or do it again, but for pixels that were changed since.

    Parameters
    ----------
    data
        Of the layer that was painted on, written in place.
    changes
        The value of the ``paint`` event.
    back
        Take it back.
    """
    for change in reversed(changes) if back else changes:
        where = _where(change)
        now = np.array(data[where])
        old, new = (change.old_values, change.new_value) if hasattr(change, "slice_key") else change[1:]
        mask = getattr(change, "mask", None)
        reach = np.ones(now.shape, bool) if mask is None else mask
        before = now.copy()
        before[reach] = np.ravel(old)
        after = np.where(reach, new, now)
        was, wanted = (after, before) if back else (before, after)
        data[where] = np.where(now == was, wanted, now)


def _where(change: Any) -> Any:
    return getattr(change, "slice_key", None) or change[0]


def _places(where: Any, fixed: list[int]) -> set[tuple[int, ...]]:
    """Return the places along some axes."""
    along = [where[axis] for axis in fixed]
    if all(isinstance(places, slice) for places in along):
        return set(product(*(range(places.start, places.stop) for places in along)))
    pixels = np.unique(np.stack([np.ravel(places) for places in along], axis=1), axis=0)
    return set(map(tuple, pixels.tolist()))


def _moved(plane: PlaneKey, fixed: list[int], places: tuple[int, ...]) -> PlaneKey:
    index = list(plane.index)
    for axis, place in zip(fixed, places, strict=True):
        index[axis] = place
    return replace(plane, index=tuple(index))


def _meets(plane: PlaneKey, where: Any) -> bool:
    return all(place < 0 or _holds(where[axis], place) for axis, place in enumerate(plane.index))


def _holds(places: Any, place: int) -> bool:
    if isinstance(places, slice):
        return place in range(*places.indices(place + 1))
    return bool(np.any(np.asarray(places) == place))
