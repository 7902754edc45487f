from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.bridge.align import grid_of, shape_of
from napari_gfsam.bridge.identity import facts_of, find_layer, is_ours, layer_id, mark, role
from napari_gfsam.bridge.ours import CLASS_LAYERS, OurLayers, Role
from napari_gfsam.session.types import ClassRow, PlaneKey
from tests.bridge.window import ROWS

pytestmark = pytest.mark.gui
SHAPE = (40, 60)
TRANSFORMS = {"scale": (2, 0.5), "translate": (7, -3), "rotate": 30, "shear": [0.2], "affine": np.diag([3, 0.5, 1])}


@pytest.fixture
def window(make_napari_viewer):
    """A viewer with three images and the user's own labels, the second image being the target."""
    viewer = make_napari_viewer()
    for name in "abc":
        viewer.add_image(np.zeros(SHAPE), name=name)
    viewer.add_labels(np.ones(SHAPE, np.uint8), name="mine")
    ours = OurLayers(viewer)
    ours.set_classes(ROWS)
    yield viewer, ours
    ours.close()


def names(viewer):
    return [layer.name for layer in viewer.layers]


def add_clusters(ours, over, plane=None, shape=SHAPE, pixels=None, wanted=Role.CLUSTERS):
    from napari.layers import Labels

    pixels = np.ones(shape, np.uint8) if pixels is None else pixels
    return ours.follow(wanted, Labels, over, plane or PlaneKey("s"), shape, pixels)


def test_layers_lie_just_above_their_target_in_order(window):
    viewer, ours = window
    over = viewer.layers["b"]
    add_clusters(ours, over)
    for wanted in (Role.PROPOSAL, Role.REFERENCE, Role.ACCEPTED):
        ours.labels(wanted, over, "s")
    add_clusters(ours, over, wanted=Role.SIMILARITY)
    assert names(viewer) == [
        *("a", "b", "b · reference", "b · labels", "b · gfsam", "c", "mine"),
        *("similarity · gfsam", "clusters · gfsam"),
    ]


def test_what_is_selected_stays_selected(window):
    viewer, ours = window
    viewer.layers.selection = {viewer.layers["a"], viewer.layers["c"]}
    ours.labels(Role.PROPOSAL, viewer.layers["b"], "s")
    assert set(viewer.layers.selection) == {viewer.layers["a"], viewer.layers["c"]}
    viewer.layers.selection.active = viewer.layers["mine"]
    viewer.layers["mine"].mode = "paint"
    add_clusters(ours, viewer.layers["b"])
    assert viewer.layers.selection.active is viewer.layers["mine"]
    assert str(viewer.layers["mine"].mode) == "paint"


def test_layers_are_found_by_role_and_source_not_by_name(window):
    viewer, ours = window
    first = ours.labels(Role.PROPOSAL, viewer.layers["b"], "s")
    second = ours.labels(Role.PROPOSAL, viewer.layers["c"], "t")
    first.name, second.name = second.name, "mine too"
    assert ours.find(Role.PROPOSAL, "s") is ours.labels(Role.PROPOSAL, viewer.layers["b"], "s") is first
    assert ours.find(Role.PROPOSAL, "t") is second
    assert ours.find(Role.ACCEPTED, "s") is None
    assert find_layer(viewer, layer_id(first)) is first
    below = viewer.layers["b"]
    assert role(first) == "proposal"
    assert facts_of(first) == {"source": "s", "over": layer_id(below), "over_shape": shape_of(below)}


def test_what_the_user_deletes_is_let_go_and_made_again(window):
    viewer, ours = window
    added, removed = [], []
    ours.added.connect(added.append)
    ours.removed.connect(removed.append)
    first = ours.labels(Role.PROPOSAL, viewer.layers["b"], "s")
    viewer.layers.remove(first)
    viewer.layers.remove(viewer.layers["a"])
    assert ours.find(Role.PROPOSAL, "s") is None
    second = ours.labels(Role.PROPOSAL, viewer.layers["b"], "s")
    assert added == [first, second]
    assert removed == [first]
    ours.remove(Role.PROPOSAL, "s")
    ours.remove(Role.PROPOSAL, "s")
    assert removed == [first, second]
    ours.close()
    ours.labels(Role.PROPOSAL, viewer.layers["b"], "s")
    viewer.layers.clear()
    assert removed == [first, second]


def test_a_copy_that_the_user_makes_is_the_user_s(window):
    viewer, ours = window
    mine = ours.labels(Role.PROPOSAL, viewer.layers["b"], "s")
    data, meta, _ = mine.as_layer_data_tuple()
    copy = viewer.add_labels(data.copy(), metadata=dict(meta["metadata"]))
    assert not is_ours(copy)
    assert ours.find(Role.PROPOSAL, "s") is mine


def test_classes_colour_all_class_layers_of_ours_and_no_other(window):
    viewer, ours = window
    layers = [ours.labels(wanted, viewer.layers["b"], "s") for wanted in CLASS_LAYERS]
    users, before = viewer.layers["mine"], viewer.layers["mine"].colormap
    ours.set_classes((*ROWS, ClassRow(300, "far", (10, 20, 30))))
    for layer in layers:
        np.testing.assert_allclose(layer.get_color(2) * 255, (230, 159, 0, 255), atol=0.5)
        np.testing.assert_allclose(layer.get_color(300) * 255, (10, 20, 30, 255), atol=0.5)
        assert layer.get_color(0) is None
        assert list(layer.features["class"]) == ["coin", "leaf", "far"]
        assert list(layer.features["index"]) == [1, 2, 300]
    assert users.colormap is before
    assert ours.labels(Role.PROPOSAL, viewer.layers["c"], "t").data.dtype == np.uint16


def test_hold_to_hide_shows_again_only_what_it_hid(window):
    viewer, ours = window
    proposal = ours.labels(Role.PROPOSAL, viewer.layers["b"], "s")
    accepted = ours.labels(Role.ACCEPTED, viewer.layers["b"], "s")
    clusters = add_clusters(ours, viewer.layers["b"])
    accepted.visible = False
    mark(viewer.layers["a"], "picture")
    ours.hide()
    ours.hide()
    assert [layer.visible for layer in (proposal, accepted, clusters)] == [False] * 3
    assert viewer.layers["mine"].visible
    assert viewer.layers["a"].visible
    viewer.layers.remove(clusters)
    ours.show()
    assert (proposal.visible, accepted.visible) == (True, False)


def test_a_follower_follows_exactly_and_keeps_what_the_user_set(window):
    viewer, ours = window
    tilted = viewer.add_image(np.zeros((30, 20)), name="tilted", **TRANSFORMS)
    viewer.layers.move(viewer.layers.index(tilted), 0)
    clusters = add_clusters(ours, tilted, shape=(30, 20))
    clusters.opacity = 0.3
    again = add_clusters(ours, viewer.layers["b"])
    assert again is clusters
    assert clusters.opacity == 0.3
    assert clusters.data.shape == SHAPE
    for over, shape in ((viewer.layers["b"], SHAPE), (tilted, (30, 20))):
        add_clusters(ours, over, shape=shape)
        seen, wanted = grid_of(clusters), grid_of(over)
        np.testing.assert_allclose(seen.linear, wanted.linear, atol=1e-9)
        np.testing.assert_allclose(seen.offset, wanted.offset, atol=1e-9)
    assert len([layer for layer in viewer.layers if is_ours(layer)]) == 1


def test_a_follower_goes_above_a_target_that_was_added_later(window):
    viewer, ours = window
    clusters = add_clusters(ours, viewer.layers["b"])
    late = viewer.add_image(np.zeros(SHAPE), name="late")
    add_clusters(ours, late)
    assert viewer.layers.index(clusters) > viewer.layers.index(late)


def test_a_follower_over_a_stack_shows_at_its_plane_only(window):
    viewer, ours = window
    stack = viewer.add_image(np.zeros((5, *SHAPE)), name="stack", scale=(3, 1, 2), translate=(2, 0, 0))
    add_clusters(ours, viewer.layers["b"]).visible = False
    pixels = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE).astype(np.uint16)
    for place in (1, 4):
        layer = add_clusters(ours, stack, PlaneKey("t", (place, -1, -1), (1, 2)), stack.data.shape, pixels)
        assert not layer.visible
        layer.visible = True
        for step in range(5):
            viewer.dims.set_current_step(0, step)
            shown = layer.get_value((viewer.dims.point[0], 10, 20), world=True)
            assert shown == (pixels[10, 10] if step == place else None)
        layer.visible = False


def test_a_transposed_plane_is_shown_as_the_viewer_shows_it(window):
    viewer, ours = window
    over = viewer.layers["b"]
    pixels = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE[::-1]).astype(np.uint16)
    layer = add_clusters(ours, over, PlaneKey("s", (-1, -1), (1, 0)), SHAPE, pixels)
    np.testing.assert_array_equal(layer.data, pixels.T)


def test_large_label_layers_are_files(make_napari_viewer, tmp_path, monkeypatch):
    for module in ("align", "ours"):
        monkeypatch.setattr(f"napari_gfsam.bridge.{module}.MEMORY_BYTES", 1000)
    viewer, asked = make_napari_viewer(), []

    def folder():
        asked.append(tmp_path)
        return tmp_path

    ours = OurLayers(viewer, folder)
    assert not isinstance(ours.labels(Role.PROPOSAL, viewer.add_image(np.zeros((9, 9))), "s").data, np.memmap)
    assert asked == []
    assert isinstance(ours.labels(Role.PROPOSAL, viewer.add_image(np.zeros(SHAPE)), "t").data, np.memmap)
    assert asked == [tmp_path]
    ours.close()
