"""Coordinates: image <-> model <-> grid, and interpolation taps against torch itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from napari_gfsam.core.frames import (
    MODEL_SIZE,
    Frame,
    aligned_taps,
    area_weights,
    legacy_nearest_rows,
    linear_taps,
    nearest_rows,
)

quick = settings(deadline=None, derandomize=True, database=None, max_examples=150)
SIDES = st.integers(1, 5000)
GRIDS = st.integers(1, 64)


def every(size: int, count: int = 400) -> np.ndarray:
    """Positions over a side, both ends included."""
    return np.unique(np.linspace(0, size - 1, min(size, count)).astype(np.int64))


# --- image and model -------------------------------------------------------------------------------------------------


@quick
@given(SIDES, SIDES)
def test_image_points_return_within_half_a_model_pixel(height, width):
    frame = Frame(height, width)
    rows, columns = every(height), every(width)
    n = min(len(rows), len(columns))
    points_yx = np.stack([rows[:n], columns[:n]], axis=1).astype(float)
    model_xy = frame.image_yx_to_model_xy(points_yx)
    assert model_xy.dtype == np.int64
    assert model_xy.min() >= 0
    assert model_xy.max() < MODEL_SIZE
    back = frame.model_xy_to_image_yx(model_xy)
    half_a_model_pixel = 0.5 * np.array([height, width]) / MODEL_SIZE
    assert (np.abs(back - points_yx) <= half_a_model_pixel + 1e-9).all()
    if max(height, width) <= MODEL_SIZE:
        np.testing.assert_array_equal(np.rint(back), points_yx)


@quick
@given(SIDES, SIDES)
def test_model_pixels_return_within_half_an_image_pixel(height, width):
    frame = Frame(height, width)
    axis = every(MODEL_SIZE, 200)
    model_xy = np.stack([axis, axis[::-1]], axis=1)
    image_yx = frame.model_xy_to_image_yx(model_xy)
    assert (image_yx >= -0.5).all()
    assert (image_yx <= np.array([height, width]) - 0.5).all()
    np.testing.assert_array_equal(frame.image_yx_to_model_xy(image_yx), model_xy)
    nearest = frame.image_yx_to_model_xy(np.rint(image_yx))
    half_an_image_pixel = 0.5 * MODEL_SIZE / np.array([width, height])
    assert (np.abs(nearest - model_xy) <= half_an_image_pixel + 1).all()


@quick
@given(SIDES, SIDES)
def test_both_directions_are_monotone(height, width):
    frame = Frame(height, width)
    axis = np.linspace(-0.5, 1, 50)
    points_yx = np.stack([axis * height, axis * width], axis=1)
    assert (np.diff(frame.image_yx_to_model_xy(points_yx), axis=0) >= 0).all()
    model = every(MODEL_SIZE)
    assert (np.diff(frame.model_xy_to_image_yx(np.stack([model, model], axis=1)), axis=0) > 0).all()


def test_rows_are_y_and_columns_are_x():
    frame = Frame(100, 400)
    np.testing.assert_array_equal(frame.image_yx_to_model_xy(np.array([[99.0, 0.0]])), [[1, 1018]])
    np.testing.assert_allclose(frame.model_xy_to_image_yx(np.array([[1023, 0]])), [[-0.4511719, 399.3046875]])
    assert frame.shape == (100, 400)


def test_points_outside_the_image_are_clipped():
    frame = Frame(10, 20)
    outside = np.array([[-5.0, -5.0], [10.0, 20.0], [1e9, -1e9]])
    np.testing.assert_array_equal(frame.image_yx_to_model_xy(outside), [[0, 0], [1023, 1023], [0, 1023]])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 1024), (1024, 1), (1, 5000)])
def test_one_pixel_pictures(height, width):
    frame = Frame(height, width)
    corners = np.array([[0.0, 0.0], [height - 1.0, width - 1.0]])
    model_xy = frame.image_yx_to_model_xy(corners)
    back = frame.model_xy_to_image_yx(model_xy)
    assert (np.abs(back - corners) <= np.maximum(0.5, 0.5 * np.array([height, width]) / MODEL_SIZE)).all()
    if height == 1:
        assert model_xy[:, 1].tolist() == [512, 512]


def test_no_points_stay_no_points():
    frame = Frame(10, 20)
    assert frame.image_yx_to_model_xy(np.zeros((0, 2))).shape == (0, 2)
    assert frame.model_xy_to_image_yx(np.zeros((0, 2), dtype=np.int64)).shape == (0, 2)
    assert frame.grid_to_model_xy(np.zeros((0, 2), dtype=np.int64), "centre").shape == (0, 2)
    assert frame.model_to_grid_xy(np.zeros((0, 2), dtype=np.int64)).shape == (0, 2)


@pytest.mark.parametrize("size", [(0, 5, 37), (5, 0, 37), (5, 5, 0), (-1, 5, 37)])
def test_a_frame_without_pixels_is_refused(size):
    with pytest.raises(ValueError, match="at least one pixel and one cell"):
        Frame(*size)


# --- grid and model --------------------------------------------------------------------------------------------------


@quick
@given(GRIDS)
def test_cells_and_prompts(grid):
    frame = Frame(1, 1, grid)
    cells = np.stack(np.meshgrid(np.arange(grid), np.arange(grid)), axis=-1).reshape(-1, 2)
    centre = frame.grid_to_model_xy(cells, "centre")
    corner = frame.grid_to_model_xy(cells, "corner")
    np.testing.assert_array_equal(frame.model_to_grid_xy(centre), cells)
    step = MODEL_SIZE / grid
    np.testing.assert_array_equal(corner, [[int(x * step), int(y * step)] for x, y in cells])
    np.testing.assert_array_equal(centre, [[int((x + 0.5) * step), int((y + 0.5) * step)] for x, y in cells])
    assert (np.abs(centre + 0.5 - (cells + 0.5) * step) <= 0.5).all()
    assert centre.min() >= 0
    assert max(centre.max(), corner.max()) < MODEL_SIZE
    assert centre.dtype == corner.dtype == np.int64


@quick
@given(GRIDS)
def test_every_model_pixel_lies_in_its_cell(grid):
    pixels = np.arange(MODEL_SIZE)
    cells = Frame(1, 1, grid).model_to_grid_xy(np.stack([pixels, pixels], axis=1))
    assert (np.diff(cells, axis=0) >= 0).all()
    assert (cells[0] == 0).all()
    assert (cells[-1] == grid - 1).all()
    edges = cells[:, 0] * (MODEL_SIZE / grid)
    assert (pixels + 0.5 >= edges - 1e-9).all()
    assert (pixels + 0.5 <= edges + MODEL_SIZE / grid + 1e-9).all()


def test_the_official_prompts_of_37_cells():
    corner = Frame(7, 7).grid_to_model_xy(np.array([[0, 1], [2, 36]]), "corner")
    np.testing.assert_array_equal(corner, [[0, 27], [55, 996]])
    centre = Frame(7, 7).grid_to_model_xy(np.array([[0, 1], [2, 36]]), "centre")
    np.testing.assert_array_equal(centre, [[13, 41], [69, 1010]])


# --- resizing along one axis -----------------------------------------------------------------------------------------

SIZES = st.one_of(st.tuples(st.integers(1, 300), st.integers(1, 300)), st.sampled_from([(256, 1024), (1024, 37)]))


def by_torch(values: np.ndarray, size_out: int, *, align_corners: bool) -> np.ndarray:
    line = torch.from_numpy(values)[None, None]
    return interpolate(line, size_out, mode="linear", align_corners=align_corners)[0, 0].numpy()


@quick
@given(SIZES, st.booleans(), st.integers(0, 1000))
def test_taps_are_torchs(sizes, align_corners, seed):
    size_in, size_out = sizes
    taps = (aligned_taps if align_corners else linear_taps)(size_in, size_out)
    values = np.random.default_rng(seed).normal(size=size_in).astype(np.float32)
    found = values[taps.low] * (1 - taps.weight) + values[taps.high] * taps.weight
    np.testing.assert_allclose(found, by_torch(values, size_out, align_corners=align_corners), atol=2e-4)
    assert taps.weight.dtype == np.float32
    assert taps.low.min() >= 0
    assert taps.high.max() < size_in
    assert (taps.weight >= 0).all()
    assert (taps.weight <= 1).all()
    assert (np.diff(taps.low) >= 0).all()


@pytest.mark.parametrize("sizes", [(256, 1024), (1024, 37), (1024, 8), (256, 100), (256, 3000)])
def test_taps_of_two_axes_are_torchs(sizes):
    values = np.random.default_rng(0).normal(size=(sizes[0], sizes[0])).astype(np.float32)
    taps = linear_taps(*sizes)
    rows = values[:, taps.low] * (1 - taps.weight) + values[:, taps.high] * taps.weight
    found = rows[taps.low] * (1 - taps.weight[:, None]) + rows[taps.high] * taps.weight[:, None]
    wanted = interpolate(torch.from_numpy(values)[None, None], (sizes[1],) * 2, mode="bilinear", align_corners=False)
    np.testing.assert_allclose(found, wanted[0, 0].numpy(), atol=1e-5)


def test_taps_at_some_positions():
    taps = linear_taps(256, 1024)
    some = taps.at(np.array([5, 1023]))
    assert some.low.tolist() == [taps.low[5], 255]
    assert some.high.tolist() == [taps.high[5], 255]
    assert some.weight.tolist() == taps.weight[[5, 1023]].tolist()
    assert len(taps.at(slice(3, 9)).low) == 6


@quick
@given(st.integers(1, 200), st.integers(1, 70))
def test_area_weights_against_brute_force(size_in, size_out):
    weights = area_weights(size_in, size_out)
    assert weights.shape == (size_out, size_in)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    # Split every pixel and every cell into the same atoms, count which atoms they share.
    wanted = np.zeros((size_out, size_in))
    for atom in range(size_in * size_out):
        wanted[atom // size_in, atom // size_out] += 1 / size_in
    np.testing.assert_allclose(weights, wanted, atol=1e-12)


@quick
@given(st.one_of(st.integers(1, 3000), st.just(MODEL_SIZE)), st.integers(1, 1200))
def test_nearest_rows(size_in, size_out):
    centre = nearest_rows(size_in, size_out)
    legacy = legacy_nearest_rows(size_in, size_out)
    line = torch.arange(size_in, dtype=torch.float32)[None, None]
    np.testing.assert_array_equal(legacy, interpolate(line, size_out, mode="nearest")[0, 0].numpy().astype(int))
    # The input pixel that holds the centre (i + 1/2) in / out, in whole numbers; a centre on a border is in both.
    pixel, rest = np.divmod((2 * np.arange(size_out) + 1) * size_in, 2 * size_out)
    assert ((centre == pixel) | ((rest == 0) & (centre == pixel - 1))).all()
    for rows in (centre, legacy):
        assert (np.diff(rows) >= 0).all()
        assert rows.min() >= 0
        assert rows.max() < size_in
