"""A person's decisions: live, undone, done again and repeated from a record."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_gfsam.core.types import Status
from napari_gfsam.io.records import DecisionRecord, RunRecord


def kept_cluster(prediction, class_id):
    """A cluster in the answer, and a pixel that is its own."""
    points = prediction.points
    row = np.flatnonzero((points.class_id == class_id) & (points.status == Status.KEPT))[0]
    y, x = points.points_yx[row].round().astype(int)
    return int(points.cluster[row]), (int(y), int(x))


def assert_same(found, wanted):
    np.testing.assert_array_equal(found.labels, wanted.labels)
    np.testing.assert_array_equal(found.confidence, wanted.confidence)
    np.testing.assert_array_equal(found.clusters, wanted.clusters)
    np.testing.assert_array_equal(found.points.status, wanted.points.status)
    assert found.decisions == wanted.decisions


def test_both_classes_are_found(answer):
    assert set(np.unique(answer.labels)) == {0, 1, 2}


def test_a_moved_cluster_changes_its_label(answer):
    cluster, at = kept_cluster(answer, 1)
    moved = answer.with_cluster_moved(1, cluster, 2)
    assert (answer.labels[at], moved.labels[at]) == (1, 2)
    assert moved.decisions == (DecisionRecord("move", 1, cluster, to_class=2),)
    points = moved.points
    assert (points.status[(points.class_id == 1) & (points.cluster == cluster)] == Status.OFF_BY_HAND).all()
    added = (points.class_id == 2) & (points.cluster == points.cluster[points.class_id == 2].max())
    assert (points.status[added] == Status.ON_BY_HAND).all()
    assert moved.clusters[at] > 0
    assert_same(moved.decided(()), answer)


def test_undo_and_redo_give_what_was_there(answer, fake_models):
    cluster, (y, x) = kept_cluster(answer, 1)
    states = [answer]
    states.append(states[-1].with_point(2, (y, x)))
    states.append(states[-1].with_cluster_status(1, cluster, Status.OFF_BY_HAND))
    states.append(states[-1].with_cluster_moved(2, kept_cluster(answer, 2)[0], 1))
    states.append(states[-1].with_point(1, (y, x), positive=False))
    decoded = fake_models[1].decodes
    now = states[-1]
    for wanted in reversed(states):
        now = now.decided(wanted.decisions)
        assert_same(now, wanted)
    assert fake_models[1].decodes == decoded, "undone points are not decoded"
    for wanted in states:
        assert_same(answer.decided(wanted.decisions), wanted)


def test_only_classes_that_change_are_merged_again(answer):
    off = answer.with_status(1, 0, Status.OFF_BY_HAND)
    assert off.classes[2] is answer.classes[2]
    assert off.classes[1] is not answer.classes[1]
    assert off.decided(off.decisions).answer is off.answer


def test_a_record_repeats_all_kinds(answer):
    cluster, (y, x) = kept_cluster(answer, 1)
    edited = answer.with_cluster_moved(1, cluster, 2).with_point(1, (y, x)).with_status(2, 0, Status.OFF_BY_HAND)
    edited = edited.with_cluster_status(1, 0, Status.ON_BY_HAND).with_point(2, (y, x), positive=False)
    record = RunRecord.from_dict(json.loads(json.dumps(edited.record().as_dict())))
    assert_same(answer.with_decisions(record.decisions), edited)
    first, rest = record.decisions[:2], record.decisions[2:]
    assert_same(answer.with_decisions(first).with_decisions(rest), edited)


def test_records_without_the_new_field_are_read(answer):
    data = answer.with_status(1, 0, Status.OFF_BY_HAND).record().as_dict()
    del data["decisions"][0]["to_class"]
    assert RunRecord.from_dict(data).decisions[0] == DecisionRecord("status", 1, 0, int(Status.OFF_BY_HAND))


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (DecisionRecord("paint", 1, 0), "does not know"),
        (DecisionRecord("status", 1, 0), "does not know"),
        (DecisionRecord("move", 1, 0), "does not know"),
        (DecisionRecord("point", 1, point_yx=(3.0,)), "does not know"),
        (DecisionRecord("status", 1, 0, 9), "9 is not a valid Status"),
        (DecisionRecord("move", 1, 0, to_class=9), "no class 9"),
        (DecisionRecord("point", 9, point_yx=(3.0, 4.0)), "no class 9"),
    ],
)
def test_decisions_that_cannot_be_followed_are_named(answer, decision, words):
    with pytest.raises(ValueError, match=words):
        answer.with_decisions((decision,))


def test_reused_answers_change_nothing_where_classes_compete(answer):
    from napari_gfsam.core.merge import merge_classes

    _, (y, x) = kept_cluster(answer, 1)
    contested = answer.with_point(2, (y, x))
    assert (contested.classes[1].mask & contested.classes[2].mask).any()
    assert contested.classes[1] is answer.classes[1]
    whole = merge_classes(list(contested.traces.values()), contested.scene.features.frame, contested.settings)
    np.testing.assert_array_equal(contested.labels, whole.labels)
    np.testing.assert_array_equal(contested.confidence, whole.confidence)
