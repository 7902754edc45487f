from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_gfsam.bridge.align import labels_over
from napari_gfsam.bridge.planes import (
    StackAxis,
    data_at,
    displayed_axes,
    planes_of,
    show_plane,
    shown_plane,
    stack_axes,
)
from napari_gfsam.bridge.sources import source_of
from napari_gfsam.imaging import ImageError
from napari_gfsam.session.types import PlaneKey
from tests.bridge.strategies import MIXED, placed

pytestmark = pytest.mark.filterwarnings(MIXED)


def slider_positions(data, viewer):
    return [data.draw(st.floats(low, max(low, high))) for low, high, _ in viewer.dims.range]


def as_drawn(viewer, layer, pixels):
    rows, columns = displayed_axes(viewer, layer)
    return pixels if rows < columns else pixels.swapaxes(0, 1)


@settings(deadline=None, max_examples=30)
@given(st.booleans().flatmap(lambda mixed: placed(mixed=mixed)), st.data())
def test_the_plane_is_what_napari_draws(image, data):
    viewer = ViewerModel()
    layer = viewer.add_layer(Image(image.data, **image.kwargs))
    if data.draw(st.booleans()):  # a layer with more axes, of other units: the sliders are in the viewer's
        units = [*["pixel"] * (5 - len(image.shape)), *(f"{unit}" for unit in layer.units)]
        units[-1] = "mm" if units[-1] == "micrometer" else units[-1]
        viewer.add_layer(Image(np.zeros((2, 3, 2, 3, 2)), units=units))
        viewer.dims.order = data.draw(st.permutations(range(5)))
    else:
        viewer.dims.order = image.order
    viewer.dims.set_point(range(viewer.dims.ndim), slider_positions(data, viewer))
    source = source_of([layer])
    ours = viewer.add_layer(Labels(**labels_over(layer, name="x", shape=source.shape)))
    try:
        plane = shown_plane(viewer, source)
    except ImageError:
        assert not layer._slice.image.raw.any()
        return
    assert np.array_equal(as_drawn(viewer, layer, source.read(plane)), layer._slice.image.raw)
    plane.put(ours.data, np.ones(source.plane_shape(plane), np.uint8))
    ours.refresh()
    assert (ours._slice.image.raw == 1).all()


@settings(deadline=None, max_examples=30)
@given(st.booleans().flatmap(lambda mixed: placed(mixed=mixed)), st.data())
def test_a_plane_can_be_shown_again(image, data):
    viewer = ViewerModel()
    layer = viewer.add_layer(Image(image.data, **image.kwargs))
    if data.draw(st.booleans()):
        viewer.add_layer(Image(np.zeros((2, 3, 2, 3, 2))))
    source = source_of([layer])
    shown = data.draw(st.permutations(range(layer.ndim)))[-2:]
    index = [-1 if axis in shown else data.draw(st.integers(0, n - 1)) for axis, n in enumerate(image.shape)]
    plane = PlaneKey(source.id, tuple(index), (shown[0], shown[1])).upright
    try:
        show_plane(viewer, source, plane)
    except ImageError:
        assume(False)  # beyond the ends of a slider, which runs over the extent of a rotated layer
    assert shown_plane(viewer, source) == plane
    assert np.array_equal(layer._slice.image.raw, as_drawn(viewer, layer, source.read(plane)))


@settings(deadline=None, max_examples=30)
@given(st.booleans().flatmap(lambda mixed: placed(mixed=mixed)), st.data())
def test_the_pointer_is_on_the_pixel_that_is_drawn(image, data):
    viewer = ViewerModel()
    layer = viewer.add_layer(Image(image.data, **image.kwargs))
    viewer.dims.order = image.order
    viewer.dims.set_point(range(viewer.dims.ndim), slider_positions(data, viewer))
    shown = list(image.order[-2:])
    drawn = layer._data_to_world.set_slice(shown)
    assume(np.linalg.svd(drawn.linear_matrix)[1].min() > 1e-3)  # else turned out of sight
    place, world = (data.draw(st.floats(-3, 8)), data.draw(st.floats(-3, 8))), np.array(viewer.dims.point)
    world[shown] = drawn(place)
    found = data_at(viewer, layer, world)
    assert found[shown] == pytest.approx(place, abs=1e-4)
    for axis in image.order[:-2]:
        assert found[axis] == pytest.approx(layer._data_slice.point[axis], abs=1e-6)


def test_a_plain_stack_shows_every_plane():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((3, 4, 5, 6)), scale=(2, 0.5, 1, 1), translate=(7, -3, 1, 1))
    source = source_of([layer])
    for axes in ((2, 3), (0, 1), (0, 3)):
        for place in np.ndindex(*(source.shape[axis] for axis in range(4) if axis not in axes)):
            rest = iter(place)
            plane = PlaneKey(source.id, tuple(-1 if axis in axes else next(rest) for axis in range(4)), axes)
            show_plane(viewer, source, plane)
            assert shown_plane(viewer, source) == plane


def test_a_view_that_is_turned_shows_the_same_plane():
    viewer = ViewerModel()
    flat = source_of([viewer.add_image(np.zeros((4, 5)))])
    stack = source_of([viewer.add_image(np.zeros((3, 4, 5)))])
    planes = [shown_plane(viewer, source) for source in (flat, stack)]
    viewer.dims.transpose()
    assert [shown_plane(viewer, source) for source in (flat, stack)] == planes
    show_plane(viewer, stack, replace(planes[1], index=(2, -1, -1)))
    assert (viewer.dims.order, viewer.dims.current_step[0]) == ((0, 2, 1), 2), "and stays turned"
    for _ in range(3):
        viewer.dims.roll()
        assert shown_plane(viewer, flat) == planes[0]


def test_three_dimensions_show_no_plane_of_a_stack():
    viewer = ViewerModel(ndisplay=3)
    stack, flat = viewer.add_image(np.zeros((3, 4, 5))), viewer.add_image(np.zeros((4, 5)))
    with pytest.raises(ImageError, match="3D"):
        shown_plane(viewer, source_of([stack]))
    assert shown_plane(viewer, source_of([flat])).index == (-1, -1)
    assert stack_axes(viewer, source_of([stack])) == [StackAxis(0, "axis 0", 3)]
    show_plane(viewer, source_of([stack]), PlaneKey(source_of([stack]).id, (2, -1, -1), (1, 2)))
    assert (viewer.dims.ndisplay, viewer.dims.current_step[0]) == (2, 2)


def test_sliders_outside_a_layer_show_none_of_it():
    viewer = ViewerModel()
    short, _ = viewer.add_image(np.zeros((3, 4, 5)), name="short"), viewer.add_image(np.zeros((9, 4, 5)))
    viewer.dims.set_point(0, 6)
    with pytest.raises(ImageError, match="no plane of 'short'; move the sliders"):
        shown_plane(viewer, source_of([short]))


def test_a_layer_that_is_gone_is_named():
    viewer = ViewerModel()
    source = source_of([viewer.add_image(np.zeros((3, 4, 5)), name="cells")])
    viewer.layers.clear()
    with pytest.raises(ImageError, match="'cells' is no longer in the viewer"):
        shown_plane(viewer, source)


def test_one_label_plane_stands_for_all_channels():
    viewer = ViewerModel()
    data = np.arange(3 * 4 * 5 * 6).reshape(3, 4, 5, 6)
    layer = viewer.add_image(data, axis_labels=("t", "c", "y", "x"))
    source = source_of([layer], channel_axis=1)
    ours = viewer.add_layer(Labels(**labels_over(layer, name="x", shape=source.shape)))
    assert ours.data.shape == (3, 1, 5, 6)
    ours.data[2] = 1
    assert stack_axes(viewer, source) == [StackAxis(0, "t", 3)]
    for channel in range(4):
        viewer.dims.set_point([0, 1], [0, channel])
        show_plane(viewer, source, PlaneKey(source.id, (2, 0, -1, -1), (2, 3)))
        assert viewer.dims.current_step[:2] == (2, channel), "the shown channel stays"
        assert shown_plane(viewer, source).index == (2, 0, -1, -1)
        assert (ours._slice.image.raw == 1).all()
    viewer.dims.order = (0, 2, 1, 3)
    with pytest.raises(ImageError, match="shows the channels"):
        shown_plane(viewer, source)


def test_sliders_half_way_between_two_planes_show_the_one_that_napari_draws():
    viewer = ViewerModel()
    layer = viewer.add_image(np.arange(40).reshape(10, 2, 2), scale=(0.7, 1, 1), affine=np.diag([1.7, 1, 1, 1]))
    viewer.add_image(np.zeros((40, 2, 2)), scale=(0.35 * 1.7, 1, 1))
    source = source_of([layer])
    for step in range(19):
        viewer.dims.set_current_step(0, step)
        assert np.array_equal(source.read(shown_plane(viewer, source)), layer._slice.image.raw)


def test_a_coarser_level_has_coarser_planes():
    viewer = ViewerModel()
    layer = viewer.add_image([np.zeros((6, 40, 40), np.uint8), np.zeros((3, 20, 20), np.uint8)], multiscale=True)
    source = source_of([layer], level=1)
    ours = viewer.add_layer(Labels(**labels_over(layer, name="x", shape=source.shape)))
    for place in range(6):
        viewer.dims.set_point(0, place)
        plane = shown_plane(viewer, source)
        assert plane.index == (place // 2, -1, -1)
        plane.put(ours.data, np.full((20, 20), place + 1, np.uint8))
        ours.refresh()
        assert (ours._slice.image.raw == place + 1).all()


def test_planes_of_a_range():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((7, 4, 5, 6)), axis_labels=("t", "z", "y", "x"), name="cells")
    source = source_of([layer])
    viewer.dims.order = (0, 1, 3, 2)
    viewer.dims.set_point([0, 1], [2, 3])
    at = shown_plane(viewer, source)
    assert stack_axes(viewer, source) == [StackAxis(0, "t", 7), StackAxis(1, "z", 4)]
    every = planes_of(source, 0, at=at)
    assert [plane.index for plane in every] == [(t, 3, -1, -1) for t in range(7)]
    assert {plane.axes_yx for plane in every} == {(2, 3)}
    assert [plane.index[0] for plane in planes_of(source, 0, 1, 6, 2, at=at)] == [1, 3, 5]
    assert source.title(every[5]) == "cells · t 5, z 3"
    for wrong in ({"axis": 2}, {"axis": 0, "stop": 8}, {"axis": 0, "start": -1}, {"axis": 0, "step": 0}):
        with pytest.raises(ValueError, match="'cells'"):
            planes_of(source, **wrong, at=at)
