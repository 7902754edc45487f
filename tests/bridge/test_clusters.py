from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_gfsam.api.prediction import Prediction
from napari_gfsam.bridge.clusters import ClustersLayer, ClusterTable
from napari_gfsam.bridge.ours import OurLayers
from napari_gfsam.core.config import TUNED
from napari_gfsam.core.frames import Frame
from napari_gfsam.core.masks import mask_stack
from napari_gfsam.core.types import ClassSpec, ClassTrace, Gates, MaskGraph, PointPrompts, Status
from napari_gfsam.session.types import PlaneKey
from tests.bridge.window import ROWS, click, point_table
from tests.core import plain
from tests.core.strategies import core_maps

PLANE = PlaneKey("s")
SHAPE = (60, 90)
ON, OFF = Status.KEPT, Status.OFF_BY_HAND


def two_classes(status=(ON, ON, ON, OFF, OFF)):
    """Three clusters of class 2, which comes first, and one of class 1."""
    table = point_table(np.zeros((5, 2)), status, class_id=[2, 2, 2, 2, 1], cluster=[0, 0, 2, 2, 0])
    picture = np.zeros(SHAPE, np.int64)
    for value in (1, 3, 4):
        picture[10 * value : 10 * value + 8, 10:40] = value
    return picture, table


def test_clusters_are_numbered_as_the_prediction_numbers_them():
    clusters = ClusterTable.of(two_classes()[1])
    assert [clusters.id_of(value) for value in range(-1, 6)] == [None, None, (2, 0), (2, 1), (2, 2), (1, 0), None]
    assert clusters.points.tolist() == [2, 0, 2, 1]
    assert clusters.on.tolist() == [2, 0, 1, 0]
    assert clusters.state.tolist() == [2, 0, 1, 0]
    np.testing.assert_allclose(clusters.score, [0.2, 0, 0.6, 0.9], atol=1e-6)


def test_no_prompts_make_no_clusters():
    assert len(ClusterTable.of(point_table([], [])).cluster) == 0


def trace_of(class_id, tops, cluster):
    """A class whose prompts have masks 100 rows high at some rows of the model frame."""
    count = len(tops)
    logits = np.full((count, 256, 256), -10, np.float32)
    for mask, top in zip(logits, tops, strict=True):
        mask[top // 4 : top // 4 + 25] = 10
    model_xy = np.stack([np.full(count, 512), np.array(tops) + 50], axis=1)
    zeros = np.zeros((5, 5))
    maps = core_maps(plain.Maps(zeros, zeros, zeros, zeros == 0, np.zeros((25, 3))))
    ones = np.ones(count, dtype=np.int64)
    return ClassTrace(
        ClassSpec(class_id, str(class_id)),
        maps,
        PointPrompts(model_xy // 28, model_xy, np.ones(count, np.float32)),
        mask_stack(logits, maps),
        MaskGraph(np.eye(count, dtype=bool), np.array(cluster)),
        Gates(ones > 0, ones > 0, np.ones(count, np.float32), ones),
        ones,
    )


def test_numbers_are_those_of_the_prediction_s_own_picture():
    traces = {2: trace_of(2, [0, 0, 200], [0, 0, 1]), 1: trace_of(1, [400, 600, 800], [0, 2, 1])}
    scene = SimpleNamespace(features=SimpleNamespace(frame=Frame(64, 64)))
    prediction = Prediction(answer=None, traces=traces, settings=TUNED, scene=scene)
    table, picture, points = ClusterTable.of(prediction.points), prediction.clusters, prediction.points
    assert len(points) == 6
    for row, (y, x) in enumerate(points.points_yx):
        found = table.id_of(int(picture[round(y), round(x)]))
        assert found == (points.class_id[row], points.cluster[row])


@pytest.fixture
def window(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    over = viewer.add_image(np.zeros(SHAPE))
    ours = OurLayers(viewer)
    ours.set_classes(ROWS)
    yield viewer, over, ClustersLayer(ours)
    ours.close()


@pytest.mark.gui
def test_clusters_show_as_outlines_grey_where_off(window):
    _, over, clusters = window
    picture, table = two_classes()
    clusters.show(over, PLANE, SHAPE, picture, table)
    layer = clusters.layer
    assert layer.contour > 0
    assert layer.data.dtype == np.uint8
    assert list(layer.features["index"]) == [1, 2, 3, 4]
    assert list(layer.features["class"]) == ["leaf"] * 3 + ["coin"]
    assert list(layer.features["status"]) == ["on", "off", "partly on", "off"]
    np.testing.assert_allclose(layer.get_color(4)[:3], 150 / 255, atol=0.01)
    assert np.ptp(layer.get_color(1)[:3]) > 0.2
    clusters.recolor(two_classes((OFF, OFF, ON, OFF, ON))[1])
    assert clusters.layer is layer
    np.testing.assert_allclose(layer.get_color(1)[:3], 150 / 255, atol=0.01)
    assert np.ptp(layer.get_color(4)[:3]) > 0.2
    assert list(layer.features["status"]) == ["off", "off", "partly on", "on"]


@pytest.mark.gui
def test_a_click_on_a_cluster_is_told(window):
    viewer, over, clusters = window
    told = []
    clusters.clicked.connect(told.append)
    clusters.show(over, PLANE, SHAPE, *two_classes())
    viewer.layers.selection.active = clusters.layer
    click(viewer, (34, 20))
    click(viewer, (55, 80))
    click(viewer, (44, 20))
    assert told == [(2, 2), (1, 0)]
    clusters.show(over, PLANE, SHAPE, *two_classes())
    click(viewer, (14, 20))
    assert told[2:] == [(2, 0)]
    assert clusters.at((14, 20)) == (2, 0)
    assert clusters.at((0, 0)) is None


@pytest.mark.gui
def test_a_deleted_layer_is_let_go_and_made_again(window):
    viewer, over, clusters = window
    picture, table = two_classes()
    clusters.recolor(table)
    assert clusters.at((14, 20)) is None
    clusters.show(over, PLANE, SHAPE, picture, table)
    viewer.layers.remove(clusters.layer)
    clusters.recolor(table)
    assert clusters.layer is None
    clusters.show(over, PLANE, SHAPE, picture, table)
    np.testing.assert_allclose(clusters.layer.get_color(4)[:3], 150 / 255, atol=0.01)


@pytest.mark.gui
def test_more_clusters_than_two_bytes_can_say_keep_their_numbers(window):
    _, over, clusters = window
    picture, table = two_classes()
    many = picture.astype(np.int64)
    many[0, 0] = 70_000
    clusters.show(over, PLANE, SHAPE, many, table)
    assert clusters.layer.data.max() == 70_000


def test_no_target_no_clusters(window):
    _, over, clusters = window
    picture, table = two_classes()
    assert clusters.plane is None
    clusters.show(over, PLANE, SHAPE, picture, table)
    layer = clusters.layer
    assert clusters.plane == PLANE
    for _ in range(2):
        clusters.clear()
        clusters.recolor(table)
        assert clusters.layer is clusters.plane is None
        assert not layer.data.any()
    clusters.show(over, PLANE, SHAPE, picture, table)
    assert clusters.layer is layer
    np.testing.assert_array_equal(layer.data, picture)


@pytest.mark.gui
def test_many_clusters_need_more_bits(window):
    _, over, clusters = window
    picture = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) % 301
    clusters.show(over, PLANE, SHAPE, picture, point_table(np.zeros((300, 2)), [ON] * 300))
    assert clusters.layer.data.dtype == np.uint16
    np.testing.assert_array_equal(clusters.layer.data, picture)
