"""Runs as a person starts, stops and disturbs them."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import dask.array
import numpy as np
import pytest

from napari_gfsam.bridge.ours import Role
from napari_gfsam.bridge.sources import LayerSource
from napari_gfsam.controller import review
from napari_gfsam.controller.desk import Desk
from napari_gfsam.session import read_saved
from napari_gfsam.session.types import TargetState
from tests.controller.hands import RUN_MILLISECONDS, fingerprint, picture, stack

pytestmark = pytest.mark.gui


def test_a_run_proposes_and_shows_the_first_at_once(at):
    _, targets, _ = at.two_pictures(2)
    at.viewer.add_labels(np.full((60, 80), 3, np.int32), name="mine")
    ended, before = [], [fingerprint(layer) for layer in at.users_layers()]
    at.desk.running.ended.connect(ended.append)
    at.run()
    assert at.problems == []
    assert ended == [""]
    assert set(at.states().values()) == {TargetState.PROPOSED}
    first = at.desk.session.queue.get(at.current)
    assert first.title == "target 0"
    assert at.proposal(at.current).any()
    assert at.viewer.layers.selection.active is at.ours(Role.PROPOSAL, targets[0])
    assert len(at.desk.prompts.layer.data) == len(at.prediction.points)
    assert at.desk.clusters.layer.data.any()
    assert [fingerprint(layer) for layer in at.users_layers()] == before


def test_what_a_person_does_while_the_first_answer_is_being_shown_stays(at):
    """Layers come one at a time, between which keys and clicks are taken."""
    at.two_pictures(2)
    at.run()
    first, other = (target.plane for target in at.queue)
    at.desk.review.go_to(other)
    coming = at.desk.review.going_to(first)
    next(coming)
    at.desk.review.go_to(other)
    at.press("skip")
    assert at.current == first
    assert list(coming) == []  # the skip came later than what was on its way
    coming = at.desk.review.going_to(other)
    next(coming)
    next(coming)
    assert at.current == other
    at.desk.correcting.toggle_cluster(at.cluster_on())
    shown = at.desk.clusters.layer.data.copy(), at.desk.clusters.layer.features.copy()
    assert list(coming) == [None]
    assert np.array_equal(at.desk.clusters.layer.data, shown[0])
    assert at.desk.clusters.layer.features.equals(shown[1])


def test_a_second_answer_that_comes_at_once_does_not_take_the_place_of_the_first(at):
    at.two_pictures(2)
    at.run()
    first, second = (target.plane for target in at.queue)
    at.queue.current = None
    at.desk.running.done.emit(first)
    at.desk.running.done.emit(second)
    at.wait()
    assert at.current == first


def test_cancel_keeps_what_is_finished_and_what_was_there_before(at):
    at.painted_stack(5)
    at.run()
    before = {target.plane: target for target in at.queue}
    ended = []
    at.desk.running.ended.connect(ended.append)
    go_on = at.run_in_two()
    at.desk.running.cancel()
    go_on.set()
    at.wait()
    assert ended[0].startswith("Cancelled: ")
    again = [target for target in at.queue if target.run == 2]
    assert len(again) in (1, 2)
    for target in at.queue:
        assert target.run == 2 or target == before[target.plane]


def test_targets_that_a_cancelled_run_did_not_reach_leave_the_queue(at):
    at.painted_stack(5)
    go_on = at.run_in_two()
    assert set(at.states().values()) <= {TargetState.PROPOSED, TargetState.RUNNING, TargetState.WAITING}
    assert len(at.queue) == 4
    at.desk.running.cancel()
    go_on.set()
    at.wait()
    assert len(at.queue) in (1, 2)
    assert set(at.states().values()) == {TargetState.PROPOSED}


def test_starting_again_in_the_middle_finishes_everything_once(at):
    image, _ = at.painted_stack(4)
    go_on = at.run_in_two()
    at.press("run")
    go_on.set()
    at.wait()
    assert at.problems == []
    assert [target.state for target in at.queue] == [TargetState.PROPOSED] * 3
    assert {target.run for target in at.queue} == {2}
    for target in at.queue:
        assert np.array_equal(at.proposal(target.plane), at.desk.session.store.get(target.plane).labels)
    assert np.array_equal(image.data, stack(4)[0])


@pytest.mark.parametrize("decision", ["cluster", "reading"])
def test_a_run_of_all_leaves_alone_what_a_person_corrected(at, decision):
    at.painted_stack(4)
    at.run()
    plane = at.current
    if decision == "cluster":
        at.desk.correcting.toggle_cluster(at.cluster_on())
    else:
        at.desk.correcting._decide("read", lambda now: now.read_as(now.settings.with_settings(max_prompts=9)))
    prediction, labels = at.prediction, at.proposal(plane)
    assert at.desk.standing().targets == 2
    at.run()
    assert [target.run for target in at.queue if target.plane == plane] == [1]
    assert [target.run for target in at.queue if target.plane != plane] == [2, 2]
    assert at.desk.session.store.get(plane) is prediction
    assert np.array_equal(at.proposal(plane), labels)
    at.desk.review.go_to(plane)
    at.press("undo")
    assert not np.array_equal(at.proposal(plane), labels) or decision == "reading"
    assert at.desk.standing().targets == 3
    at.press("redo")
    at.viewer.dims.set_point(0, plane.index[0])
    at.press("try")
    at.wait()
    assert at.target(plane).run == 3
    assert at.problems == []


def test_what_a_person_corrects_while_it_is_run_again_stays(at):
    at.painted_stack(4)
    at.run()
    go_on = at.run_in_two()
    plane = next(target.plane for target in at.queue if target.run == 1)
    at.desk.review.go_to(plane)
    at.desk.correcting.toggle_cluster(at.cluster_on())
    decisions, labels = at.prediction.decisions, at.proposal(plane)
    go_on.set()
    at.wait()
    assert sorted(target.run for target in at.queue) == [1, 2, 2]
    assert at.desk.session.store.get(plane).decisions == decisions
    assert np.array_equal(at.proposal(plane), labels)
    assert at.desk.session.history.can_undo
    assert set(at.states().values()) == {TargetState.PROPOSED}


def test_what_an_overtaken_run_finished_stays_if_the_new_one_is_of_others(at):
    at.painted_stack(4)
    go_on = at.run_in_two()
    done = at.current
    at.viewer.dims.set_point(0, 3)
    at.press("try")
    go_on.set()
    at.wait()
    assert at.target(done).state == TargetState.PROPOSED
    assert at.target(done).run == 1
    assert {target.title: target.run for target in at.queue}["cells · 3"] == 2
    assert not set(at.states().values()) & {TargetState.RUNNING, TargetState.WAITING}


def test_references_deleted_in_the_middle_of_a_run_do_no_harm(at):
    _, labels = at.painted_stack(4)
    at.press("run")
    at.viewer.layers.remove(labels)
    at.desk.tidy()
    assert len(at.desk.session.references) == 0
    at.wait()
    assert at.problems == []
    assert set(at.states().values()) == {TargetState.PROPOSED}
    at.press("run")
    at.wait()
    assert len(at.problems) == 1
    assert set(at.states().values()) == {TargetState.PROPOSED}


def test_a_picture_deleted_in_the_middle_of_a_run_is_forgotten(at):
    _, targets, _ = at.two_pictures(3)
    go_on = at.run_in_two()
    gone = at.desk.pictures.source_over(targets[1]).id
    at.viewer.layers.remove(targets[1])
    at.desk.tidy()
    go_on.set()
    at.wait()
    assert at.problems == []
    assert at.states() == {"target 0": TargetState.PROPOSED, "target 2": TargetState.PROPOSED}
    assert not [plane for plane in at.desk.session.proposals if plane.source == gone]


def test_all_layers_deleted_in_the_middle_of_a_run(at):
    at.two_pictures(3)
    go_on = at.run_in_two()
    at.viewer.layers.clear()
    at.desk.tidy()
    go_on.set()
    at.wait()
    assert at.problems == []
    assert len(at.queue) == len(at.viewer.layers) == 0
    assert at.desk.standing().pictures == 0


def test_our_layers_deleted_in_the_middle_of_a_run_come_back(at):
    at.painted_stack(3)
    go_on = at.run_in_two()
    for role in (Role.PROPOSAL, Role.PROMPTS, Role.CLUSTERS):
        at.desk.ours.remove(role, at.current.source)
    go_on.set()
    at.wait()
    assert at.problems == []
    for target in at.queue:
        assert np.array_equal(at.proposal(target.plane), at.desk.session.store.get(target.plane).labels)
    at.press("next")
    assert at.desk.prompts.layer is not None


def test_one_plane_that_cannot_be_read_is_named_and_the_others_go_on(at):
    pixels, labels = stack(4)

    def plane(z):
        if z == 2:
            raise RuntimeError("rotten sector")
        return pixels[z]

    whole = dask.array.stack(
        [dask.array.from_delayed(dask.delayed(plane)(z), (60, 80), pixels.dtype) for z in range(4)]
    )
    image = at.image("cells", whole, contrast_limits=(0, 255))
    at.viewer.dims.set_point(0, 0)
    at.paint(image, np.concatenate([labels[:1], np.zeros_like(labels[1:])]))
    ended = []
    at.desk.running.ended.connect(ended.append)
    at.run()
    assert at.states()["cells · 2"] == TargetState.FAILED
    assert "rotten sector" in next(target.note for target in at.queue if target.title == "cells · 2")
    assert ended == ["1 of 3 targets failed; the list says why."]
    assert sum(state == TargetState.PROPOSED for state in at.states().values()) == 2
    at.desk.review.go_to(next(target.plane for target in at.queue if target.title == "cells · 2"))
    at.run()  # what is found first is shown again
    assert at.target(at.current).state == TargetState.PROPOSED


def test_a_target_that_cannot_be_read_again_stays_what_it_was(at, monkeypatch):
    at.painted_stack(3)
    at.run()
    plane = at.current
    at.press("accept")
    at.desk.review.go_to(plane)
    before, read, ended, gone = at.target(plane), LayerSource.read, [], [plane]

    def read_others(self, wanted):
        if wanted in gone:
            raise OSError("the drive is gone")
        return read(self, wanted)

    monkeypatch.setattr(LayerSource, "read", read_others)
    at.desk.running.ended.connect(ended.append)
    at.press("try")
    at.wait()
    note = "It could not be run again. A file could not be read or written: the drive is gone."
    assert at.target(plane) == replace(before, note=note)
    assert ended == ["1 of 1 targets failed; the list says why."]
    gone.clear()
    at.press("try")
    at.wait()
    assert (at.target(plane).state, at.target(plane).note) == (TargetState.PROPOSED, "")


@pytest.mark.parametrize("way", ["undo", "delete"])
def test_what_is_accepted_no_more_is_not_accepted_after_a_cancelled_run(at, way):
    image, _ = at.painted_stack(3)
    at.run()
    plane = at.current
    at.press("accept")
    at.desk.review.go_to(plane)
    at.press("try")
    if way == "undo":
        at.press("undo")
    else:
        at.viewer.layers.remove(at.ours(Role.ACCEPTED, image))
        at.desk.tidy()
    at.desk.running.cancel()
    at.wait()
    assert at.target(plane).state == TargetState.PROPOSED
    at.press("redo")
    assert way == "delete" or at.target(plane).state == TargetState.ACCEPTED
    assert at.problems == []


def test_what_is_being_accepted_is_accepted_before_the_rest_is_run(at, monkeypatch):
    monkeypatch.setattr(review, "FEW", 1)
    at.painted_stack(3)
    at.run()
    assert at.desk.review.accept_above(0.0) == 2
    assert at.desk.slices.running
    at.press("run")
    assert not at.desk.running.running
    assert set(at.states().values()) == {TargetState.ACCEPTED}
    assert [sentence.split(";")[0] for sentence in at.problems] == [
        "All picked targets are accepted or corrected already"
    ]


def test_an_answer_that_nobody_was_told_of_changes_nothing(at, tmp_path):
    """A run stores on its thread; a save, or the dock's end, may come before the window takes the answer in."""
    at.painted_stack(3)
    at.run()
    plane = at.current
    at.press("accept")
    files = set(at.desk.session.folder.predictions.iterdir())
    at.desk.review.go_to(plane)
    at.desk.correcting.toggle_cluster(at.cluster_on())
    before, labels, made = at.target(plane), at.proposal(plane), at.prediction.decisions
    put, stored = at.desk.session.store.put, Event()
    at.desk.session.store.put = lambda *answer: (put(*answer), stored.set())
    at.press("try")
    assert stored.wait(RUN_MILLISECONDS / 1000)
    at.desk.saving.save(wait=True)
    (saved,) = (one for one in read_saved(at.desk.session.folder).targets if one.target.plane == plane)
    assert (saved.target, saved.decisions) == (before, made)
    at.desk.close()
    at.desk = Desk(at.viewer, tmp_path / "sessions")
    at.desk.saving.offer()
    at.desk.saving.go_on()
    assert at.target(plane) == before
    assert np.array_equal(at.proposal(plane), labels)
    assert np.array_equal(at.prediction.labels, labels)
    assert set(at.desk.session.folder.predictions.iterdir()) == files


def test_without_paint_a_run_says_so_and_leaves_nothing_behind(at):
    reference = at.image("a", picture(1)[0])
    at.desk.references.new(reference)
    at.run()
    assert at.problems == ["There is no painted reference yet; paint at least one object in a picture first."]
    assert len(at.queue) == 0
    assert not at.desk.running.running


def test_what_a_person_painted_before_the_run_survives_it(at):
    at.painted_stack(3)
    at.run()
    layer = at.desk.ours.find(Role.PROPOSAL, at.current.source)
    at.desk.session.forget([target.plane for target in at.queue])
    layer.data[...] = 0
    at.viewer.dims.set_point(0, 2)
    at.stroke(layer, [2, 2], [5, 5], [6, 7], values=1)
    at.run()
    assert layer.data[2, 5, 6] == layer.data[2, 5, 7] == 1
    assert np.count_nonzero(layer.data[2]) > 2
