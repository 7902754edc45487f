from __future__ import annotations

import random
import signal

import psutil
import pytest

from napari_gfsam.datasets.begun import BEGUN
from napari_gfsam.datasets.journal import JOURNAL
from napari_gfsam.datasets.tables import SUMMARY
from tests.datasets import killing
from tests.datasets.pretending import COMMAND


def words(folder, out, *more):
    painted = ("--reference", folder.path / "ref.tif", "--labels", folder.path / "ref_labels.tif")
    quick = ("--set", "max_prompts=4", "--threads", "1")
    return ("segment", folder.path / "in", *painted, "-o", folder.path / out, *quick, *more)


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
@pytest.mark.usefixtures("fake_models")
def test_a_run_that_is_killed_goes_on_to_the_same_files(folder, workers):
    folder.targets(*(f"p{number}" for number in range(12)))
    folder.run(into="whole")
    moment, out, more = random.Random(workers), folder.path / "out", ("--workers", workers)
    done = killing.kill_after(COMMAND, words(folder, "out", *more), out, moment.randint(1, 8), moment.random() / 5)
    assert 0 < done < 12
    assert f"{12 - done} done, {done} skipped" in killing.finish(COMMAND, words(folder, "out", *more))
    whole, again = killing.contents(folder.path / "whole"), killing.contents(out)
    assert again[0] == whole[0]
    assert {key: record | {"references": 0} for key, record in again[1].items()} == {
        key: record | {"references": 0} for key, record in whole[1].items()
    }
    assert not [path for path in out.iterdir() if path.name.endswith((".tmp", ".jsonl"))]


@pytest.mark.slow
@pytest.mark.usefixtures("fake_models")
def test_a_target_that_kills_the_process_is_done_apart_and_fails_alone(folder):
    folder.targets("a", "deadly", "z")
    out, notes = folder.path / "out", folder.path / "out" / BEGUN
    with killing.running(COMMAND, words(folder, "out")) as process:
        process.communicate(timeout=killing.WAIT_SECONDS)
    assert process.returncode == -signal.SIGKILL
    report = folder.run()
    assert (report.done + report.skipped, report.failed) == (2, 1)
    assert folder.states()["deadly"] == "failed"
    (told,) = (row.error for row in folder.rows if row.error)
    assert "deadly.tif: the worker that had it ended twice (the last time: it was killed by signal 9)" in told
    assert told in (out / SUMMARY).read_text()
    assert notes.read_text().count("\n") == 1, "the next run keeps it apart, too"


def test_ctrl_c_ends_all_processes_and_keeps_what_is_done(folder):
    folder.targets("a", "wait")
    out, begun = folder.path / "out", folder.path / "in" / "wait.begun"
    with killing.running(COMMAND, words(folder, "out", "--workers", "2")) as process:
        journal = out / JOURNAL
        killing.wait_for(lambda: begun.exists() and journal.read_text().count("\n") > 1, "both workers")
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        (folder.path / "in" / "wait.go").touch()
        _, errors = process.communicate(timeout=killing.WAIT_SECONDS)
    assert process.returncode == 130
    assert errors.startswith("Note: Stopped after 1 of 2 targets; what is done stays in")
    assert not any(member.is_running() for member in family)
    assert len((out / SUMMARY).read_text().splitlines()) == 2
    assert [path.name for path in killing.records(out)] == ["a_record.json"]


def test_workers_end_when_their_parent_is_killed(folder):
    folder.targets("wait", "z")
    with killing.running(COMMAND, words(folder, "out", "--workers", "2")) as process:
        killing.wait_for((folder.path / "in" / "wait.begun").exists, "the worker")
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        (folder.path / "in" / "wait.go").touch()
        process.communicate()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []
