from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_gfsam.imaging import ImageError, PixelRecipe, require_content, to_rgb
from tests.imaging.strategies import FLOATS, INTEGERS, arrays, shapes

RECIPES = st.builds(
    PixelRecipe,
    intensity=st.sampled_from(["auto", "range", "percentile", "dtype"]),
    limits=st.sampled_from([((0.0, 1.0),), ((-5.0, 70000.0),)]),
    percentiles=st.sampled_from([(0.1, 99.9), (0.0, 100.0), (40.0, 60.0)]),
    gamma=st.sampled_from([1.0, 0.5, 2.2]),
)


def has_finite(array: np.ndarray) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).any())


@settings(deadline=None)
@given(arrays(), RECIPES)
def test_every_real_plane_becomes_rgb_and_stays_as_it_was(array, recipe):
    before = array.copy()
    if has_finite(array):
        rgb = to_rgb(array, recipe)
        assert rgb.shape == (*array.shape[:2], 3)
        assert rgb.dtype == np.uint8
    else:
        with pytest.raises(ImageError, match="no finite value"):
            to_rgb(array, recipe)
    assert np.array_equal(array, before, equal_nan=array.dtype.kind == "f")


@settings(deadline=None)
@given(arrays(types=("uint8",)))
def test_eight_bits_pass_unchanged(array):
    rgb = to_rgb(array)
    expected = array[..., :3] if array.ndim == 3 else array[..., None]
    assert np.array_equal(rgb, np.broadcast_to(expected, rgb.shape))


@settings(deadline=None)
@given(arrays(types=(*INTEGERS, *FLOATS), shape=shapes(channels=False)))
def test_brighter_values_never_become_darker(array):
    assume(has_finite(array))
    rgb = to_rgb(array)[..., 0].ravel().astype(int)
    values = array.ravel()
    keep = np.isfinite(values) if values.dtype.kind == "f" else np.ones(len(values), bool)
    ordered = rgb[keep][np.argsort(values[keep], kind="stable")]
    assert (np.diff(ordered) >= 0).all()


@settings(deadline=None)
@given(arrays(types=(*INTEGERS[1:], *FLOATS), shape=shapes(channels=False)))
def test_extremes_of_an_unknown_range_become_black_and_white(array):
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array.ravel()
    assume(finite.size and finite.min() < finite.max())
    rgb = to_rgb(array)[..., 0]
    assert (rgb[array == finite.min()] == 0).all()
    assert (rgb[array == finite.max()] == 255).all()


@settings(deadline=None)
@given(arrays(types=("uint16", "float32"), shape=shapes(channels=False)), st.integers(0, 2))
def test_a_channel_axis_may_be_anywhere(array, axis):
    assume(has_finite(array))
    stack = np.stack([array, array], axis=axis)
    rgb = to_rgb(stack, PixelRecipe(channel_axis=axis))
    grey = to_rgb(array)
    assert np.array_equal(rgb, grey), "green and magenta of the same value add to grey"


def test_colour_channels_are_stretched_together():
    plane = np.zeros((4, 4, 3), np.uint16)
    plane[0, 0], plane[1, 1] = (0, 500, 1000), (1000, 1000, 1000)
    assert tuple(to_rgb(plane)[0, 0]) == (0, 128, 255)


def test_separate_channels_are_stretched_by_themselves():
    stack = np.zeros((3, 2, 2), np.uint16)
    stack[0, 0, 0], stack[1, 0, 0], stack[2, 0, 0] = 10, 1000, 60000
    assert tuple(to_rgb(stack, PixelRecipe(channel_axis=0))[0, 0]) == (255, 255, 255)


def test_range_gamma_and_colours_as_displayed():
    plane = np.array([[0.0, 50.0, 100.0, 200.0, -3.0, np.nan]])
    recipe = PixelRecipe("range", limits=((0, 100),), gamma=2.0, channel_colors=((0, 1, 0),))
    assert to_rgb(plane, recipe)[0].tolist() == [[0, v, 0] for v in (0, 64, 255, 255, 0, 0)]


def test_every_channel_may_have_its_own_gamma():
    stack = np.full((2, 1, 1), 0.25)
    recipe = PixelRecipe("dtype", channel_axis=0, channel_colors=((1, 0, 0), (0, 1, 0)), gammas=(0.5, 2.0))
    assert to_rgb(stack, recipe)[0, 0].tolist() == [128, 16, 0]


def test_nan_is_black_and_infinities_are_the_ends():
    plane = np.array([[np.nan, -np.inf, np.inf, 0.0, 1.0, 2.0]], np.float32)
    assert to_rgb(plane)[0, :, 0].tolist() == [0, 0, 255, 0, 128, 255]


def test_the_range_of_a_type():
    assert to_rgb(np.array([[-128, 0, 127]], np.int8), PixelRecipe("dtype"))[0, :, 0].tolist() == [0, 128, 255]
    assert to_rgb(np.array([[0, 65535]], np.uint16), PixelRecipe("dtype"))[0, :, 0].tolist() == [0, 255]
    assert to_rgb(np.array([[0.0, 0.5, 1.0, 9.0]]), PixelRecipe("dtype"))[0, :, 0].tolist() == [0, 128, 255, 255]


def test_outliers_do_not_hide_the_rest():
    plane = np.tile(np.arange(100, dtype=np.uint16), (200, 1))
    plane[0, 0] = 65535
    assert to_rgb(plane)[1, 50, 0] == 129


def test_a_few_bright_pixels_on_one_level_are_seen():
    plane = np.zeros((200, 200), np.float32)
    plane[3, 4] = 7
    assert to_rgb(plane)[3, 4, 0] == 255


@pytest.mark.parametrize("top", [1.7e308, 5e-324, 1e-310])
def test_the_ends_of_double_precision(top):
    assert to_rgb(np.array([[-top, 0.0, top]]))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(("value", "grey"), [(0, 0), (-4, 0), (9, 255)])
def test_one_value_only(value, grey):
    assert (to_rgb(np.full((2, 3), value, np.int32)) == grey).all()


@pytest.mark.parametrize(
    ("plane", "words"),
    [
        (np.zeros((0, 4)), "no pixel"),
        (np.zeros((2, 3, 4, 5)), "pick one plane"),
        (np.zeros((5, 4, 2)), "channel_axis"),
        (np.zeros(7), "pick one plane"),
        (np.zeros((3, 3), complex), "complex128"),
        (np.array([["a"]]), "real numbers"),
        (np.full((3, 3), np.nan), "no finite value"),
        (np.array([[np.inf, -np.inf]]), "no finite value"),
    ],
)
def test_what_is_no_picture_is_named(plane, words):
    with pytest.raises(ImageError, match=words):
        to_rgb(plane)


@pytest.mark.parametrize(
    ("recipe", "shape", "words"),
    [
        (PixelRecipe(channel_axis=3), (4, 4, 4), "channel_axis=3"),
        (PixelRecipe(channel_axis=0), (2, 3, 4, 5), "three axes"),
        (PixelRecipe(channel_axis=0, channel_colors=((1, 0, 0),)), (2, 4, 4), "1 channel colours"),
        (PixelRecipe("range", limits=((0, 1), (0, 2)), channel_axis=0), (3, 4, 4), "2 pairs of limits"),
        (PixelRecipe(gammas=(1.0, 2.0), channel_axis=0), (3, 4, 4), "2 gammas for 3"),
    ],
)
def test_a_recipe_that_does_not_fit_the_plane_is_named(recipe, shape, words):
    with pytest.raises(ImageError, match=words):
        to_rgb(np.zeros(shape), recipe)


@pytest.mark.parametrize(
    "wrong",
    [
        {"intensity": "bright"},
        {"intensity": "range"},
        {"limits": ((1, 1),)},
        {"limits": ((0, float("nan")),)},
        {"percentiles": (-1, 50)},
        {"gamma": 0},
        {"gamma": float("inf")},
        {"gammas": (1.0, 0.0)},
        {"channel_colors": ((1, 2, 0),)},
    ],
)
def test_a_wrong_recipe_is_refused(wrong):
    with pytest.raises(ValueError, match=r"\w"):
        PixelRecipe(**wrong)


@given(
    RECIPES, st.sampled_from([None, 0, -1]), st.sampled_from([(), ((0.0, 1.0, 0.5),)]), st.sampled_from([(), (2.0,)])
)
def test_a_recipe_survives_json(recipe, axis, colors, gammas):
    recipe = PixelRecipe(recipe.intensity, recipe.limits, recipe.percentiles, recipe.gamma, axis, colors, gammas)
    assert PixelRecipe.from_dict(json.loads(json.dumps(recipe.as_dict()))) == recipe


@pytest.mark.parametrize("wrong", [{"bright": 1}, {"gamma": "much"}, {"limits": 3}, {"limits": [[1, 2, 3]]}])
def test_a_damaged_recipe_is_named(wrong):
    with pytest.raises(ValueError, match=r"recipe|Limits|unpack"):
        PixelRecipe.from_dict(wrong)


def test_content_is_required():
    require_content(np.array([[[0, 0, 0], [0, 0, 1]]], np.uint8))
    with pytest.raises(ImageError, match=r"The picture is the same colour \(7, 7, 7\) everywhere"):
        require_content(np.full((3, 3, 3), 7, np.uint8))
    with pytest.raises(ImageError, match="a single pixel"):
        require_content(np.full((1, 1, 3), 7, np.uint8))
