"""Napari's canvas, as the window that a dock is in shows it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QMainWindow

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

#: Long enough for the window to take what has come in, short enough not to be seen.
REST_MILLISECONDS = 20


def draw_later(inside: QWidget) -> None:
    """Let a window take in events before it draws its canvas again.

    Napari needs a tenth of a second to make a layer and one to draw it first; Qt would do the second right after the
    first, and the window stand still for both together.

    Parameters
    ----------
    inside
        Any widget of the window.
    """
    for canvas in _canvases(inside):
        canvas.setUpdatesEnabled(False)
        timer = QTimer(canvas)  # goes with the canvas, whatever is closed meanwhile
        timer.setSingleShot(True)
        timer.timeout.connect(partial(canvas.setUpdatesEnabled, True))
        timer.timeout.connect(timer.deleteLater)
        timer.start(REST_MILLISECONDS)


def _canvases(inside: QWidget) -> list[QOpenGLWidget]:
    window: QWidget | None = inside
    while window is not None and not isinstance(window, QMainWindow):
        window = window.parentWidget()
    return [] if window is None else list(window.findChildren(QOpenGLWidget))
