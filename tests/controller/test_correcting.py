"""Corrections in every order, and by a hand that does not do what one expects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_gfsam.api import Alternative
from napari_gfsam.bridge.ours import Role
from napari_gfsam.session.types import TargetState
from tests.controller.hands import RUN_MILLISECONDS, picture

pytestmark = pytest.mark.gui


@pytest.fixture
def reviewed(at):
    """One picture is segmented and under review."""
    at.two_pictures(1)
    at.run()
    assert at.problems == []
    return at


@pytest.fixture
def stacked(at):
    """Three planes of a stack are segmented."""
    at.painted_stack(4)
    at.run()
    assert at.problems == []
    return at


def undo_all(at):
    while at.desk.session.history.can_undo:
        at.press("undo")


def redo_all(at):
    while at.desk.session.history.can_redo:
        at.press("redo")


def test_a_cluster_goes_and_comes_back(reviewed):
    at = reviewed
    before = at.proposal(at.current)
    at.desk.correcting.toggle_cluster(at.cluster_on())
    without = at.proposal(at.current)
    assert without.sum() < before.sum()
    at.press("undo")
    assert np.array_equal(at.proposal(at.current), before)
    at.press("redo")
    assert np.array_equal(at.proposal(at.current), without)
    assert at.problems == []


def test_undo_brings_back_what_was_shown_even_if_it_was_smoothed(reviewed):
    at = reviewed
    smoothed = at.prediction.labels.copy()
    smoothed[:, : np.nonzero(smoothed)[1].mean().astype(int)] = 0
    at.desk.sheets.show_answer(at.current, smoothed)
    at.desk.correcting.toggle_cluster(at.cluster_on())
    corrected = at.proposal(at.current)
    assert np.array_equal(corrected, at.prediction.labels)
    at.press("undo")
    assert np.array_equal(at.proposal(at.current), smoothed)
    at.press("redo")
    assert np.array_equal(at.proposal(at.current), corrected)


def test_strokes_survive_every_decision_and_are_undone_in_order(reviewed):
    at = reviewed
    layer = at.desk.ours.find(Role.PROPOSAL, at.current.source)
    start = at.proposal(at.current)
    at.stroke(layer, [0, 0], [3, 4], values=1)
    at.desk.correcting.toggle_cluster(at.cluster_on())
    at.stroke(layer, *np.nonzero(at.proposal(at.current)), values=0)
    at.desk.correcting.add_point(1, (30.0, 40.0), positive=True)
    painted = at.proposal(at.current)
    assert not painted[0, 3]
    history = at.desk.session.history
    titles = []
    while history.can_undo:
        titles.append(history.undo_title)
        at.press("undo")
    assert titles[0] == "add a point"
    assert titles[1] == titles[3] == "paint"
    assert titles[2].startswith("switch cluster")
    assert np.array_equal(at.proposal(at.current), start)
    redo_all(at)
    assert np.array_equal(at.proposal(at.current), painted)


def test_a_stroke_that_was_not_told_is_found_before_the_next_decision(reviewed):
    at = reviewed
    layer = at.desk.ours.find(Role.PROPOSAL, at.current.source)
    layer.data[1, 2:5] = 1  # a plugin, or a tool that emits nothing
    at.desk.correcting.toggle_cluster(at.cluster_on())
    assert layer.data[1, 2:5].tolist() == [1, 1, 1]
    at.press("undo")
    at.press("undo")
    assert not layer.data[1, 2:5].any()


def test_an_object_is_deleted_at_the_pointer_and_brought_back(reviewed):
    at = reviewed
    before = at.proposal(at.current)
    row, column = np.argwhere(before)[0]
    at.at_point(row, column + 100)
    at.press("delete_object")
    assert at.proposal(at.current)[row, column] == 0
    assert at.desk.session.history.undo_title == "delete an object"
    at.press("undo")
    assert np.array_equal(at.proposal(at.current), before)
    row, column = np.argwhere(before == 0)[0]
    at.at_point(row, column + 100)
    at.press("delete_object")
    assert at.problems == ["There is no object under the pointer; point at one and press the key again."]


def test_keys_beside_the_picture_do_nothing_but_say_so(reviewed):
    at = reviewed
    before, places = at.prediction, [(-5, 110), (30, 40), (70, 110)]
    for where in places:
        at.at_point(*where)
        for action in ("add_positive", "add_negative", "delete_object"):
            at.press(action)
    assert at.prediction is before
    said = "The pointer is not on the target under review; point at it and press the key again."
    assert at.problems == [said] * 9


def test_keys_on_another_plane_do_nothing_but_say_so(stacked):
    at = stacked
    at.viewer.dims.set_point(0, 0)
    at.at_point(30, 40)
    before = at.prediction
    for action in ("add_positive", "delete_object", "toggle_point", "toggle_cluster"):
        at.press(action)
    assert at.prediction is before
    assert len(at.problems) == 4


def test_points_at_the_pointer_take_the_class_of_the_brush(at):
    pixels, labels = picture(1)
    two = labels.copy()
    two[:, 40:] *= 2
    at.paint(at.image("painted", pixels), two)
    at.image("target", picture(2)[0], translate=(0, 100))
    at.desk.session.classes.set_negative(2, True)
    at.run()
    layer = at.desk.ours.find(Role.PROPOSAL, at.current.source)
    for brush, expected in ((2, 2), (1, 1), (7, 1)):
        layer.selected_label = brush
        at.at_point(30, 130)
        at.press("add_positive")
        assert at.prediction.decisions[-1].class_id == expected
    assert at.problems == []
    undo_all(at)
    assert at.prediction.decisions == ()


def test_a_class_that_is_newer_than_the_run_is_not_taken_for_another(reviewed):
    at = reviewed
    at.desk.session.classes.add("debris")
    at.desk.ours.find(Role.PROPOSAL, at.current.source).selected_label = 2
    at.at_point(30, 130)
    at.press("add_positive")
    at.desk.guarded(at.desk.correcting.move_cluster)(at.cluster_on(), 2)
    said = "This target was not searched for “debris”; run again to search for it, or choose another class."
    assert at.problems == [said] * 2
    assert at.prediction.decisions == ()


def test_a_cluster_moves_to_another_class_and_back(at):
    pixels, labels = picture(1)
    two = labels.copy()
    two[:, 40:] *= 2
    at.paint(at.image("painted", pixels), two)
    at.image("target", picture(2)[0], translate=(0, 100))
    at.run()
    before = at.proposal(at.current)
    class_id, cluster = at.cluster_on()
    at.desk.correcting.move_cluster((class_id, cluster), 3 - class_id)
    assert not np.array_equal(at.proposal(at.current), before)
    at.press("undo")
    assert np.array_equal(at.proposal(at.current), before)
    for to_class in (class_id, 9):
        at.desk.guarded(at.desk.correcting.move_cluster)((class_id, cluster), to_class)
    assert len(at.problems) == 2
    assert np.array_equal(at.proposal(at.current), before)


def wait_for_reading(at):
    at.qtbot.waitUntil(lambda: not at.desk.correcting._jobs.running, timeout=RUN_MILLISECONDS)


def test_alternatives_go_round_and_are_undone_and_done_again(reviewed):
    at = reviewed
    told = []
    at.desk.correcting.reading_changed.connect(lambda *words: told.append(words))
    found, first = at.proposal(at.current), at.prediction.settings
    at.press("alternatives")
    wait_for_reading(at)
    assert told[0] == ("looking for other readings", "")
    if told[-1][1] == "":
        assert told[-1][0] == "all other readings look the same"
        return
    other = at.proposal(at.current)
    assert not np.array_equal(other, found)
    at.press("undo")
    assert at.prediction.settings == first
    assert np.array_equal(at.proposal(at.current), found)
    at.press("redo")
    assert np.array_equal(at.proposal(at.current), other)
    while at.prediction.settings != first:
        at.press("alternatives")
    assert np.array_equal(at.proposal(at.current), found)
    assert told[-1][0] == "as found"


def test_a_single_reading_is_told_each_time_and_is_no_step_to_undo(reviewed, monkeypatch):
    at = reviewed
    told = []
    at.desk.correcting.reading_changed.connect(lambda *words: told.append(words))
    monkeypatch.setattr(type(at.prediction), "alternatives", lambda self: ())
    at.desk.correcting.toggle_cluster(at.cluster_on())
    at.press("undo")
    at.press("alternatives")
    at.qtbot.waitUntil(lambda: len(told) == 2, timeout=RUN_MILLISECONDS)
    at.press("alternatives")
    assert told[1:] == [("all other readings look the same", "")] * 2
    assert not at.desk.session.history.can_undo
    assert at.desk.session.history.can_redo


def test_readings_of_one_target_are_not_shown_on_another(stacked):
    at = stacked
    told = []
    at.press("alternatives")
    wait_for_reading(at)
    at.press("next")
    at.desk.correcting.reading_changed.connect(lambda *words: told.append(words))
    before = at.prediction
    at.press("alternatives")
    assert told == [("looking for other readings", "")]
    at.press("previous")
    wait_for_reading(at)
    assert at.problems == []
    at.press("next")
    assert at.prediction is before


def test_as_found_is_the_reading_of_the_run_after_others_were_looked_for_elsewhere(stacked, monkeypatch):
    at = stacked

    def alternatives(self):
        return (Alternative("part", replace(self, settings=self.settings.with_settings(components="strong"))),)

    monkeypatch.setattr(type(at.prediction), "alternatives", alternatives)
    told, found = [], at.prediction.settings
    at.desk.correcting.reading_changed.connect(lambda *words: told.append(words))

    def show_next():
        at.press("alternatives")
        wait_for_reading(at)
        return told[-1]

    assert show_next() == ("part", "2 of 2")
    at.press("next")
    assert show_next() == ("part", "2 of 2")
    at.press("previous")
    assert at.prediction.settings != found
    assert show_next() == ("as found", "1 of 2")
    assert at.prediction.settings == found
    assert show_next() == ("part", "2 of 2")


def test_readings_that_cannot_be_made_are_told(reviewed, monkeypatch):
    at = reviewed
    monkeypatch.setattr(type(at.prediction), "alternatives", lambda self: raise_value_error())
    at.press("alternatives")
    wait_for_reading(at)
    assert at.problems == ["These are not the models it was made with."]
    at.press("alternatives")
    wait_for_reading(at)
    assert len(at.problems) == 2


def raise_value_error():
    raise ValueError("These are not the models it was made with.")


def test_undo_goes_back_to_the_target_that_it_is_about(stacked):
    at = stacked
    first = at.current
    before = at.proposal(first)
    at.desk.correcting.toggle_cluster(at.cluster_on())
    at.press("next")
    assert at.current != first
    at.press("undo")
    assert at.current == first
    assert at.desk.review.shown(first.source) == first
    assert np.array_equal(at.proposal(first), before)
    assert at.viewer.dims.current_step[0] == first.index[0]


def test_undo_shows_what_it_undoes_where_the_sliders_were_moved(stacked):
    at = stacked
    first = at.current
    at.desk.correcting.toggle_cluster(at.cluster_on())
    at.viewer.dims.set_point(0, 0)
    at.press("undo")
    assert at.desk.review.shown(first.source) == first


def test_strokes_on_a_plane_that_is_not_under_review_are_kept_and_undone(stacked):
    at = stacked
    layer, first = at.desk.ours.find(Role.PROPOSAL, at.current.source), at.current
    at.viewer.dims.set_point(0, 0)  # the reference: never a target
    at.stroke(layer, [0, 0], [2, 2], [3, 4], values=1)
    at.desk.correcting.toggle_cluster(at.cluster_on())
    assert layer.data[0].sum() == 2
    at.press("undo")
    assert at.current == first
    at.press("undo")
    assert layer.data[0].sum() == 0
    assert not at.desk.session.history.can_undo
    at.press("redo")
    assert layer.data[0].sum() == 2
    assert at.current == first
    assert at.problems == []


@pytest.mark.parametrize("role", [Role.PROPOSAL, Role.PROMPTS, Role.CLUSTERS])
def test_layers_of_ours_may_be_deleted_before_any_correction(reviewed, role):
    at = reviewed
    at.desk.correcting.toggle_cluster(at.cluster_on())
    expected = at.proposal(at.current)
    at.press("undo")
    at.viewer.layers.remove(at.desk.ours.find(role, at.current.source))
    at.desk.tidy()
    at.press("redo")
    assert at.problems == []
    assert np.array_equal(at.proposal(at.current), expected)
    assert at.desk.ours.find(role, at.current.source) is not None
    at.viewer.layers.remove(at.desk.ours.find(role, at.current.source))
    at.press("undo")
    at.press("accept")
    assert at.problems == []
    assert at.target(at.current).state == TargetState.ACCEPTED


def test_after_its_picture_is_deleted_nothing_can_be_corrected_and_nothing_breaks(reviewed):
    at = reviewed
    at.desk.correcting.toggle_cluster(at.cluster_on())
    at.viewer.layers.remove(at.viewer.layers["target 0"])
    for action in ("add_positive", "toggle_cluster", "alternatives", "undo", "accept", "next", "skip", "delete_object"):
        at.press(action)
    at.desk.tidy()
    assert len(at.queue) == 0
    assert not at.desk.session.history.can_undo
    count = len(at.problems)
    for action in ("undo", "redo", "accept", "next", "previous"):
        at.press(action)
    assert at.problems[count:] == ["No finished target is under review; choose one in the list first."]


def test_what_needs_room_on_the_disk_says_so_once_and_does_not_block_undo(stacked):
    at = stacked
    first = at.current
    at.desk.correcting.toggle_cluster(at.cluster_on())
    at.press("next")
    at.desk.correcting.toggle_cluster(at.cluster_on())
    at.desk.session.store.drop([at.current])
    at.press("undo")
    assert at.problems == ["What correcting this target needs had to make room on the disk; run it again."]
    at.press("undo")
    assert at.current == first
    assert len(at.problems) == 1
