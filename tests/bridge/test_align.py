from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points

from napari_gfsam.bridge import align
from napari_gfsam.bridge.align import (
    aligned,
    aligned_plane,
    empty_labels,
    grid_of,
    labels_over,
    lies_over,
    on_plane,
    plane_array,
    points_nd,
    points_yx,
)
from napari_gfsam.session.types import PlaneKey
from tests.bridge.strategies import MIXED, placed

pytestmark = pytest.mark.filterwarnings(MIXED)
POSITIONS = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).uniform(-3, 8, (5, 4)))


def world(layer, positions):
    return np.array([layer.data_to_world(place) for place in positions])


@settings(deadline=None, max_examples=30)
@given(st.booleans().flatmap(lambda mixed: placed(mixed=mixed)), POSITIONS)
def test_a_pixel_of_ours_and_of_the_image_are_one_point_of_the_world(image, positions):
    layer = Image(image.data, **image.kwargs)
    here = positions[:, : layer.ndim]
    for ours in (Labels(**labels_over(layer, name="x")), Points(ndim=layer.ndim, **aligned(layer, name="x"))):
        assert np.allclose(world(ours, here), world(layer, here), rtol=1e-9, atol=1e-9)
        assert (ours.units, ours.axis_labels) == (layer.units, layer.axis_labels)
    assert np.allclose(grid_of(layer).to_world(here), world(layer, here), rtol=1e-9, atol=1e-9)
    assert np.allclose(grid_of(layer).from_world(world(layer, here)), here, atol=1e-6)
    ours = Labels(**labels_over(layer, name="x"))
    assert lies_over(ours, layer)
    ours.translate = np.asarray(ours.translate) + 0.3 * np.asarray(ours.scale)
    assert not lies_over(ours, layer)


@settings(deadline=None, max_examples=30)
@given(st.booleans().flatmap(lambda mixed: placed(mixed=mixed)), POSITIONS, st.data())
def test_a_coarser_array_covers_the_extent_of_the_image(image, positions, data):
    layer = Image(image.data, **image.kwargs)
    shape = tuple(data.draw(st.integers(1, length)) for length in image.shape)
    ours = Labels(**labels_over(layer, name="x", shape=shape))
    factors = np.array(image.shape) / shape
    here = positions[:, : layer.ndim]
    same = here * factors + (factors - 1) / 2
    assert ours.data.shape == shape
    assert np.allclose(world(ours, here), world(layer, same), rtol=1e-9, atol=1e-9)
    assert lies_over(ours, layer, shape)
    corners = (
        np.array([[-0.5] * layer.ndim, np.array(shape) - 0.5]),
        np.array([[-0.5] * layer.ndim, np.array(image.shape) - 0.5]),
    )
    assert np.allclose(world(ours, corners[0]), world(layer, corners[1]), rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(placed(), POSITIONS, st.data())
def test_a_plane_lies_at_its_place_in_the_world(image, positions, data):
    layer = Image(image.data, **image.kwargs)
    plane = draw_plane(data, image)
    pixels = np.ones([image.shape[axis] for axis in plane.axes_yx], np.uint8)
    ours = Labels(plane_array(plane, pixels), **aligned_plane(layer, plane, name="x", shape=image.shape))
    here = points_nd(plane, positions[:, :2])
    inside = np.where(np.array(plane.index) < 0, here, 0.0)
    assert np.allclose(world(ours, inside), world(layer, here), rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.booleans().flatmap(lambda mixed: placed(mixed=mixed)), st.data())
def test_a_plane_is_drawn_and_sliced_as_the_image(image, data):
    viewer = ViewerModel()
    layer = viewer.add_layer(Image(image.data, **image.kwargs))
    assume(can_be_sliced(layer, image.order))
    plane = draw_plane(data, image)
    size = (data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9)))
    kwargs = aligned_plane(layer, plane, name="x", shape=image.shape, size=size)
    ours = viewer.add_layer(Labels(plane_array(plane, np.ones(size, np.uint8)), **kwargs))
    viewer.dims.order = image.order
    # Drawn: the corners of the picture, as napari places it on the canvas.
    shown = list(image.order[-2:])
    drawn = ours._data_to_world.set_slice(shown), layer._data_to_world.set_slice(shown)
    rows, columns = (image.shape[axis] for axis in plane.axes_yx)
    assert np.allclose(drawn[0]([-0.5, -0.5]), drawn[1]([-0.5, -0.5]), atol=1e-6)
    assert np.allclose(drawn[0](np.array(size) - 0.5), drawn[1]([rows - 0.5, columns - 0.5]), atol=1e-6)
    # Sliced: at every slider position, ours is as far from the plane as the image's own slice.
    for step in range(3):
        viewer.dims.set_point(
            range(viewer.dims.ndim), [low + (high - low) * step / 3 for low, high, _ in viewer.dims.range]
        )
        for axis in image.order[:-2]:
            here, there = ours._data_slice.point[axis], layer._data_slice.point[axis]
            assert here == pytest.approx(there - plane.index[axis], abs=1e-6)


def can_be_sliced(layer, order) -> bool:
    """Whether the axes that are not shown still lead through the planes: a quarter turn may put them into one."""
    origin, *steps = world(layer, np.concatenate([np.zeros((1, layer.ndim)), np.eye(layer.ndim)]))
    other = list(order[:-2])
    inverse = np.linalg.inv(np.array(steps).T - origin[:, None])
    strength = np.linalg.svd(inverse[np.ix_(other, other)], compute_uv=False)
    return bool(strength.min(initial=np.inf) > 1e-6 * np.abs(inverse).max())


def test_a_quarter_turn_into_the_plane_does_not_move_it_away():
    turned = np.eye(4)
    turned[1:3, 1:3] = [[6e-17, -1], [1, 6e-17]]
    layer = Image(np.zeros((2, 2, 2)), affine=turned)
    here = PlaneKey("s", (-1, 1, -1), (0, 2))
    moved = aligned_plane(layer, here, name="x", shape=layer.data.shape)["translate"]
    assert np.allclose(moved, 0)


def draw_plane(data, image) -> PlaneKey:
    shown = image.order[-2:]
    index = [-1 if axis in shown else data.draw(st.integers(0, n - 1)) for axis, n in enumerate(image.shape)]
    return PlaneKey("s", tuple(index), (shown[0], shown[1]))


@given(st.data())
def test_points_go_into_the_stack_and_back(data):
    n = data.draw(st.integers(2, 5))
    axes = data.draw(st.permutations(range(n)))[:2]
    plane = PlaneKey("s", tuple(-1 if axis in axes else axis + 2 for axis in range(n)), (axes[0], axes[1]))
    points = np.array([[1.5, 7.0], [0.0, 2.25]])
    full = points_nd(plane, points)
    assert full.shape == (2, n)
    assert np.array_equal(points_yx(plane, full), points)
    assert on_plane(plane, full).all()
    full[1, [axis for axis in range(n) if axis not in axes]] += 1
    assert on_plane(plane, full).tolist() == [True, n == 2]
    assert points_nd(plane, np.zeros((0, 2))).shape == (0, n)


@given(st.permutations(range(4)))
def test_a_picture_becomes_an_array_with_all_axes(order):
    rows, columns = order[:2]
    plane = PlaneKey("s", tuple(-1 if axis in (rows, columns) else 0 for axis in range(4)), (rows, columns))
    picture = np.arange(6).reshape(2, 3)
    array = plane_array(plane, picture)
    assert [array.shape[axis] for axis in order] == [2, 3, 1, 1]
    assert np.array_equal(plane.take(array), picture)
    assert np.shares_memory(array, picture)


def test_labels_are_small_numbers_and_large_ones_live_in_a_file(tmp_path, monkeypatch):
    layer = Image(np.zeros((3, 20, 10, 3), np.uint8), rgb=True)
    assert labels_over(layer, name="x")["data"].dtype == np.uint8
    assert labels_over(layer, name="x", highest=256)["data"].dtype == np.uint16
    assert labels_over(layer, name="x", folder=tmp_path)["data"].shape == (3, 20, 10)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(align, "MEMORY_BYTES", 100)
    data = empty_labels((3, 20, 10), highest=300, folder=tmp_path / "new")
    assert isinstance(data, np.memmap)
    assert (data.dtype, data.shape, data.max()) == (np.uint16, (3, 20, 10), 0)
    data[1, 2, 3] = 7
    data.flush()
    [file] = (tmp_path / "new").iterdir()
    assert np.load(file, allow_pickle=False)[1, 2, 3] == 7
    assert not isinstance(empty_labels((3, 20, 10)), np.memmap)


def test_what_does_not_fit_is_named():
    layer = Image(np.zeros((3, 20, 10)), name="cells")
    with pytest.raises(ValueError, match=r"'cells' has 3 axes, not the shape \(20, 10\)"):
        aligned(layer, name="x", shape=(20, 10))
    with pytest.raises(ValueError, match="not to 70000"):
        empty_labels((2, 2), highest=70000)


def test_other_pixels_do_not_lie_over_a_layer():
    layer = Image(np.zeros((3, 20, 10)), scale=(5000, 0.1, 0.1), units=("second", "micrometer", "micrometer"))
    assert lies_over(Labels(**labels_over(layer, name="x")), layer)
    assert not lies_over(Labels(np.zeros((20, 10), int)), layer)
    assert not lies_over(Labels(np.zeros((3, 20, 10), int)), layer)
    assert not lies_over(Labels(**{**labels_over(layer, name="x"), "units": ("second", "mm", "mm")}), layer)
    near = labels_over(layer, name="x")
    near["translate"] = (0, 0.05, 0)
    assert not lies_over(Labels(**near), layer)
