"""Large pictures are read part by part, whatever holds them."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import tifffile
import zarr

from napari_gfsam.imaging import PixelRecipe, array_hash, to_rgb
from napari_gfsam.imaging.source import ArraySource, settled, source_hash, source_of
from napari_gfsam.io.large import open_picture
from napari_gfsam.io.readers import ImageFileError

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
    else:
        path = folder / "tiled.tif"
        bands = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)
        layout = {"tiled": True, "blockxsize": 32, "blockysize": 32, "compress": "lzw"}
        size = {"count": len(bands), "height": bands.shape[1], "width": bands.shape[2], "dtype": pixels.dtype}
        place = {"crs": "EPSG:32633", "transform": rasterio.Affine(1, 0, 500000, 0, -1, 5000000)}
        with rasterio.open(path, "w", driver="GTiff", **size, **layout, **place) as file:
            file.write(bands)
    return path


@pytest.mark.parametrize("kind", ["zarr", "plain", "geotiff"])
@pytest.mark.parametrize("shape", [(70, 90, 3), (70, 90)])
def test_parts_are_those_of_the_whole(tmp_path, kind, shape):
    pixels = color(shape)
    source = open_picture(written(tmp_path, kind, pixels))
    assert source.size_yx == (70, 90)
    np.testing.assert_array_equal(source.read(*PART), pixels[PART])
    assert source_hash(source) == array_hash(pixels)


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
