"""The canvas rests between making a layer and drawing it."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_gfsam.widgets.canvas import draw_later

pytestmark = pytest.mark.gui


@pytest.fixture
def window(qtbot):
    """A window with a canvas, and a widget in a dock of it."""
    window, dock, inside = QMainWindow(), QDockWidget(), QWidget()
    window.setCentralWidget(QOpenGLWidget())
    dock.setWidget(inside)
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    qtbot.addWidget(window)
    return window, dock, inside


@pytest.mark.parametrize("floating", [False, True])
def test_the_canvas_is_drawn_a_moment_later(qtbot, window, floating):
    window, dock, inside = window
    dock.setFloating(floating)
    canvas = window.centralWidget()
    draw_later(inside)
    draw_later(inside)
    assert not canvas.updatesEnabled()
    qtbot.waitUntil(canvas.updatesEnabled)


def test_a_window_that_goes_meanwhile_takes_the_timer_along(qtbot, window):
    window, _, inside = window
    draw_later(inside)
    window.takeCentralWidget().deleteLater()
    qtbot.wait(60)


def test_without_a_window_nothing_happens(qtbot):
    alone = QWidget()
    qtbot.addWidget(alone)
    draw_later(alone)
