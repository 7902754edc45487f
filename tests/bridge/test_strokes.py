from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_gfsam.bridge.strokes import reached
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
