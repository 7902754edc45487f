"""One object keeps one id through a stack, whatever its neighbours do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gfsam.imaging.linking import Linker, link_planes
from napari_gfsam.imaging.objects import pieces_of

SHAPE = (24, 40)


def plane(*boxes: tuple[int, int, int, int] | tuple[int, int, int, int, int]) -> np.ndarray:
    """Labels with boxes (top, left, height, width[, class])."""
    labels = np.zeros(SHAPE, np.uint8)
    for top, left, height, width, *class_id in boxes:
        labels[top : top + height, left : left + width] = class_id[0] if class_id else 1
    return labels


def ids_at(linked, *points: tuple[int, int, int]) -> list[int]:
    return [int(linked[place][y, x]) for place, y, x in points]


def test_pieces_are_counted_class_by_class_and_hang_together_by_edges():
    labels = plane((2, 2, 4, 4, 3), (6, 6, 4, 4, 3), (12, 2, 4, 4, 1))
    pieces = pieces_of(labels)
    assert pieces.class_id.tolist() == [1, 3, 3]
    assert np.array_equal(pieces.numbers > 0, labels > 0)
    assert [int(pieces.numbers[y, x]) for y, x in ((13, 3), (3, 3), (7, 7))] == [1, 2, 3]
    assert pieces_of(labels, [3]).class_id.tolist() == [3, 3]
    assert len(pieces_of(np.zeros(SHAPE, np.uint8))) == 0


def test_an_object_that_moves_keeps_its_id_and_a_new_one_gets_a_new_id():
    linked = list(link_planes([plane((2, 2, 8, 8)), plane((4, 4, 8, 8), (14, 24, 6, 6)), plane((14, 26, 6, 6))]))
    assert ids_at(linked, (0, 3, 3), (1, 5, 5), (1, 15, 25), (2, 15, 27)) == [1, 1, 2, 2]
    assert all(found.dtype == np.int32 for found in linked)


def test_a_gap_of_one_plane_is_bridged_and_one_of_two_is_not():
    there, empty = plane((4, 4, 8, 8)), plane()
    bridged = list(link_planes([there, empty, there]))
    assert ids_at(bridged, (0, 5, 5), (2, 5, 5)) == [1, 1]
    assert ids_at(list(link_planes([there, empty, empty, there])), (0, 5, 5), (3, 5, 5)) == [1, 2]
    unknown = list(link_planes([there, None, there]))
    assert unknown[1] is None
    assert ids_at([unknown[0], unknown[2]], (0, 5, 5), (1, 5, 5)) == [1, 1]


def test_an_id_is_never_given_to_two_objects_of_a_plane():
    """An object that splits goes on in the piece that overlaps more."""
    linked = list(link_planes([plane((4, 4, 8, 20)), plane((4, 4, 8, 6), (4, 12, 8, 12))]))
    assert ids_at(linked, (0, 5, 5), (1, 5, 5), (1, 5, 15)) == [1, 2, 1]
    # What went on elsewhere meanwhile is not found again over a gap.
    linked = list(link_planes([plane((4, 4, 8, 8)), plane((4, 8, 8, 8)), plane((4, 4, 8, 6), (4, 12, 8, 8))]))
    assert ids_at(linked, (1, 5, 12), (2, 5, 15), (2, 5, 5)) == [1, 1, 2]


def test_the_best_pairing_as_a_whole_wins_over_the_best_pair():
    """The second object overlaps both; giving the best pair first would leave the first object alone."""
    before = plane((0, 0, 4, 10), (0, 14, 4, 10, 1))
    after = plane((0, 4, 4, 9), (0, 15, 4, 9))
    linked = list(link_planes([before, after]))
    assert ids_at(linked, (0, 1, 1), (0, 1, 20), (1, 1, 5), (1, 1, 20)) == [1, 2, 1, 2]


def test_objects_of_different_classes_are_never_one():
    linked = list(link_planes([plane((4, 4, 8, 8, 1)), plane((4, 4, 8, 8, 2))]))
    assert ids_at(linked, (0, 5, 5), (1, 5, 5)) == [1, 2]


def test_planes_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match="one size"):
        list(link_planes([plane((2, 2, 4, 4)), np.ones((5, 5), np.uint8)]))


@st.composite
def label_stacks(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, n_planes = draw(st.integers(0, 6)), draw(st.integers(1, 6))
    corners = rng.integers(0, (18, 34), (count, 2))
    found = []
    for _ in range(n_planes):
        corners = np.clip(corners + rng.integers(-3, 4, corners.shape), 0, (18, 34))
        there = rng.random(count) < 0.8
        found.append(
            plane(*[(y, x, 6, 6, 1 + place % 2) for place, (y, x) in enumerate(corners.tolist()) if there[place]])
        )
    return found


@settings(max_examples=60, deadline=None)
@given(label_stacks())
def test_ids_say_the_same_as_the_pieces_and_never_change(planes):
    linked = list(link_planes(iter(planes)))
    seen: dict[int, int] = {}
    for labels, ids in zip(planes, linked, strict=True):
        pieces = pieces_of(labels)
        found = [np.unique(ids[pieces.numbers == number + 1]) for number in range(len(pieces))]
        assert [len(one) for one in found] == [1] * len(pieces)
        assert len({int(one[0]) for one in found}) == len(pieces)
        assert not ids[labels == 0].any()
        for one, class_id in zip(found, pieces.class_id.tolist(), strict=True):
            assert seen.setdefault(int(one[0]), class_id) == class_id
    assert sorted(seen) == list(range(1, len(seen) + 1))
    again = list(link_planes(planes))
    assert all(np.array_equal(one, other) for one, other in zip(linked, again, strict=True))


def test_memory_holds_two_planes_however_long_the_stack():
    linker = Linker()
    for number in range(50):
        linker.add(pieces_of(plane((4, 4 + number % 2, 8, 8))))
    assert len(linker._before) == 2
