"""Where the camera looks: a plane, or a part of it, brought into view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.align import points_nd, viewer_grid
from napari_gfsam.bridge.planes import displayed_axes

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_gfsam.bridge.align import Shape
    from napari_gfsam.core.arrays import FloatArray
    from napari_gfsam.session.types import PlaneKey

#: What is looked at fills so many pixels of the screen: it fits beside the docks of a small window.
SCREEN_PIXELS = 480


def look_at(viewer: ViewerModel, over: Layer, plane: PlaneKey, shape: Shape, box_yx: FloatArray | None = None) -> None:
    """Centre the camera on a box of a plane and zoom so that it fits.

    Parameters
    ----------
    viewer
        Shows the plane.
    over
        The layer that shows it.
    plane, shape
        The plane in label space, and the shape of that.
    box_yx
        (2, 2) the first and the last corner (row, column); the whole plane when not given.
    """
    if box_yx is None:
        box_yx = np.array([[0, 0], [shape[axis] - 1 for axis in plane.axes_yx]], dtype=np.float64)
    shown, camera = _on_canvas(viewer, over, plane, shape, box_yx), camera_of(viewer)
    span = float(np.abs(shown[1] - shown[0]).max())
    camera.center = (0.0, *shown.mean(axis=0))
    if span > 0:
        camera.zoom = SCREEN_PIXELS / span


def is_in_view(viewer: ViewerModel, over: Layer, plane: PlaneKey, shape: Shape) -> bool:
    """Tell whether the middle of a plane is on the screen and the plane is neither tiny nor far larger than it."""
    box_yx = np.array([[0, 0], [shape[axis] - 1 for axis in plane.axes_yx]], dtype=np.float64)
    shown, camera = _on_canvas(viewer, over, plane, shape, box_yx), camera_of(viewer)
    span = float(np.abs(shown[1] - shown[0]).max()) * camera.zoom
    off = np.abs(shown.mean(axis=0) - np.array(camera.center[-2:])).max() * camera.zoom
    return bool(off < SCREEN_PIXELS / 2 and SCREEN_PIXELS / 2 < span < 4 * SCREEN_PIXELS)


def camera_of(viewer: ViewerModel) -> Any:
    """Return the camera, which moved into the scene in napari 0.9."""
    return getattr(viewer, "scene", viewer).camera


def _on_canvas(viewer: ViewerModel, over: Layer, plane: PlaneKey, shape: Shape, box_yx: FloatArray) -> FloatArray:
    """Return the (2, 2) corners of a box in the world coordinates that the canvas shows."""
    shown = displayed_axes(viewer, over)
    return viewer_grid(viewer, over, shape).drawn(shown).to_world(points_nd(plane, box_yx)[:, list(shown)])
