from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
from importlib.resources import files
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from napari_gfsam.samples import (
    Sample,
    SamplePair,
    load_pair,
    pair_names,
    sample_pairs,
    synthetic_multichannel,
    synthetic_stack,
)
from napari_gfsam.samples.pictures import picture_kinds, read_picture
from napari_gfsam.samples.truth import Painting, paintings, rasterise

NAMES = pair_names()
REAL = pair_names(["picture"])
SYNTHETIC = pair_names(["synthetic"])


@pytest.fixture(scope="module")
def pairs() -> dict[str, SamplePair]:
    return {pair.name: pair for pair in sample_pairs()}


def members(pair: SamplePair) -> tuple[Sample, ...]:
    return (pair.reference, *pair.targets)


def test_enough_real_targets_over_enough_pictures(pairs):
    assert sum(len(pairs[name].targets) for name in REAL) >= 5
    assert len(REAL) >= 3
    assert all(pairs[name].kind == "picture" for name in REAL)
    assert set(NAMES) == set(pairs)


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_has_the_shape_type_and_classes_that_it_says(pairs, name):
    for sample in members(pairs[name]):
        assert sample.image.ndim == 2 or sample.image.shape[2:] == (3,)
        assert sample.image.dtype == np.uint8 or (sample.image.dtype == np.uint16 and sample.image.ndim == 2)
        assert sample.labels.shape == sample.image.shape[:2]
        assert sample.labels.dtype == np.uint8
        assert set(np.unique(sample.labels)) == {0, *sample.class_names}
        assert all(class_id > 0 and title for class_id, title in sample.class_names.items())
        assert min(sample.labels.shape) >= 150
        assert sample.image.flags.c_contiguous
        assert sample.image.flags.writeable


@pytest.mark.parametrize("name", NAMES)
def test_targets_have_the_classes_of_their_reference(pairs, name):
    pair = pairs[name]
    assert pair.name == name
    assert pair.targets
    assert all(target.class_names == pair.reference.class_names for target in pair.targets)
    assert all(list(sample.class_names) == sorted(sample.class_names) for sample in members(pair))


def test_names_are_unique_and_fit_for_files(pairs):
    names = [sample.name for pair in pairs.values() for sample in members(pair)]
    assert len(names) == len(set(names))
    assert all(name.replace("_", "").isalnum() and name == name.lower() for name in names)
    assert all(sample.title for pair in pairs.values() for sample in members(pair))


@pytest.mark.parametrize("name", SYNTHETIC)
def test_instances_agree_with_the_classes(pairs, name):
    for sample in members(pairs[name]):
        instances = sample.instances
        assert instances is not None
        assert instances.shape == sample.labels.shape
        assert instances.dtype == np.uint16
        np.testing.assert_array_equal(instances > 0, sample.labels > 0)
        ids = np.arange(1, instances.max() + 1)
        assert set(np.unique(instances)) == {0, *ids}
        low, high = (part(sample.labels, instances, ids) for part in (ndimage.minimum, ndimage.maximum))
        np.testing.assert_array_equal(low, high)


@pytest.mark.parametrize("name", SYNTHETIC)
def test_computed_pictures_are_the_same_every_time_and_differ_from_each_other(pairs, name):
    again = members(load_pair(name))
    for first, second in zip(members(pairs[name]), again, strict=True):
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.labels, second.labels)
        assert first.image is not second.image
    assert not np.array_equal(again[0].labels, again[1].labels)


def test_nuclei_are_brighter_than_their_surroundings(pairs):
    for sample in members(pairs["nuclei"]):
        inside, outside = sample.image[sample.labels > 0], sample.image[sample.labels == 0]
        assert np.median(inside) > 1.5 * np.percentile(outside, 90)


def test_stack_in_time_keeps_every_object_and_moves_it():
    stack = synthetic_stack("t", planes=5)
    assert stack.image.shape == stack.labels.shape == stack.instances.shape == (5, 256, 288)
    assert (stack.image.dtype, stack.labels.dtype, stack.instances.dtype) == (np.uint16, np.uint8, np.uint16)
    np.testing.assert_array_equal(stack.instances > 0, stack.labels == 1)
    ids = np.unique(stack.instances[0])
    assert ids.size > 8
    for before, after in zip(stack.instances[:-1], stack.instances[1:], strict=True):
        np.testing.assert_array_equal(np.unique(after), ids)
        for number in ids[1:]:
            assert (before == number)[after == number].mean() > 0.5  # the same object, a small step on
    first, last = (ndimage.center_of_mass(plane > 0, plane, ids[1:]) for plane in stack.instances[[0, -1]])
    assert np.linalg.norm(np.subtract(first, last), axis=1).max() > 5


def test_stack_in_depth_shows_each_object_in_one_run_of_planes():
    stack = synthetic_stack("z")
    assert stack.axis == "z"
    everywhere = np.stack([np.isin(np.arange(stack.instances.max() + 1), plane) for plane in stack.instances])
    assert not everywhere.all()
    for number in range(1, stack.instances.max() + 1):
        seen = np.flatnonzero(everywhere[:, number])
        assert seen.size
        assert seen.size == seen[-1] - seen[0] + 1
        for plane, following in pairwise(seen):
            upper, lower = stack.instances[plane] == number, stack.instances[following] == number
            assert (upper & lower).sum() >= 0.9 * min(upper.sum(), lower.sum())


@pytest.mark.parametrize("axis", ["t", "z"])
def test_stacks_are_the_same_every_time_and_change_with_the_seed(axis):
    first, second, other = synthetic_stack(axis), synthetic_stack(axis), synthetic_stack(axis, seed=12)
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.instances, second.instances)
    assert not np.array_equal(first.instances, other.instances)


@pytest.mark.parametrize(("axis", "planes", "says"), [("y", 4, "axis 'y'"), ("t", 1, "1 planes")])
def test_stack_refuses_what_it_cannot_make(axis, planes, says):
    with pytest.raises(ValueError, match=says):
        synthetic_stack(axis, planes=planes)


def test_channels_show_their_classes_and_the_third_shows_nothing():
    picture = synthetic_multichannel()
    assert picture.image.shape == (3, *picture.labels.shape)
    assert picture.image.dtype == np.uint16
    assert len(picture.channel_names) == 3
    assert set(np.unique(picture.labels)) == {0, 1, 2}
    means = np.array(
        [[channel[picture.labels == class_id].mean() for class_id in range(3)] for channel in picture.image]
    )
    assert means[0].argmax() == 1
    assert means[1].argmax() == 2
    assert np.ptp(means[2]) < 0.1 * means[2].mean()
    np.testing.assert_array_equal(picture.instances > 0, picture.labels > 0)
    for number in range(1, picture.instances.max() + 1):
        assert set(picture.labels[picture.instances == number]) == {1, 2}
    np.testing.assert_array_equal(picture.image, synthetic_multichannel().image)


def test_unknown_pair_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="no sample pair 'dogs'; the names are coins"):
        load_pair("dogs")


@pytest.mark.parametrize("name", sorted(paintings()))
def test_truth_lies_in_the_picture_that_was_painted(name):
    painting = paintings()[name]
    content = files("skimage").joinpath("data", painting.file).read_bytes()
    assert hashlib.sha256(content).hexdigest() == painting.sha256
    height, width = painting.shape_yx
    for outline in painting.outlines:
        x, y = outline.points_xy.T
        assert x.min() >= -0.5
        assert y.min() >= -0.5
        assert x.max() <= width - 0.5
        assert y.max() <= height - 0.5
    labels = rasterise(painting)
    assert labels.shape == painting.shape_yx
    assert set(np.unique(labels)) == {0, *painting.class_names}


def test_all_coins_are_painted_and_are_brighter_than_the_board():
    labels = rasterise(paintings()["coins"])
    objects, count = ndimage.label(labels)
    assert count == 24
    picture = read_picture(paintings()["coins"]).astype(float)
    ring = (ndimage.grey_dilation(objects, 9) > 0) & (objects == 0)
    for number in range(1, 25):
        around = ring & (ndimage.binary_dilation(objects == number, iterations=4))
        assert picture[objects == number].mean() > picture[around].mean() + 15


def test_gland_is_browner_than_the_rest(pairs):
    for sample in members(pairs["gland"]):
        brown = sample.image[..., 0].astype(float) - sample.image[..., 2]
        assert brown[sample.labels == 1].mean() > brown[sample.labels == 0].mean() + 40


def test_mirrored_targets_are_their_reference_mirrored(pairs):
    pair = pairs["cat"]
    target = pair.targets[0]
    columns = pair.reference.labels.shape[1]
    np.testing.assert_array_equal(target.labels[:, ::-1], pair.reference.labels[12:290, 24:440])
    np.testing.assert_array_equal(target.image[:, ::-1], pair.reference.image[12:290, 24:440])
    assert target.image.shape[1] < columns


def test_nothing_is_fetched(monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise AssertionError("a sample reached for the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("SKIMAGE_DATADIR", str(tmp_path))
    for name in picture_kinds():
        assert load_pair(name).targets
    assert not list(tmp_path.iterdir())


def test_a_missing_picture_is_named():
    painting = Painting("no_such.png", "", (1, 1), {1: "thing"}, "", ())
    with pytest.raises(FileNotFoundError, match=r"no no_such.png; install scikit-image again"):
        read_picture(painting)


def test_a_picture_of_another_size_is_refused():
    painting = Painting("coins.png", "", (10, 20), {1: "coin"}, "", ())
    with pytest.raises(ValueError, match=r"coins\.png is 303 x 384 pixels, not 10 x 20"):
        read_picture(painting)


def test_pixels_are_those_of_the_file():
    with files("skimage").joinpath("data", "chelsea.png").open("rb") as stream, Image.open(stream) as image:
        np.testing.assert_array_equal(read_picture(paintings()["cat"]), np.asarray(image))


def test_importing_the_samples_imports_nothing_heavy():
    code = (
        "import sys, napari_gfsam.samples as s; s.pair_names(); "
        "heavy = {'skimage', 'scipy', 'torch', 'napari', 'qtpy', 'PIL'} & set(sys.modules); "
        "sys.exit(', '.join(sorted(heavy)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_committed_truth_is_small():
    folder = files("napari_gfsam.samples").joinpath("data")
    assert sum(len(entry.read_bytes()) for entry in folder.iterdir()) < 300_000
