"""Along a stack: objects keep one id, and decisions are smoothed where that is wished for, in one step."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.bridge.ours import Role
from napari_gfsam.controller.nearest import line_through
from napari_gfsam.imaging.linking import link_planes
from napari_gfsam.imaging.smoothing import smooth_planes
from napari_gfsam.session.types import PlaneKey, Target, TargetState

pytestmark = pytest.mark.gui
SHAPE = (5, 40, 50)


def moving() -> np.ndarray:
    """Two objects that move; one is missing in a plane, and a speck is in one plane only."""
    labels = np.zeros(SHAPE, np.uint8)
    for place in range(SHAPE[0]):
        labels[place, 5 + place : 15 + place, 5:15] = 1
        labels[place, 20:30, 25 + place : 35 + place] = 1
    labels[2, 20:30, 25:40] = 0
    labels[3, 2:5, 40:43] = 1
    return labels


@pytest.fixture
def proposed(at):
    """Proposals of a stack as a run leaves them, without a run."""
    source = at.desk.pictures.source_over(at.image("cells", np.zeros(SHAPE, np.uint8)))
    planes = [PlaneKey(source.id, (place, -1, -1), (1, 2)) for place in range(SHAPE[0])]
    for plane, labels in zip(planes, moving(), strict=True):
        at.desk.sheets.show_answer(plane, labels)
    at.desk.session.queue.put(Target(plane, source.title(plane), TargetState.PROPOSED, 0.9) for plane in planes)
    at.desk.review.go_to(planes[0])
    at.planes = planes
    return at


def settle(at) -> None:
    at.qtbot.waitUntil(lambda: not at.desk.stacks.busy, timeout=30_000)


def shown(at) -> np.ndarray:
    return at.desk.ours.find(Role.PROPOSAL, at.planes[0].source).data


def end_run(at) -> None:
    for plane in at.planes:
        at.desk.running.done.emit(plane)
    at.desk.running.ended.emit("")
    settle(at)


def test_lines_of_planes():
    def plane(*index: int, source: str = "s") -> PlaneKey:
        return PlaneKey(source, (*index, -1, -1), (2, 3))

    planes = [plane(0, 1), plane(2, 1), plane(1, 1), plane(1, 0), plane(0, 0), plane(5, 1, source="other")]
    assert line_through(planes, plane(1, 1)) == [plane(0, 1), plane(1, 1), plane(2, 1)]
    assert line_through([], plane(1, 1)) == [plane(1, 1)]


def test_one_object_keeps_one_id_through_a_stack(at):
    at.painted_stack(4)
    at.run()
    at.desk.overlays.show("instances", True)
    settle(at)
    layer = at.desk.ours.find(Role.INSTANCES, at.current.source)
    planes = sorted(at.desk.session.proposals)
    labels = [at.proposal(plane) for plane in planes]
    for plane, wanted in zip(planes, link_planes(labels), strict=True):
        assert np.array_equal(plane.take(layer.data), wanted)
    assert sorted(layer.features["index"]) == sorted(np.unique(layer.data[layer.data > 0]))
    assert (layer.features["score"] > 0).all()
    before = layer.data.copy()
    at.desk.correcting.toggle_cluster(at.cluster_on())
    settle(at)
    at.press("undo")
    settle(at)
    assert np.array_equal(layer.data > 0, before > 0)
    assert at.problems == []


def test_linking_goes_on_where_predictions_are_gone_and_the_layer_is_deleted(proposed):
    at = proposed
    at.desk.stacks.link(at.planes[0])
    settle(at)  # nobody asked for instances: nothing happens
    assert at.desk.ours.find(Role.INSTANCES, at.planes[0].source) is None
    assert at.problems == []


def test_smoothing_is_one_step_that_is_taken_back(proposed):
    at = proposed
    end_run(at)
    assert np.array_equal(shown(at), moving()), "nobody wished for it"
    at.desk.stacks.smooth = True
    end_run(at)
    wanted = np.stack(list(smooth_planes(moving())))
    assert np.array_equal(shown(at), wanted)
    assert not np.array_equal(wanted, moving())
    assert at.desk.session.history.undo_title == "smooth 2 planes"
    at.press("undo")
    settle(at)
    assert np.array_equal(shown(at), moving())
    at.press("redo")
    settle(at)
    assert np.array_equal(shown(at), wanted)
    end_run(at)
    assert at.desk.session.history.undo_title == "smooth 2 planes", "there is nothing left to smooth"


def test_accepted_planes_and_paint_stay(proposed):
    at = proposed
    layer = at.desk.ours.find(Role.PROPOSAL, at.planes[0].source)
    layer.data[2, 0, 0] = 7  # not told
    at.desk.review.go_to(at.planes[3])
    at.desk.review.accept(stay=True)
    at.desk.stacks.smooth = True
    end_run(at)
    assert np.array_equal(shown(at)[3], moving()[3])
    assert shown(at)[2, 0, 0] == 7
    assert shown(at)[2, 25, 30] == 1
    at.press("undo")
    settle(at)
    assert shown(at)[2, 0, 0] == 7


def test_a_plane_that_was_answered_anew_is_not_taken_back(proposed):
    at = proposed
    at.desk.stacks.smooth = True
    end_run(at)
    at.desk.sheets.show_answer(at.planes[2], np.zeros(SHAPE[1:], np.uint8))
    at.press("undo")
    settle(at)
    assert not shown(at)[2].any()
    assert np.array_equal(shown(at)[3], moving()[3])
