"""The review: accepting, skipping, going on, and taking it back."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.bridge.ours import Role
from napari_gfsam.session.painting import AcceptMode
from napari_gfsam.session.picks import PlanesPick
from napari_gfsam.session.types import PlaneKey, Target, TargetState
from tests.controller.hands import fingerprint, stack

pytestmark = pytest.mark.gui
ACCEPTED, PROPOSED, SKIPPED = TargetState.ACCEPTED, TargetState.PROPOSED, TargetState.SKIPPED


@pytest.fixture
def stacked(at):
    """Three planes of a stack are segmented."""
    at.painted_stack(4)
    at.run()
    assert at.problems == []
    return at


def test_accept_writes_goes_on_and_is_taken_back(stacked):
    at = stacked
    told = []
    at.desk.review.accepted.connect(told.append)
    first, proposal = at.current, at.proposal(at.current)
    before = [fingerprint(layer) for layer in at.users_layers()]
    at.press("accept")
    assert np.array_equal(at.accepted(first), proposal)
    assert at.target(first).state == ACCEPTED
    assert at.current != first
    assert told == [(first,)]
    at.press("undo")
    assert not at.accepted(first).any()
    assert at.target(first).state == PROPOSED
    assert at.current == first
    at.press("redo")
    assert np.array_equal(at.accepted(first), proposal)
    assert told == [(first,), (first,)]
    assert [fingerprint(layer) for layer in at.users_layers()] == before
    assert at.problems == []


def test_a_target_that_is_not_in_view_is_shown_before_it_is_accepted(stacked):
    at = stacked
    first, other, _ = (target.plane for target in at.queue.worst_first())
    at.desk.review.go_to(first)
    at.viewer.dims.set_point(0, 0)  # the reference: no target
    at.press("accept")
    at.viewer.dims.set_point(0, 0)
    at.desk.guarded(at.desk.rerun.start)()
    said = f"{at.target(first).title}, under review, was not in view; look at it and try again."
    assert at.problems == [said, said]
    assert set(at.states().values()) == {PROPOSED}
    assert at.desk.review.shown(first.source) == first
    at.press("accept")
    assert at.target(first).state == ACCEPTED
    at.viewer.dims.set_point(0, other.index[0])
    at.press("accept")  # what is seen, however quick the key is
    assert at.target(other).state == ACCEPTED


def test_what_a_person_changed_in_the_accepted_labels_stays(stacked):
    at = stacked
    plane, proposal = at.current, at.proposal(at.current)
    at.desk.review.accept(stay=True)
    layer = at.desk.ours.find(Role.ACCEPTED, plane.source)
    row, column = np.argwhere(proposal)[0]
    plane.take(layer.data)[row, column] = 0
    plane.take(layer.data)[0, 0] = 9
    at.desk.review.accept(stay=True)
    assert at.accepted(plane)[row, column] == 0
    assert at.accepted(plane)[0, 0] == 9
    at.press("undo")
    at.press("undo")
    assert at.accepted(plane).sum() == 9
    at.desk.review.mode = AcceptMode.REPLACE
    at.desk.review.accept(stay=True)
    assert np.array_equal(at.accepted(plane), proposal)


def test_accept_after_a_correction_replaces_what_it_wrote(stacked):
    at = stacked
    plane = at.current
    at.desk.review.accept(stay=True)
    at.desk.correcting.toggle_cluster(at.cluster_on())
    at.desk.review.accept(stay=True)
    assert np.array_equal(at.accepted(plane), at.proposal(plane))
    while at.desk.session.history.can_undo:
        at.press("undo")
    assert not at.accepted(plane).any()
    while at.desk.session.history.can_redo:
        at.press("redo")
    assert np.array_equal(at.accepted(plane), at.proposal(plane))


def test_many_are_accepted_and_taken_back_in_one_step(stacked):
    at = stacked
    layer = at.desk.ours.find(Role.PROPOSAL, at.current.source)
    layer.data[at.current.index[0], 0, 0] = 1  # not told
    assert at.desk.review.accept_above(2.0) == 0
    assert at.desk.review.accept_above(0.0) == 3
    assert set(at.states().values()) == {ACCEPTED}
    for target in at.queue:
        assert np.array_equal(at.accepted(target.plane), at.proposal(target.plane))
    at.press("accept")
    at.press("undo")
    at.press("undo")
    assert set(at.states().values()) == {PROPOSED}
    assert not at.desk.ours.find(Role.ACCEPTED, at.current.source).data.any()
    at.press("redo")
    assert set(at.states().values()) == {ACCEPTED}


def proposed_stack(at, count: int) -> None:
    """Proposals of a stack as a run leaves them, without a run."""
    pixels, labels = stack(count)
    source = at.desk.pictures.source_over(at.image("many", pixels))
    planes = [PlaneKey(source.id, (place, -1, -1), (1, 2)) for place in range(count)]
    for plane, found in zip(planes, labels, strict=True):
        at.desk.sheets.show_answer(plane, found)
    at.desk.session.queue.put(Target(plane, source.title(plane), PROPOSED, 0.9) for plane in planes)
    at.desk.review.go_to(planes[0])


def test_many_more_are_accepted_in_slices_and_still_in_one_step(at):
    proposed_stack(at, 30)
    slices = at.desk.slices
    assert at.desk.review.accept_above(0.5) == 30
    assert slices.running
    assert set(at.states().values()) == {PROPOSED}
    at.qtbot.waitUntil(lambda: not slices.running, timeout=30_000)
    assert set(at.states().values()) == {ACCEPTED}
    for target in at.queue:
        assert np.array_equal(at.accepted(target.plane), at.proposal(target.plane))
    at.press("undo")
    assert slices.running
    at.press("redo")  # what is under way is finished first
    slices.finish()
    assert set(at.states().values()) == {ACCEPTED}
    at.press("undo")
    slices.finish()
    assert set(at.states().values()) == {PROPOSED}
    assert not at.desk.ours.find(Role.ACCEPTED, at.current.source).data.any()
    assert not at.desk.session.history.can_undo
    assert at.problems == []


def test_accepting_many_can_be_cancelled_and_what_is_done_is_one_step(at):
    proposed_stack(at, 30)
    at.desk.review.accept_above(0.5)
    at.qtbot.waitUntil(lambda: at.queue.counts()[ACCEPTED] >= 1, timeout=30_000)
    at.desk.slices.cancel()
    done = at.queue.counts()[ACCEPTED]
    assert at.desk.session.history.undo_title == f"accept {done} targets"
    at.press("undo")
    at.desk.slices.finish()
    assert set(at.states().values()) == {PROPOSED}


def test_one_accept_finishes_those_under_way_first(at):
    proposed_stack(at, 30)
    at.desk.review.accept_above(0.5)
    at.press("accept")
    assert set(at.states().values()) == {ACCEPTED}
    assert at.desk.session.history.undo_title.startswith("accept many")


def test_worst_first_skip_and_back(stacked):
    at = stacked
    order = [target.plane for target in at.queue.worst_first()]
    at.desk.review.go_to(order[0])
    at.press("skip")
    assert at.current == order[1]
    at.press("next")
    assert at.current == order[2]
    at.press("next")
    assert at.current == order[0]
    at.press("previous")
    assert at.current == order[2]
    at.press("accept")
    at.press("accept")
    at.press("accept")
    assert set(at.states().values()) == {ACCEPTED}
    at.press("next")
    at.press("previous")
    at.press("skip")
    assert set(at.states().values()) == {ACCEPTED}
    assert at.problems == []


@pytest.mark.filterwarnings("ignore:Contours are not displayed:UserWarning")
def test_the_review_follows_the_sliders_but_not_to_planes_without_an_answer(stacked):
    at = stacked
    first = at.current
    other = next(target.plane for target in at.queue if target.plane != first)
    at.viewer.dims.set_point(0, other.index[0])
    at.desk.review.follow()
    assert at.current == other
    at.viewer.dims.set_point(0, 0)
    at.desk.review.follow()
    assert at.current == other
    at.viewer.dims.ndisplay = 3
    at.desk.review.follow()
    assert at.current == other
    at.press("next")
    assert at.viewer.dims.ndisplay == 2
    assert at.desk.review.shown(at.current.source) == at.current


def test_planes_across_the_stack_are_proposed_and_accepted_as_they_are_shown(at):
    at.painted_stack(4)
    at.viewer.dims.order = (2, 1, 0)
    at.viewer.dims.set_point(2, 1)
    at.press("try")
    at.wait()
    assert at.problems == []
    plane = at.current
    assert plane.axes_yx == (0, 1)
    assert at.prediction.labels.shape == (4, 60)
    assert np.array_equal(at.proposal(plane), at.prediction.labels)
    at.desk.review.accept(stay=True)
    layer = at.desk.ours.find(Role.ACCEPTED, plane.source)
    assert np.array_equal(layer.data[..., 1], at.prediction.labels)
    at.viewer.dims.order = (0, 1, 2)
    at.desk.review.come_to(plane)
    assert at.viewer.dims.order == (2, 0, 1)
    assert at.problems == []


def test_answers_across_a_stack_are_no_paint_on_those_along_it(at):
    image, _ = at.painted_stack(3)
    at.run()
    first = at.current
    answer = at.proposal(first)
    row = int(answer.sum(axis=1).argmax())
    at.viewer.dims.order = (1, 0, 2)
    at.desk.targets.pick_planes(image, PlanesPick("range", 1, row, row + 2))
    at.run()
    for target in at.queue:
        at.desk.review.go_to(target.plane)
        assert len(at.desk.session.proposals.paint(target.plane)) == 0
        assert np.array_equal(at.proposal(target.plane), at.desk.session.proposals.merged(target.plane))
    at.desk.review.go_to(first)
    assert np.array_equal(at.proposal(first), answer)
    assert not at.desk.session.history.can_undo
    assert at.problems == []


def test_turning_the_view_makes_no_other_targets(at):
    at.two_pictures(1)
    at.run()
    at.press("accept")
    plane = at.current
    at.viewer.dims.transpose()
    assert at.desk.targets.planes() == [plane]
    assert at.desk.targets.open_planes() == []
    assert at.desk.review.shown(plane.source) == plane
    y, x = np.argwhere(at.proposal(plane))[0]
    at.at_point(100 + x, y)  # what is down and across now
    assert at.desk.sheets.at_pointer(plane) == (y, x)


def test_accepted_labels_that_a_person_deletes_are_reviewed_again(stacked):
    at = stacked
    at.desk.review.accept_above(0.0)
    at.viewer.layers.remove(at.desk.ours.find(Role.ACCEPTED, at.current.source))
    at.desk.tidy()
    assert set(at.states().values()) == {PROPOSED}
    at.press("undo")
    assert at.problems == []
    at.press("accept")
    assert list(at.states().values()).count(ACCEPTED) == 1


def test_accepts_into_labels_that_a_person_deletes_are_forgotten(at):
    at.two_pictures(2)
    at.run()
    assert at.desk.review.accept_above(0.0) == 2
    deleted = at.current
    at.desk.correcting.toggle_cluster(at.cluster_on())
    at.desk.review.accept(stay=True)
    at.viewer.layers.remove(at.desk.ours.find(Role.ACCEPTED, deleted.source))
    at.desk.tidy()
    (other,) = (target.plane for target in at.queue if target.plane != deleted)
    at.press("undo")
    assert (at.target(deleted).state, at.target(other).state) == (PROPOSED, ACCEPTED)
    assert at.prediction.decisions == ()
    at.press("undo")
    assert (at.target(deleted).state, at.target(other).state) == (PROPOSED, PROPOSED)
    assert at.desk.ours.find(Role.ACCEPTED, deleted.source) is None
    assert not at.desk.session.history.can_undo
    at.desk.review.go_to(deleted)
    at.press("accept")
    assert np.array_equal(at.accepted(deleted), at.proposal(deleted))
    assert at.problems == []


def test_a_window_that_closes_deletes_nothing_of_the_work(stacked):
    at = stacked
    at.desk.review.accept_above(0.0)
    at.viewer.layers.clear()
    assert set(at.states().values()) == {ACCEPTED}
    assert len(at.desk.session.references) == 1


def test_a_picture_that_a_person_closes_takes_its_targets_along_but_not_accepted_labels(at):
    _, targets, _ = at.two_pictures(2)
    at.run()
    at.press("accept")
    planes = {target.title: target.plane for target in at.queue}
    accepted = at.accepted(planes["target 0"])
    for image in targets:
        at.viewer.layers.remove(image)
    at.desk.tidy()
    assert at.states() == {"target 0": ACCEPTED}
    assert np.array_equal(at.desk.sheets.accepted(planes["target 0"]), accepted)
    at.press("next")
    at.press("previous")
    assert at.problems == []
    at.press("undo")
    at.desk.tidy()
    assert not at.accepted(planes["target 0"]).any()
    assert at.problems == []


def test_undo_is_not_stuck_behind_what_is_gone(at):
    _, targets, _ = at.two_pictures(2)
    at.run()
    at.desk.correcting.toggle_cluster(at.cluster_on())
    first = at.current
    before = at.prediction.decisions
    at.press("next")
    at.press("accept")
    at.viewer.layers.remove(targets[1])
    at.desk.tidy()
    at.press("undo")
    at.press("undo")
    assert at.problems == []
    assert at.current == first
    assert at.prediction.decisions == before[:-1]
