from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QApplication

from tests.controller.hands import At

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qtpy.QtWidgets import QWidget


def our_widgets() -> list[QWidget]:
    """Return every living widget of a class of ours."""
    return [widget for widget in QApplication.allWidgets() if type(widget).__module__.startswith("napari_gfsam")]


@pytest.fixture(autouse=True)
def no_leaks(qapp: QApplication) -> Iterator[None]:
    """Fail a test after which a widget of ours lives on."""
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    if our_widgets():
        gc.collect()
    assert our_widgets() == []


@pytest.fixture
def at(qtbot, tmp_path, fake_models) -> Iterator[At]:
    """A desk for panels to be connected to, in a viewer without a window, and hands for it."""
    made = At(ViewerModel(), tmp_path / "sessions", qtbot)
    yield made
    made.close()
