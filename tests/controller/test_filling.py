"""Click-to-fill in the reference."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.bridge.ours import Role
from napari_gfsam.controller.filling import MOST_WAITING
from napari_gfsam.session.types import PlaneKey
from tests.controller.hands import RUN_MILLISECONDS, SHAPE, fingerprint, picture, stack

pytestmark = pytest.mark.gui


class Press:
    """What napari hands to mouse callbacks."""

    button, type = 1, "mouse_press"
    modifiers, pos = (), (10, 10)

    def __init__(self, position):
        self.position = position


def click(at, layer, *position):
    """A plain click: napari goes through the callbacks of the active layer."""
    click_only(layer, *position)
    at.qtbot.waitUntil(lambda: not at.desk.filling._jobs.running, timeout=RUN_MILLISECONDS)


def click_only(layer, *position):
    """A click whose mask is not waited for."""
    for callback in list(layer.mouse_drag_callbacks):
        list(callback(layer, Press(position)) or ())


@pytest.fixture
def armed(at):
    """An empty reference with click-to-fill on."""
    pixels, labels = picture(1)
    image = at.image("cells", pixels)
    row = at.desk.references.new(image)
    at.desk.filling.start(row)
    return at, at.ours(Role.REFERENCE, image), labels, row


def test_a_click_paints_what_is_there_with_the_brush_s_label(armed):
    at, layer, labels, _ = armed
    filled = []
    at.desk.filling.filled.connect(lambda: filled.append(True))
    layer.selected_label = 3
    row, column = np.argwhere(labels)[40]
    click(at, layer, row, column)
    assert filled == [True]
    assert layer.data[row, column] == 3
    assert 20 < (layer.data == 3).sum() < labels.size / 2
    assert 3 in {entry.id for entry in at.desk.session.classes}
    assert at.desk.references.painted()
    layer.undo()
    assert not layer.data.any()
    assert at.problems == []


def test_clicks_beside_the_picture_and_after_the_end_paint_nothing(armed):
    at, layer, labels, _ = armed
    click(at, layer, -3, 5)
    click(at, layer, 5, SHAPE[1] + 2)
    at.desk.filling.stop()
    assert not at.desk.filling.on
    click(at, layer, *np.argwhere(labels)[40])
    assert not layer.data.any()
    assert at.problems == []


def test_the_label_layer_may_be_deleted_before_and_after_the_click(armed):
    at, layer, labels, row = armed
    click_only(layer, *np.argwhere(labels)[40])
    at.viewer.layers.remove(layer)
    assert not at.desk.filling.on
    at.qtbot.waitUntil(lambda: not at.desk.filling._jobs.running, timeout=RUN_MILLISECONDS)
    at.desk.tidy()
    at.desk.filling.start(row)
    assert not at.desk.filling.on
    assert at.problems == []


def test_quick_clicks_are_painted_one_after_the_other_each_with_its_label(armed):
    at, layer, labels, _ = armed
    filled = []
    at.desk.filling.filled.connect(lambda: filled.append(True))
    spots = np.argwhere(labels)[[40, -40]]
    for value, spot in enumerate(spots, start=3):
        layer.selected_label = value
        click_only(layer, *spot)
    at.qtbot.waitUntil(lambda: not at.desk.filling._jobs.running, timeout=RUN_MILLISECONDS)
    assert filled == [True, True]
    assert [layer.data[tuple(spot)] for spot in spots] == [3, 4]
    layer.undo()
    assert [layer.data[tuple(spot)] for spot in spots] == [3, 0]
    assert at.problems == []


def test_clicks_that_wait_are_few_and_are_forgotten_with_the_mode(armed):
    at, layer, labels, _ = armed
    for _ in range(MOST_WAITING + 3):
        click_only(layer, *np.argwhere(labels)[40])
    assert at.problems == ["32 clicks are waiting for their masks; wait until some are painted."] * 2
    at.desk.filling.stop()
    assert not at.desk.filling._jobs.running
    at.qtbot.wait(100)
    assert not layer.data.any()


def test_a_click_on_a_plane_of_a_stack_paints_that_plane(at):
    pixels, labels = stack(3)
    image = at.image("cells", pixels)
    row = at.desk.references.new(image)
    at.desk.filling.start(row)
    layer = at.ours(Role.REFERENCE, image)
    at.viewer.dims.set_point(0, 2)
    click(at, layer, 2, *np.argwhere(labels[2])[40])
    assert layer.data[2].any()
    assert not layer.data[:2].any()
    assert [one.plane for one in at.desk.references.painted()] == [PlaneKey(row.plane.source, (2, -1, -1), (1, 2))]


def test_labels_of_other_pixels_are_not_filled(at):
    at.image("cells", picture(1)[0])
    small = at.viewer.add_labels(picture(1)[1][::2, ::2], scale=(2, 2), translate=(0.5, 0.5), name="small")
    before = fingerprint(small)
    (row,) = at.desk.references.use(small)
    at.desk.guarded(at.desk.filling.start)(row)
    assert "other pixels" in at.problems[0]
    assert not at.desk.filling.on
    assert fingerprint(small) == before


def test_labels_of_several_resolutions_are_not_filled(at):
    pixels, labels = picture(1)
    at.image("cells", pixels)
    pyramid = at.viewer.add_labels([labels, labels[::2, ::2]], multiscale=True, name="pyramid")
    (row,) = at.desk.references.use(pyramid)
    at.desk.guarded(at.desk.filling.start)(row)
    assert "several resolutions" in at.problems[0]
    assert not at.desk.filling.on
    assert np.array_equal(at.desk.references.paint(row), labels)


def test_nothing_is_filled_once_the_picture_is_moved_from_under_the_labels(at):
    pixels, labels = picture(1)
    image = at.image("cells", pixels)
    mine = at.viewer.add_labels(labels, name="mine")
    (row,) = at.desk.references.use(mine)
    at.desk.filling.start(row)
    image.scale = (0.5, 0.5)
    click(at, mine, 30, 40)
    assert ["other pixels" in sentence for sentence in at.problems] == [True]
    assert np.array_equal(mine.data, labels)


def test_a_label_that_the_layer_cannot_hold_is_told(at):
    pixels, labels = picture(1)
    at.image("cells", pixels)
    mine = at.viewer.add_labels(labels.astype(np.int32), name="mine")
    (row,) = at.desk.references.use(mine)
    at.desk.filling.start(row)
    mine.selected_label = 300
    click_only(mine, 30, 40)
    mine.data = labels.copy()
    at.qtbot.waitUntil(lambda: not at.desk.filling._jobs.running, timeout=RUN_MILLISECONDS)
    assert ["300" in sentence for sentence in at.problems] == [True]
    assert np.array_equal(mine.data, labels)
