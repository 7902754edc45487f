"""What is drawn over the target under review."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.bridge.ours import Role
from napari_gfsam.controller.overlays import ROLES
from napari_gfsam.session.types import TargetState

pytestmark = pytest.mark.gui


@pytest.fixture
def stacked(at):
    at.painted_stack(3)
    at.run()
    return at


def test_overlays_are_shown_hidden_and_follow_the_target(stacked):
    at = stacked
    overlays = at.desk.overlays
    assert overlays.shown() == {"points", "clusters"}
    for name in ("confidence", "similarity", "instances"):
        overlays.show(name, True)
        overlays.show(name, True)
    assert overlays.shown() == set(ROLES)
    first = at.desk.ours.find(Role.CONFIDENCE).data.copy()
    at.press("next")
    assert overlays.shown() == set(ROLES)
    assert not np.array_equal(at.desk.ours.find(Role.CONFIDENCE).data, first)
    assert np.array_equal(at.desk.ours.find(Role.CONFIDENCE).data.squeeze(), at.prediction.confidence)
    instances = at.desk.ours.find(Role.INSTANCES, at.current.source)
    assert np.array_equal(at.current.take(instances.data) > 0, at.proposal(at.current) > 0)
    for name in ROLES:
        overlays.show(name, False)
        overlays.show(name, False)
    assert overlays.shown() == set()
    at.desk.correcting.toggle_cluster(at.cluster_on())
    assert overlays.shown() == set()
    assert {layer.name for layer in at.viewer.layers} >= {"prompts · gfsam", "clusters · gfsam"}
    overlays.show("points", True)
    assert overlays.shown() == {"points"}
    assert at.problems == []


def test_single_objects_are_those_that_a_correction_leaves(stacked):
    at = stacked
    at.desk.overlays.show("instances", True)
    layer = at.desk.ours.find(Role.INSTANCES, at.current.source)
    before = np.unique(at.current.take(layer.data))
    at.desk.correcting.toggle_cluster(at.cluster_on())
    assert np.array_equal(at.current.take(layer.data) > 0, at.proposal(at.current) > 0)
    assert set(layer.features.columns) == {"index", "class", "class_id", "cluster", "score"}
    at.press("undo")
    assert len(np.unique(at.current.take(layer.data))) == len(before)


@pytest.mark.parametrize("by_eye", [True, False])
def test_what_was_hidden_by_the_eye_is_made_anew_when_it_is_seen_again(stacked, by_eye):
    at = stacked
    names = {"confidence": Role.CONFIDENCE, "similarity": Role.SIMILARITY, "instances": Role.INSTANCES}
    for name in names:
        at.desk.overlays.show(name, True)
    layers = {name: at.desk.ours.find(role, at.current.source) for name, role in names.items()}
    for layer in layers.values():
        layer.visible = False
    at.desk.correcting.toggle_cluster(at.cluster_on())
    at.press("next")
    at.press("previous")
    for name, layer in layers.items():
        if by_eye:
            layer.visible = True
        else:
            at.desk.overlays.show(name, True)
    assert at.desk.overlays.shown() == set(ROLES)
    assert np.array_equal(layers["confidence"].data.squeeze(), at.prediction.confidence)
    assert np.array_equal(at.current.take(layers["instances"].data) > 0, at.proposal(at.current) > 0)


def test_a_class_that_is_renamed_keeps_the_numbers_of_its_objects(stacked):
    at = stacked
    at.desk.overlays.show("instances", True)
    at.qtbot.waitUntil(lambda: not at.desk.stacks.busy, timeout=30_000)
    layer = at.desk.ours.find(Role.INSTANCES, at.current.source)
    before = layer.data.copy()
    at.desk.session.classes.rename(1, "nucleus")
    assert set(layer.features["class"]) == {"nucleus"}
    at.press("next")
    at.press("previous")
    at.qtbot.waitUntil(lambda: not at.desk.stacks.busy, timeout=30_000)
    assert np.array_equal(layer.data, before)
    assert set(layer.features["class"]) == {"nucleus"}


def test_overlays_deleted_by_hand_come_back_when_asked_for(stacked):
    at = stacked
    at.desk.overlays.show("confidence", True)
    for role in (Role.CONFIDENCE, Role.PROMPTS, Role.CLUSTERS):
        at.viewer.layers.remove(at.desk.ours.find(role))
    at.press("next")
    assert at.desk.overlays.shown() == {"points", "clusters"}
    at.desk.overlays.show("confidence", True)
    assert "confidence" in at.desk.overlays.shown()


def test_without_a_target_nothing_is_shown_and_nothing_breaks(at):
    for name in ROLES:
        at.desk.overlays.show(name, True)
        at.desk.overlays.show(name, False)
    assert at.desk.overlays.shown() == set()
    at.painted_stack(2)
    at.run()
    at.desk.overlays.show("confidence", True)
    at.viewer.layers.remove(at.viewer.layers["cells"])
    at.desk.overlays.show("similarity", True)
    at.desk.tidy()
    at.desk.overlays.show("instances", True)
    assert TargetState.PROPOSED not in at.states().values()
    assert at.problems == []


def test_hold_to_hide_and_show_again(stacked):
    at = stacked
    before = {layer.name: layer.visible for layer in at.viewer.layers}
    at.press("hide")
    assert [layer.name for layer in at.viewer.layers if layer.visible] == ["cells"]
    at.press("hide")
    at.press("show")
    assert {layer.name: layer.visible for layer in at.viewer.layers} == before
