from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
from qtpy.QtCore import QObject, QTimer

from napari_gfsam.activity import ActivityBar
from napari_gfsam.imaging import ImageError
from napari_gfsam.workers import JobRunner

pytestmark = pytest.mark.gui


class Heard:
    """What a runner told, in order, with the thread it was told on."""

    def __init__(self, runner: JobRunner) -> None:
        self.told: list[tuple[str, object]] = []
        self.threads: set[threading.Thread] = set()
        for name in ("reported", "overtaken", "finished", "failed", "cancelled", "running_changed"):
            getattr(runner, name).connect(lambda *values, name=name: self.note(name, *values))

    def note(self, name: str, *values: object) -> None:
        self.told.append((name, *values))
        self.threads.add(threading.current_thread())

    def names(self) -> list[str]:
        return [name for name, *_ in self.told if name != "running_changed"]


@pytest.fixture
def runner(qtbot):
    runner = JobRunner()
    yield runner
    assert runner.stop()
    assert not run_threads()


@pytest.fixture
def heard(runner):
    return Heard(runner)


def run_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("napari-gfsam")]


class Work:
    """Generators whose steps wait to be let on."""

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.closed: list[str] = []
        self.threads: set[threading.Thread] = set()

    def steps(self, name: str, count: int):
        try:
            for step in range(count):
                self.threads.add(threading.current_thread())
                yield f"{name}{step}"
                assert self.gate.acquire(timeout=10)
        finally:
            self.threads.add(threading.current_thread())
            self.closed.append(name)
        return f"{name} done"

    def let(self, steps: int = 1) -> None:
        self.gate.release(steps)


@pytest.fixture
def work():
    work = Work()
    yield work
    work.let(100)


def test_what_is_yielded_and_returned_arrives_in_order_on_the_main_thread(qtbot, runner, heard, work):
    work.let(3)
    assert runner.start(work.steps("a", 3)) == 1
    assert runner.running
    qtbot.waitUntil(lambda: not runner.running)
    assert heard.told == [
        ("running_changed", True),
        ("reported", "a0"),
        ("reported", "a1"),
        ("reported", "a2"),
        ("running_changed", False),
        ("finished", "a done"),
    ]
    assert heard.threads == {threading.main_thread()}
    assert len(work.threads) == 1
    assert threading.main_thread() not in work.threads


def test_cancel_acts_at_the_next_yield_and_closes_the_generator(qtbot, runner, heard, work):
    runner.start(work.steps("a", 5))
    qtbot.waitUntil(lambda: heard.names() == ["reported"])
    runner.cancel()
    work.let()
    qtbot.waitUntil(lambda: not runner.running)
    # The step that was being worked on when the job was cancelled is not lost.
    assert [one for one in heard.told if one[0] == "reported"] == [("reported", "a0"), ("reported", "a1")]
    assert heard.names()[-1] == "cancelled"
    assert work.closed == ["a"]
    assert threading.main_thread() not in work.threads


def test_starting_again_cancels_the_first_and_waits_for_it(qtbot, runner, heard, work):
    runner.start(work.steps("a", 5))
    qtbot.waitUntil(lambda: heard.names() == ["reported"])
    assert runner.start(work.steps("b", 1)) == 2
    qtbot.wait(80)
    assert heard.names() == ["reported"]  # the second has not begun
    work.let(2)
    qtbot.waitUntil(lambda: not runner.running)
    assert heard.told == [
        ("running_changed", True),
        ("reported", "a0"),
        ("overtaken", "a1"),
        ("reported", "b0"),
        ("running_changed", False),
        ("finished", "b done"),
    ]
    assert work.closed == ["a", "b"]


def test_a_job_cancelled_before_its_turn_never_begins(qtbot, runner, heard, work):
    runner.start(work.steps("a", 5))
    runner.start(work.steps("b", 5))
    runner.start(work.steps("c", 1))
    work.let(2)
    qtbot.waitUntil(lambda: not runner.running)
    assert [value for name, *value in heard.told if name == "reported"] == [["c0"]]
    assert heard.names()[-1] == "finished"


def test_an_expected_error_is_a_sentence_without_a_traceback(qtbot, runner, heard, caplog):
    def steps():
        yield 1
        raise ImageError("The picture is empty.")

    runner.start(steps())
    qtbot.waitUntil(lambda: not runner.running)
    assert heard.told[-1] == ("failed", "The picture is empty.")
    assert caplog.text == ""


def test_a_defect_is_logged_and_told_and_the_runner_lives_on(qtbot, runner, heard, work, caplog):
    def steps():
        yield 1
        raise ZeroDivisionError("oops")

    runner.start(steps())
    qtbot.waitUntil(lambda: not runner.running)
    assert heard.names()[-1] == "failed"
    assert "ZeroDivisionError: oops" in heard.told[-1][1]
    assert "Traceback" in caplog.text
    work.let(1)
    runner.start(work.steps("a", 1))
    qtbot.waitUntil(lambda: not runner.running)
    assert heard.told[-1] == ("finished", "a done")


def test_an_error_after_cancelling_is_no_news(qtbot, runner, heard, work):
    def steps():
        yield from work.steps("a", 1)
        raise OSError("disk gone")

    runner.start(steps())
    qtbot.waitUntil(lambda: heard.names() == ["reported"])
    runner.cancel()
    work.let()
    qtbot.waitUntil(lambda: not runner.running)
    assert heard.names() == ["reported", "cancelled"]


def test_stop_waits_and_tells_nothing_more(qtbot, runner, heard, work):
    runner.start(work.steps("a", 5))
    qtbot.waitUntil(lambda: heard.names() == ["reported"])
    threading.Timer(0.1, work.let).start()
    assert runner.stop()
    assert not run_threads()
    assert work.closed == ["a"]
    assert not runner.running
    qtbot.wait(80)
    assert heard.told[1:] == [("reported", "a0"), ("running_changed", False)]


def test_stop_gives_up_on_a_long_step_which_then_ends_by_itself(qtbot, runner, heard, work):
    runner.start(work.steps("a", 5))
    qtbot.waitUntil(lambda: heard.names() == ["reported"])
    start = time.monotonic()
    assert not runner.stop(0.05)
    assert time.monotonic() - start < 1
    work.let(2)
    runner.start(work.steps("b", 1))
    qtbot.waitUntil(lambda: not runner.running)
    assert work.closed == ["a", "b"]
    assert heard.told[-1] == ("finished", "b done")


def test_a_receiver_may_stop_the_runner_or_start_again(qtbot, runner, heard, work):
    def react(value: str) -> None:
        if value == "a0":
            runner.start(work.steps("b", 3))
        if value == "b1":
            runner.stop(0.0)

    runner.reported.connect(react)
    work.let(5)
    runner.start(work.steps("a", 2))
    qtbot.waitUntil(lambda: not runner.running and work.closed == ["a", "b"])
    qtbot.wait(60)
    values = [value for name, *value in heard.told if name == "reported"]
    assert values[0] == ["a0"]
    assert values[-1] == ["b1"]


def test_a_receiver_with_an_event_loop_of_its_own_is_not_entered_again(qtbot, runner, work):
    inside: list[str] = []
    depth: list[int] = []

    def slow(value: str) -> None:
        inside.append(value)
        depth.append(len(inside))
        qtbot.wait(100)
        inside.pop()

    runner.reported.connect(slow)
    work.let(3)
    runner.start(work.steps("a", 3))
    qtbot.waitUntil(lambda: not runner.running)
    assert depth == [1, 1, 1]


class Awaited:
    awaited = True


@pytest.fixture
def waiting(qtbot):
    """Start a job that waits with an answer that was told but is not done with; return all that tells of it."""
    held, told, done = [True], [], []
    runner = JobRunner(held=lambda: bool(held))
    runner.reported.connect(told.append)
    runner.cancelled.connect(lambda: done.append("cancelled"))

    def steps():
        try:
            yield Awaited()
            done.append("on")
        finally:
            done.append("closed")

    runner.start(steps())
    qtbot.waitUntil(lambda: bool(told))
    qtbot.wait(100)
    assert done == []
    yield runner, held, done
    assert runner.stop()


def test_a_job_goes_on_when_its_answer_is_taken_in_and_done_with(qtbot, waiting):
    runner, held, done = waiting
    held.clear()
    qtbot.waitUntil(lambda: not runner.running)
    assert done == ["on", "closed"]


def test_a_job_that_waits_can_be_cancelled_and_stopped(qtbot, waiting):
    runner, _, done = waiting
    runner.cancel()
    qtbot.waitUntil(lambda: not runner.running)
    assert done == ["closed", "cancelled"]


def test_a_deleted_parent_cancels_the_job(qtbot, work):
    parent = QObject()
    runner = JobRunner(parent)
    heard = Heard(runner)
    runner.start(work.steps("a", 5))
    qtbot.waitUntil(lambda: heard.names() == ["reported"])
    with qtbot.waitSignal(runner.destroyed):
        parent.deleteLater()
    work.let()
    qtbot.waitUntil(lambda: work.closed == ["a"])
    qtbot.waitUntil(lambda: not run_threads())


def test_a_runner_that_another_thread_collects_is_deleted_in_peace():
    code = """
import gc, threading
from qtpy.QtCore import QCoreApplication, QEvent
from napari_gfsam.workers import JobRunner
application = QCoreApplication([])
gc.disable()
cancelled = []
class Job:
    generation = 0
    def cancel(self):
        cancelled.append(self)
for _ in range(50):
    runner = JobRunner()
    runner._jobs.append(Job())
    runner.itself = runner
    del runner
collector = threading.Thread(target=gc.collect)
collector.start()
collector.join()
application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
print(len(cancelled))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "50\n"), done.stderr


def test_the_timer_rests_while_nothing_runs(qtbot, runner, work):
    (timer,) = runner.findChildren(QTimer)
    assert not timer.isActive()
    work.let()
    runner.start(work.steps("a", 1))
    assert timer.isActive()
    qtbot.waitUntil(lambda: not runner.running)
    assert not timer.isActive()


def test_quitting_in_the_middle_of_a_run_ends_it():
    code = """
import threading, time
from qtpy.QtCore import QCoreApplication, QTimer
from napari_gfsam.activity import ActivityBar
from napari_gfsam.workers import JobRunner
application = QCoreApplication([])
runner, closed = JobRunner(), []
def steps():
    try:
        while True:
            time.sleep(0.01)
            yield
    finally:
        closed.append(True)
runner.start(steps())
QTimer.singleShot(100, application.quit)
application.exec()
assert closed and threading.active_count() == 1
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_a_program_that_ends_does_not_wait_for_a_run():
    code = """
import time
from qtpy.QtCore import QCoreApplication
from napari_gfsam.activity import ActivityBar
from napari_gfsam.workers import JobRunner
application = QCoreApplication([])
runner = JobRunner()
def steps():
    while True:
        time.sleep(0.01)
        yield
runner.start(steps())
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_stopping_after_qt_has_deleted_the_runner_is_harmless():
    """As where a program ends by an error: what Qt owns is gone before what Python owns."""
    code = """
from qtpy.QtCore import QCoreApplication, QObject
from napari_gfsam.activity import ActivityBar
from napari_gfsam.slices import Slices
from napari_gfsam.workers import JobRunner
from qtpy.compat import isalive
application = QCoreApplication([])
parent = QObject()
runner, slices = JobRunner(parent), Slices(parent)
slices.start(part for part in (0.5, 1.0))
parent.deleteLater()
application.sendPostedEvents(parent, 52)  # DeferredDelete
assert not isalive(runner)
assert runner.stop()
slices.finish()
slices.cancel()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_many_answers_do_not_stop_the_event_loop(qtbot, runner, work):
    slow, ticks = [], []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(len(slow)))
    timer.start(1)
    runner.reported.connect(lambda value: (time.sleep(0.02), slow.append(value)))
    runner.start(number for number in range(8))
    qtbot.waitUntil(lambda: not runner.running, timeout=10_000)
    assert slow == list(range(8))
    assert set(range(1, 8)) <= set(ticks)


@pytest.mark.skipif(sys.platform != "linux", reason="only there does a thread have a priority of its own")
def test_a_job_gives_way_to_the_window(qtbot, runner):
    def steps():
        yield os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    told = []
    runner.reported.connect(told.append)
    runner.start(steps())
    qtbot.waitUntil(lambda: bool(told), timeout=10_000)
    assert told[0] == min(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) + 10, 19)


@pytest.fixture
def activity(make_napari_viewer):
    """The activity dialog of a real window."""
    return make_napari_viewer().window._qt_window._activity_dialog


def bars(activity) -> list:
    from napari._qt.widgets.qt_progress_bar import QtLabeledProgressBar

    return [bar for bar in activity.findChildren(QtLabeledProgressBar) if not bar.isHidden()]


def test_a_run_shows_in_the_activity_dock_and_can_be_cancelled_there(qtbot, activity, capsys):
    cancelled = []
    shown = ActivityBar("GF-SAM", lambda: cancelled.append(True))
    (bar,) = bars(activity)
    shown.show(0.4, "Trying points")
    assert bar._get_value() == 40
    assert "GF-SAM: Trying points" in bar.description_label.text()
    shown.show(0.6)  # too soon after the last
    assert bar._get_value() == 40
    assert bar.cancel_button.isVisibleTo(bar)
    bar.cancel_button.click()
    assert cancelled == [True]
    shown.close()
    shown.close()
    shown.show(0.9)
    qtbot.waitUntil(lambda: not bars(activity))
    assert capsys.readouterr() == ("", "")


def test_the_activity_bar_may_be_closed_while_napari_handles_events(qtbot, activity):
    shown = ActivityBar("GF-SAM", lambda: None)
    QTimer.singleShot(0, shown.close)
    shown.show(0.5, "Trying points")
    qtbot.waitUntil(lambda: not bars(activity))
    shown.show(1.0)
