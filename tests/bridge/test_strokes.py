from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_gfsam.bridge.strokes import reached, reached_beside, replay
from napari_gfsam.session.types import PlaneKey

PLANES = [PlaneKey("stack", (t, z, -1, -1), (2, 3)) for t in range(3) for z in range(4)]


@pytest.fixture
def painted():
    """A label layer, and the planes of each stroke in it."""
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros((3, 4, 20, 30), np.uint8))
    layer.selected_label = 1
    strokes = []
    layer.events.paint.connect(
        lambda event: strokes.append({plane.index[:2] for plane in reached(event.value, PLANES)})
    )
    return layer, strokes


def test_a_brush_reaches_the_plane_it_paints_on(painted):
    layer, strokes = painted
    layer.paint((1, 2, 5, 5), 1)
    layer.undo()  # tells nothing: not a stroke
    layer.fill((2, 3, 0, 0), 1)
    assert strokes == [{(1, 2)}, {(2, 3)}]


def test_a_brush_of_three_dimensions_reaches_several(painted):
    layer, strokes = painted
    layer.n_edit_dimensions, layer.brush_size = 3, 3
    layer.paint((1, 2, 5, 5), 1)
    assert strokes == [{(1, 1), (1, 2), (1, 3)}]


def test_pixels_set_by_a_program(painted):
    layer, strokes = painted
    layer.data_setitem((np.array([0, 2]), np.array([1, 1]), np.array([3, 4]), np.array([3, 4])), 1)
    assert strokes == [{(0, 1), (2, 1)}]


@pytest.mark.parametrize("changes", [None, [()], [object()], 3])
def test_what_is_not_understood_reaches_all(changes):
    assert reached(changes, PLANES) == set(PLANES)


def test_a_stroke_tells_all_planes_that_lie_as_the_one_painted_on(painted):
    layer, _ = painted
    found = []
    layer.events.paint.connect(lambda event: found.append(reached_beside(event.value, PLANES[6])))
    layer.n_edit_dimensions, layer.brush_size = 3, 3
    layer.paint((1, 2, 5, 5), 1)
    layer.data_setitem((np.array([2, 0]), np.array([1, 1]), np.array([3, 4]), np.array([3, 4])), 2)
    assert [[plane.index for plane in planes] for planes in found] == [
        [(1, 1, -1, -1), (1, 2, -1, -1), (1, 3, -1, -1)],
        [(0, 1, -1, -1), (2, 1, -1, -1)],
    ]
    assert reached_beside([object()], PLANES[6]) == [PLANES[6]]


def test_a_stroke_is_taken_back_and_done_again_but_for_what_changed_since(painted):
    layer, _ = painted
    strokes = []
    layer.events.paint.connect(lambda event: strokes.append(tuple(event.value)))
    layer.data[1, 2, 5, 5] = 3
    before = layer.data.copy()
    layer.brush_size = 3
    with layer.block_history():
        layer.paint((1, 2, 5, 5), 1)
        layer.paint((1, 2, 6, 6), 2)
        layer.data_setitem(tuple(np.array([at, at]) for at in (1, 2, 6, 9)), 4)
    after = layer.data.copy()
    replay(layer.data, strokes[0], back=True)
    assert np.array_equal(layer.data, before)
    replay(layer.data, strokes[0], back=False)
    assert np.array_equal(layer.data, after)
    layer.data[1, 2, 6, 9] = 5
    replay(layer.data, strokes[0], back=True)
    assert layer.data[1, 2, 6, 9] == 5
    layer.data[1, 2, 6, 9] = 0
    assert np.array_equal(layer.data, before)
