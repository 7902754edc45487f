"""A large picture in a real window: looked at in tiles, corrected, accepted, closed, and gone on with."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_gfsam.core.config import PRESETS, TUNED
from napari_gfsam.core.types import Status
from napari_gfsam.samples import load_pair
from napari_gfsam.widgets.dock import Dock
from tests.bridge.window import press_key
from tests.test_story import RUN_MILLISECONDS, click, finished, point_at, shown, world_of

pytestmark = [pytest.mark.gui, pytest.mark.slow]
#: Of a part of the mosaic, and of a tile: these begin at 0 and 200 and end at 300 and 500.
SIDE, TILE = 250, 300
#: In the overlap of all four tiles, near where two of them end.
BORDER_YX = (296.0, 204.0)
CUT = "Looked at in 4 tiles of 300 x 300 pixels"


@pytest.fixture
def open_window(make_napari_viewer, tmp_path, monkeypatch):
    """Open a napari window with the dock, as often as wanted; few prompts."""
    monkeypatch.setitem(PRESETS, "quick", TUNED.with_settings(max_prompts=24, background_projection="off"))

    def made():
        viewer = make_napari_viewer(show=True)
        dock = Dock(viewer, tmp_path / "sessions")
        dock.desk.models.use_settings("quick")
        viewer.window.add_dock_widget(dock, name="GF-SAM")
        return viewer, dock

    return made


def mosaic():
    """A painted picture of nuclei, and a picture of two by two others."""
    pair = load_pair("nuclei")
    first, last = (target.image[:SIDE, :SIDE] for target in pair.targets[:2])
    large = np.block([[first, last], [last[::-1], first[:, ::-1]]])
    return pair.reference.image, (pair.reference.labels > 0).astype(np.uint8), large


def says(dock, beginning):
    """Tell whether the dock shows a text that begins like this."""
    return any(label.isVisible() and label.text().startswith(beginning) for label in dock.findChildren(QLabel))


def wait_for(qtbot, happened):
    qtbot.waitUntil(happened, timeout=RUN_MILLISECONDS)


def test_a_large_picture_is_reviewed_in_tiles_and_gone_on_with(open_window, qtbot):
    viewer, dock = open_window()
    desk, problems = dock.desk, []
    desk.problem.connect(problems.append)
    image, paint, large = mosaic()
    viewer.add_image(image, name="painted")
    desk.references.use(viewer.add_labels(paint, name="paint"))
    viewer.add_image(large, name="large", translate=(0, 500), scale=(0.5, 0.5))
    desk.models.use_scale(str(TILE))
    wait_for(qtbot, lambda: says(dock, "1 target in 4 tiles: "))
    click(dock, "Run on 1 target")
    wait_for(qtbot, lambda: desk.session.queue.current is not None)
    wait_for(qtbot, finished(dock))
    wait_for(qtbot, lambda: says(dock, CUT))
    (plane,) = [target.plane for target in desk.session.queue]
    first, points = shown(dock), desk.correcting.prediction.points
    assert first.shape == large.shape
    assert 0.03 < (first == 1).mean() < 0.5
    assert len(desk.prompts.layer.data) == len(points) > 24  # more than one tile may have
    assert desk.clusters.layer.data.shape == large.shape

    place = points.points_yx[np.flatnonzero(points.status == Status.KEPT)[0]]
    point_at(viewer, world_of(dock, place))
    press_key(viewer, Qt.Key.Key_O)
    row, column = place.astype(int)
    assert (first[row, column], shown(dock)[row, column]) == (1, 0)
    press_key(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert (shown(dock) == first).all()
    point_at(viewer, world_of(dock, BORDER_YX))
    press_key(viewer, Qt.Key.Key_G)
    corrected = shown(dock)
    assert corrected[tuple(map(int, BORDER_YX))] == 1
    assert len(desk.prompts.layer.data) == len(points) + 1
    press_key(viewer, Qt.Key.Key_K)
    assert (desk.sheets.accepted(plane) == corrected).all()
    desk.saving.save(wait=True)
    viewer.close()

    viewer, dock = open_window()
    desk, come = dock.desk, []
    desk.problem.connect(problems.append)
    desk.saving.brought_back.connect(come.append)
    wait_for(qtbot, dock.resume.isVisible)
    click(dock, "Go on")
    wait_for(qtbot, lambda: come == [()])
    wait_for(qtbot, lambda: says(dock, CUT))
    (plane,) = [target.plane for target in desk.session.queue]
    assert desk.session.queue.is_accepted(plane)
    assert (desk.sheets.accepted(plane) == corrected).all()
    assert (shown(dock) == corrected).all()
    desk.correcting.toggle_point((1, len(points)))  # the one that was added: no model is needed
    assert (shown(dock) == first).all()
    assert problems == []
