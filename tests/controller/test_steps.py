"""Strokes on every layer of ours are steps of the one history."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.bridge.ours import Role
from napari_gfsam.session.types import TargetState

pytestmark = pytest.mark.gui


def test_a_stroke_on_accepted_labels_is_undone_before_the_accept(at):
    at.two_pictures(1)
    at.run()
    plane = at.current
    at.press("accept")
    layer, before = at.desk.ours.find(Role.ACCEPTED, plane.source), at.accepted(plane)
    layer.selected_label, layer.brush_size = 1, 3
    layer.paint((1, 1), 1)
    at.stroke(layer, [0, 0], [10, 11], values=1)
    painted = at.accepted(plane)
    assert painted.sum() > before.sum()
    at.press("undo")
    at.press("undo")
    assert np.array_equal(at.accepted(plane), before)
    assert at.target(plane).state == TargetState.ACCEPTED
    at.press("undo")
    assert not at.accepted(plane).any()
    assert at.target(plane).state == TargetState.PROPOSED
    for _ in range(3):
        at.press("redo")
    assert np.array_equal(at.accepted(plane), painted)
    assert at.problems == []


def test_an_undone_stroke_on_accepted_labels_goes_to_its_plane_and_is_saved(at):
    image, _ = at.painted_stack(4)
    at.run()
    at.desk.review.accept_above(0.0)
    at.viewer.dims.set_point(0, 2)
    layer = at.ours(Role.ACCEPTED, image)
    at.stroke(layer, [2, 2], [0, 0], [5, 6], values=1)
    at.desk.saving.save(wait=True)
    at.viewer.dims.set_point(0, 3)
    at.press("undo")
    assert at.viewer.dims.current_step[0] == 2
    assert not layer.data[2, 0, 5:7].any()
    assert at.desk.session.dirty
    plane = next(target.plane for target in at.queue if target.plane.index[0] == 2)
    assert plane in at.desk.saving._snapshots.collect().labels
    assert set(at.states().values()) == {TargetState.ACCEPTED}


def test_strokes_on_a_layer_that_a_person_deleted_are_forgotten(at):
    at.two_pictures(1)
    at.run()
    plane = at.current
    at.press("accept")
    layer = at.desk.ours.find(Role.ACCEPTED, plane.source)
    at.stroke(layer, [0, 0], [0, 1], values=1)
    at.viewer.layers.remove(layer)
    at.desk.tidy()
    assert not at.desk.session.history.can_undo


def test_a_stroke_on_single_objects_is_a_step_of_its_own(at):
    at.two_pictures(1)
    at.run()
    plane = at.current
    at.desk.overlays.show("instances", True)
    at.desk.correcting.toggle_cluster(at.cluster_on())
    corrected = at.proposal(plane)
    layer = at.desk.ours.find(Role.INSTANCES, plane.source)
    at.stroke(layer, [0, 0], [0, 1], values=7)
    at.press("undo")
    assert layer.data[0, :2].tolist() == [0, 0]
    assert np.array_equal(at.proposal(plane), corrected)
    at.press("undo")
    assert not np.array_equal(at.proposal(plane), corrected)


def test_a_stroke_through_several_planes_is_one_step(at):
    image, _ = at.painted_stack(5)
    at.viewer.dims.set_point(0, 1)
    at.press("try")
    at.wait()
    at.viewer.dims.set_point(0, 2)
    at.press("try")
    at.wait()
    at.desk.review.follow()
    layer = at.ours(Role.PROPOSAL, image)
    before = layer.data.copy()
    layer.n_edit_dimensions, layer.brush_size, layer.selected_label = 3, 3, 1
    with layer.block_history():  # as napari's mouse does: else it tells before it paints
        layer.paint((2, 1, 1), 1)  # reaches two targets and a plane that is none
    painted = layer.data.copy()
    assert [int((painted[z] != before[z]).sum()) > 0 for z in range(5)] == [False, True, True, True, False]
    at.press("undo")
    assert np.array_equal(layer.data, before)
    at.press("redo")
    assert np.array_equal(layer.data, painted)
    assert at.current.index[0] == 2
    assert at.problems == []
