from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gfsam.session.painting import (
    AcceptMode,
    Change,
    Paint,
    accepted,
    as_plane,
    expected,
    found,
    from_plane,
    no_paint,
    taken_back,
    what_changed,
)
from tests.session.strategies import SHAPE, any_planes, planes

#: What happens to a proposal: the models answer anew, or a person paints.
EVENTS = st.lists(st.tuples(st.sampled_from(["merge", "stroke"]), planes(), planes(top=1)), max_size=6)


@given(events=EVENTS)
def test_what_was_painted_last_is_seen_and_all_else_is_the_models(events):
    merged, paint = np.zeros(SHAPE, np.uint8), no_paint(SHAPE)
    painted: dict[tuple[int, ...], int] = {}
    layer = expected(merged, paint)
    for kind, values, where in events:
        if kind == "stroke":
            seen = np.where(where == 1, values, layer).astype(np.uint16)
            for place in zip(*np.nonzero(seen != layer), strict=True):
                painted[place] = seen[place]
            paint = found(layer, seen, paint)
        else:
            merged = values
        layer = expected(merged, paint)
        plain = merged.copy()
        for place, value in painted.items():
            plain[place] = value
        assert np.array_equal(layer, plain)
    assert len(paint) == len(painted)
    assert (np.diff(paint.indices) > 0).all()


@given(merged=any_planes())
def test_nothing_new_is_the_same_paint(merged):
    paint = no_paint(merged.shape)
    assert found(merged, merged, paint) is paint
    assert np.array_equal(expected(merged, paint), merged)


@given(before=any_planes(), data=st.data())
def test_paint_becomes_a_plane_and_back(before, data):
    seen = data.draw(st.permutations(list(before.ravel()))).copy()
    paint = found(before, np.array(seen).reshape(before.shape), no_paint(before.shape))
    back = from_plane(as_plane(paint))
    assert back.shape == paint.shape
    assert np.array_equal(back.indices, paint.indices)
    assert np.array_equal(back.values, paint.values)


def test_erasing_is_paint_and_a_column_order_plane_is_painted_where_it_should_be():
    merged = np.asfortranarray(np.ones((2, 3), np.uint8))
    seen = merged.copy()
    seen[1, 0] = 0
    paint = found(merged, seen, no_paint((2, 3)))
    assert (paint.indices.tolist(), paint.values.tolist()) == ([3], [0])
    assert np.array_equal(expected(merged, paint), seen)


def test_large_ids_are_not_cut():
    paint = Paint((1, 2), np.array([1]), np.array([300], np.uint16))
    assert expected(np.array([[1, 1]], np.uint8), paint).tolist() == [[1, 300]]


@given(current=planes(), proposals=st.lists(planes(), min_size=1, max_size=4))
def test_accepting_keeps_what_a_person_made_and_is_the_proposal_elsewhere(current, proposals):
    theirs, written = current != 0, None
    for proposal in proposals:
        after = accepted(current, written, proposal)
        assert np.array_equal(after.labels[theirs], current[theirs])
        assert np.array_equal(after.labels[~theirs], proposal[~theirs])
        assert not after.written[theirs].any()
        current, written = after.labels, after.written


@given(first=planes(), second=planes(), stroke=planes(), where=planes(top=1))
def test_what_a_person_changed_after_an_accept_is_theirs_even_if_erased(first, second, stroke, where):
    nothing = np.zeros(SHAPE, np.uint8)
    one = accepted(nothing, None, first)
    touched = np.where(where == 1, stroke, one.labels)
    changed = touched != one.labels
    two = accepted(touched, one.written, second)
    assert np.array_equal(two.labels[changed], touched[changed])
    assert np.array_equal(two.labels[~changed], second[~changed])
    three = accepted(two.labels, two.written, first)
    assert np.array_equal(three.labels[changed], touched[changed])
    assert np.array_equal(three.labels[~changed], first[~changed])


@given(current=planes(), proposal=planes())
def test_accepting_twice_is_accepting_once(current, proposal):
    one = accepted(current, None, proposal)
    two = accepted(one.labels, one.written, proposal)
    assert np.array_equal(one.labels, two.labels)
    assert np.array_equal(one.written, two.written)


@given(current=planes(), first=planes(), second=planes())
def test_modes_fill_or_replace(current, first, second):
    one = accepted(current, None, first, AcceptMode.FILL)
    filled = accepted(one.labels, one.written, second, AcceptMode.FILL)
    assert np.array_equal(filled.labels, np.where(one.labels == 0, second, one.labels))
    replaced = accepted(current, None, second, AcceptMode.REPLACE)
    assert np.array_equal(replaced.labels, second)


def test_ids_at_the_end_of_the_type_are_ours_too():
    full = np.full((1, 2), 255, np.uint8)
    one = accepted(np.zeros((1, 2), np.uint8), None, full)
    assert one.written.tolist() == [[256, 256]]
    assert accepted(one.labels, one.written, np.zeros((1, 2), np.uint8)).labels.tolist() == [[0, 0]]


@given(before=planes(), proposal=planes(), stroke=planes(), where=planes(top=1))
def test_an_undone_accept_leaves_later_strokes(before, proposal, stroke, where):
    after = accepted(before, None, proposal).labels
    assert np.array_equal(taken_back(after, before, after), before)
    current = np.where(where == 1, stroke, after)
    undone, later = taken_back(current, before, after), current != after
    assert np.array_equal(undone[later], current[later])
    assert np.array_equal(undone[~later], before[~later])


@given(before=planes(), after=planes())
def test_every_pixel_that_differs_is_counted_once(before, after):
    change = what_changed(before, after)
    assert change.pixels == (before != after).sum()
    assert (change.pixels == 0) == (change.describe() == "no change")


def test_a_change_in_words():
    assert Change(1200, 1, 3).describe() == "1,200 pixels added, 1 pixel removed, 3 pixels of another class"


@pytest.mark.parametrize("other", [np.zeros((1, 4), np.uint8), np.zeros((3, 1), np.uint8)])
def test_planes_of_other_sizes_are_refused_not_broadcast(other):
    plane = np.zeros(SHAPE, np.uint8)
    for call in (
        lambda: found(plane, other, no_paint(SHAPE)),
        lambda: expected(other, no_paint(SHAPE)),
        lambda: accepted(plane, None, other),
        lambda: accepted(plane, other, plane),
        lambda: taken_back(plane, other, plane),
        lambda: what_changed(plane, other),
    ):
        with pytest.raises(ValueError, match=r"differ in shape: \("):
            call()
