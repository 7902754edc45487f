from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_gfsam.imaging import array_hash, content_hash, to_model_input
from tests.imaging.strategies import arrays, shapes

RGB_SHAPES = shapes(channels=False).map(lambda shape: (*shape, 3))


@settings(deadline=None, max_examples=25)
@given(arrays(types=("uint8",), shape=RGB_SHAPES))
def test_is_pillows_bilinear_resize_of_any_shape(rgb):
    square = to_model_input(rgb)
    expected = Image.fromarray(rgb).resize((1024, 1024), Image.Resampling.BILINEAR)
    assert square.dtype == np.uint8
    assert np.array_equal(square, np.asarray(expected))


def test_a_square_of_the_right_size_is_copied():
    rgb = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    square = to_model_input(rgb)
    assert np.array_equal(square, rgb)
    assert not np.shares_memory(square, rgb)


def test_views_are_taken_as_they_are_seen():
    rgb = np.random.default_rng(0).integers(0, 256, (60, 50, 3), dtype=np.uint8)
    assert np.array_equal(to_model_input(rgb[::-2, ::3]), to_model_input(rgb[::-2, ::3].copy()))


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), "u1")]
)
def test_other_arrays_are_refused(wrong):
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        to_model_input(wrong)


def test_content_hash_follows_pixels_not_places():
    first, second = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)
    assert content_hash(first) == content_hash(second)
    second[1, 2, 0] = 1
    assert content_hash(first) != content_hash(second)
    assert content_hash(second[:, ::-1]) == content_hash(second[:, ::-1].copy())


@given(arrays(), st.sampled_from(["C", "F"]))
def test_array_hash_follows_values_shape_and_type(array, order):
    assert array_hash(array) == array_hash(np.array(array, order=order))
    assert array_hash(array) == array_hash(array.astype(array.dtype.newbyteorder(">")))
    assert array_hash(array) != array_hash(array[None])
    assert array_hash(array) != array_hash(array.astype(np.complex128))


def test_hashes_stay_the_same_between_versions():
    array = np.arange(6, dtype=np.uint16).reshape(2, 3)
    assert array_hash(array) == "26880bce4857eb26fccbf7927211fa88efaa8001"
    assert array_hash(np.zeros((0, 3))) != array_hash(np.zeros((3, 0)))
    assert len(array_hash(np.float64(3))) == 40
