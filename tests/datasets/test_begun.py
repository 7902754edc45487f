from __future__ import annotations

import pytest

from napari_gfsam.datasets import Ended, Row
from napari_gfsam.datasets.begun import BEGUN, Begun
from napari_gfsam.datasets.crew import Answered, Gone, Joined
from napari_gfsam.datasets.job import Job, Task

TASKS = [Task(number, f"p{number}.tif", f"p{number}") for number in range(4)]


def ended(task, **more):
    return Row(task.number, task.path, Ended.DONE, **more)


class OneWorker:
    """A worker in this process, which pretends to end over deadly targets."""

    def __init__(self, plan):
        self.job, self.waiting, self.given = Job(plan), [Joined("one")], []

    def give(self, seat, task):
        self.given.append(task.name)
        deadly = task.name.startswith("deadly")
        self.waiting += [Gone(seat, "killed"), Joined("one")] if deadly else [Answered(seat, *self.job.rows([task]))]

    def messages(self):
        while True:
            yield self.waiting.pop(0)

    def close(self):
        self.waiting.clear()


@pytest.mark.usefixtures("fake_models")
def test_what_was_in_work_when_the_process_ended_is_done_apart(folder, monkeypatch):
    deadly = [f"deadly{number}" for number in range(6)]
    paths = folder.targets("a", *deadly, "m", "z")
    tasks = [Task(number, str(path), path.stem) for number, path in enumerate(paths)]
    out, crews, twice = folder.path / "out", [], [name for name in deadly for _ in range(2)]
    out.mkdir()
    (out / BEGUN).write_bytes(cut(out, tasks[:-1], tasks[:1]))
    monkeypatch.setattr(
        "napari_gfsam.datasets.run._crew", lambda plan, *more: crews.append(OneWorker(plan)) or crews[-1]
    )
    for apart in ([*twice, "m"], twice):
        crews.clear()
        report = folder.run()
        assert (report.done + report.skipped, report.failed) == (3, 6)
        assert [name for crew in crews for name in crew.given] == apart
        assert {name for name, state in folder.states().items() if state == "failed"} == {*deadly}
        assert sorted(row.number for row in folder.rows) == list(range(9))
        assert "ended twice" in (out / "summary.csv").read_text()


def cut(folder, tasks, done):
    """Begin targets, end some, and stop as a process that is killed does; return the notes that it leaves."""
    with Begun(folder) as begun:
        list(begun.noted(tasks))
        list(begun.followed(map(ended, done)))
        return (folder / BEGUN).read_bytes()


def suspected(folder):
    begun = Begun(folder)
    return [task.number for task in TASKS if begun.suspected(task)]


@pytest.mark.parametrize("torn", [b"", b'{"ended": "', b"\xff\n", b"[]\n"])
def test_what_was_begun_and_not_ended_is_suspected_until_it_ends(tmp_path, monkeypatch, torn):
    monkeypatch.chdir(tmp_path)
    left = cut(tmp_path, TASKS, TASKS[:2])
    assert not (tmp_path / BEGUN).exists(), "an orderly end leaves nothing"
    (tmp_path / BEGUN).write_bytes(left + torn)
    assert suspected(tmp_path) == [2, 3]
    with Begun(tmp_path) as begun:
        list(begun.followed([ended(TASKS[2])]))
    assert suspected(tmp_path) == [3]
    with Begun(tmp_path) as begun:
        list(begun.followed([ended(TASKS[3])]))
    assert not (tmp_path / BEGUN).exists()


def test_what_killed_its_workers_stays_suspected(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Begun(tmp_path) as begun:
        list(begun.followed([ended(TASKS[0]), ended(TASKS[1], killed=True)]))
    assert suspected(tmp_path) == [1]


def test_words_that_name_no_picture_are_not_noted(tmp_path):
    with Begun(tmp_path) as begun:
        list(begun.noted([Task(0, "nowhere", "", "There is none.")]))
        assert (tmp_path / BEGUN).read_bytes() == b""
