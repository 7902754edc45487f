"""The points layer: every prompt of the current target, with class, cluster, status and score.

The points are an answer, not a drawing: one that a person moves goes back, one that is removed comes back, and both,
like one that is added, are told as signals; what becomes of it is for the controller to decide and to show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from napari.utils.notifications import show_info
from psygnal import Signal

from napari_gfsam.bridge.align import on_plane, points_nd, points_yx, viewer_grid
from napari_gfsam.bridge.anchors import Place
from napari_gfsam.bridge.clicks import Listener, on_click, plane_yx, zoom_of
from napari_gfsam.bridge.looks import (
    STATUS_WORDS,
    class_names,
    status_colors,
    status_sizes,
    status_symbols,
)
from napari_gfsam.bridge.ours import Role
from napari_gfsam.bridge.planes import data_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer

    from napari_gfsam.api.correctable import PointTable
    from napari_gfsam.bridge.align import Kwargs, Shape
    from napari_gfsam.bridge.ours import OurLayers
    from napari_gfsam.session.types import PlaneKey

#: Of a prompt: its class and its number in it.
PointId: TypeAlias = tuple[int, int]

#: A point is a 64th of the picture's side, but 2 to 18 pixels on the screen. (A higher lower bound would be no good:
#: every point that vispy clamps gets a border of at least half of it.)
SHARE_OF_SIDE = 64
SCREEN_PIXELS = (2.0, 18.0)
#: How far beside a point, in pixels on the screen, a click still means it.
REACH = 4.0
BORDER = 0.08
STAYS = "A point is where the model was asked, so it stays. Add another one there (G), or switch this one off (I)."


class PromptsLayer:
    """The one points layer of ours. Main thread only.

    Parameters
    ----------
    ours
        The layers of ours in the viewer.

    Notes
    -----
    Signals, all made by a person: ``clicked((class_id, index))`` on a point, in pan and zoom or select mode;
    ``added((row, column))`` with napari's own tool; ``deleted(((class_id, index), ...))`` with napari's own tool.
    The layer shows what it showed before when they come.
    """

    clicked = Signal(tuple)
    added = Signal(tuple)
    deleted = Signal(tuple)

    def __init__(self, ours: OurLayers) -> None:
        self._ours = ours
        self._shown: _Shown | None = None
        self._writing = False
        self._going: tuple[PointId, ...] = ()
        self._listener = Listener(self._connect)

    @property
    def layer(self) -> Any:
        """The points layer, or ``None`` while it shows no target."""
        return None if self._shown is None else self._ours.find(Role.PROMPTS)

    def show(self, over: Layer, plane: PlaneKey, shape: Shape, table: PointTable) -> None:
        """Show the prompts of a target; call it again after every correction.

        Parameters
        ----------
        over
            The layer of the user that shows the target.
        plane
            The plane in label space.
        shape
            Of label space.
        table
            The prompts, in image points of the plane.
        """
        place = Place(over, shape)
        self._shown = _Shown(plane, table, max(shape[axis] for axis in plane.axes_yx) / SHARE_OF_SIDE)
        layer, visible = self._ours.followed(Role.PROMPTS, len(shape))
        if layer is None:
            layer = self._make(place.kwargs(f"{Role.PROMPTS.value} · gfsam"), visible)
        else:
            self._ours.lift(layer, over)
        self._ours.hold(layer, place)
        self._listener.listen(layer)
        self._write(layer)

    def clear(self) -> None:
        """Show no points, when there is no current target.

        The layer stays: napari collects garbage for a fifth of a second and more whenever one is removed.
        """
        layer = self.layer
        self.close()
        if layer is not None:
            layer.selected_data = set()
            layer.data = np.zeros((0, layer.ndim))

    def close(self) -> None:
        """Stop listening to the layer, which stays; `show` listens again."""
        self._shown = None
        self._listener.stop()

    def at(self, world: tuple[float, ...]) -> PointId | None:
        """Return the point at a world position (such as ``viewer.cursor.position``), or ``None``."""
        layer, shown, viewer = self.layer, self._shown, self._ours.viewer
        if layer is None or shown is None or not on_plane(shown.plane, data_at(viewer, layer, world))[0]:
            return None
        return self.nearest(plane_yx(viewer, layer, shown.plane, world), self._reach(layer))

    def nearest(self, yx: tuple[float, float], radius: float) -> PointId | None:
        """Return the nearest point within a radius in pixels of the plane, or ``None``."""
        if self._shown is None or len(self._shown.table) == 0:
            return None
        distance = np.linalg.norm(self._shown.table.points_yx - np.array(yx), axis=1)
        row = int(distance.argmin())
        return self._shown.id_of(row) if distance[row] <= radius else None

    def selected(self) -> tuple[PointId, ...]:
        """Return the points that are selected with napari's select tool."""
        layer, shown = self.layer, self._shown
        if layer is None or shown is None:
            return ()
        return tuple(shown.id_of(row) for row in sorted(layer.selected_data) if row < len(shown.table))

    def _make(self, kwargs: Kwargs, visible: bool) -> Any:
        from napari.layers import Points

        layer = Points(
            np.zeros((0, len(kwargs["scale"]))),
            **kwargs,
            visible=visible,
            canvas_size_limits=SCREEN_PIXELS,
            border_width=BORDER,
            border_color="black",
        )
        layer.bind_key("Control-V", lambda _: None, overwrite=True)  # pasted points would be nobody's
        self._ours.put(layer, Role.PROMPTS)
        return layer

    def _connect(self, layer: Any) -> Callable[[], None]:
        layer.events.data.connect(self._on_data)
        stop = on_click(layer, self._on_click, modes=("pan_zoom", "select"))

        def stop_all() -> None:
            layer.events.data.disconnect(self._on_data)
            stop()

        return stop_all

    def _write(self, layer: Any) -> None:
        """Write everything that is to be shown; napari's own events on it are not a person's."""
        if self._shown is None:
            return
        table = self._shown.table
        data = points_nd(self._shown.plane, table.points_yx)
        was, self._writing = self._writing, True
        try:
            if not np.array_equal(layer.data, data):
                layer.selected_data = set()
                layer.data = data
            layer.features = self._features(table)
            if len(table):
                layer.size = status_sizes(table.status, self._shown.size)
                layer.symbol = status_symbols(table.status)
                layer.face_color = status_colors(table.status)
        finally:
            self._writing = was

    def _features(self, table: PointTable) -> Any:
        import pandas as pd

        names = class_names(self._ours.rows)
        columns = {
            "id": [f"{class_id}.{index}" for class_id, index in zip(table.class_id, table.index, strict=True)],
            "class": pd.Categorical([names.get(int(class_id), str(class_id)) for class_id in table.class_id]),
            "cluster": table.cluster,
            "status": pd.Categorical.from_codes(table.status, categories=list(STATUS_WORDS)),
            "score": np.round(table.score, 3),
        }
        return pd.DataFrame(columns)

    def _reach(self, layer: Any) -> float:
        """Return how far from a point's centre a click means it, in pixels of the plane."""
        shown = self._shown
        if shown is None:
            return 0.0
        viewer = self._ours.viewer
        sides = np.linalg.norm(viewer_grid(viewer, layer).linear, axis=0)[list(shown.plane.axes_yx)]
        on_screen = float(sides.mean()) * zoom_of(viewer)
        drawn = np.clip(shown.size * on_screen, *SCREEN_PIXELS)
        return float(drawn / 2 + REACH) / on_screen

    def _on_click(self, world: tuple[float, ...]) -> None:
        found = self.at(world)
        if found is not None:
            self.clicked.emit(found)

    def _on_data(self, event: Any) -> None:
        """Put the layer back as it was after a person changed it with napari's own tools, and tell."""
        shown, layer, action = self._shown, event.source, str(event.action)
        if self._writing or shown is None:
            return
        if action == "removing":
            self._going = tuple(shown.id_of(row) for row in event.data_indices)
        if action not in ("added", "removed", "changed"):
            return
        new = layer.data[len(shown.table) :] if action == "added" else layer.data[:0]
        self._write(layer)
        for y, x in points_yx(shown.plane, new):
            self.added.emit((float(y), float(x)))
        if action == "removed":
            self.deleted.emit(self._going)
        elif action == "changed":
            show_info(STAYS)


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """What the layer shows: the prompts of a plane, a full point being `size` pixels of the plane."""

    plane: PlaneKey
    table: PointTable
    size: float

    def id_of(self, row: int) -> PointId:
        return int(self.table.class_id[row]), int(self.table.index[row])
