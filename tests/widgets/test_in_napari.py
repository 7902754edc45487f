"""The panels in a real napari window: themes, room, keys, closing."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import napari
import numpy as np
import pytest
from napari.qt import get_stylesheet
from qtpy.QtCore import QCoreApplication, QEvent, Qt
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLabel, QLineEdit, QWidget

from napari_gfsam.session.folder import SessionFolder
from napari_gfsam.session.offer import Offer
from napari_gfsam.widgets.parts import scrolled
from napari_gfsam.widgets.table import Table
from tests.widgets import gallery
from tests.widgets.hands import button, choose, click, double_click_cell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari import Viewer

pytestmark = pytest.mark.gui
#: Of files and of classes: with places to break, and without.
LONG_NAMES = {
    "file": "20261123_plate07_wellB12_site0_DAPI_zproj_deconvolved_16bit_max-projection.v2.ome.tif",
    "class": "mitochondria" * 7,
}


@pytest.fixture
def viewer(qapp) -> Iterator[Viewer]:
    made = napari.Viewer(show=True)
    made.window._qt_window.resize(1280, 800)
    yield made
    made.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def dock_in(qtbot, viewer: Viewer, panel: QWidget) -> QWidget:
    """Dock a panel as the plugin does and wait until the window can have the keyboard."""
    dock = viewer.window.add_dock_widget(scrolled(panel), name="panel")
    window = viewer.window._qt_window
    with qtbot.waitActive(window):
        window.activateWindow()
    return dock


def settle(qtbot) -> None:
    for _ in range(5):
        qtbot.wait(10)


def cut_texts(panel: QWidget) -> list[str]:
    """Return the texts that have less room than they need."""
    found, kinds = [], (QAbstractButton, QLabel, QComboBox, QAbstractSpinBox)
    for part in [part for part in panel.findChildren(QWidget) if isinstance(part, kinds)]:
        text = part.currentText() if isinstance(part, QComboBox) else part.text()
        if text and part.isVisible() and not _fits(part, text):
            found.append(text)
    return found


def _fits(part: QWidget, text: str) -> bool:
    advance = part.fontMetrics().horizontalAdvance(text)
    if isinstance(part, QAbstractSpinBox):
        return part.lineEdit().width() >= advance
    least = part.minimumSizeHint()
    width = advance if isinstance(part, QComboBox) else least.width()
    return part.width() >= width and part.height() >= least.height()


def test_every_panel_fits_and_is_pictured_in_both_themes(qtbot, viewer, tmp_path):
    for theme in ("dark", "light"):
        for name, make in (*gallery.PANELS.items(), ("preparing", gallery.preparing), ("reviewing", gallery.reviewing)):
            holder = scrolled(gallery.stacked(make()))
            qtbot.addWidget(holder)
            holder.setStyleSheet(get_stylesheet(theme))
            holder.resize(gallery.WIDTH, 640)
            holder.show()
            settle(qtbot)
            content = holder.widget()
            assert content.width() == holder.viewport().width(), name
            assert cut_texts(content) == [], name
            picture = content.grab()
            assert picture.save(str(tmp_path / f"{name}_{theme}.png"))
            holder.close()
    assert len(list(tmp_path.glob("*.png"))) == 2 * (len(gallery.PANELS) + 2)


@pytest.mark.parametrize("name", gallery.PANELS)
@pytest.mark.parametrize("title", LONG_NAMES.values(), ids=LONG_NAMES)
def test_a_long_name_pushes_nothing_out_of_sight(qtbot, name, title):
    panel = gallery.PANELS[name]()
    holder = scrolled(gallery.stacked(panel))
    qtbot.addWidget(holder)
    holder.setStyleSheet(get_stylesheet("dark"))
    sentence = f"The layer “{title}” is no longer in the viewer, but {title}."
    for part in panel.findChildren(QLabel):
        if part.wordWrap() and part.textFormat() == Qt.TextFormat.PlainText:
            part.setText(sentence)
            assert part.text() == sentence
    for box in panel.findChildren(QComboBox):
        box.addItem(title)
        box.setCurrentIndex(box.count() - 1)
    holder.resize(gallery.WIDTH, 640)
    holder.show()
    settle(qtbot)
    assert holder.widget().width() == holder.viewport().width()
    cut = [text for text in cut_texts(panel) if text != title]  # a combo box cuts it and has a list
    assert cut == []


def test_the_ways_to_begin_stay_until_there_is_a_reference(qtbot, viewer, monkeypatch, tmp_path):
    monkeypatch.setenv("NAPARI_GFSAM_SESSIONS", str(tmp_path / "sessions"))
    _, dock = viewer.window.add_plugin_dock_widget("napari-gfsam", "GF-SAM")
    settle(qtbot)
    size = viewer.window._qt_window.size()
    first_steps = {"cells_over_time": "Press “Label this picture”", "village": "Choose your painted labels in"}
    for sample, words in first_steps.items():
        viewer.layers.clear()
        viewer.open_sample("napari-gfsam", sample)
        qtbot.waitUntil(lambda words=words: dock.next_step._step.text().startswith(words))
        assert button(dock, "Label this picture").isVisible()
        assert dock.welcome._layers.isVisible()
    choose(qtbot, dock.welcome._layers, 0)
    qtbot.waitUntil(dock.welcome.isHidden)
    (row,) = dock.desk.session.references
    dock.desk.session.references.enable(row.id, False)
    qtbot.waitUntil(lambda: dock.next_step._step.text().startswith("Tick a reference"))
    assert dock.references.isVisible()
    assert viewer.window._qt_window.size() == size


def test_the_offer_to_go_on_is_what_the_sentence_speaks_of(qtbot, viewer, monkeypatch, tmp_path):
    monkeypatch.setenv("NAPARI_GFSAM_SESSIONS", str(tmp_path / "sessions"))
    viewer.add_image(np.zeros((20, 30), np.uint8))
    offer = Offer(SessionFolder(tmp_path), 3, 1, datetime(2026, 11, 22, 14, 2))
    monkeypatch.setattr("napari_gfsam.controller.saving.latest_offer", lambda root: (offer, ()))
    _, dock = viewer.window.add_plugin_dock_widget("napari-gfsam", "GF-SAM")
    qtbot.waitUntil(lambda: dock.next_step._step.text().startswith("Press “Go on”"))
    click(qtbot, dock, "Start fresh")
    qtbot.waitUntil(lambda: dock.next_step._step.text().startswith("Press “Label this picture”"))


def test_keys_in_the_list_reach_the_viewer_and_arrows_do_not(qtbot, viewer):
    panel = gallery.review_panel()
    dock_in(qtbot, viewer, panel)
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


def test_a_name_can_be_typed_without_keys_of_the_viewer(qtbot, viewer):
    panel = gallery.classes_panel()
    dock_in(qtbot, viewer, panel)
    pressed = []
    viewer.bind_key("K", lambda _: pressed.append("K"))
    table = panel.findChild(Table)
    double_click_cell(qtbot, table, 0, 2)
    qtbot.keyClick(table.viewport().findChild(QLineEdit), Qt.Key.Key_K)
    assert pressed == []


def test_a_dock_can_be_hidden_shown_and_closed(qtbot, viewer):
    dock = dock_in(qtbot, viewer, gallery.preparing())
    dock.hide()
    dock.show()
    viewer.theme = "light"
    settle(qtbot)
    viewer.theme = "dark"
    dock.destroyOnClose()
    del dock  # napari lets go of what is in it; the fixture no_leaks looks for what is left
