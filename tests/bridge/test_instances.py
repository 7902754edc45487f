from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.bridge.clusters import ClusterTable
from napari_gfsam.bridge.instances import instances_of, show_instances
from napari_gfsam.bridge.maps import show_map
from napari_gfsam.bridge.ours import OurLayers, Role
from napari_gfsam.core.types import Status
from napari_gfsam.session.types import PlaneKey
from tests.bridge.window import ROWS, point_table

SHAPE = (20, 30)
TABLE = point_table(np.zeros((3, 2)), [Status.KEPT] * 3, class_id=[1, 1, 2], cluster=[0, 1, 0])


def scene():
    """Two coins, one leaf that touches the first; the second coin was painted by hand."""
    labels, clusters = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.int64)
    labels[2:8, 2:8], clusters[2:8, 2:7] = 1, 2
    labels[2:8, 8:12], clusters[2:8, 8:12] = 2, 3
    labels[12:15, 20:25] = 1
    confidence = np.where(labels == 2, 0.25, 0.5).astype(np.float32)
    return labels, clusters, confidence


def plane(place: int) -> PlaneKey:
    return PlaneKey("s", (place, -1, -1), (1, 2))


def test_objects_have_class_cluster_and_score():
    found = instances_of(*scene())
    assert found.class_id.tolist() == [1, 1, 2]
    assert found.cluster.tolist() == [2, 0, 3]
    np.testing.assert_allclose(found.score, [0.5, 0.5, 0.25])
    assert [(found.labels == number).sum() for number in (1, 2, 3)] == [36, 15, 24]
    np.testing.assert_array_equal(found.labels > 0, scene()[0] > 0)


def test_many_objects_of_many_clusters_take_little_memory():
    labels = np.zeros((300, 300), np.uint8)
    labels[::2, ::2] = 1
    clusters = np.zeros(labels.shape, np.uint16)
    clusters[::2, ::2] = 37_000 + np.arange(22_500).reshape(150, 150)
    found = instances_of(labels, clusters, np.ones(labels.shape, np.float32))
    assert found.cluster.tolist() == list(range(37_000, 59_500))


def test_an_empty_plane_has_no_objects():
    found = instances_of(np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.int64), np.zeros(SHAPE, np.float32))
    assert len(found.class_id) == len(found.cluster) == len(found.score) == 0
    assert not found.labels.any()


@pytest.fixture
def window(make_napari_viewer):
    viewer = make_napari_viewer()
    over = viewer.add_image(np.zeros((4, *SHAPE)), name="stack")
    ours = OurLayers(viewer)
    ours.set_classes(ROWS)
    yield over, ours
    ours.close()


@pytest.mark.gui
def test_objects_of_a_stack_have_numbers_of_their_own(window):
    over, ours = window
    objects = instances_of(*scene()), ClusterTable.of(TABLE)
    for place in (1, 3, 1):
        layer = show_instances(ours, over, plane(place), over.data.shape, objects)
    assert layer.name == "stack · instances"
    table = layer.features
    assert sorted(table["index"]) == sorted(np.unique(layer.data[layer.data > 0]))
    assert len(table) == 6
    rows = table.set_index("index").loc[np.unique(layer.data[1])[1:]]
    assert list(rows["class"]) == ["coin", "coin", "leaf"]
    assert list(rows["cluster"]) == [1, -1, 0]
    np.testing.assert_allclose(rows["score"], [0.5, 0.5, 0.25])
    assert not layer.data[[0, 2]].any()


@pytest.mark.gui
def test_objects_keep_their_numbers_and_take_those_of_planes_nearby(window):
    over, ours = window
    labels, clusters, confidence = scene()
    layer = show_instances(ours, over, plane(1), over.data.shape, (instances_of(*scene()), None))
    first = layer.data[1].copy()
    assert set(layer.features["cluster"]) == {-1}
    moved = np.roll(labels, 1, axis=0)
    objects = instances_of(moved, clusters, confidence), ClusterTable.of(TABLE)
    show_instances(ours, over, plane(2), over.data.shape, objects, [plane(1)])
    assert np.array_equal(layer.data[2], np.roll(first, 1, axis=0))
    assert len(layer.features) == 3
    labels[2:8, 2:8] = 0  # one goes, another comes
    labels[16:19, 2:5] = 1
    objects = instances_of(labels, clusters, confidence), ClusterTable.of(TABLE)
    show_instances(ours, over, plane(1), over.data.shape, objects, [plane(2)])
    assert layer.data[1][3, 9] == first[3, 9]
    assert layer.data[1][17, 3] == first.max() + 1
    assert len(layer.features) == 4, "what goes is still there in the other plane"
    show_instances(ours, over, plane(2), over.data.shape, objects, [plane(1)])
    assert len(layer.features) == 3


@pytest.mark.gui
def test_a_map_of_any_size_lies_over_its_plane(window):
    over, ours = window
    for place in (1, 2):
        layer = show_map(
            ours,
            Role.SIMILARITY,
            over,
            PlaneKey("s", (place, -1, -1), (1, 2)),
            over.data.shape,
            np.full((5, 6), 0.5, np.float32),
        )
        centres = [[place, 1.5, 2.0], [place, 17.5, 27.0]]  # of map pixels that cover 4 x 5 pixels each
        np.testing.assert_allclose(layer.extent.world, centres, atol=1e-9)
    assert ours.find(Role.SIMILARITY) is layer
    ours.remove(Role.SIMILARITY)
    assert ours.find(Role.SIMILARITY) is None
