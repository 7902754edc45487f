"""Which planes a stroke reached, told from napari's event, whatever plane is shown by now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_gfsam.session.types import PlaneKey


def reached(changes: Any, planes: Iterable[PlaneKey]) -> set[PlaneKey]:
    """Return the planes that a stroke may have reached.

    Parameters
    ----------
    changes
        The value of the ``paint`` event of a Labels layer: a list, of a box each (``slice_key``, since napari 0.9), or
        of pixels (one array of positions an axis, in the first place).
    planes
        Of the layer's picture.
    """
    planes = set(planes)
    try:
        places = [getattr(change, "slice_key", None) or change[0] for change in changes]
        return {plane for plane in planes if any(_meets(plane, where) for where in places)}
    except (TypeError, IndexError, AttributeError):  # another napari: better too many than too few
        return planes


def _meets(plane: PlaneKey, where: Any) -> bool:
    return all(place < 0 or _holds(where[axis], place) for axis, place in enumerate(plane.index))


def _holds(places: Any, place: int) -> bool:
    if isinstance(places, slice):
        return place in range(*places.indices(place + 1))
    return bool(np.any(np.asarray(places) == place))
