from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.api import PaintError, PredictionReady, Segmenter
from napari_gfsam.core.config import PUBLISHED, TUNED
from napari_gfsam.core.pipeline import PromptsDecoded, StageDone
from napari_gfsam.core.types import ClassSpec, Status
from napari_gfsam.imaging import ImageError
from tests.fakes import QUICK, disc_picture


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / max((first | second).sum(), 1))


@pytest.fixture
def segmenter(fake_models, painted_pair):
    picture, labels, _, _ = painted_pair
    segmenter = Segmenter()
    segmenter.add_reference(picture, labels, classes={1: "disc"})
    return segmenter


@pytest.fixture
def prediction(segmenter, painted_pair):
    return segmenter.segment(painted_pair[2])


def test_finds_what_was_painted(prediction, painted_pair):
    truth = painted_pair[3]
    assert prediction.labels.shape == truth.shape
    assert prediction.labels.dtype == np.uint8
    assert iou(prediction.labels == 1, truth == 1) > 0.9
    assert prediction.reason == ""
    assert (prediction.confidence[prediction.labels == 0] == 0).all()
    assert (prediction.confidence[prediction.labels > 0] > 0).all()


def test_points_and_clusters_are_in_picture_coordinates(prediction, painted_pair):
    points, truth = prediction.points, painted_pair[3]
    assert len(points) == len(prediction.classes[1].points)
    kept = points.points_yx[points.status == Status.KEPT].round().astype(int)
    assert truth[tuple(kept.T)].mean() > 0.9
    assert prediction.clusters.shape == truth.shape
    assert prediction.clusters.max() <= points.cluster.max() + 1


def test_encoders_run_once_per_picture_whatever_the_classes_and_settings(fake_models, painted_pair):
    picture, labels, target, _ = painted_pair
    encoder, sam = fake_models
    labels = np.where(labels & (np.arange(labels.shape[1]) < 120), 2, labels)
    segmenter = Segmenter()
    segmenter.add_reference(picture, labels)
    for settings in (TUNED, PUBLISHED, TUNED.with_settings(granularity="union")):
        segmenter.segment(target, settings=settings)
    assert (encoder.calls, sam.embeds) == (2, 1)
    decoded = sam.decodes
    segmenter.segment(target, settings=TUNED.with_settings(components="strong"))
    assert sam.decodes == decoded, "masks already decoded for a cell are used again"


def test_target_changed_in_place_is_seen(segmenter, fake_models, painted_pair):
    target = painted_pair[2].copy()
    before = segmenter.segment(target)
    target[:] = painted_pair[0]
    after = segmenter.segment(target)
    assert fake_models[1].embeds == 2
    assert not np.array_equal(before.labels, after.labels)
    assert np.array_equal(after.labels, segmenter.segment(painted_pair[0]).labels)


def test_reference_is_a_snapshot(fake_models, painted_pair):
    picture, labels, target, _ = (array.copy() for array in painted_pair)
    segmenter = Segmenter()
    segmenter.add_reference(picture, labels)
    expected = segmenter.segment(target).labels
    picture[:] = 0
    labels[:] = 0
    assert np.array_equal(segmenter.segment(target).labels, expected)


def test_another_contrast_is_another_picture(segmenter, fake_models, painted_pair):
    from napari_gfsam.imaging import PixelRecipe

    segmenter.segment(painted_pair[2])
    segmenter.segment(painted_pair[2], recipe=PixelRecipe(intensity="range", limits=((0, 100),)))
    assert fake_models[1].embeds == 2


def test_several_references(fake_models, painted_pair):
    segmenter = Segmenter()
    for seed in (1, 3, 4):
        segmenter.add_reference(*disc_picture(seed))
    assert iou(segmenter.segment(painted_pair[2]).labels == 1, painted_pair[3] == 1) > 0.9
    assert fake_models[0].calls == 4


def test_negative_class_competes_and_is_erased(fake_models, painted_pair):
    picture, labels, target, _ = painted_pair
    segmenter = Segmenter()
    segmenter.add_reference(picture, labels, classes=[ClassSpec(1, "disc", negative=True)])
    prediction = segmenter.segment(target)
    assert not prediction.labels.any()
    assert prediction.classes[1].mask.any()


def test_events_tell_stages_and_batches(segmenter, painted_pair):
    events = list(segmenter.segment_events(painted_pair[2]))
    stages = [event.stage for event in events if isinstance(event, StageDone)]
    reading = ["points", "masks", "gates"]
    assert stages == ["load", "reference", "target", *reading, *reading, "merge", "merge"]
    batches = [event for event in events if isinstance(event, PromptsDecoded)]
    assert batches[-1].done == batches[-1].total > 0
    assert isinstance(events[-1], PredictionReady)
    assert set(events[-1].prediction.seconds) == set(stages)


def test_closing_the_events_cancels(segmenter, fake_models, painted_pair):
    events = segmenter.segment_events(painted_pair[2])
    for event in events:
        if isinstance(event, PromptsDecoded):
            break
    events.close()
    assert fake_models[1].decodes <= 16


def test_point_off_and_on_again(prediction):
    kept = int(np.flatnonzero(prediction.classes[1].status == Status.KEPT)[0])
    off = prediction.with_status(1, kept, Status.OFF_BY_HAND)
    assert off.classes[1].status[kept] == Status.OFF_BY_HAND
    assert prediction.classes[1].status[kept] == Status.KEPT
    again = off.with_status(1, kept, Status.ON_BY_HAND)
    assert np.array_equal(again.labels, prediction.labels)


def test_cluster_off_removes_its_object(prediction, fake_models):
    encoded = fake_models[0].calls, fake_models[1].embeds, fake_models[1].decodes
    found = prediction.classes[1]
    cluster = int(found.cluster[found.status == Status.KEPT][0])
    y, x = prediction.points.points_yx[found.cluster == cluster][0].round().astype(int)
    off = prediction.with_cluster_status(1, cluster, Status.OFF_BY_HAND)
    assert prediction.labels[y, x] == 1
    assert off.labels[y, x] == 0
    assert (fake_models[0].calls, fake_models[1].embeds, fake_models[1].decodes) == encoded


def test_point_added_and_taken_away(prediction, painted_pair, fake_models):
    empty = prediction
    for cluster in range(prediction.traces[1].graph.n_clusters):
        empty = empty.with_cluster_status(1, cluster, Status.OFF_BY_HAND)
    assert not empty.labels.any()
    assert "by hand" in empty.reason
    y, x = np.argwhere(painted_pair[3] == 1)[40]
    encoded = fake_models[0].calls, fake_models[1].embeds
    added = empty.with_point(1, (y, x))
    assert added.labels[y, x] == 1
    erased = added.with_point(1, (y, x), positive=False)
    assert (fake_models[0].calls, fake_models[1].embeds) == encoded
    assert erased.classes[1].status[-1] == Status.ERASER
    back = erased.with_point(1, (y, x))
    assert back.labels[y, x] == 1


def test_decisions_are_recorded_and_repeated(prediction, painted_pair):
    y, x = np.argwhere(painted_pair[3] == 1)[40]
    edited = prediction.with_cluster_status(1, 0, Status.OFF_BY_HAND).with_point(1, (y, x))
    edited = edited.with_status(1, len(prediction.points) - 1, Status.OFF_BY_HAND)
    assert [decision.kind for decision in edited.decisions] == ["cluster_status", "point", "status"]
    repeated = prediction.with_decisions(edited.record().decisions)
    assert np.array_equal(repeated.labels, edited.labels)


def test_wrong_names_are_refused(prediction):
    with pytest.raises(ValueError, match="no class 7"):
        prediction.with_status(7, 0, Status.OFF_BY_HAND)
    with pytest.raises(ValueError, match="no prompt 999"):
        prediction.with_status(1, 999, Status.OFF_BY_HAND)
    with pytest.raises(ValueError, match="no cluster 999"):
        prediction.with_cluster_status(1, 999, Status.OFF_BY_HAND)


def test_alternatives_differ_and_run_no_encoder(prediction, fake_models):
    encoded = fake_models[0].calls, fake_models[1].embeds
    readings = prediction.alternatives()
    images = [prediction.labels, *(reading.prediction.labels for reading in readings)]
    for i, first in enumerate(images):
        assert not any(np.array_equal(first, second) for second in images[i + 1 :])
    assert (fake_models[0].calls, fake_models[1].embeds) == encoded


def test_record_tells_how_the_answer_was_made(prediction):
    record = prediction.record()
    assert [model.id for model in record.models] == ["dinov2_vits14_bundled", "mobile_sam"]
    assert record.settings == TUNED.as_dict()
    assert record.references[0].classes[0].name == "disc"
    assert record.results[0].prompts == len(prediction.points)
    assert record.results[0].pixels == int((prediction.labels == 1).sum())
    assert type(record).from_dict(record.as_dict()) == record


def test_empty_answer_has_a_reason(segmenter):
    ground = np.zeros((64, 64, 3), dtype=np.uint8) + np.array([30, 40, 90], dtype=np.uint8)
    ground[::2] += 1
    prediction = segmenter.segment(ground)
    assert prediction.labels.shape == (64, 64)
    assert prediction.labels.any() or prediction.reason


@pytest.mark.parametrize("shape", [(1, 500), (700, 3), (37, 37), (300, 1100)])
def test_targets_of_any_size(segmenter, shape):
    target = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    for frame in ("model", "native"):
        prediction = segmenter.segment(target, settings=QUICK.with_settings(output_frame=frame), scale="whole")
        assert prediction.labels.shape == prediction.confidence.shape == prediction.clusters.shape == shape


@pytest.mark.parametrize("target", [np.zeros((1, 1)), np.full((40, 50), 7.0), np.full((9, 9), np.nan)])
def test_targets_without_content_are_refused(segmenter, target):
    with pytest.raises(ImageError, match=r"\."):
        segmenter.segment(target)


def test_native_frame_agrees_with_the_model_frame(segmenter, painted_pair):
    model = segmenter.segment(painted_pair[2])
    native = segmenter.segment(painted_pair[2], settings=TUNED.with_settings(output_frame="native"))
    assert iou(model.labels == 1, native.labels == 1) > 0.97


def test_bad_paint_is_refused_with_a_sentence(fake_models, painted_pair):
    picture, labels, target, _ = painted_pair
    segmenter = Segmenter()
    cases = [
        (np.zeros_like(labels), "no painted pixel"),
        (np.ones_like(labels), "covers every pixel"),
        (labels[:-1], "same size"),
        (labels.astype(np.float32), "whole numbers"),
        (labels.astype(np.int32) - 1, "between 0 and 65535"),
        (labels[..., None], "same size"),
    ]
    for bad, words in cases:
        with pytest.raises(PaintError, match=words):
            segmenter.add_reference(picture, bad)
    with pytest.raises(PaintError, match="no painted pixel"):
        segmenter.add_reference(picture, labels, ignore=1)
    with pytest.raises(PaintError, match="no reference yet"):
        segmenter.segment(target)
    assert segmenter.references == ()


def test_class_names_must_agree(fake_models, painted_pair):
    picture, labels, _, _ = painted_pair
    segmenter = Segmenter()
    segmenter.add_reference(picture, labels, classes={1: "disc"})
    with pytest.raises(PaintError, match="'disc' in an earlier reference"):
        segmenter.add_reference(picture, labels, classes={1: "cell"})
    with pytest.raises(PaintError, match="named twice"):
        segmenter.add_reference(picture, labels, classes=[ClassSpec(1, "a"), ClassSpec(1, "b")])
    with pytest.raises(PaintError, match="not between 1"):
        segmenter.add_reference(picture, labels, classes={0: "nothing"})


def test_bool_labels_are_class_1(fake_models, painted_pair):
    picture, labels, _, _ = painted_pair
    reference = Segmenter().add_reference(picture, labels == 1)
    assert [spec.id for spec in reference.classes] == [1]


def test_region_keeps_unpainted_objects_from_being_background(fake_models, painted_pair):
    picture, labels, _, _ = painted_pair
    half = labels.copy()
    half[:, 120:] = 0
    segmenter = Segmenter()
    segmenter.add_reference(picture, half, region_yx=(0, 0, labels.shape[0], 120))
    assert iou(segmenter.segment(picture).labels == 1, labels == 1) > 0.9


def test_unknown_model_and_preset():
    with pytest.raises(ValueError, match="preset"):
        Segmenter(settings="fastest")
    with pytest.raises(ValueError, match="nonsense"):
        Segmenter(model="nonsense")
