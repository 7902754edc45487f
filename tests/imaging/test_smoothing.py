"""Smoothing along a stack: what it puts right, and that it never deletes what is in several planes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.draw import disk

from napari_gfsam.imaging.smoothing import smooth_planes
from tests.imaging.test_linking import SHAPE, plane

CELL, SPECK = (4, 4, 8, 8), (16, 28, 3, 3)


def smoothed(*planes) -> list:
    return list(smooth_planes(planes))


def test_what_is_missing_in_one_plane_is_filled_in():
    first, _, last = found = smoothed(plane(CELL), plane(), plane((4, 6, 8, 8)))
    half_way = plane((4, 5, 8, 8))
    assert (found[1] & half_way).sum() / (found[1] | half_way).sum() > 0.8
    assert np.array_equal(first, plane(CELL))
    assert np.array_equal(last, plane((4, 6, 8, 8)))


def test_a_gap_is_filled_on_background_only():
    beside = (4, 8, 8, 8, 2)
    found = smoothed(plane(beside, (4, 0, 8, 8)), plane(beside), plane(beside, (4, 4, 8, 8)))
    assert np.array_equal(found[1] == 2, plane(beside) == 2)
    assert (found[1][4:12, 3:8] == 1).any()
    over = (4, 6, 8, 10, 2)
    taken = smoothed(plane(over, CELL), plane(over), plane(over, CELL))
    assert np.array_equal(taken[1], plane(over))


def test_what_is_in_one_plane_only_is_deleted():
    found = smoothed(plane(CELL), plane(CELL, SPECK), plane(CELL))
    assert np.array_equal(found[1], plane(CELL))


def test_an_object_of_another_class_between_two_of_one_takes_their_class():
    found = smoothed(plane(CELL), plane((5, 4, 8, 8, 2)), plane(CELL))
    assert np.array_equal(found[1], plane((5, 4, 8, 8, 1)))


def test_ends_and_planes_beside_unknown_ones_stay_as_they_are():
    lonely = plane(SPECK)
    assert np.array_equal(smoothed(lonely, plane(CELL))[0], lonely)
    assert np.array_equal(smoothed(plane(CELL), lonely)[1], lonely)
    found = smoothed(None, lonely, plane(), plane(CELL), None)
    assert found[0] is found[4] is None
    assert [bool(one.any()) for one in found[1:4]] == [True, False, True]
    assert smoothed() == []
    assert smoothed(None) == [None]
    assert np.array_equal(smoothed(lonely)[0], lonely)


def test_large_class_ids_fit_a_plane_of_small_ones():
    large = plane(CELL).astype(np.uint16) * 300
    assert smoothed(large, plane(), large)[1].max() == 300


@st.composite
def moving_objects(draw):
    """Label planes with specks, and the masks of discs that are there in three planes or more."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_planes, count = draw(st.integers(3, 7)), draw(st.integers(1, 3))
    labels, masks = np.zeros((n_planes, *SHAPE), np.uint8), []
    for _ in range(count):
        start, radius, class_id = int(rng.integers(0, n_planes - 2)), rng.uniform(2, 4), int(rng.integers(1, 3))
        centre, mine = rng.uniform(4, (20, 36)), np.zeros(labels.shape, bool)
        for place in range(start, int(rng.integers(start + 3, n_planes + 1))):
            mine[(place, *disk(centre, radius, shape=SHAPE))] = True
            centre = np.clip(centre + rng.uniform(-1.0, 1.0, 2) * radius, 4, (20, 36))
        labels[mine] = class_id
        masks.append((mine, class_id))
    for _ in range(draw(st.integers(0, 6))):
        place, y, x = rng.integers(0, (n_planes, SHAPE[0] - 2, SHAPE[1] - 2))
        speck = labels[place, y : y + 2, x : x + 2]
        speck[speck == 0] = rng.integers(1, 3)
    return labels, masks


@settings(max_examples=150, deadline=None)
@given(moving_objects())
def test_no_pixel_is_lost_of_an_object_that_is_in_three_planes(given_planes):
    labels, masks = given_planes
    found = np.stack(list(smooth_planes(labels)))
    lost = (labels > 0) & (found == 0)
    for mine, class_id in masks:
        visible = mine & (labels == class_id)
        whole = [place for place in range(len(labels)) if visible[place].any()]
        if len(whole) >= 3 and whole[-1] - whole[0] == len(whole) - 1 and np.array_equal(visible, mine):
            assert not (lost & mine).any()
    assert np.array_equal(found[[0, -1]], labels[[0, -1]])


@settings(max_examples=50, deadline=None)
@given(moving_objects())
def test_smoothing_is_the_same_each_time_and_leaves_its_input_alone(given_planes):
    labels, _ = given_planes
    before = labels.copy()
    one, other = (np.stack(list(smooth_planes(iter(labels)))) for _ in range(2))
    assert np.array_equal(one, other)
    assert np.array_equal(labels, before)
