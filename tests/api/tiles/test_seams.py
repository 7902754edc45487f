"""An object smaller than the overlap is one instance, wherever tiles fall."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_gfsam.api import Segmenter, Tiling
from napari_gfsam.core.types import Status
from tests.api.tiles.scenes import discs
from tests.fakes import use_fakes

QUICK = {"max_prompts": 24, "background_projection": "off"}
TILING = Tiling((96, 96), (40, 40), (96, 96), 3.0)


def shown() -> Segmenter:
    segmenter = Segmenter()
    picture, numbers = discs((96, 96), [(30, 30), (66, 60)], 13)
    segmenter.add_reference(picture, (numbers > 0).astype(np.uint8))
    return segmenter


def segmented(segmenter: Segmenter, picture: np.ndarray):
    return segmenter.segment(picture, settings=segmenter.settings.with_settings(**QUICK), scale=TILING)


@settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.integers(0, 39), st.integers(0, 39), st.integers(9, 16))
def test_an_object_smaller_than_the_overlap_is_one_instance(fake_models, dy, dx, radius):
    centres = [(y + dy, x + dx) for y in (30, 90) for x in (25, 85, 145)]
    picture, numbers = discs((152, 208), centres, radius)
    prediction = segmented(shown(), picture)
    labels, clusters = prediction.labels, prediction.clusters
    assert len(prediction.answer.tiles) > 1
    pieces, count = ndimage.label(labels > 0)
    assert count == len(centres)
    values = []
    for number in range(1, len(centres) + 1):
        inside = pieces[numbers == number]
        assert len(np.unique(inside[inside > 0])) == 1
        votes = np.unique(clusters[(numbers == number) & (labels > 0)])
        values.append(tuple(votes[votes > 0].tolist()))
        assert len(values[-1]) == 1
    assert len(set(values)) == len(centres)


@pytest.fixture(scope="module")
def models():
    with pytest.MonkeyPatch.context() as patch:
        yield use_fakes(patch)


@pytest.fixture(scope="module")
def prediction(models):
    picture, _ = discs((170, 230), [(40, 40), (60, 112), (130, 180)], 15)
    return segmented(shown(), picture)


def at(prediction, point_yx):
    table = prediction.points
    row = int(np.argmin(np.linalg.norm(table.points_yx - point_yx, axis=1)))
    return int(table.class_id[row]), int(table.index[row]), int(table.cluster[row])


def test_a_cluster_that_several_tiles_share_is_switched_off_and_on_as_one(prediction):
    class_id, _, cluster = at(prediction, (60, 112))
    off = prediction.with_cluster_status(class_id, cluster, Status.OFF_BY_HAND)
    assert prediction.labels[60, 112] == 1
    assert off.labels[60, 112] == 0
    assert off.labels[40, 40] == off.labels[130, 180] == 1
    on = off.with_cluster_status(class_id, cluster, Status.ON_BY_HAND)
    np.testing.assert_array_equal(on.labels, prediction.labels)
    np.testing.assert_array_equal(off.decided(()).labels, prediction.labels)


def test_one_prompt_is_one_row_and_one_decision(prediction):
    class_id, index, _ = at(prediction, (40, 40))
    off = prediction.with_status(class_id, index, Status.OFF_BY_HAND)
    changed = off.points.status != prediction.points.status
    assert changed.sum() == 1
    assert off.points.status[changed] == Status.OFF_BY_HAND
    assert off.classes[class_id].status[index] == Status.OFF_BY_HAND
    with pytest.raises(ValueError, match="no prompt 9999"):
        prediction.with_status(class_id, 9999, Status.OFF_BY_HAND)
    with pytest.raises(ValueError, match="no cluster 9999"):
        prediction.with_cluster_status(class_id, 9999, Status.OFF_BY_HAND)
    with pytest.raises(ValueError, match="no class 7"):
        prediction.with_status(7, 0, Status.OFF_BY_HAND)


def test_a_point_adds_and_takes_away(prediction):
    class_id, _, cluster = at(prediction, (60, 112))
    off = prediction.with_cluster_status(class_id, cluster, Status.OFF_BY_HAND)
    added = off.with_point(class_id, (60, 112))
    assert added.labels[60, 112] == 1
    assert len(added.points) == len(off.points) + 1
    np.testing.assert_allclose(added.points.points_yx[-1], (60, 112), atol=1)
    less = prediction.with_point(class_id, (60, 112), positive=False)
    erasers = less.points.status == Status.ERASER
    assert erasers.sum() >= 1
    np.testing.assert_allclose(less.points.points_yx[erasers], np.tile((60, 112), (erasers.sum(), 1)), atol=1)
    assert less.labels[40, 40] == 1
    np.testing.assert_array_equal(less.decided(()).labels, prediction.labels)


def test_what_decisions_give_does_not_depend_on_the_way_there(prediction):
    class_id, index, _ = at(prediction, (60, 112))
    there = prediction.with_status(class_id, index, Status.OFF_BY_HAND).with_point(class_id, (130, 180))
    there = there.with_cluster_status(class_id, at(prediction, (40, 40))[2], Status.OFF_BY_HAND)
    at_once = prediction.decided(there.decisions)
    np.testing.assert_array_equal(at_once.labels, there.labels)
    np.testing.assert_array_equal(at_once.points.status, there.points.status)
    np.testing.assert_array_equal(
        there.decided(there.decisions[:1]).labels, prediction.decided(there.decisions[:1]).labels
    )


def test_other_readings_need_no_encoder(prediction, models):
    encoder, segmenter = models
    before = encoder.calls, segmenter.embeds
    for other in prediction.alternatives():
        assert other.prediction.labels.shape == prediction.labels.shape
    assert encoder.calls == before[0] > 0


def test_the_record_says_how_the_picture_was_cut(prediction):
    record = prediction.record()
    assert record.tiling.tile == (96, 96)
    assert record.results[0].prompts == len(prediction.points)
    assert record.results[0].pixels == np.count_nonzero(prediction.labels)
