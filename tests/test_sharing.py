"""A pack dropped on a real window, labelled with, saved anew; its labels exported: a person's clicks."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QComboBox, QFileDialog, QLineEdit, QMessageBox

from napari_gfsam.api import Segmenter
from napari_gfsam.core.config import PRESETS, TUNED
from napari_gfsam.io.packs import read_pack
from napari_gfsam.io.readers import read_labels
from napari_gfsam.widgets.export_dialog import ExportDialog
from napari_gfsam.widgets.pack_dialog import PackDialog
from napari_gfsam.widgets.references import ReferencesPanel
from napari_gfsam.widgets.table import Table
from tests.bridge.window import settle
from tests.fakes import disc_picture

pytestmark = pytest.mark.gui
MILLISECONDS = 60_000


@pytest.fixture
def window(make_napari_viewer, qtbot, tmp_path, monkeypatch, fake_models):
    monkeypatch.setenv("NAPARI_GFSAM_SESSIONS", str(tmp_path / "sessions"))
    quick = TUNED.with_settings(max_prompts=12, background_projection="off")
    monkeypatch.setitem(PRESETS, "tuned", quick)
    viewer = make_napari_viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-gfsam", "GF-SAM")
    qtbot.waitExposed(dock)
    yield viewer, dock
    viewer.window.remove_dock_widget("all")
    settle()


@pytest.fixture
def pack(fake_models, tmp_path):
    made = Segmenter()
    made.add_reference(*disc_picture(1, (90, 120), 3), classes={1: "disc"})
    made.save_pack(tmp_path / "discs.gfsampack")
    return tmp_path / "discs.gfsampack"


def drop(viewer, path):
    """Drop a file on the canvas, as a file manager does."""
    target, mime = viewer.window._qt_viewer, QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    place, buttons, keys = QPointF(target.rect().center()), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    target.dropEvent(QDropEvent(place, Qt.DropAction.CopyAction, mime, buttons, keys))
    settle()


def click(parent, text):
    """Click the visible, enabled button of a text."""
    found = [made for made in parent.findChildren(QAbstractButton) if made.isVisible() and made.text().startswith(text)]
    assert len(found) == 1, [made.text() for made in parent.findChildren(QAbstractButton) if made.isVisible()]
    assert found[0].isEnabled()
    QTest.mouseClick(found[0], Qt.MouseButton.LeftButton)
    QTest.qWait(150)


def choose_file(qtbot, dialog, path):
    """Answer the file dialog of a dialog."""
    (asked,) = dialog.findChildren(QFileDialog)
    asked.fileSelected.emit(str(path))
    asked.close()
    settle()


def quiet(dock):
    return not (
        dock.desk.running.running
        or dock.desk.arriving.running
        or dock.desk.exporting.running
        or dock.desk.packs._jobs.running
    )


def line(dock):
    return dock.run._line.text()


def problem(dock):
    return dock.next_step._problem.text


def test_from_a_dropped_pack_to_exported_labels_and_another_pack(window, qtbot, pack, tmp_path):
    viewer, dock = window
    drop(viewer, pack)
    QTest.qWait(200)
    table = dock.findChild(ReferencesPanel).findChild(Table)
    assert table.model().rowCount() == 1
    assert [row.name for row in dock.desk.session.classes] == ["disc"]
    viewer.add_image(disc_picture(2, (90, 120), 3)[0], name="target", translate=(120, 0))
    QTest.qWait(200)
    click(dock, "Run on 1 target")
    qtbot.waitUntil(lambda: quiet(dock) and dock.desk.session.queue.current is not None, timeout=MILLISECONDS)
    plane = dock.desk.session.queue.current
    QTest.qWait(200)

    click(dock, "Export…")
    (dialog,) = dock.findChildren(ExportDialog)
    formats, scopes = dialog.findChildren(QComboBox)
    assert (formats.count(), scopes.currentText()) == (10, "1 target, proposed, none is accepted yet")
    dialog.close()
    click(dock, "Accept (K)")
    dock.desk.review.go_to(plane)
    for replace in (False, True):
        QTest.qWait(100)
        click(dock, "Export…")
        dialog = dock.findChildren(ExportDialog)[-1]
        assert dialog.findChildren(QComboBox)[1].itemText(1) == "Only target, accepted"
        click(dialog, "Choose folder…")
        choose_file(qtbot, dialog, tmp_path / "out")
        if replace:
            question = dock.findChildren(QMessageBox)[-1]
            assert "target_labels.tif and 2 more in 'out' will be replaced" in question.text()
            click(question, "Replace")
        qtbot.waitUntil(lambda: quiet(dock), timeout=MILLISECONDS)
        assert line(dock) == "The labels of 1 target are exported to 'out' (Label TIFF)."
    accepted = dock.desk.sheets.accepted(plane)
    assert accepted.any()
    assert np.array_equal(read_labels(tmp_path / "out" / "target_labels.tif"), accepted)

    dock.stages.show_stage("prepare")
    QTest.qWait(200)
    click(dock, "Advanced")
    click(dock, "Save references as a pack")
    (dialog,) = dock.findChildren(PackDialog)
    title, author, licence = dialog.findChildren(QLineEdit)
    for field, text in ((title, "Discs"), (author, "A. N. Author"), (licence, "CC0-1.0")):
        QTest.keyClicks(field, text)
    click(dialog, "Save…")
    choose_file(qtbot, dialog, tmp_path / "again.gfsampack")
    qtbot.waitUntil(lambda: quiet(dock) and "again.gfsampack" in line(dock), timeout=MILLISECONDS)
    assert problem(dock) == ""
    before, after = read_pack(pack), read_pack(tmp_path / "again.gfsampack")
    assert (after.about.title, after.about.author, after.about.licence) == ("Discs", "A. N. Author", "CC0-1.0")
    assert np.array_equal(after.references[0].picture, before.references[0].picture)
    assert np.array_equal(after.references[0].labels, before.references[0].labels)
    assert np.array_equal(after.features[0].tokens[0], before.features[0].tokens[0])


def test_a_bad_pack_is_told_by_napari(window, tmp_path):
    viewer, dock = window
    (tmp_path / "bad.gfsampack").write_bytes(b"PK\x03\x04 no pack")
    with pytest.raises(ValueError, match="is no pack, or is damaged or cut short"):
        viewer.open(str(tmp_path / "bad.gfsampack"), plugin="napari-gfsam")
    assert len(viewer.layers) == 0
    assert problem(dock) == ""
