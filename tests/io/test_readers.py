from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_gfsam.imaging import PixelRecipe, to_rgb
from napari_gfsam.io.decode import read_channels, read_size
from napari_gfsam.io.readers import ImageFileError, read_image, read_labels, read_picture
from tests.io.files import KINDS, picture, pillow_bytes, png_16_bit_colour, tiff_bytes

if TYPE_CHECKING:
    from pathlib import Path

SMALL = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)


def put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", KINDS)
def test_pixels_of_every_kind_of_file(tmp_path, name):
    path = put(tmp_path, name, KINDS[name])
    pixels = read_image(path)
    assert pixels.shape == (30, 40, 3)
    assert read_size(path) == (30, 40)
    assert read_channels(path) is None
    assert pixels.dtype == np.uint8
    if name not in ("palette.png", "photo.jpg"):
        assert np.array_equal(pixels, picture())


@pytest.mark.parametrize("kind", ["bool", "uint8", "uint16", "int16", "int32", "float32", "float64", "uint64"])
def test_types_of_a_tiff_are_kept(tmp_path, kind):
    array = picture((20, 30), kind) if kind != "bool" else picture((20, 30)) > 99
    pixels = read_image(put(tmp_path, "a.tif", tiff_bytes(array, compression="zlib")))
    assert np.array_equal(pixels, array)
    assert pixels.dtype == array.dtype


@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_types_survive_compressions_that_pillow_reads(tmp_path, kind):
    array = picture((20, 30), kind)
    pixels = read_image(put(tmp_path, "a.tif", pillow_bytes(array, "TIFF", compression="tiff_lzw")))
    assert np.array_equal(pixels, array)


def test_sixteen_bit_png(tmp_path):
    array = picture((20, 30), "uint16") * 256
    assert np.array_equal(read_image(put(tmp_path, "grey.png", pillow_bytes(array, "PNG"))), array)
    colour = read_image(put(tmp_path, "colour.png", png_16_bit_colour(picture((20, 30, 3), "uint16") * 256)))
    assert np.array_equal(colour, picture((20, 30, 3)))


def test_modes_of_pillow(tmp_path):
    grey = read_image(put(tmp_path, "la.png", pillow_bytes(picture(), "PNG", "LA")))
    assert (grey.shape, grey.dtype) == ((30, 40), np.uint8)
    assert read_image(put(tmp_path, "1.png", pillow_bytes(picture((5, 6)) > 99, "PNG"))).dtype == bool
    assert read_image(put(tmp_path, "rgba.png", pillow_bytes(picture(), "PNG", "RGBA"))).shape == (30, 40, 4)
    assert read_image(put(tmp_path, "cmyk.jpg", pillow_bytes(picture(), "JPEG", "CMYK"))).shape == (30, 40, 3)


def test_values_are_those_stored_even_where_white_is_zero(tmp_path):
    array = picture((5, 6))
    path = put(tmp_path, "w.tif", tiff_bytes(array, photometric="miniswhite"))
    assert np.array_equal(read_image(path), array), "as napari shows it"
    assert np.array_equal(read_labels(path), array)


def test_a_palette_is_looked_up_in_pictures_and_read_as_ids_in_labels(tmp_path):
    colors = np.zeros((3, 256), np.uint16)
    colors[:, 7] = (65535, 0, 32896)
    path = put(tmp_path, "p.tif", tiff_bytes(np.full((4, 5), 7, np.uint8), photometric="palette", colormap=colors))
    assert read_image(path)[0, 0].tolist() == [255, 0, 128]
    assert (read_labels(path) == 7).all()
    indexed = Image.fromarray(picture()).convert("P")
    indexed.save(tmp_path / "p.png")
    assert np.array_equal(read_labels(tmp_path / "p.png"), np.asarray(indexed))


@pytest.mark.parametrize(
    ("shape", "options", "axis"),
    [
        ((2, 20, 30), {"imagej": True, "metadata": {"axes": "CYX"}}, 0),
        ((2, 20, 30), {"ome": True, "metadata": {"axes": "CYX"}}, 0),
        ((1, 4, 1, 20, 30), {"ome": True, "metadata": {"axes": "TCZYX"}}, 0),
        ((20, 30, 6), {"photometric": "minisblack", "planarconfig": "contig"}, 2),
        ((4, 20, 30), {"photometric": "minisblack", "planarconfig": "separate"}, 0),
    ],
)
def test_channels_that_the_file_names(tmp_path, shape, options, axis):
    path = put(tmp_path, "c.tif", tiff_bytes(picture(shape), **options))
    found = read_picture(path)
    assert found.channel_axis == axis
    assert read_channels(path) == found.pixels.shape[axis]
    assert np.array_equal(found.pixels, np.squeeze(picture(shape)))
    assert to_rgb(found.pixels, PixelRecipe(channel_axis=axis)).shape == (20, 30, 3)


def test_planar_colour_comes_with_colours_last(tmp_path):
    array = picture((3, 20, 30))
    path = put(tmp_path, "c.tif", tiff_bytes(array, photometric="rgb", planarconfig="separate"))
    found = read_picture(path)
    assert found.channel_axis is None
    assert read_channels(path) is None
    assert np.array_equal(found.pixels, np.moveaxis(array, 0, 2))


def test_a_stack_is_refused_until_its_axis_is_named(tmp_path):
    path = put(tmp_path, "s.tif", tiff_bytes(picture((5, 20, 30)), photometric="minisblack"))
    with pytest.raises(ImageFileError, match=r"several planes .*\(5, 20, 30\)"):
        read_picture(path)
    found = read_picture(path, channel_axis=0)
    assert (found.pixels.shape, found.channel_axis) == ((5, 20, 30), 0)
    with pytest.raises(ImageFileError, match="0, 1 or 2"):
        read_picture(path, channel_axis=3)
    deep = put(tmp_path, "d.tif", tiff_bytes(picture((7, 2, 20, 30)), photometric="minisblack"))
    with pytest.raises(ImageFileError, match="several planes"):
        read_picture(deep, channel_axis=0)


def test_one_pixel(tmp_path):
    assert read_image(put(tmp_path, "1.tif", tiff_bytes(np.ones((1, 1), np.uint8)))).shape == (1, 1)
    assert read_image(put(tmp_path, "1.png", pillow_bytes(np.ones((1, 1), np.uint8), "PNG"))).shape == (1, 1)


@pytest.mark.parametrize("reader", [read_image, read_labels])
@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("empty.tif", b"", r"is empty \(0 bytes\)"),
        ("text.tif", b"this is no picture", "cannot be read"),
        ("text.png", b"this is no picture", "is not a TIFF, PNG, JPEG or BMP picture"),
        ("notes.txt", b"this is no picture", "of no known kind; use .tif"),
        ("magic.tif", b"II*\0", "damaged or cut short"),
        ("magic.png", b"\x89PNG\r\n\x1a\n", "cannot be read"),
    ],
)
def test_a_bad_file_gets_one_sentence_that_names_it(tmp_path, reader, name, data, words):
    path = put(tmp_path, name, data)
    with pytest.raises(ImageFileError, match=words) as caught:
        reader(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert read_size(path) is None
    assert read_channels(path) is None


@pytest.mark.parametrize("reader", [read_image, read_labels])
def test_missing_files_and_folders(tmp_path, reader):
    with pytest.raises(ImageFileError, match="does not exist"):
        reader(tmp_path / "none.tif")
    with pytest.raises(ImageFileError, match="is a folder"):
        reader(tmp_path)
    with pytest.raises(ImageFileError, match=r"does not exist|cannot be read"):
        reader(put(tmp_path, "file.txt", b"x") / "below.tif")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_size_zero_of_special_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.tif")
    with pytest.raises(ImageFileError, match="is empty"):
        read_image(tmp_path / "pipe.tif")


@pytest.mark.parametrize("name", KINDS)
@SMALL
@given(data=st.data())
def test_damage_anywhere_never_raises_anything_else(tmp_path, name, data):
    content = bytearray(KINDS[name])
    length = data.draw(st.integers(1, len(content)), label="length")
    if data.draw(st.booleans(), label="cut"):
        del content[length:]
    for place in data.draw(st.lists(st.integers(0, min(len(content), 400) - 1), max_size=4), label="places"):
        content[place] ^= data.draw(st.integers(1, 255), label="bits")
    path = put(tmp_path, name, bytes(content))
    for reader in (read_image, read_labels):
        with contextlib.suppress(ImageFileError):
            assert reader(path).size
    assert read_size(path) is None or len(read_size(path)) == 2
    assert logging.getLogger("tifffile").filters == []


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
def test_a_file_that_was_cut_short_is_refused(tmp_path, name, share):
    path = put(tmp_path, name, KINDS[name][: int(len(KINDS[name]) * share)])
    with pytest.raises(ImageFileError, match="cannot be read"):
        read_image(path)


def test_label_types(tmp_path):
    ids = np.array([[0, 3], [70000, 2]])
    for kind in ("int32", "int64", "uint32", "uint64", "float32", "float64"):
        labels = read_labels(put(tmp_path, "l.tif", tiff_bytes(ids.astype(kind))))
        assert labels.dtype.kind in "ui"
        assert np.array_equal(labels, ids)
    assert np.array_equal(read_labels(put(tmp_path, "b.tif", tiff_bytes(ids > 2))), ids > 2)
    grey = np.repeat(np.array([[[0], [9]]], np.uint8), 3, axis=2)
    assert read_labels(put(tmp_path, "g.png", pillow_bytes(grey, "PNG"))).tolist() == [[0, 9]]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([[0.5]]), "not whole numbers"),
        (np.array([[np.nan]]), "not whole numbers"),
        (np.array([[np.inf]]), "not whole numbers"),
        (np.array([[1e300]]), "not whole numbers"),
        (np.array([[-1]], np.int32), r"negative ids \(lowest -1\)"),
        (np.array([[1j]], np.complex64), "complex64"),
        (picture((20, 30, 3)), "is a colour picture"),
        (picture((5, 20, 30)), r"expected \(height, width\)"),
    ],
)
def test_what_is_no_label_image_is_named(tmp_path, array, words):
    options = {} if array.shape[-1] == 3 else {"photometric": "minisblack"}
    with pytest.raises(ImageFileError, match=words):
        read_labels(put(tmp_path, "l.tif", tiff_bytes(array, **options)))


def test_a_jpeg_is_no_label_image(tmp_path):
    with pytest.raises(ImageFileError, match="is a JPEG"):
        read_labels(put(tmp_path, "l.jpg", KINDS["photo.jpg"]))


def test_a_huge_png_is_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ImageFileError, match="million pixels"):
        read_image(put(tmp_path, "big.png", pillow_bytes(picture(), "PNG")))


def test_a_compressed_stack_that_only_pillow_reads_is_refused(tmp_path):
    first, second = Image.fromarray(picture()), Image.fromarray(picture())
    first.save(tmp_path / "s.tif", compression="tiff_lzw", save_all=True, append_images=[second])
    with pytest.raises(ImageFileError, match="several pages"):
        read_image(tmp_path / "s.tif")


def test_tifffile_may_be_asked_in_vain(tmp_path, monkeypatch):
    monkeypatch.setattr(tifffile.TiffFile, "series", property(lambda self: [][0]))
    with pytest.raises(ImageFileError, match="damaged or cut short"):
        read_image(put(tmp_path, "a.tif", KINDS["plain.tif"]))
