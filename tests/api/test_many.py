"""Many targets at once: the answers of one at a time, bounded memory, one bad picture stops nothing."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_gfsam.api import PaintError, PredictionReady, Segmenter, Target
from napari_gfsam.api.many import AHEAD, batched, in_order
from napari_gfsam.core.pipeline import StageDone
from napari_gfsam.imaging import ImageError, PixelRecipe
from napari_gfsam.models.device import Accelerator
from napari_gfsam.models.weights import WeightsError
from tests.fakes import QUICK, disc_picture

PICTURES = [disc_picture(seed)[0] for seed in range(2, 9)]


@pytest.fixture(params=["cpu", "gpu"])
def segmenter(request, fake_models, monkeypatch):
    """With the stages as on a CPU (encoding and decoding in one thread) and as on a GPU (batches, more threads)."""
    if request.param == "gpu":
        found = (Accelerator("cuda:0", "Pretended GPU"),)
        monkeypatch.setattr("napari_gfsam.models.device.accelerators", lambda: found)
    segmenter = Segmenter(settings=QUICK)
    segmenter.add_reference(*disc_picture(seed=1), classes={1: "disc"})
    return segmenter


@pytest.mark.parametrize("batch", [None, 3])
def test_the_answers_are_those_of_one_at_a_time(segmenter, batch):
    outcomes = list(segmenter.segment_many(PICTURES, batch=batch))
    assert [outcome.number for outcome in outcomes] == list(range(len(PICTURES)))
    segmenter.backend.forget()
    for outcome, picture in zip(outcomes, PICTURES, strict=True):
        alone = segmenter.segment(picture)
        assert outcome.error is None
        assert np.array_equal(outcome.prediction.labels, alone.labels)
        assert np.array_equal(outcome.prediction.confidence, alone.confidence)
        assert outcome.prediction.record().target == alone.record().target
        assert set(outcome.prediction.seconds) == {"target", "points", "masks", "gates", "merge"}


def test_every_picture_goes_through_the_encoders_once(segmenter, fake_models):
    list(segmenter.segment_many([*PICTURES, PICTURES[0]]))
    assert (fake_models[0].calls, fake_models[1].embeds) == (len(PICTURES) + 1, len(PICTURES))


def test_a_bad_picture_stops_nothing(segmenter):
    def missing() -> Target:
        raise OSError("no such file")

    flat = np.zeros((20, 20), dtype=np.uint8)
    recipe = PixelRecipe(intensity="range", limits=((0, 100),))
    targets = [missing, flat, lambda: None, lambda: Target(PICTURES[0], recipe), PICTURES[1]]
    outcomes = list(segmenter.segment_many(targets))
    assert [type(outcome.error) for outcome in outcomes] == [OSError, ImageError, *[type(None)] * 3]
    assert [outcome.prediction is None for outcome in outcomes] == [True, True, True, False, False]
    assert outcomes[3].prediction.scene.recipe == recipe


def test_a_picture_that_the_models_choke_on_stops_nothing(segmenter, fake_models, monkeypatch):
    embed, calls = fake_models[1].embed, []

    def choking(images):
        calls.append(len(images))
        if len(calls) == 2:
            raise RuntimeError("something broke")
        return embed(images)

    monkeypatch.setattr(fake_models[1], "embed", choking)
    outcomes = list(segmenter.segment_many(PICTURES[:3], batch=1))
    assert [str(outcome.error or "") for outcome in outcomes] == ["", "something broke", ""]
    monkeypatch.setattr(fake_models[1], "decode", lambda *given: np.zeros(3).reshape(7))
    (outcome,) = segmenter.segment_many(PICTURES[3:4])
    assert "reshape" in str(outcome.error)


def test_models_that_cannot_be_used_stop_the_run(segmenter, monkeypatch):
    def damaged(spec: object, **options: object) -> None:
        raise WeightsError("The weights are damaged.")

    monkeypatch.setattr("napari_gfsam.models.encoders.load_encoder", damaged)
    with pytest.raises(WeightsError, match="damaged"):
        list(segmenter.segment_many(PICTURES))


def test_without_a_reference(fake_models):
    with pytest.raises(PaintError, match="no reference"):
        next(Segmenter().segment_many(PICTURES))


def test_only_a_few_pictures_are_read_ahead(segmenter):
    read = []

    def reader(number: int):
        def read_now() -> Target:
            read.append(number)
            return Target(PICTURES[number % len(PICTURES)])

        return read_now

    outcomes = segmenter.segment_many((reader(number) for number in range(100)), batch=1)
    next(outcomes)
    time.sleep(0.2)
    assert max(read) < 10
    outcomes.close()


def test_closing_stops_the_threads(segmenter, fake_models):
    before = threading.active_count()
    outcomes = segmenter.segment_many(PICTURES * 20)
    next(outcomes)
    outcomes.close()
    assert threading.active_count() <= before + 2  # torch's own may have come
    decoded = fake_models[1].decodes
    time.sleep(0.1)
    assert fake_models[1].decodes == decoded


def test_events_are_told_with_the_targets_number(segmenter):
    seen: dict[int, list[object]] = {}
    list(segmenter.segment_many(PICTURES[:3], watch=lambda number, event: seen.setdefault(number, []).append(event)))
    assert sorted(seen) == [0, 1, 2]
    for events in seen.values():
        assert isinstance(events[-1], PredictionReady)
        assert any(isinstance(event, StageDone) for event in events)


def test_references_added_meanwhile_do_not_count(segmenter):
    outcomes = segmenter.segment_many(PICTURES[:3])
    first = next(outcomes)
    segmenter.add_reference(*disc_picture(seed=30), classes={1: "disc"})
    rest = list(outcomes)
    assert all(len(o.prediction.record().references) == 1 for o in (first, *rest))


def test_in_order_keeps_the_order_and_its_limit():
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        time.sleep(0.01 * (number % 3))
        return number

    with ThreadPoolExecutor(3) as pool:
        results = in_order(pool, work, range(12), AHEAD)
        assert next(results) == 0
        assert max(begun) <= AHEAD
        assert list(results) == list(range(1, 12))


def test_batches():
    assert list(batched(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batched([], 3)) == []
