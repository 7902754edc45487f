"""Our layers go where a person puts the picture under them."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_gfsam.bridge.align import grid_of, lies_over
from napari_gfsam.bridge.anchors import TRANSFORMS
from napari_gfsam.bridge.instances import objects_of, show_instances
from napari_gfsam.bridge.ours import CLASS_LAYERS, OurLayers, Role
from napari_gfsam.bridge.prompts import PromptsLayer
from napari_gfsam.session.types import PlaneKey
from tests.bridge.window import ROWS, point_table
from tests.controller.hands import fingerprint

STACK = (3, 40, 60)
PLANE = PlaneKey("s", (1, -1, -1), (1, 2))
#: What a person may do to a picture, one after the other.
MOVES = {
    "scale": (3, 0.5, 2),
    "translate": (-4, 7, 0.5),
    "rotate": np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]]),
    "shear": [0, 0, 0.2],
    "affine": np.diag([1, 3, 0.5, 1]),
    "units": ("second", "um", "um"),
    "axis_labels": ("t", "y", "x"),
}


@pytest.fixture
def window():
    viewer = ViewerModel()
    over, other = (viewer.add_image(np.zeros(STACK), name=name) for name in "ab")
    ours = OurLayers(viewer)
    ours.set_classes(ROWS)
    yield viewer, over, other, ours
    ours.close()


def listeners(layer):
    return sum(len(getattr(layer.events, name).callbacks) for name in TRANSFORMS)


def placed(ours, over, wanted=Role.CLUSTERS, size=STACK[1:]):
    return ours.follow(wanted, Labels, over, PLANE, STACK, np.ones(size, np.uint8))


def test_all_layers_over_a_picture_follow_it_and_no_other_moves(window):
    viewer, over, other, ours = window
    mine = viewer.add_labels(np.ones(STACK, np.uint8))
    whole = [ours.labels(wanted, over, "s") for wanted in CLASS_LAYERS]
    whole.append(show_instances(ours, over, PLANE, STACK, objects_of(np.ones(STACK[1:], np.uint8), None)))
    coarse = ours.labels(Role.PROPOSAL, over, "coarse", (3, 20, 30))
    one, finer = placed(ours, over), placed(ours, over, Role.SIMILARITY, (80, 120))
    prompts = PromptsLayer(ours)
    prompts.show(over, PLANE, STACK, point_table([(3, 4)], [1]))
    elsewhere, before = ours.labels(Role.PROPOSAL, other, "t"), fingerprint(mine)
    for name, value in MOVES.items():
        setattr(over, name, value)
        assert all(lies_over(layer, over) for layer in whole)
        assert lies_over(coarse, over, (3, 20, 30))
        assert grid_of(prompts.layer).to_world(prompts.layer.data) == pytest.approx(grid_of(over).to_world([[1, 3, 4]]))
        assert {layer.axis_labels for layer in (*whole, coarse, one, prompts.layer)} == {over.axis_labels}
        assert np.allclose(one.scale, over.scale)
        assert np.allclose(finer.scale, over.scale / (1, 2, 2))
        assert lies_over(elsewhere, other)
    assert grid_of(one).to_world([[0, 3, 4]]) == pytest.approx(grid_of(over).to_world([[1, 3, 4]]))
    assert fingerprint(mine) == before


def test_a_follower_leaves_one_picture_for_another(window):
    _, over, other, ours = window
    quiet = listeners(over)
    layer = placed(ours, over)
    assert listeners(over) == quiet + len(TRANSFORMS)
    placed(ours, other)
    assert listeners(over) == quiet
    over.scale = (1, 5, 5)
    assert layer.scale.tolist() == [1, 1, 1]
    other.scale = (1, 2, 2)
    assert layer.scale.tolist() == [1, 2, 2]


def test_pictures_are_listened_to_while_layers_lie_over_them(window):
    viewer, over, other, ours = window
    quiet, first = listeners(over), listeners(other)
    layers = [ours.labels(wanted, over, "s") for wanted in CLASS_LAYERS]
    ours.labels(Role.PROPOSAL, other, "t")
    assert listeners(over) == quiet + len(TRANSFORMS)
    for layer in layers[:2]:
        viewer.layers.remove(layer)
    over.scale = (1, 2, 2)
    assert layers[-1].scale.tolist() == [1, 2, 2]
    viewer.layers.remove(layers[-1])
    assert listeners(over) == quiet
    accepted = ours.labels(Role.ACCEPTED, other, "t")
    viewer.layers.remove(other)
    other.scale = (1, 4, 4)
    assert accepted.scale.tolist() == [1, 1, 1]
    viewer.add_layer(other)
    assert ours.labels(Role.ACCEPTED, other, "t").scale.tolist() == [1, 4, 4]
    ours.close()
    assert listeners(other) <= first


def test_what_was_moved_while_the_dock_was_closed_is_put_right(window):
    viewer, over, other, ours = window
    layer, gone = ours.labels(Role.ACCEPTED, over, "s"), ours.labels(Role.ACCEPTED, other, "t")
    ours.close()
    over.scale = (1, 2, 2)
    viewer.layers.remove(other)
    assert layer.scale.tolist() == [1, 1, 1]
    again = OurLayers(viewer)
    assert layer.scale.tolist() == [1, 2, 2]
    over.translate = (0, 5, 5)
    assert layer.translate.tolist() == [0, 5, 5]
    assert gone.scale.tolist() == [1, 1, 1]
    again.close()


def test_a_picture_with_other_axes_moves_nothing(window):
    _, over, _, ours = window
    layer = ours.labels(Role.PROPOSAL, over, "s")
    over.data = np.zeros(STACK[1:])
    over.scale = (2, 2)
    assert layer.scale.tolist() == [1, 1, 1]


def test_a_picture_of_another_shape_moves_nothing_not_even_for_a_new_dock(window):
    viewer, over, _, ours = window
    layer, one = ours.labels(Role.ACCEPTED, over, "s"), placed(ours, over)
    over.data = np.zeros((6, *STACK[1:]))
    over.scale = (1, 2, 2)
    assert layer.scale.tolist() == one.scale.tolist() == [1, 1, 1]
    ours.close()
    again = OurLayers(viewer)
    assert layer.scale.tolist() == [1, 1, 1]
    again.close()
