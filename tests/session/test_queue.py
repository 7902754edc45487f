from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gfsam.session.queue import ReviewQueue
from napari_gfsam.session.types import PlaneKey, Target, TargetState

UP_FOR_REVIEW = (TargetState.PROPOSED, TargetState.SKIPPED)


def plane(number: int) -> PlaneKey:
    return PlaneKey("stack", (number, -1, -1), (1, 2))


def queue_of(*targets: tuple[str, float]) -> ReviewQueue:
    queue = ReviewQueue()
    queue.put(Target(plane(i), f"t = {i}", TargetState(state), score) for i, (state, score) in enumerate(targets))
    return queue


QUEUES = st.lists(
    st.tuples(st.sampled_from([state.value for state in TargetState]), st.sampled_from([0.0, 0.2, 0.5, 1.0])),
    max_size=8,
).map(lambda targets: queue_of(*targets))


def test_the_worst_comes_first_and_ties_in_order_of_arrival():
    queue = queue_of(("proposed", 0.5), ("proposed", 0.1), ("accepted", 0.0), ("proposed", 0.5), ("skipped", 0.0))
    assert [target.plane for target in queue.worst_first()] == [plane(1), plane(0), plane(3)]
    assert [target.plane for target in queue.listed()] == [plane(1), plane(0), plane(3), plane(4), plane(2)]
    assert [target.plane for target in queue.above(0.5)] == [plane(0), plane(3)]
    assert queue.counts()[TargetState.PROPOSED] == 3
    assert queue.counts()[TargetState.FAILED] == 0


@given(score=st.floats(0, 1), least=st.integers(0, 100))
def test_a_proposal_is_taken_with_others_by_the_score_that_is_shown(score, least):
    queue = queue_of(("proposed", score))
    (target,) = queue
    assert bool(queue.above(least / 100)) == (target.percent >= least)
    assert abs(target.percent - 100 * score) <= 0.5


def test_a_proposal_that_shows_eighty_percent_is_accepted_from_eighty():
    queue = queue_of(("proposed", 0.796), ("proposed", 0.794))
    assert [target.percent for target in queue] == [80, 79]
    assert [target.plane for target in queue.above(0.8)] == [plane(0)]


@given(queue=QUEUES)
def test_next_walks_round_everything_up_for_review_and_previous_walks_back(queue):
    order = [target.plane for state in UP_FOR_REVIEW for target in queue.worst_first(state)]
    walked, here = [], None
    for _ in order:
        here = queue.next_after(here)
        walked.append(here)
    assert walked == order
    for before, after in pairwise(order):
        assert queue.previous_before(after) == before
    if len(order) > 1:
        assert queue.next_after(order[-1]) == order[0]
        assert queue.previous_before(order[0]) == order[-1]
    elif order:
        assert queue.next_after(order[0]) is None
    else:
        assert queue.next_after(None) is None


@given(queue=QUEUES, state=st.sampled_from([TargetState.ACCEPTED, TargetState.SKIPPED]))
def test_settling_one_after_another_ends_the_proposals_worst_first(queue, state):
    expected = [target.plane for target in queue.worst_first()]
    queue.current = queue.next_after(None) if expected else None
    settled = []
    while queue.worst_first():
        settled.append(queue.current)
        queue.settle(queue.current, state)
    assert settled == expected


def test_settling_another_target_leaves_the_one_under_review():
    queue = queue_of(("proposed", 0.1), ("proposed", 0.2))
    queue.current = plane(1)
    assert queue.settle(plane(0), TargetState.SKIPPED) == plane(1)
    assert queue.settle(plane(1), TargetState.ACCEPTED) == plane(0)
    assert queue.settle(plane(0), TargetState.ACCEPTED) == plane(0)
    assert queue.is_accepted(plane(0))


def test_the_place_of_an_accepted_target_is_where_its_score_puts_it():
    queue = queue_of(("proposed", 0.1), ("accepted", 0.3), ("proposed", 0.5))
    assert queue.next_after(plane(1)) == plane(2)
    assert queue.previous_before(plane(1)) == plane(0)


def test_signals_say_what_changed():
    queue = queue_of(("proposed", 0.1), ("proposed", 0.2))
    changed, current = [], []
    queue.changed.connect(changed.append)
    queue.current_changed.connect(current.append)
    queue.current = plane(0)
    queue.current = plane(0)
    queue.update(plane(1), score=0.3, note="dark")
    assert queue.update(plane(1), score=0.3) == Target(plane(1), "t = 1", TargetState.PROPOSED, 0.3, "dark")
    assert queue.update(plane(7), score=0.3) is None
    queue.put([])
    queue.remove([plane(0), plane(7)])
    assert changed == [plane(1), None]
    assert current == [plane(0), None]
    assert plane(0) not in queue
    with pytest.raises(ValueError, match="not in the review queue"):
        queue.current = plane(0)


def test_a_target_put_again_keeps_its_place():
    queue = queue_of(("proposed", 0.5), ("proposed", 0.5))
    queue.put([Target(plane(0), "again", TargetState.PROPOSED, 0.5)])
    assert [target.title for target in queue.worst_first()] == ["again", "t = 1"]
    assert len(queue.of_source("stack")) == 2


def test_what_a_run_does_not_reach_stands_as_a_person_left_it_meanwhile():
    queue = queue_of(("accepted", 0.5), ("skipped", 0.25), ("proposed", 0.75))
    known, changed = list(queue), []
    queue.begin([Target(plane(i), "begun") for i in range(4)])
    assert {target.state for target in queue} == {TargetState.WAITING}
    assert [target.title for target in queue] == ["t = 0", "t = 1", "t = 2", "begun"]
    assert queue.next_after(None) is None
    assert not queue.is_accepted(plane(0))
    queue.changed.connect(changed.append)
    for _ in range(2):
        queue.run_at(plane(1))
    assert queue.get(plane(1)).state == TargetState.RUNNING
    queue.update(plane(0), state=TargetState.PROPOSED)
    assert queue.get(plane(0)).state == TargetState.WAITING
    queue.reached(plane(1), state=TargetState.PROPOSED, score=1.0)
    queue.reached(plane(7))
    queue.run_at(plane(1))
    queue.reached(plane(2))
    assert queue.beneath(plane(3)) == queue.get(plane(3)) == Target(plane(3), "begun")
    queue.remove([plane(3)])
    queue.end()
    queue.end()
    assert changed == [plane(1), plane(0), plane(1), plane(2), None, None]
    assert [target.state for target in queue] == [TargetState.PROPOSED] * 3
    assert queue.get(plane(1)).score == 1.0
    assert queue.get(plane(2)) == known[2]
