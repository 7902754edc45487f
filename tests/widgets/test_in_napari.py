"""The panels in a real napari window: themes, room, keys, closing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import napari
import pytest
from napari.qt import get_stylesheet
from qtpy.QtCore import QCoreApplication, QEvent, Qt
from qtpy.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QLineEdit, QWidget

from napari_gfsam.widgets.parts import scrolled
from napari_gfsam.widgets.table import Table
from tests.widgets import gallery
from tests.widgets.conftest import our_widgets
from tests.widgets.hands import double_click_cell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari import Viewer

pytestmark = pytest.mark.gui


@pytest.fixture
def viewer(qapp) -> Iterator[Viewer]:
    made = napari.Viewer(show=True)
    made.window._qt_window.resize(1280, 800)
    yield made
    made.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def settle(qtbot) -> None:
    for _ in range(5):
        qtbot.wait(10)


def cut_texts(panel: QWidget) -> list[str]:
    """Return the texts of controls that are narrower or lower than they need."""
    found = []
    for part in panel.findChildren(QWidget):
        if not part.isVisible() or not isinstance(part, (QAbstractButton, QComboBox, QLabel)):
            continue
        least = part.minimumSizeHint()
        text = part.currentText() if isinstance(part, QComboBox) else part.text()
        wide = part.fontMetrics().horizontalAdvance(text) if isinstance(part, QComboBox) else least.width()
        if text and (part.width() < wide or part.height() < least.height()):
            found.append(text)
    return found


def test_every_panel_fits_and_is_pictured_in_both_themes(qtbot, viewer, tmp_path):
    for theme in ("dark", "light"):
        for name, make in (*gallery.PANELS.items(), ("preparing", gallery.preparing), ("reviewing", gallery.reviewing)):
            holder = gallery.stacked(make())
            qtbot.addWidget(holder)
            holder.setStyleSheet(get_stylesheet(theme))
            holder.setFixedWidth(gallery.WIDTH)
            holder.show()
            settle(qtbot)
            assert holder.minimumSizeHint().width() <= gallery.WIDTH, name
            assert cut_texts(holder) == [], name
            picture = holder.grab()
            assert picture.save(str(tmp_path / f"{name}_{theme}.png"))
            holder.close()
    assert len(list(tmp_path.glob("*.png"))) == 2 * (len(gallery.PANELS) + 2)


def test_keys_in_the_list_reach_the_viewer_and_arrows_do_not(qtbot, viewer):
    panel = gallery.review_panel()
    dock = viewer.window.add_dock_widget(scrolled(panel), name="review")
    settle(qtbot)
    pressed = []
    viewer.bind_key("K", lambda _: pressed.append("K"))
    viewer.bind_key("Down", lambda _: pressed.append("Down"), overwrite=True)
    table = panel.findChild(Table)
    table.setFocus()
    qtbot.waitUntil(table.hasFocus)
    qtbot.keyClick(table, Qt.Key.Key_K)
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert pressed == ["K"]
    assert table.chosen_key == gallery.PLANES[1]
    viewer.window.remove_dock_widget(dock)


def test_a_name_can_be_typed_without_keys_of_the_viewer(qtbot, viewer):
    panel = gallery.classes_panel()
    dock = viewer.window.add_dock_widget(scrolled(panel), name="classes")
    settle(qtbot)
    pressed = []
    viewer.bind_key("K", lambda _: pressed.append("K"))
    table = panel.findChild(Table)
    double_click_cell(qtbot, table, 0, 2)
    qtbot.keyClick(table.viewport().findChild(QLineEdit), Qt.Key.Key_K)
    assert pressed == []
    viewer.window.remove_dock_widget(dock)


def test_a_dock_can_be_hidden_shown_and_closed(qtbot, viewer):
    dock = viewer.window.add_dock_widget(scrolled(gallery.preparing()), name="panels")
    settle(qtbot)
    dock.hide()
    dock.show()
    viewer.theme = "light"
    settle(qtbot)
    viewer.theme = "dark"
    dock.destroyOnClose()
    QApplication.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert our_widgets() == []
