"""A corrected target as one more reference."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.session.types import TargetState
from tests.controller.hands import fingerprint

pytestmark = pytest.mark.gui
ACCEPTED, PROPOSED = TargetState.ACCEPTED, TargetState.PROPOSED


@pytest.fixture
def stacked(at):
    """Four planes of a stack are segmented."""
    at.painted_stack(5)
    at.run()
    assert at.problems == []
    return at


def use_as_reference(at):
    at.desk.guarded(at.desk.rerun.start)()


def revert(at):
    at.desk.guarded(at.desk.rerun.revert)()


def test_the_others_are_run_again_and_all_is_taken_back(stacked):
    at = stacked
    planes = [target.plane for target in at.queue]
    at.desk.review.go_to(planes[0])
    at.press("accept")
    at.desk.review.go_to(planes[1])
    at.desk.correcting.toggle_cluster(at.cluster_on())
    before = {target.plane: target for target in at.queue}
    labels = {plane: at.proposal(plane) for plane in planes}
    users = [fingerprint(layer) for layer in at.users_layers()]
    use_as_reference(at)
    assert at.target(planes[1]).state == ACCEPTED
    at.wait()
    assert [at.target(plane).run for plane in planes] == [1, 1, 2, 2]
    assert [row.title for row in at.desk.session.references] == ["cells · 0", "cells · 2"]
    assert at.desk.rerun.possible
    assert at.desk.rerun.changes().startswith("With the new reference: ")
    assert at.desk.rerun.changed_of(planes[2])
    assert len(at.desk.session.store.get(planes[2]).scene.references) == 2
    revert(at)
    assert not at.desk.rerun.possible
    assert [row.title for row in at.desk.session.references] == ["cells · 0"]
    for plane in planes[2:]:
        assert at.target(plane) == before[plane]
        assert np.array_equal(at.proposal(plane), labels[plane])
        assert len(at.desk.session.store.get(plane).scene.references) == 1
    assert [fingerprint(layer) for layer in at.users_layers()] == users
    assert at.problems == []


def test_what_made_room_on_the_disk_is_taken_back_as_labels_and_told(stacked):
    at = stacked
    store, planes = at.desk.session.store, [target.plane for target in at.queue]
    at.desk.review.go_to(planes[3])
    at.desk.correcting.toggle_cluster(at.cluster_on())
    corrected = store.get(planes[3]).decisions
    at.desk.review.go_to(planes[0])
    before = {target.plane: target for target in at.queue}
    labels = {plane: at.proposal(plane) for plane in planes}
    store.capacity_bytes = int(store.disk_bytes / 4 * 5.5)
    use_as_reference(at)
    at.wait()
    revert(at)
    for plane in planes[1:]:
        assert at.target(plane) == before[plane]
        assert np.array_equal(at.proposal(plane), labels[plane])
        kept = store.get(plane)
        assert kept is None or np.array_equal(kept.labels, labels[plane])
    assert [plane in store for plane in planes[1:]] == [False, False, True]
    assert store.get(planes[3]).decisions == corrected
    assert len(at.problems) == 1
    assert at.problems[0].startswith("2 targets can be painted as before, but the points had to make room")


def test_strokes_and_undo_after_a_rerun(stacked):
    at = stacked
    planes = [target.plane for target in at.queue]
    at.desk.review.go_to(planes[2])
    layer = at.desk.ours.find("proposal", planes[2].source)
    at.stroke(layer, [3, 3], [0, 0], [4, 5], values=1)
    at.desk.correcting.toggle_cluster(at.cluster_on())
    at.desk.review.go_to(planes[0])
    use_as_reference(at)
    at.wait()
    assert layer.data[3, 0, 4:6].tolist() == [1, 1]
    history = at.desk.session.history
    assert history.undo_title.startswith("accept")
    at.press("undo")
    assert at.target(planes[0]).state == PROPOSED
    assert not history.can_undo  # the answer that the toggle was made on is gone
    at.press("redo")
    revert(at)
    assert layer.data[3, 0, 4:6].tolist() == [1, 1]
    assert at.desk.session.store.get(planes[2]).decisions
    assert at.problems == []


def test_targets_that_the_first_run_did_not_reach_are_run_too(at):
    at.painted_stack(6)
    go_on = at.run_in_two()
    use_as_reference(at)
    go_on.set()
    at.wait()
    assert at.problems == []
    assert len(at.queue) == 5
    assert set(at.states().values()) == {ACCEPTED, PROPOSED}
    assert {target.run for target in at.queue if target.state == PROPOSED} == {2}


def test_a_second_one_in_the_middle_brings_back_what_the_first_did_not_reach(stacked):
    at = stacked
    planes = [target.plane for target in at.queue]
    at.desk.review.go_to(planes[3])
    at.desk.correcting.toggle_cluster(at.cluster_on())
    before, labels, decisions = at.target(planes[3]), at.proposal(planes[3]), at.prediction.decisions
    at.desk.review.go_to(planes[0])
    go_on = at.run_in_two(at.desk.rerun.start)
    at.desk.review.go_to(planes[1])
    use_as_reference(at)
    go_on.set()
    at.wait()
    assert [at.target(plane).run for plane in planes] == [1, 2, 3, 3]
    assert at.desk.rerun.changes().endswith(" of 2 targets changed.")
    revert(at)
    assert at.target(planes[3]) == before
    assert np.array_equal(at.proposal(planes[3]), labels)
    assert at.desk.session.store.get(planes[3]).decisions == decisions
    assert at.problems == []


def test_taken_back_in_the_middle_of_the_run(stacked):
    at = stacked
    planes = [target.plane for target in at.queue]
    before = {target.plane: target for target in at.queue}
    labels = {plane: at.proposal(plane) for plane in planes}
    at.desk.review.go_to(planes[0])
    ended = []
    at.desk.running.ended.connect(ended.append)
    go_on = at.run_in_two(at.desk.rerun.start)
    revert(at)
    go_on.set()
    at.wait()
    assert ended == [""]  # nothing of it stays, so nothing is said to be finished
    for plane in planes[1:]:
        assert at.target(plane) == before[plane]
        assert np.array_equal(at.proposal(plane), labels[plane])
        assert np.array_equal(at.desk.session.store.get(plane).labels, labels[plane])
        assert len(at.desk.session.store.get(plane).scene.references) == 1
    assert at.problems == []


def test_a_new_run_makes_the_change_final(stacked):
    at = stacked
    use_as_reference(at)
    at.wait()
    at.run()
    assert not at.desk.rerun.possible
    assert at.desk.rerun.changes() == ""
    revert(at)
    assert len(at.desk.session.references) == 2


def test_accepted_planes_do_not_become_references_by_themselves(stacked):
    at = stacked
    at.desk.review.accept_above(0.0)
    use_as_reference(at)
    assert len(at.desk.session.references) == 2
    at.desk.references.refresh()
    assert len(at.desk.session.references) == 2
    revert(at)
    assert len(at.desk.session.references) == 1


def test_a_target_used_twice_stays_a_reference_when_the_second_time_is_taken_back(stacked):
    at = stacked
    first = at.current
    use_as_reference(at)
    at.wait()
    at.desk.review.go_to(first)
    use_as_reference(at)
    at.wait()
    assert len(at.desk.session.references) == 2
    revert(at)
    assert len(at.desk.session.references) == 2


def test_an_empty_target_teaches_nothing(stacked):
    at = stacked
    layer = at.desk.ours.find("proposal", at.current.source)
    at.current.take(layer.data)[...] = 0
    use_as_reference(at)
    assert at.problems == ["There is nothing in this target to learn from; correct it first."]
    assert at.target(at.current).state == PROPOSED
    at.desk.session.forget([target.plane for target in at.queue])
    use_as_reference(at)
    assert len(at.problems) == 2
