from __future__ import annotations

from dataclasses import replace
from unittest.mock import ANY

import pytest

from napari_gfsam.controller import pace as module
from napari_gfsam.controller.pace import Meter, Pace, estimate

PACE = Pace(load=4.0, reference=1.0, target=2.0, each_class=3.0)


class Clock:
    now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_estimate_adds_up():
    assert estimate(10, 2, 3, PACE).seconds == 4 + 3 * 1 + 10 * (2 + 2 * 3)
    assert estimate(10, 2, 3, PACE, loaded=True).seconds == 3 * 1 + 10 * (2 + 2 * 3)
    assert estimate(0, 2, 1).disk_bytes == 0
    assert estimate(500, 1, 1).disk_bytes == 500 * 9 * 2**20
    assert estimate(1, 2, 3, PACE, n_views=10) == replace(estimate(10, 2, 3, PACE), memory_bytes=ANY)


def test_memory_is_bounded_however_many_targets():
    one, many = estimate(1, 1, 1, loaded=True).memory_bytes, estimate(500, 1, 1, loaded=True).memory_bytes
    assert one < many == estimate(50, 1, 1, loaded=True).memory_bytes <= 2**30
    assert estimate(1, 1, 1).memory_bytes > one + 2**30


def test_a_run_twice_as_slow_as_expected(clock):
    meter = Meter(PACE, views=(1, 1), n_classes=1, n_references=1, loaded=False)
    assert (meter.fraction, meter.seconds_left) == (0, 15)
    clock.now += 8
    meter.models_loaded()
    assert (meter.fraction, meter.seconds_left) == (pytest.approx(4 / 15), 22)
    clock.now += 2
    meter.reference_done(1)
    meter.target_begins(1)
    clock.now += 4
    meter.classes_found(0)
    assert meter.fraction == pytest.approx(7 / 15)
    clock.now += 3
    meter.classes_found(0.5)
    assert (meter.fraction, meter.seconds_left) == (pytest.approx(8.5 / 15), pytest.approx(13))
    clock.now += 3
    meter.target_found()
    meter.target_stored()
    assert (meter.fraction, meter.seconds_left) == (pytest.approx(10 / 15), 10)
    assert meter.pace == Pace(load=8.0, reference=2.0, target=4.0, each_class=6.0)


def test_time_left_follows_the_median_of_finished_targets(clock):
    meter = Meter(PACE, views=(1,) * 4, n_classes=1, n_references=0, loaded=True)
    for number, seconds in ((1, 50), (2, 10), (3, 10)):
        meter.target_begins(number)
        clock.now += seconds
        meter.target_found()
        meter.target_stored()
    assert meter.seconds_left == 10
    assert meter.pace.load == PACE.load


def test_tiles_take_what_targets_take(clock):
    meter = Meter(PACE, views=(4, 1), n_classes=1, n_references=0, loaded=True)
    assert meter.seconds_left == 25
    meter.target_begins(1)
    meter.cut(5)  # one more than was thought
    clock.now += 10
    meter.classes_found(0)
    meter.share_done(0.5)
    assert meter.fraction == pytest.approx(10 / 25)
    clock.now += 30
    meter.target_found()
    meter.target_stored()
    assert (meter.fraction, meter.seconds_left) == (pytest.approx(20 / 25), 10)
    assert meter.pace == replace(PACE, target=2.0, each_class=6.0)


def test_a_failed_target_counts_as_done_but_not_as_quick(clock):
    meter = Meter(PACE, views=(1, 1), n_classes=1, n_references=0, loaded=True)
    meter.target_begins(1)
    meter.target_begins(2)
    assert meter.fraction == 0.5
    assert meter.pace == PACE


def test_a_second_reading_of_a_class_does_not_take_progress_back(clock):
    meter = Meter(PACE, views=(1,), n_classes=2, n_references=0, loaded=True)
    meter.target_begins(1)
    meter.classes_found(0.9)
    before = meter.fraction
    meter.classes_found(0.1)
    assert meter.fraction == before
    meter.classes_found(5)
    assert meter.fraction == 1


def test_nothing_to_do_is_done():
    assert Meter(PACE, (), 0, 0, loaded=True).fraction == 1
