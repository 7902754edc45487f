from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_gfsam.bridge.identity import KEY, facts_of, find_layer, is_ours, layer_id, mark, our_layers, role


@pytest.fixture
def viewer():
    model = ViewerModel()
    model.add_layer(Image(np.zeros((4, 4)), name="same"))
    model.add_layer(Labels(np.zeros((4, 4), np.uint8), name="same"))
    return model


def test_layers_are_found_by_id_whatever_their_names(viewer):
    ids = [layer_id(layer) for layer in viewer.layers]
    viewer.layers[0].name = "other"
    viewer.layers.reverse()
    assert [find_layer(viewer, wanted).name for wanted in ids] == ["other", "same [1]"]
    viewer.layers.clear()
    assert find_layer(viewer, ids[0]) is None


def test_a_users_layer_stays_as_it_was(viewer):
    layer = viewer.layers[0]
    layer_id(layer)
    assert (role(layer), facts_of(layer), is_ours(layer)) == (None, {}, False)
    assert layer.metadata == {}


def test_a_mark_is_read_back(viewer):
    layer = viewer.layers[1]
    name = mark(layer, "proposal", plane=3)
    assert layer_id(layer) == name
    assert find_layer(viewer, name) is layer
    assert (role(layer), facts_of(layer)) == ("proposal", {"plane": 3})
    assert our_layers(viewer) == our_layers(viewer, "proposal") == [layer]
    assert our_layers(viewer, "accepted") == []
    assert mark(layer, "accepted", uuid=name) == layer_id(layer) == name


def test_a_copy_of_our_layer_is_the_users(viewer):
    layer = viewer.layers[1]
    name = mark(layer, "proposal")
    data, state, kind = layer.as_layer_data_tuple()
    copy = viewer.add_layer(Labels.create(data.copy(), {**state, "metadata": dict(state["metadata"])}, kind))
    assert not is_ours(copy)
    assert layer_id(copy) != name
    assert find_layer(viewer, name) is layer


@pytest.mark.parametrize("foreign", [3, {}, {"uuid": "x"}, {"layer": 1}])
def test_foreign_metadata_is_no_mark(viewer, foreign):
    viewer.layers[0].metadata[KEY] = foreign
    assert not is_ours(viewer.layers[0])
    assert layer_id(viewer.layers[0]) == str(viewer.layers[0].unique_id)
