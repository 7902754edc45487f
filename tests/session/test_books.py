from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_gfsam.session import painting
from napari_gfsam.session.books import AcceptedBook, ProposalBook
from napari_gfsam.session.packing import pack
from napari_gfsam.session.sizes import bytes_held
from napari_gfsam.session.types import PlaneKey
from tests.session.strategies import SHAPE, any_planes, planes

HERE, THERE = PlaneKey("a"), PlaneKey("b")


@given(labels=any_planes())
def test_a_packed_plane_comes_back_in_its_smallest_type(labels):
    packed = pack(labels)
    back = packed.unpack()
    assert np.array_equal(back, labels)
    assert back.dtype == (np.uint8 if labels.max() < 256 else np.uint16)
    assert back.flags.writeable
    assert pack(np.asfortranarray(labels).astype(np.uint64)).name == packed.name


def test_planes_of_other_content_have_other_names():
    plane = np.zeros((2, 3), np.int64)
    names = {pack(other).name for other in (plane, plane.T, plane + 1, plane.reshape(1, 6), plane + 256)}
    assert len(names) == 5


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 3, 1), int), np.zeros((0, 3), int), np.array([[-1]]), np.array([[2**32]])]
)
def test_what_is_no_label_plane_is_refused(bad):
    with pytest.raises(ValueError, match=r"not of shape|not -1 to|not \d+ to"):
        pack(bad)


@given(merged=planes(), again=planes(), stroke=planes())
def test_paint_survives_a_new_answer_and_can_be_taken_back(merged, again, stroke):
    book = ProposalBook()
    layer = book.compose(HERE, merged)
    before = book.paint(HERE)
    after = book.look(HERE, stroke)
    assert np.array_equal(book.compose(HERE), stroke)
    assert (after is before) == np.array_equal(layer, stroke)
    changed = layer != stroke
    assert np.array_equal(book.compose(HERE, again), np.where(changed, stroke, again))
    book.set_paint(HERE, before)
    assert np.array_equal(book.compose(HERE), again)
    book.set_paint(HERE, after)
    assert np.array_equal(book.compose(HERE), np.where(changed, stroke, again))


def test_answers_of_planes_that_cross_are_no_paint():
    book, rng = ProposalBook(), np.random.default_rng(0)
    layer = np.zeros((4, 5, 6), np.uint16)
    flat, upright = PlaneKey("s", (1, -1, -1), (1, 2)), PlaneKey("s", (-1, 2, -1), (0, 2))

    def answer(plane: PlaneKey, highest: int) -> None:
        book.look(plane, plane.take(layer))
        plane.put(layer, book.compose(plane, rng.integers(1, highest, plane.take(layer).shape)))

    for plane, highest in ((flat, 9), (upright, 900), (flat, 900)):
        answer(plane, highest)
        for one in (flat, upright):
            assert not book.look(one, one.take(layer))
    assert (book.is_crossed(flat), book.is_crossed(upright)) == (False, True)
    assert list(book) == [upright, flat]
    layer[1, 2, 3:] = layer[1, 4, 0] = 0  # erased where they cross, and beside it
    assert [len(book.look(one, one.take(layer))) for one in (flat, upright)] == [4, 0]
    layer[0, 2, 0] = 0
    assert book.look(upright, upright.take(layer)).indices.tolist() == [0]
    across = PlaneKey("s", (-1, -1, 5), (0, 1))
    layer[1, 3, 5] = 7  # on a plane that was never written: no excuse for strokes on the others
    assert book.look(across, across.take(layer)).indices.tolist() == [8]
    layer[1, 0, 5] = 0
    assert [len(book.look(one, one.take(layer))) for one in (flat, upright)] == [6, 1]


def test_answers_of_an_earlier_process_that_cross_are_no_paint_whichever_was_written_last():
    flat, upright = PlaneKey("s", (1, -1, -1), (1, 2)), PlaneKey("s", (-1, 2, -1), (0, 2))
    book, layer = ProposalBook(), np.zeros((4, 5, 6), np.uint8)
    for plane, value in ((upright, 2), (flat, 1)):
        book.restore(plane, pack(np.full_like(plane.take(layer), value)), None)
        plane.take(layer)[...] = value
    assert not any(len(book.look(plane, plane.take(layer))) for plane in (flat, upright))
    layer[1, 2] = 2
    assert not any(len(book.look(plane, plane.take(layer))) for plane in (flat, upright))


@given(strokes=st.lists(planes(), min_size=2, max_size=4))
def test_strokes_are_taken_back_and_done_again_one_by_one(strokes):
    book, states, changes = ProposalBook(), [None], []
    for seen in strokes:
        before = book.paint(HERE)
        after = book.look(HERE, seen)
        if after is book.paint(HERE) is not before:
            changes.append(painting.stroke(before, after))
            states.append(seen)
    for back, places in ((True, range(len(changes) - 1, -1, -1)), (False, range(len(changes)))):
        for place in places:
            book.set_paint(HERE, painting.with_stroke(book.paint(HERE), changes[place], back=back))
            wanted = states[place if back else place + 1]
            assert np.array_equal(book.compose(HERE), np.zeros_like(strokes[0]) if wanted is None else wanted)
            assert len(book.paint(HERE)) == 0 or place > 0 or not back


def test_a_stroke_holds_no_more_than_it_painted():
    book, seen = ProposalBook(), np.zeros((500, 400), np.uint8)
    held = []
    for row in range(0, 400, 20):
        before = book.paint(HERE)
        seen[row : row + 20] = 255
        held.append(bytes_held(painting.stroke(before, book.look(HERE, seen))))
    assert max(held) <= 8 * 20 * 400


def test_pixels_painted_otherwise_since_stay_when_a_stroke_is_taken_back():
    book = ProposalBook()
    book.look(HERE, np.array([[1, 1, 0]], np.uint8))
    first = painting.stroke(None, book.paint(HERE))
    book.look(HERE, np.array([[1, 2, 0]], np.uint8))
    book.set_paint(HERE, painting.with_stroke(book.paint(HERE), first, back=True))
    assert np.array_equal(book.compose(HERE), [[0, 2, 0]])


def test_strokes_on_a_plane_without_a_proposal_are_kept():
    book = ProposalBook()
    stroke = np.array([[0, 5]], np.uint8)
    assert len(book.look(HERE, np.zeros((1, 2), np.uint8))) == 0
    assert list(book) == []
    book.look(HERE, stroke)
    assert np.array_equal(book.compose(HERE, np.array([[7, 7]], np.uint8)), [[7, 5]])
    assert np.array_equal(book.merged(HERE), [[7, 7]])
    assert book.merged(THERE) is None
    assert book.paint(THERE) is None
    with pytest.raises(ValueError, match="no proposal yet"):
        book.compose(THERE)


def test_signals_carry_the_plane_and_come_only_with_news():
    book, seen = ProposalBook(), []
    book.changed.connect(seen.append)
    layer = book.compose(HERE, np.zeros(SHAPE, np.uint8))
    book.look(HERE, layer)
    book.compose(HERE)
    book.set_paint(THERE, None)
    book.look(HERE, layer + 1)
    book.forget([HERE, THERE])
    assert seen == [HERE, HERE, HERE]


@given(merged=planes(), stroke=planes())
def test_a_saved_proposal_goes_on_as_it_was(merged, stroke):
    book, other = ProposalBook(), ProposalBook()
    book.compose(HERE, merged)
    book.look(HERE, stroke)
    other.restore(HERE, *book.packed(HERE))
    assert np.array_equal(other.compose(HERE), stroke)
    assert np.array_equal(other.merged(HERE), merged)
    assert other.packed(HERE) == book.packed(HERE)
    assert other.packed(THERE) is None


def test_paint_whose_answer_is_lost_is_kept():
    book, other = ProposalBook(), ProposalBook()
    book.look(HERE, np.array([[0, 5]], np.uint8))
    other.restore(HERE, None, book.packed(HERE)[1])
    assert np.array_equal(other.compose(HERE), [[0, 5]])


@given(current=planes(), accepts=st.lists(planes(), min_size=1, max_size=4))
def test_accepts_are_undone_and_done_again_in_order(current, accepts):
    book, states, steps = AcceptedBook(), [current], []
    for proposal in accepts:
        steps.append(book.accept(HERE, states[-1], proposal))
        states.append(steps[-1].labels)
    written = book.packed(HERE)
    labels = states[-1]
    for step, before in zip(reversed(steps), reversed(states[:-1]), strict=True):
        labels = book.undo(step, labels)
        assert np.array_equal(labels, before)
    assert list(book) == []
    for step, after in zip(steps, states[1:], strict=True):
        labels = book.redo(step, labels)
        assert np.array_equal(labels, after)
    assert book.packed(HERE) == written


def test_hundreds_of_planes_stay_small():
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(1024, 1024)), 8)
    merged = (noise > 0.02).astype(np.uint8) + (noise > 0.05)
    proposals, accepted = ProposalBook(), AcceptedBook()
    step = accepted.accept(HERE, np.zeros_like(merged), proposals.compose(HERE, merged))
    held = [*proposals.packed(HERE)[:1], step.before, step.after, step.written_after]
    assert sum(len(plane.data) for plane in held) < 2**19


@given(current=planes(), first=planes(), second=planes())
def test_accepts_of_a_saved_session_are_still_ours(current, first, second):
    book, other = AcceptedBook(), AcceptedBook()
    labels = book.accept(HERE, current, first).labels
    other.restore(HERE, book.packed(HERE))
    other.restore(THERE, None)
    assert list(other) == [HERE]
    assert np.array_equal(other.accept(HERE, labels, second).labels, book.accept(HERE, labels, second).labels)
    other.forget([HERE, THERE])
    assert list(other) == []
