from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_gfsam.bridge.align import grid_of
from napari_gfsam.bridge.ours import OurLayers, Role
from napari_gfsam.bridge.prompts import PromptsLayer
from napari_gfsam.core.types import Status
from napari_gfsam.session.types import PlaneKey
from tests.bridge.window import ROWS, click, drag, point_table, press_key

pytestmark = pytest.mark.gui
SHAPE = (100, 140)
PLANE = PlaneKey("s")
POINTS = [(20, 30), (50, 70), (80, 110)]
STATUS = [Status.KEPT, Status.BACKGROUND, Status.OUTLIER]


@pytest.fixture
def window(make_napari_viewer):
    """A window with an image of 2 x 0.5 units a pixel and the prompts layer; what it tells, by signal."""
    viewer = make_napari_viewer(show=True)
    over = viewer.add_image(np.zeros(SHAPE), scale=(2, 1.5), translate=(10, 0))
    ours = OurLayers(viewer)
    ours.set_classes(ROWS)
    prompts = PromptsLayer(ours)
    told = []
    for name in ("clicked", "added", "deleted"):
        getattr(prompts, name).connect(lambda value, name=name: told.append((name, value)))
    yield viewer, over, prompts, told
    ours.close()


def shown(window, status=STATUS, points=POINTS):
    viewer, over, prompts, _ = window
    prompts.show(over, PLANE, SHAPE, point_table(points, status, cluster=[0, 0, 1, 2, 3, 4][: len(status)]))
    viewer.layers.selection.active = prompts.layer
    return prompts.layer


def state_of(layer):
    return (layer.data.copy(), list(layer.features["status"]), layer.face_color.copy(), [str(s) for s in layer.symbol])


def test_points_tell_class_cluster_status_and_score(window):
    layer = shown(window)
    np.testing.assert_array_equal(layer.data, POINTS)
    assert list(layer.features) == ["id", "class", "cluster", "status", "score"]
    assert list(layer.features["id"]) == ["1.0", "1.1", "1.2"]
    assert list(layer.features["class"]) == ["coin"] * 3
    assert list(layer.features["cluster"]) == [0, 0, 1]
    assert list(layer.features["status"]) == ["kept", "background", "outlier"]
    assert list(layer.features["status"].cat.categories) == [
        *("background", "kept", "outlier", "off by hand", "on by hand", "eraser")
    ]
    assert len({str(symbol) for symbol in layer.symbol}) == 3
    assert len(np.unique(layer.face_color, axis=0)) == 3
    status = window[0].layers.selection.active.get_status((20 * 2 + 10, 30 * 1.5), world=True)
    assert "status: kept" in status["coordinates"]
    assert "class: coin" in status["coordinates"]


def test_every_status_has_its_own_colour_and_symbol(window):
    layer = shown(window, status=list(Status), points=np.arange(12).reshape(6, 2) * 5)
    assert len({str(symbol) for symbol in layer.symbol}) == len(Status)
    assert len(np.unique(layer.face_color, axis=0)) == len(Status)


def test_a_changed_status_and_one_more_point_show(window):
    layer = shown(window)
    again = shown(window, status=[Status.OFF_BY_HAND, *STATUS[1:], Status.ON_BY_HAND], points=[*POINTS, (5, 5)])
    assert again is layer
    assert list(layer.features["status"]) == ["off by hand", "background", "outlier", "on by hand"]
    shown(window, status=[], points=[])
    assert len(layer.data) == len(layer.features) == 0
    shown(window)
    assert len(layer.data) == 3


def test_classes_are_named(window):
    _, over, prompts, _ = window
    prompts.show(over, PLANE, SHAPE, point_table(POINTS, STATUS, class_id=[1, 2, 9]))
    assert list(prompts.layer.features["class"]) == ["coin", "leaf", "9"]


def test_a_click_on_a_point_is_told_in_pan_and_in_select_mode(window):
    viewer, _, _, told = window
    layer = shown(window)
    for mode in ("pan_zoom", "select"):
        layer.mode = mode
        click(viewer, (50 * 2 + 10, 70 * 1.5))
        click(viewer, (50 * 2 + 10, 100 * 1.5))
    assert told == [("clicked", (1, 1))] * 2


def test_points_are_found_by_place_and_by_selection(window):
    _, _, prompts, _ = window
    assert prompts.at((0, 0)) is None
    assert prompts.selected() == ()
    layer = shown(window)
    assert prompts.at((20 * 2 + 10, 30 * 1.5)) == (1, 0)
    assert prompts.at((20 * 2 + 10, 60 * 1.5)) is None
    assert prompts.nearest((49, 71), 2) == (1, 1)
    assert prompts.nearest((49, 71), 1) is None
    layer.selected_data = {2, 0}
    assert prompts.selected() == ((1, 0), (1, 2))


def test_points_that_are_added_or_deleted_by_hand_are_told_and_put_back(window):
    viewer, _, _, told = window
    layer = shown(window)
    before = state_of(layer)
    layer.mode = "add"
    click(viewer, (60 * 2 + 10, 40 * 1.5))
    ((name, place),) = told
    assert name == "added"
    np.testing.assert_allclose(place, (60, 40), atol=0.6)
    layer.mode = "select"
    layer.selected_data = {0, 2}
    press_key(viewer, Qt.Key.Key_Delete)
    assert told[1:] == [("deleted", ((1, 0), (1, 2)))]
    for now, then in zip(state_of(layer), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_point_can_be_added_while_the_addition_is_told(window):
    viewer, _, prompts, told = window
    layer = shown(window)
    prompts.added.connect(lambda place: shown(window, [*STATUS, Status.ON_BY_HAND], [*POINTS, place]))
    layer.mode = "add"
    click(viewer, (60 * 2 + 10, 40 * 1.5))
    assert list(layer.features["status"]) == ["kept", "background", "outlier", "on by hand"]
    assert len(told) == 1


def test_a_dragged_point_goes_back(window):
    viewer, _, _, told = window
    layer = shown(window)
    layer.mode = "select"
    layer.selected_data = {1}
    drag(viewer, (50 * 2 + 10, 70 * 1.5), (60 * 2 + 10, 90 * 1.5))
    np.testing.assert_array_equal(layer.data, POINTS)
    assert told == []


def test_pasting_points_does_nothing(window):
    viewer, _, _, told = window
    layer = shown(window)
    layer.selected_data = {0}
    for key in (Qt.Key.Key_C, Qt.Key.Key_V):
        press_key(viewer, key, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(layer.data, POINTS)
    assert told == []


def test_a_deleted_layer_is_let_go_and_made_again(window):
    viewer, _, prompts, _ = window
    viewer.layers.remove(shown(window))
    assert prompts.layer is None
    assert prompts.at((50, 45)) is None
    assert prompts.selected() == ()
    shown(window)


def test_no_target_no_points(window):
    _, _, prompts, told = window
    layer = shown(window)
    layer.selected_data = {1}
    for _ in range(2):
        prompts.clear()
        assert prompts.layer is None
        assert prompts.nearest((20, 30), 5) is None
        assert len(layer.data) == len(layer.selected_data) == 0
    assert shown(window) is layer
    assert len(layer.data) == 3
    assert told == []


def test_a_layer_that_stayed_is_taken_over(window):
    viewer, over, prompts, told = window
    layer = shown(window)
    prompts.close()
    layer.add((5, 5))
    assert told == []
    assert len(layer.data) == 4
    another = PromptsLayer(prompts._ours)
    another.clicked.connect(lambda value: told.append(("again", value)))
    another.show(over, PLANE, SHAPE, point_table(POINTS, STATUS))
    assert another.layer is layer
    assert len(layer.data) == 3
    click(viewer, (50 * 2 + 10, 70 * 1.5))
    assert told == [("again", (1, 1))]
    another.clear()


def test_points_follow_a_plane_of_a_stack(window):
    viewer, over, prompts, _ = window
    shown(window).visible = False
    stack = viewer.add_image(np.zeros((4, 3, *SHAPE)), scale=(5, 1, 2, 1.5), rotate=np.eye(4), translate=(1, 0, 0, 2))
    table = point_table(POINTS, STATUS)
    for place in (1, 3):
        prompts.show(stack, PlaneKey("t", (place, 2, -1, -1), (3, 2)), stack.data.shape, table)
        layer = prompts.layer
        assert not layer.visible
        np.testing.assert_array_equal(layer.data, [(place, 2, x, y) for y, x in POINTS])
        np.testing.assert_allclose(grid_of(layer).linear, grid_of(stack).linear)
        np.testing.assert_allclose(grid_of(layer).offset, grid_of(stack).offset)
    assert viewer.layers[-1] is layer
    world = stack.data_to_world((3, 2, 30, 20))
    assert prompts.at(world) == (1, 0)
    assert prompts.at((world[0] - 5, *world[1:])) is None  # on another plane, where no points are seen
    prompts.show(over, PLANE, SHAPE, table)
    assert prompts.layer.ndim == 2
    assert len([one for one in viewer.layers if one.name.startswith(Role.PROMPTS)]) == 1
