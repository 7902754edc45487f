"""Large pictures are read part by part, whatever holds them."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import tifffile
import zarr

from napari_gfsam.datasets.pictures import read_picture_file
from napari_gfsam.imaging import PixelRecipe, array_hash, to_rgb
from napari_gfsam.imaging.source import ArraySource, settled, source_hash, source_of
from napari_gfsam.io.large import channel_axis_of, large_source, open_picture
from napari_gfsam.io.readers import ImageFileError
from tests.io.files import ome_zarr

PART = (slice(5, 40), slice(20, 61))


def color(shape=(70, 90, 3)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)


def written(folder, kind: str, pixels: np.ndarray):
    if kind == "zarr":
        path = folder / "a.zarr"
        zarr.save_array(str(path), pixels)
    elif kind == "plain":
        path = folder / "a.tif"
        tifffile.imwrite(path, pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack")
    elif kind == "planar":
        path = folder / "planar.tif"
        bands = np.moveaxis(pixels, 2, 0) if pixels.ndim == 3 else pixels
        tifffile.imwrite(path, bands, photometric="rgb" if pixels.ndim == 3 else "minisblack")
    else:
        path = folder / "tiled.tif"
        bands = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)
        layout = {"tiled": True, "blockxsize": 32, "blockysize": 32, "compress": "lzw"}
        size = {"count": len(bands), "height": bands.shape[1], "width": bands.shape[2], "dtype": pixels.dtype}
        place = {"crs": "EPSG:32633", "transform": rasterio.Affine(1, 0, 500000, 0, -1, 5000000)}
        with rasterio.open(path, "w", driver="GTiff", **size, **layout, **place) as file:
            file.write(bands)
    return path


@pytest.mark.parametrize("kind", ["zarr", "plain", "planar", "geotiff"])
@pytest.mark.parametrize("shape", [(70, 90, 3), (70, 90)])
def test_parts_are_those_of_the_whole(tmp_path, kind, shape):
    pixels = color(shape)
    source = open_picture(written(tmp_path, kind, pixels))
    assert source.size_yx == (70, 90)
    np.testing.assert_array_equal(source.read(*PART), pixels[PART])
    assert source_hash(source) == array_hash(pixels)


@pytest.mark.parametrize("version", ["0.3", "0.4", "0.5"])
@pytest.mark.parametrize(
    ("shape", "axes", "expected", "axis"),
    [
        ((1, 3, 1, 70, 90), "tczyx", (3, 70, 90), 0),
        ((1, 1, 1, 70, 90), "tczyx", (70, 90), None),
        ((2, 70, 3), "cyx", (2, 70, 3), 0),
        ((1, 70, 90), "zyx", (70, 90), None),
        ((70, 90, 3), "yxc", (70, 90, 3), None),
    ],
)
def test_axes_of_an_ome_zarr_are_told_by_their_names(tmp_path, shape, axes, expected, axis, version):
    pixels = np.random.default_rng(0).integers(0, 60000, shape).astype(np.uint16)
    path, plane = ome_zarr(tmp_path / "a.zarr", pixels, axes, version), pixels.reshape(expected)
    source = open_picture(path)
    assert channel_axis_of(source) == axis
    assert (source.shape, source.dtype, source.size_yx) == (expected, pixels.dtype, plane[0].shape if axis == 0 else
                                                            expected[:2])  # fmt: skip
    part = (slice(5, 40), slice(1, 3))
    np.testing.assert_array_equal(source.read(*part), plane[:, *part] if axis == 0 else plane[part])
    picture = read_picture_file(path, PixelRecipe())
    assert picture.recipe.channel_axis == axis
    np.testing.assert_array_equal(picture.pixels, plane)


def test_only_the_chunks_of_a_part_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_gfsam.io.large.LARGE_BYTES", 1)
    pixels = np.random.default_rng(0).integers(0, 60000, (1, 2, 1, 64, 96)).astype(np.uint16)
    path = ome_zarr(tmp_path / "a.zarr", pixels, "tczyx")
    (path / "full" / "0.0.0.1.2").write_bytes(b"cut")
    source = large_source(path)
    np.testing.assert_array_equal(source.read(slice(3, 64), slice(0, 64)), pixels[0, :, 0, 3:, :64])
    with pytest.raises(ImageFileError, match=r"a\.zarr cannot be read: its content is damaged"):
        source.read(slice(3, 64), slice(0, 65))


def test_channels_of_a_zarr_without_names_are_named_by_the_user(tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 60000, (1, 5, 1, 70, 90)).astype(np.uint16)
    zarr.save_array(str(tmp_path / "a.zarr"), pixels)
    with pytest.raises(ImageFileError, match=r"the shape \(5, 70, 90\).*name the channel axis"):
        read_picture_file(tmp_path / "a.zarr", PixelRecipe())
    for large in (False, True):
        monkeypatch.setattr("napari_gfsam.io.large.LARGE_BYTES", 1 if large else 2**28)
        picture = read_picture_file(tmp_path / "a.zarr", PixelRecipe(channel_axis=0))
        assert picture.in_memory is not large
        assert picture.size_yx == (70, 90)
        np.testing.assert_array_equal(picture.whole(), pixels[0, :, 0])
    with pytest.raises(ImageFileError, match="the channel axis is 0, 1 or 2"):
        open_picture(tmp_path / "a.zarr", channel_axis=3)


def test_an_ome_zarr_of_several_planes_is_said(tmp_path):
    ome_zarr(tmp_path / "a.zarr", np.zeros((2, 4, 5, 3), np.uint8), "czyx")
    ome_zarr(tmp_path / "b.zarr", np.zeros((4, 5, 3), np.uint8), "zyx")  # no colour, though as long
    for name, axes in (("a.zarr", "czyx"), ("b.zarr", "zyx")):
        with pytest.raises(ImageFileError, match=f"the axes {axes} and the shape"):
            open_picture(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "words"), [("a.png", "in parts"), ("gone.tif", "does not exist"), ("bad.tif", "cannot be read")]
)
def test_what_cannot_be_read_is_said(tmp_path, name, words):
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "bad.tif").write_bytes(b"nothing")
    with pytest.raises(ImageFileError, match=words):
        open_picture(tmp_path / name)


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
@pytest.mark.parametrize("axis", [None, 0, 2])
def test_parts_are_stretched_like_the_whole(kind, axis):
    shape = {None: (64, 80), 0: (2, 64, 80), 2: (64, 80, 2)}[axis]
    pixels = (np.random.default_rng(1).gamma(2, 300, shape)).astype(kind)
    recipe = PixelRecipe(channel_axis=axis)
    source = source_of(pixels, recipe)
    part = to_rgb(source.read(*PART), settled(source, recipe))
    np.testing.assert_array_equal(part, to_rgb(pixels, recipe)[PART])


@pytest.mark.parametrize("value", [0, 700])
def test_a_picture_of_one_value_is_read_like_the_whole(value):
    pixels = np.full((40, 40), value, np.uint16)
    source = ArraySource(pixels)
    np.testing.assert_array_equal(to_rgb(pixels, settled(source, PixelRecipe())), to_rgb(pixels))


def test_a_large_picture_is_sampled(monkeypatch):
    monkeypatch.setattr("napari_gfsam.imaging.source.EXACT_VALUES", 1000)
    monkeypatch.setattr("napari_gfsam.imaging.source.SAMPLE_SIDE", 8)
    pixels = np.random.default_rng(1).gamma(2, 300, (300, 400)).astype(np.uint16)
    (low, high), *_ = settled(ArraySource(pixels), PixelRecipe(percentiles=(5, 95))).limits
    assert abs(low - np.percentile(pixels, 5)) < 20
    assert abs(high / np.percentile(pixels, 95) - 1) < 0.05
