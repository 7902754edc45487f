from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QApplication

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
