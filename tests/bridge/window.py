"""What a person does in a napari window: real Qt events on the real canvas."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_gfsam.api.correctable import PointTable
from napari_gfsam.bridge.view import camera_of
from napari_gfsam.session.types import ClassRow

ROWS = (ClassRow(1, "coin", (86, 180, 233)), ClassRow(2, "leaf", (230, 159, 0)))


def canvas(viewer):
    return viewer.window._qt_viewer.canvas.native


def settle():
    """Let the window answer; napari holds mouse moves back for 5 ms."""
    QTest.qWait(20)


def press_key(viewer, key, modifier=Qt.KeyboardModifier.NoModifier, *, down=True, up=True):
    settle()
    if down:
        QTest.keyPress(canvas(viewer), key, modifier)
    if up:
        QTest.keyRelease(canvas(viewer), key, modifier)
    settle()


def on_canvas(viewer, world):
    """Return the canvas pixel of a world position of a two-dimensional view."""
    settle()
    size = np.array([canvas(viewer).height(), canvas(viewer).width()])
    camera = camera_of(viewer)
    shown = np.array(world)[list(viewer.dims.displayed)] - camera.center[-2:]
    row, column = size / 2 + shown * camera.zoom
    return QPoint(round(column), round(row))


def click(viewer, world, modifier=Qt.KeyboardModifier.NoModifier):
    place = on_canvas(viewer, world)
    QTest.mouseMove(canvas(viewer), place)
    QTest.mouseClick(canvas(viewer), Qt.MouseButton.LeftButton, modifier, place)
    settle()


def drag(viewer, start, stop):
    first, last = on_canvas(viewer, start), on_canvas(viewer, stop)
    QTest.mouseMove(canvas(viewer), first)
    QTest.mousePress(canvas(viewer), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, first)
    for share in (0.3, 0.7, 1.0):
        QTest.mouseMove(canvas(viewer), first + (last - first) * share)
        settle()
    QTest.mouseRelease(canvas(viewer), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, last)
    settle()


def point_table(points_yx, status, class_id=1, cluster=None) -> PointTable:
    count = len(status)
    return PointTable(
        points_yx=np.asarray(points_yx, dtype=np.float64).reshape(-1, 2),
        class_id=np.broadcast_to(np.int64(class_id), count).copy(),
        index=np.arange(count),
        cluster=np.arange(count) if cluster is None else np.asarray(cluster, dtype=np.int64),
        status=np.asarray(status, dtype=np.int64),
        score=np.linspace(0.1, 0.9, count, dtype=np.float32),
    )
