"""Labels that need not be in memory: written by part, read by part, whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import tifffile
import zarr

from napari_gfsam.imaging import ArraySource, PictureSource
from napari_gfsam.imaging.source import whole_of
from napari_gfsam.io.by_part import open_labels, write_label_source
from napari_gfsam.io.exports.reading import read_label_stack
from napari_gfsam.io.geotags import geo_tags
from napari_gfsam.io.large import large_source
from napari_gfsam.io.readers import ImageFileError, read_labels
from napari_gfsam.io.records import labels_hash
from napari_gfsam.io.writers import OutputError, is_ours, write_labels


@pytest.fixture
def all_large(monkeypatch):
    monkeypatch.setattr("napari_gfsam.io.large.LARGE_BYTES", 1)


class Unlucky(ArraySource):
    """Labels that cannot be read to their end, as where the disk is full."""

    def read(self, rows, columns):
        if rows.start > 0:
            raise OSError(28, "No space left on device")
        return super().read(rows, columns)


def numbers(shape) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4, shape).astype(np.uint8)


@pytest.mark.parametrize("shape", [(1024, 512), (700, 1100), (10, 10)])
@pytest.mark.parametrize("name", ["a.tif", "a.zarr"])
def test_labels_written_by_part_are_those_of_the_whole(tmp_path, all_large, shape, name):
    labels, path = numbers(shape), tmp_path / name
    for _ in range(2):  # the second replaces the first
        write_label_source(path, ArraySource(labels))
    found = open_labels(path)
    assert not isinstance(getattr(found, "array", None), np.ndarray)
    np.testing.assert_array_equal(whole_of(found), labels)
    assert labels_hash(found) == labels_hash(labels)
    assert is_ours(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.tif", "a.zarr"])
def test_what_cannot_be_written_leaves_no_half_file(tmp_path, name):
    labels = ArraySource(numbers((600, 600)))
    write_label_source(tmp_path / name, labels)
    with pytest.raises(OutputError, match="No space left"):
        write_label_source(tmp_path / name, Unlucky(labels.array[::-1]))
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    np.testing.assert_array_equal(whole_of(open_labels(tmp_path / name)), labels.array)


def test_a_file_never_takes_the_place_of_a_folder(tmp_path):
    labels = ArraySource(numbers((5, 5)))
    (tmp_path / "a.tif").mkdir()
    (tmp_path / "a.zarr").touch()
    for name in ("a.tif", "a.zarr"):
        with pytest.raises(OutputError):
            write_label_source(tmp_path / name, labels)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.tif", "a.zarr"]


@pytest.mark.parametrize("layout", [{"tile": (32, 48)}, {"rowsperstrip": 7}, {"compression": None}])
@pytest.mark.parametrize("shape", [(70, 90), (70, 90, 3)])
def test_any_box_of_a_compressed_tiff_is_read(tmp_path, all_large, layout, shape):
    pixels = np.random.default_rng(0).integers(0, 60000, shape).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, **{"compression": "zlib", "predictor": 2 if "tile" in layout else None, **layout}
    )
    source = large_source(tmp_path / "a.tif")
    assert isinstance(source, PictureSource)
    for rows, columns in ((slice(0, 70), slice(0, 90)), (slice(31, 33), slice(47, 90)), (slice(69, 70), slice(3, 4))):
        np.testing.assert_array_equal(source.read(rows, columns), pixels[rows, columns])


def test_small_stacks_and_palettes_are_read_whole(tmp_path, monkeypatch):
    pixels = numbers((40, 50))
    tifffile.imwrite(tmp_path / "small.tif", pixels)
    assert large_source(tmp_path / "small.tif") is None
    monkeypatch.setattr("napari_gfsam.io.large.LARGE_BYTES", 1)
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([pixels] * 3), photometric="minisblack")
    tifffile.imwrite(tmp_path / "packed.tif", np.stack([pixels] * 3), photometric="minisblack", compression="zlib")
    tifffile.imwrite(tmp_path / "palette.tif", pixels, photometric="palette", colormap=np.zeros((3, 256), np.uint16))
    assert large_source(tmp_path / "stack.tif") is None
    assert large_source(tmp_path / "packed.tif") is None
    assert large_source(tmp_path / "palette.tif") is None
    np.testing.assert_array_equal(whole_of(open_labels(tmp_path / "palette.tif")), pixels)
    tifffile.imwrite(tmp_path / "colour.tif", np.zeros((4, 4, 3), np.uint8), photometric="rgb")
    for name in ("colour.tif", "gone.tif", "gone.zarr"):
        with pytest.raises(ImageFileError):
            open_labels(tmp_path / name)


def test_a_damaged_file_is_said(tmp_path, all_large):
    write_label_source(tmp_path / "a.tif", ArraySource(numbers((600, 600))))
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[:2000] + bytes(len(content) - 4000) + content[-2000:])
    with pytest.raises(ImageFileError, match="damaged"):
        whole_of(open_labels(tmp_path / "a.tif"))


@pytest.mark.parametrize("large", [True, False])
def test_a_damaged_chunk_is_said(tmp_path, monkeypatch, large):
    path = tmp_path / "a.zarr"
    write_label_source(path, ArraySource(numbers((600, 600))))
    (path / "1.1").write_bytes((path / "1.1").read_bytes()[:20])
    monkeypatch.setattr("napari_gfsam.io.large.LARGE_BYTES", 1 if large else 2**28)
    with pytest.raises(ImageFileError, match="damaged"):
        whole_of(open_labels(path))


def test_a_zarr_of_no_labels_is_said(tmp_path):
    zarr.save_array(str(tmp_path / "a.zarr"), np.zeros((5, 6, 3), np.uint8))
    zarr.save_array(str(tmp_path / "b.zarr"), np.full((5, 6), -1))
    for name in ("a.zarr", "b.zarr"):
        with pytest.raises(ImageFileError, match=r"no label image|negative ids"):
            open_labels(tmp_path / name)


@pytest.mark.parametrize("by_part", [True, False])
@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326", "+proj=laea +lat_0=12 +lon_0=7 +units=m"])
def test_labels_of_a_geotiff_lie_where_it_lies(tmp_path, by_part, crs):
    labels = numbers((40, 50))
    place = {"crs": crs, "transform": rasterio.Affine(0.5, 0.1, 500, 0.05, -0.25, 80)}
    with rasterio.open(tmp_path / "a.tif", "w", "GTiff", 50, 40, 3, dtype="uint8", **place) as file:
        file.write(np.zeros((3, 40, 50), np.uint8))
    tags = geo_tags(tmp_path / "a.tif")
    if by_part:
        write_label_source(tmp_path / "b.tif", ArraySource(labels), tags)
    else:
        write_labels(tmp_path / "b.tif", labels, tags)
    with rasterio.open(tmp_path / "a.tif") as one, rasterio.open(tmp_path / "b.tif") as other:
        assert (one.crs, one.transform) == (other.crs, other.transform)
        np.testing.assert_array_equal(other.read(1), labels)
    np.testing.assert_array_equal(read_labels(tmp_path / "b.tif"), labels)
    assert geo_tags(tmp_path / "none.tif") == geo_tags(tmp_path / "a.png") == ()


def test_large_labels_are_exported_from_the_disk(tmp_path, all_large):
    labels = numbers((600, 700))
    for name in ("a_labels.tif", "a_labels.zarr"):
        write_label_source(tmp_path / name, ArraySource(labels))
        found, axes = read_label_stack(tmp_path / name)
        assert isinstance(found, np.memmap)
        assert axes == "yx"
        np.testing.assert_array_equal(found, labels)
