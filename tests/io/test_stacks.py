"""Stacks in files: whatever way a TIFF holds its planes, they come out as they went in, one at a time."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_gfsam.io.readers import ImageFileError
from napari_gfsam.io.records import labels_hash
from napari_gfsam.io.stacks import StackHash, is_stack, open_label_stack, open_stack, write_label_stack
from napari_gfsam.io.writers import OutputError, is_ours

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 60000, (5, 20, 30)).astype(np.uint16)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"imagej": True}, {"ome": True}, {"tile": (16, 16)}])
@pytest.mark.parametrize("axis", [0, 2, -1])
def test_planes_are_those_of_the_file(tmp_path, options, axis):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, PIXELS, photometric="minisblack", **options)
    if axis:  # rows and columns of such a file are no axis to go along
        with pytest.raises(ImageFileError, match="no planes along"), open_stack(path, axis):
            pass
        return
    with open_stack(path, axis) as stack:
        assert (stack.shape, len(stack), stack.channel_axis) == (PIXELS.shape, 5, None)
        for place in (3, 0):
            assert np.array_equal(stack.plane(place), PIXELS[place])
            assert np.array_equal(stack[place, :, :], PIXELS[place])


def test_colour_and_channels(tmp_path):
    color = RNG.integers(0, 255, (4, 20, 30, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "rgb.tif", color, photometric="rgb")
    with open_stack(tmp_path / "rgb.tif", 0) as stack:
        assert np.array_equal(stack.plane(2), color[2])
    many = RNG.integers(0, 255, (4, 2, 20, 30)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "many.tif", many, imagej=True, metadata={"axes": "ZCYX"})
    with open_stack(tmp_path / "many.tif", 0) as stack:
        assert stack.channel_axis == 0
        assert np.array_equal(stack.plane(3), many[3])


def test_files_that_are_no_stack(tmp_path):
    tifffile.imwrite(tmp_path / "flat.tif", PIXELS[0])
    (tmp_path / "text.tif").write_text("nothing of the kind")
    (tmp_path / "stack.png").write_bytes(b"x")
    for name, sentence in (
        ("flat.tif", "no planes along axis 0"),
        ("text.tif", "cannot be read"),
        ("stack.png", "no TIFF"),
        ("gone.tif", "does not exist"),
    ):
        with pytest.raises(ImageFileError, match=sentence), open_stack(tmp_path / name, 0):
            pass
        assert not is_stack(tmp_path / name)


def test_labels_are_whole_numbers(tmp_path):
    tifffile.imwrite(tmp_path / "half.tif", np.full((3, 5, 6), 0.5, np.float32), photometric="minisblack")
    with open_label_stack(tmp_path / "half.tif", 0) as stack, pytest.raises(ImageFileError, match="whole numbers"):
        stack.plane(1)


def test_a_label_stack_comes_back_and_bears_our_mark(tmp_path):
    labels = RNG.integers(0, 9, (7, 20, 30)).astype(np.uint8)
    digest, path = StackHash(labels.shape), tmp_path / "folder" / "labels.tif"
    write_label_stack(path, iter(labels), labels.shape, np.uint8)
    assert np.array_equal(tifffile.imread(path), labels)
    assert is_ours(path)
    with open_label_stack(path, 0) as stack:
        for place in range(len(stack)):
            digest.add(stack.plane(place))
    assert digest.value == labels_hash(labels)


def test_a_stack_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "labels.tif"

    def broken():
        yield np.zeros((20, 30), np.uint8)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        write_label_stack(path, broken(), (3, 20, 30), np.uint8)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        write_label_stack(tmp_path / "file" / "labels.tif", iter(PIXELS), PIXELS.shape, np.uint16)
