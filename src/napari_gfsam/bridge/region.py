"""A box that a person draws over one plane: the part of a reference that is painted fully."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.align import aligned, points_nd, points_yx
from napari_gfsam.bridge.identity import mark, our_layers

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_gfsam.bridge.align import Shape
    from napari_gfsam.session.types import PlaneKey

Region = tuple[int, int, int, int]
ROLE = "box"


def draw_box(viewer: ViewerModel, over: Layer, plane: PlaneKey, shape: Shape, drawn: Callable[[Region], None]) -> None:
    """Arm napari's rectangle tool over a plane; the first box is handed on and its layer taken away again.

    Parameters
    ----------
    viewer
        The viewer.
    over
        The user's layer that shows the plane.
    plane, shape
        In label space.
    drawn
        Called with (top, left, bottom, right), whole pixels within the plane, half open.
    """
    from napari.layers import Shapes

    drop_box(viewer)
    before = viewer.layers.selection.active
    layer = Shapes(**aligned(over, name="box · gfsam", shape=shape), ndim=len(shape), face_color="transparent")
    mark(layer, ROLE)
    viewer.add_layer(layer)
    layer.mode = "add_rectangle"
    size = tuple(shape[axis] for axis in plane.axes_yx)

    def take(event: Any) -> None:
        if str(getattr(event, "action", "")) not in ("added", "ActionType.ADDED") or not layer.data:
            return
        region = _box(plane, np.asarray(layer.data[0]), (size[0], size[1]))
        if layer in viewer.layers:
            viewer.layers.remove(layer)
        if before in viewer.layers:
            viewer.layers.selection.active = before
        if region is not None:
            drawn(region)

    layer.events.data.connect(take)


def is_drawing(viewer: ViewerModel) -> bool:
    """Tell whether a box is waited for."""
    return any(our_layers(viewer, ROLE))


def drop_box(viewer: ViewerModel) -> None:
    """Take away a box layer that nobody finished."""
    for layer in our_layers(viewer, ROLE):
        viewer.layers.remove(layer)


def corners_nd(plane: PlaneKey, region: Region) -> Any:
    """Return the (4, n) corners of a region in label space, for drawing it."""
    top, left, bottom, right = region
    yx = np.array([[top, left], [top, right], [bottom, right], [bottom, left]], dtype=np.float64) - 0.5
    return points_nd(plane, yx)


def _box(plane: PlaneKey, corners: Any, size: tuple[int, int]) -> Region | None:
    """Return the whole pixels whose centres the box holds; ``None`` for a box without any."""
    yx = points_yx(plane, corners)
    low = np.clip(np.ceil(yx.min(axis=0)), 0, size).astype(int)
    high = np.clip(np.floor(yx.max(axis=0)) + 1, 0, size).astype(int)
    if (high <= low).any():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
