from __future__ import annotations

import threading
from types import SimpleNamespace

import dask.array as da
import numpy as np
import pytest
import xarray as xr
import zarr
from napari.layers import Image, Labels

from napari_gfsam.bridge.align import labels_over
from napari_gfsam.bridge.pictures import picture_of
from napari_gfsam.bridge.sources import levels_of, source_of
from napari_gfsam.imaging import ImageError, PixelRecipe, to_model_input, to_rgb
from napari_gfsam.session.types import PlaneKey

RNG = np.random.default_rng(5)


def seen(source, index=(-1, -1), axes=(0, 1)):
    return to_rgb(source.read(PlaneKey(source.id, index, axes)), source.recipe)


class Counting:
    """An array that remembers how much of it was read."""

    def __init__(self, data):
        self.data, self.read = data, []
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim

    def __getitem__(self, index):
        found = self.data[index]
        self.read.append(found.size)
        return found


STACK = RNG.integers(0, 4000, (5, 3, 20, 30)).astype(np.uint16)


@pytest.mark.parametrize("make", [da.from_array, zarr.array, xr.DataArray, np.asarray, Counting])
@pytest.mark.parametrize("channel_axis", [None, 1])
def test_one_plane_is_read_whatever_holds_the_array(make, channel_axis):
    layer = Image(make(STACK), rgb=False)
    source = source_of([layer], channel_axis=channel_axis)
    plane = PlaneKey(source.id, (4, 0 if channel_axis else 2, -1, -1), (3, 2))
    expected = STACK[4].T if channel_axis is None else STACK[4].transpose(2, 1, 0)
    expected = expected[..., 2] if channel_axis is None else expected
    if isinstance(layer.data, Counting):
        layer.data.read.clear()
    assert np.array_equal(source.read(plane), expected)
    assert source.plane_shape(plane) == to_rgb(source.read(plane), source.recipe).shape[:2] == (30, 20)
    if isinstance(layer.data, Counting):
        assert layer.data.read == [expected.size] * 2


def test_dask_computes_one_chunk():
    computed = []

    def block(block_info=None):
        place = block_info[None]["chunk-location"][0]
        computed.append(place)
        return np.full((1, 8, 9), place, np.uint16)

    data = da.map_blocks(block, chunks=((1,) * 6, (8,), (9,)), dtype=np.uint16, meta=np.zeros((0, 0, 0), np.uint16))
    source = source_of([Image(data, contrast_limits=(0, 6))])
    computed.clear()
    found = []
    plane = PlaneKey(source.id, (4, -1, -1), (1, 2))
    thread = threading.Thread(target=lambda: found.append(source.read(plane)))
    thread.start()
    thread.join()
    assert (found[0] == 4).all()
    assert computed == [4]


def test_a_grey_layer_is_read_as_shown():
    data = RNG.integers(0, 5000, (6, 7)).astype(np.uint16)
    layer = Image(data, contrast_limits=(120, 4000), gamma=0.5)
    source = source_of([layer])
    expected = np.rint(255 * np.clip((data - 120.0) / 3880, 0, 1) ** 0.5)
    assert np.abs(seen(source)[..., 1] - expected).max() <= 1
    assert source.describe() == "16-bit grey, shown range 120 to 4000, gamma 0.5"
    assert source.recipe == PixelRecipe("range", limits=((120.0, 4000.0),), gamma=0.5)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (RNG.integers(0, 256, (40, 50)).astype(np.uint8), "8-bit grey"),
        (RNG.integers(0, 256, (40, 50, 3)).astype(np.uint8), "8-bit colour"),
        (RNG.integers(0, 256, (40, 50, 4)).astype(np.uint8), "8-bit colour (its transparency is not used)"),
        (RNG.random((40, 50)) > 0.5, "true-or-false grey"),
    ],
)
def test_eight_bits_and_booleans_are_read_as_they_are(data, words):
    source = source_of([Image(data)])
    assert source.describe() == words
    assert np.array_equal(seen(source), to_rgb(data))
    assert source.shape == (40, 50)


@pytest.mark.parametrize("kind", ["int8", "uint32", "int64", "float16", "float32", "float64"])
def test_every_type_fills_the_range_it_is_shown_with(kind):
    data = np.arange(42).reshape(6, 7).astype(kind)
    source = source_of([Image(data, contrast_limits=(0, 41))])
    assert np.array_equal(seen(source)[..., 0], np.rint(np.arange(42) / 41 * 255).reshape(6, 7))
    assert source.describe().endswith("grey, shown range 0 to 41")


def test_a_tint_is_seen_and_other_colormaps_are_not():
    data = np.linspace(0, 1, 42).reshape(6, 7)
    green = source_of([Image(data, colormap="green")])
    assert seen(green)[5, 6].tolist() == [0, 255, 0]
    assert green.describe() == "64-bit float in green, shown range 0 to 1"
    viridis = source_of([Image(data, colormap="viridis")])
    assert np.array_equal(seen(viridis), seen(source_of([Image(data)])))
    assert viridis.describe() == "64-bit float grey, shown range 0 to 1, without the colours of viridis"


def test_layers_shown_together_are_one_picture():
    a, b = RNG.integers(0, 100, (2, 3, 6, 7)).astype(np.uint16)
    layers = [
        Image(a, name="DAPI", colormap="blue", contrast_limits=(0, 100), blending="additive"),
        Image(b, name="GFP", colormap="green", contrast_limits=(10, 50), gamma=2, opacity=0.5, blending="additive"),
    ]
    source = source_of(layers)
    rgb = seen(source, (1, -1, -1), (1, 2))
    assert np.array_equal(rgb[..., 2], np.rint(a[1] / 100 * 255))
    expected = np.rint(np.clip((b[1] - 10.0) / 40, 0, 1) ** 2 * 255) * 0.5
    assert np.abs(rgb[..., 1] - expected).max() <= 1
    assert (rgb[..., 0] == 0).all()
    assert source.name == "DAPI + GFP"
    words = "2 channels: DAPI blue, GFP green, shown range 0 to 100 and 10 to 50, gamma 1, 2"
    assert source.describe() == words
    assert source.layers == tuple(str(layer.unique_id) for layer in layers)


def test_a_channel_axis_within_one_layer():
    data = RNG.integers(0, 100, (6, 2, 7)).astype(np.uint8)
    source = source_of([Image(data)], channel_axis=-2)
    assert source.shape == (6, 1, 7)
    assert np.array_equal(
        seen(source, (-1, 0, -1), (0, 2)), to_rgb(data, PixelRecipe("range", ((0, 255),), channel_axis=1))
    )
    assert source.describe() == "8-bit, 2 channels of one layer"
    with pytest.raises(ValueError, match="no plane of the source"):
        source.read(PlaneKey(source.id, (0, -1, -1), (1, 2)))


@pytest.mark.parametrize(
    ("intensity", "words"),
    [
        ("auto", "16-bit grey, from the darkest 0.1 % to the brightest 0.1 % of each plane"),
        ("percentile", "16-bit grey, from the darkest 0.1 % to the brightest 0.1 % of each plane"),
        ("dtype", "16-bit grey, the whole range of the type"),
        (PixelRecipe("range", ((5, 50),), gamma=2.0), "16-bit grey, shown range 5 to 50, gamma 2"),
    ],
)
def test_other_ways_of_reading(intensity, words):
    data = RNG.integers(0, 100, (6, 7)).astype(np.uint16)
    source = source_of([Image(data, contrast_limits=(0, 3))], intensity=intensity)
    recipe = intensity if isinstance(intensity, PixelRecipe) else PixelRecipe(intensity)
    assert source.recipe == recipe
    assert np.array_equal(seen(source), to_rgb(data, recipe))
    assert source.describe() == words


def test_a_lazy_layer_that_was_never_drawn_is_not_read_as_black():
    data = da.from_array(RNG.integers(0, 100, (6, 7)).astype(np.uint16))
    source = source_of([Image(data, visible=False)])
    assert seen(source).max() == 255


def pyramid(*sides, rgb=False):
    shapes = [(2, side, side // 2, 3) if rgb else (2, side, side // 2) for side in sides]
    return [np.broadcast_to(np.uint8(shape[1] % 251), shape) for shape in shapes]


@pytest.mark.parametrize("rgb", [False, True])
def test_a_pyramid_is_read_at_a_level_that_suits_the_models(rgb):
    layer = Image(pyramid(9000, 4500, 2250, rgb=rgb), multiscale=True, rgb=rgb)
    assert levels_of(layer) == ((2, 9000, 4500), (2, 4500, 2250), (2, 2250, 1125))
    source = source_of([layer])
    assert (source.level, source.shape) == (2, (2, 2250, 1125))
    plane = PlaneKey(source.id, (1, -1, -1), (1, 2))
    assert (source.read(plane) == 2250 % 251).all()
    assert source.read(plane).shape[:2] == (2250, 1125)
    assert source.describe().endswith(", pyramid level 2 (2250 x 1125 pixels)")
    finer = source_of([layer], level=1)
    assert finer.shape == (2, 4500, 2250)
    assert finer.id != source.id
    labels = Labels(**labels_over(layer, name="x", shape=finer.shape))
    assert labels.data_to_world((0, 0, 0)) == layer.data_to_world((0, 0.5, 0.5))
    with pytest.raises(ImageError, match=r"3 pyramid level\(s\)"):
        source_of([layer], level=3)


def test_the_id_says_what_positions_mean():
    layer = Image(np.zeros((3, 4, 5)))
    first = source_of([layer])
    layer.contrast_limits, layer.gamma = (0, 0.5), 2
    assert source_of([layer]).id == first.id
    assert source_of([layer]).recipe != first.recipe
    assert source_of([layer], channel_axis=0).id != first.id
    other = Image(layer.data)
    assert source_of([layer, other]).id == source_of([other, layer]).id != first.id


def test_a_plane_is_found_in_another_reading_of_its_layers():
    layers = [Image(np.zeros((3, 4, 5))) for _ in range(3)]
    alone, two, channels = source_of(layers[:1]), source_of(layers[1::-1]), source_of(layers[:1], channel_axis=0)
    plane = PlaneKey(alone.id, (2, -1, -1), (1, 2))
    assert list(alone.same_in(two, plane)) == [PlaneKey(two.id, (2, -1, -1), (1, 2))]
    (same,) = alone.same_in(channels, plane)
    assert same == PlaneKey(channels.id, (0, -1, -1), (1, 2))
    assert [found.index[0] for found in channels.same_in(alone, same)] == [0, 1, 2]
    assert not list(alone.same_in(channels, PlaneKey(alone.id, (-1, 0, -1), (0, 2))))
    assert not list(alone.same_in(source_of(layers[2:]), plane))
    layers[0].data = np.zeros((3, 4, 6))
    assert not list(alone.same_in(source_of(layers[:1]), plane))


def test_a_source_keeps_its_array():
    layer = Image(np.ones((4, 5)))
    source = source_of([layer])
    layer.data = np.zeros((7, 7))
    assert source.read(PlaneKey(source.id)).shape == (4, 5)


def test_what_is_no_picture_is_named():
    grey, color = Image(np.zeros((4, 5)), name="grey"), Image(np.zeros((4, 5, 3)), name="colour", rgb=True)
    moved, stack = Image(np.zeros((4, 5)), name="moved", translate=(0, 1)), Image(np.zeros((3, 4, 5)), name="stack")
    cases = [
        (([],), {}, "No image layer"),
        (([SimpleNamespace(name="paint")],), {}, "'paint' is no image layer"),
        (([grey, moved],), {}, "'grey' and 'moved' differ"),
        (([grey, stack],), {}, "'grey' and 'stack' differ"),
        (([color, color],), {}, "colour layer cannot be a channel"),
        (([color],), {"channel_axis": 0}, "in colour"),
        (([stack, stack],), {"channel_axis": 0}, "with other layers"),
        (([grey],), {"channel_axis": 0}, "has 2 axes"),
        (([stack],), {"channel_axis": 3}, "axis 3 cannot hold"),
        (([grey],), {"level": 1}, "there is no 1"),
        (([grey, grey],), {"intensity": PixelRecipe(channel_colors=((1, 0, 0),) * 3)}, "for 3 channels"),
    ]
    for args, kwargs, words in cases:
        with pytest.raises(ImageError, match=words):
            source_of(*args, **kwargs)
    with pytest.raises(ValueError, match="not a choice"):
        source_of([grey], intensity="bright")


def test_planes_of_others_are_refused():
    source = source_of([Image(np.zeros((3, 4, 5)))])
    for plane in (
        PlaneKey("other", (0, -1, -1), (1, 2)),
        PlaneKey(source.id, (3, -1, -1), (1, 2)),
        PlaneKey(source.id, (-1, -1), (0, 1)),
        PlaneKey(source.id, (0, -1, -1), (0, 2)),
    ):
        with pytest.raises(ValueError, match="no plane of the source"):
            source.read(plane)


def test_the_thumbnail_is_the_models_picture_made_small():
    data = np.zeros((40, 80), np.uint16)
    data[:, 40:] = 500
    source = source_of([Image(data, contrast_limits=(0, 1000))])
    thumbnail = picture_of(source, PlaneKey(source.id), side=64)
    assert (thumbnail.shape, thumbnail.dtype) == ((64, 64, 3), np.uint8)
    model = to_model_input(to_rgb(data, source.recipe))
    assert (thumbnail[:, :30] == model[0, 0]).all()
    assert (thumbnail[:, 34:] == model[0, -1]).all()
