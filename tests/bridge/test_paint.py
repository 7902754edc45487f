from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_gfsam.bridge.align import aligned, labels_over
from napari_gfsam.bridge.paint import paint_on
from napari_gfsam.bridge.planes import show_plane, shown_plane
from napari_gfsam.bridge.sources import source_of
from napari_gfsam.session.types import PlaneKey
from tests.bridge.strategies import MIXED, placed

pytestmark = pytest.mark.filterwarnings(MIXED)


@settings(deadline=None, max_examples=30)
@given(placed(), st.data())
def test_paint_is_read_where_it_lies(image, data):
    viewer = ViewerModel()
    layer = viewer.add_layer(Image(image.data, **image.kwargs))
    source = source_of([layer])
    viewer.dims.order = image.order
    plane = shown_plane(viewer, source)
    # Twice as fine along every axis: a pixel's centre lies between two of its labels.
    fine = tuple(2 * length for length in image.shape)
    kwargs = aligned(layer, name="fine", shape=fine)
    truth = np.random.default_rng(0).integers(0, 200, fine).astype(np.uint8)
    painted = Labels(truth, **kwargs)
    found = paint_on(viewer, painted, source, plane)
    assert found.shape == source.plane_shape(plane)
    blocks = [[2 * place, 2 * place + 1] for place in range(max(image.shape))]
    for row, column in np.ndindex(found.shape):
        place = list(plane.index)
        place[plane.axes_yx[0]], place[plane.axes_yx[1]] = row, column
        assert found[row, column] in truth[np.ix_(*(blocks[at] for at in place))]


def test_paint_with_the_pictures_own_pixels_is_read_as_it_is():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((3, 4, 5)))
    source = source_of([layer])
    labels = viewer.add_layer(Labels(**labels_over(layer, name="x")))
    labels.data[1] = np.arange(20).reshape(4, 5)
    plane = PlaneKey(source.id, (1, -1, -1), (2, 1))
    found = paint_on(viewer, labels, source, plane)
    assert np.array_equal(found, labels.data[1].T)
    found[:] = 0
    assert labels.data[1].max() == 19


def test_paint_of_one_plane_and_with_more_axes():
    viewer = ViewerModel()
    stack, flat = viewer.add_image(np.zeros((3, 4, 5))), viewer.add_image(np.zeros((4, 5)))
    one = viewer.add_labels(np.arange(20).reshape(4, 5))
    many = viewer.add_labels(np.arange(60).reshape(3, 4, 5))
    source = source_of([stack])
    for place in range(3):
        plane = PlaneKey(source.id, (place, -1, -1), (1, 2))
        assert np.array_equal(paint_on(viewer, one, source, plane), one.data)
    alone = source_of([flat])
    show_plane(viewer, source, PlaneKey(source.id, (2, -1, -1), (1, 2)))
    assert np.array_equal(paint_on(viewer, many, alone, PlaneKey(alone.id)), many.data[2])


def test_paint_without_a_channel_axis_is_read_by_its_shape():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((3, 2, 4, 5)))
    labels = viewer.add_labels(np.arange(60).reshape(3, 4, 5))
    source = source_of([layer], channel_axis=1)
    plane = PlaneKey(source.id, (2, 0, -1, -1), (3, 2))
    assert np.array_equal(paint_on(viewer, labels, source, plane), labels.data[2].T)


def test_paint_elsewhere_is_none_and_paint_beside_is_cut():
    viewer = ViewerModel()
    stack = viewer.add_image(np.zeros((3, 4, 5)))
    source = source_of([stack])
    plane = PlaneKey(source.id, (0, -1, -1), (1, 2))
    aside = viewer.add_labels(np.ones((3, 4, 5), np.uint8), translate=(0, 1, -2))
    assert paint_on(viewer, aside, source, plane).tolist() == [[0] * 5, *[[1, 1, 1, 0, 0]] * 3]
    above = viewer.add_labels(np.ones((3, 4, 5), np.uint8), translate=(1, 0, 0))
    assert not paint_on(viewer, above, source, plane).any()


def test_units_are_minded():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((4, 5)), units="um")
    labels = viewer.add_labels(np.arange(20).reshape(4, 5), units="mm", scale=(0.001, 0.001))
    source = source_of([layer])
    found = paint_on(viewer, labels, source, PlaneKey(source.id))
    # Before 0.7 napari draws by the numbers alone, so that this paint lies within the first pixel.
    assert np.array_equal(found, labels.data if hasattr(viewer.dims, "units") else np.zeros((4, 5)))


def test_turned_paint_is_read_turned():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((4, 4)))
    labels = viewer.add_labels(np.arange(16).reshape(4, 4), rotate=90, translate=(3, 0))
    source = source_of([layer])
    found = paint_on(viewer, labels, source, PlaneKey(source.id))
    for row, column in np.ndindex(4, 4):
        place = np.round(labels.world_to_data((row, column))).astype(int)
        inside = ((place >= 0) & (place < 4)).all()
        assert found[row, column] == (labels.data[tuple(place)] if inside else 0)
    assert found.any()
