"""A click on a layer, told from a drag of the picture; napari calls only the callbacks of the active layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.align import points_yx
from napari_gfsam.bridge.planes import data_at
from napari_gfsam.bridge.view import camera_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_gfsam.session.types import PlaneKey

#: Canvas pixels that the mouse may move between press and release of a click.
CLICK_PIXELS = 5.0
MODIFIERS = frozenset({"Shift", "Control", "Alt", "Meta"})


def on_click(
    layer: Any, clicked: Callable[[tuple[float, ...]], object], modes: tuple[str, ...] = ("pan_zoom",)
) -> Callable[[], None]:
    """Call back on plain left clicks (no modifier, no drag) while the layer is active and in one of some modes.

    Parameters
    ----------
    layer
        A napari layer.
    clicked
        Called with the world position, one number an axis of the viewer, when the button is let go.
    modes
        Names of layer modes.

    Returns
    -------
    stop
        Call it to stop listening; harmless when called again.
    """

    def press(_: Any, event: Any) -> Iterator[None]:
        if event.button != 1 or str(layer.mode) not in modes or MODIFIERS & set(event.modifiers):
            return
        start, position = np.array(event.pos), tuple(event.position)
        yield
        while event.type == "mouse_move":
            if np.linalg.norm(np.array(event.pos) - start) > CLICK_PIXELS:
                return
            yield
        clicked(position)

    def stop() -> None:
        if press in layer.mouse_drag_callbacks:
            layer.mouse_drag_callbacks.remove(press)

    layer.mouse_drag_callbacks.append(press)
    return stop


class Listener:
    """Listens to one layer at a time.

    Parameters
    ----------
    connect
        Starts listening to a layer and returns what stops it.
    """

    def __init__(self, connect: Callable[[Any], Callable[[], None]]) -> None:
        self._connect = connect
        self._layer: Any = None
        self._stop: Callable[[], None] = _nothing

    def listen(self, layer: Any) -> None:
        """Listen to this layer and to no other; nothing happens if it is the same."""
        if layer is not self._layer:
            self.stop()
            self._layer, self._stop = layer, self._connect(layer)

    def stop(self) -> None:
        """Stop listening."""
        self._stop()
        self._layer, self._stop = None, _nothing


def _nothing() -> None:
    return None


def plane_yx(viewer: ViewerModel, layer: Layer, plane: PlaneKey, world: tuple[float, ...]) -> tuple[float, float]:
    """Return where in a plane (row, column; perhaps outside it) a world position is, such as that of the cursor.

    Parameters
    ----------
    viewer
        The viewer.
    layer
        A layer of ours in label space (class labels, clusters, prompts).
    plane
        The plane.
    world
        One number an axis of the viewer.
    """
    y, x = points_yx(plane, data_at(viewer, layer, world))[0]
    return float(y), float(x)


def label_at(viewer: ViewerModel, layer: Layer, world: tuple[float, ...]) -> int:
    """Return the label of a Labels layer at a world position, 0 outside it."""
    place = np.round(data_at(viewer, layer, world)).astype(np.int64)
    inside = ((place >= 0) & (place < layer.data.shape)).all()
    return int(layer.data[tuple(place)]) if inside else 0


def zoom_of(viewer: ViewerModel) -> float:
    """Return how many pixels of the screen a unit of the world is."""
    return float(camera_of(viewer).zoom)
