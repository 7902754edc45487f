"""Slices of work on the window's thread."""

from __future__ import annotations

import time

import pytest
from qtpy.QtCore import QTimer

from napari_gfsam.slices import Slices

pytestmark = pytest.mark.gui


@pytest.fixture
def slices(qtbot):
    made = Slices()
    yield made
    made.finish()


def counting(log, count=40, seconds=0.002):
    try:
        for number in range(count):
            time.sleep(seconds)
            log.append(number)
            yield (number + 1) / count
    finally:
        log.append("closed")


def test_slices_leave_the_event_loop_alive(slices, qtbot):
    log, ticks = [], []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(time.monotonic()))
    timer.start(1)
    slices.start(counting(log), "counting")
    assert (log, slices.running) == ([], True)
    qtbot.waitUntil(lambda: not slices.running, timeout=10_000)
    timer.stop()
    assert log == [*range(40), "closed"]
    assert len(ticks) > 2


def test_slices_finish_at_once_before_the_next(slices):
    log, other = [], []
    slices.start(counting(log), "one")
    slices.start(counting(other), "two")
    assert log == [*range(40), "closed"]
    slices.finish()
    assert other == log
    slices.finish()


def test_slices_that_are_cancelled_keep_what_is_done(slices, qtbot):
    log = []
    slices.start(counting(log), "counting")
    qtbot.waitUntil(lambda: len(log) > 3, timeout=10_000)
    slices.cancel()
    assert log[-1] == "closed"
    assert len(log) < 41
    slices.cancel()


def test_a_step_that_fails_is_told_and_ends_the_slices(slices):
    def failing():
        yield 0.5
        slices.finish()  # of no effect from within
        raise OSError("no room")

    told = []
    slices.failed.connect(told.append)
    slices.start(failing(), "failing")
    slices.finish()
    assert len(told) == 1
    assert "no room" in told[0]
    assert not slices.running
