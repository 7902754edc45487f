"""The whole story in one real window, with the bundled models on real pictures: a person's clicks and keys."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton

from napari_gfsam.bridge.identity import is_ours
from napari_gfsam.bridge.ours import Role
from napari_gfsam.core.types import Status
from napari_gfsam.io.readers import read_labels
from napari_gfsam.session.types import TargetState
from tests.bridge.window import press_key, settle

pytestmark = [pytest.mark.gui, pytest.mark.slow]
RUN_MILLISECONDS = 240_000


@pytest.fixture
def window(make_napari_viewer, qtbot, tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_GFSAM_SESSIONS", str(tmp_path / "sessions"))
    viewer = make_napari_viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-gfsam", "GF-SAM")
    qtbot.waitExposed(dock)
    yield viewer, dock
    viewer.window.remove_dock_widget("all")
    settle()


def click(dock, text):
    """Click the visible button of a text; only real, enabled buttons count."""
    found = [made for made in dock.findChildren(QPushButton) if made.isVisible() and made.text().startswith(text)]
    assert len(found) == 1, [made.text() for made in dock.findChildren(QPushButton) if made.isVisible()]
    assert found[0].isEnabled()
    QTest.mouseClick(found[0], Qt.MouseButton.LeftButton)
    QTest.qWait(150)


def hashes(viewer):
    """What the layers of the person hold."""
    own = [layer for layer in viewer.layers if not is_ours(layer)]
    return {layer.name: hashlib.sha256(np.ascontiguousarray(layer.data)).hexdigest() for layer in own}


def finished(dock):
    return lambda: not (dock.desk.running.running or dock.desk.arriving.running)


def point_at(viewer, world):
    viewer.cursor.position = world


def world_of(dock, yx):
    layer = dock.desk.ours.find(Role.PROPOSAL, dock.desk.session.queue.current.source)
    return tuple(layer.data_to_world(yx))


def shown(dock):
    plane = dock.desk.session.queue.current
    return plane.take(dock.desk.ours.find(Role.PROPOSAL, plane.source).data).copy()


def test_from_the_empty_dock_to_saved_labels(window, qtbot, tmp_path):
    viewer, dock = window
    desk = dock.desk
    click(dock, "Try an example")
    before = hashes(viewer)
    click(dock, "Run on 2 targets")  # the second click, and the last one to the first proposal
    qtbot.waitUntil(lambda: desk.session.queue.current is not None, timeout=RUN_MILLISECONDS)
    assert shown(dock).any()
    qtbot.waitUntil(finished(dock), timeout=RUN_MILLISECONDS)
    assert [target.state for target in desk.session.queue] == [TargetState.PROPOSED] * 2

    first, found = shown(dock), desk.correcting.prediction.classes[1]
    kept = int(np.flatnonzero(found.status == Status.KEPT)[0])
    points = desk.correcting.prediction.points
    point_at(viewer, world_of(dock, points.points_yx[kept]))
    press_key(viewer, Qt.Key.Key_O)
    assert (desk.correcting.prediction.classes[1].status == Status.OFF_BY_HAND).any()
    assert (shown(dock) != first).any()
    press_key(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert (shown(dock) == first).all()

    point_at(viewer, world_of(dock, (5.0, 5.0)))
    press_key(viewer, Qt.Key.Key_G)
    assert desk.correcting.prediction.decisions[-1].kind == "point"
    press_key(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    press_key(viewer, Qt.Key.Key_Q)
    qtbot.waitUntil(lambda: desk.session.history.undo_title.startswith("show the reading"), timeout=RUN_MILLISECONDS)
    press_key(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert (shown(dock) == first).all()

    plane = desk.session.queue.current
    press_key(viewer, Qt.Key.Key_K)
    assert desk.session.queue.is_accepted(plane)
    accepted = desk.sheets.accepted(plane)
    assert (accepted == first).all()
    desk.review.go_to(plane)
    settle()
    click(dock, "Use as reference")
    qtbot.waitUntil(finished(dock), timeout=RUN_MILLISECONDS)
    assert len(desk.session.references) == 2
    desk.rerun.revert()
    assert len(desk.session.references) == 1
    assert (desk.sheets.accepted(plane) == accepted).all()

    folder = tmp_path / "labels"
    said = []
    desk.exporting.saved.connect(said.append)
    desk.exporting.export("tiff", folder)
    wanted = "The labels of 1 target are exported to 'labels' (Label TIFF)."
    qtbot.waitUntil(lambda: said == [wanted], timeout=RUN_MILLISECONDS)
    (written,) = folder.glob("*_labels.tif")
    assert (read_labels(written) == accepted).all()
    assert hashes(viewer) == before
    assert not dock.next_step._problem.text
