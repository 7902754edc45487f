from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gfsam.datasets import DatasetError, Ended, Row
from napari_gfsam.datasets.crew import Answered, Gone, Joined, work_through
from napari_gfsam.datasets.job import Task


class PretendCrew:
    """Workers that end over a target as often as is said, and are replaced; any of them may speak first."""

    def __init__(self, count: int, deaths: dict[int, int], choose) -> None:
        self.waiting = deque(Joined(f"worker {number}") for number in range(count))
        self.started, self.deaths, self.choose = count, dict(deaths), choose
        self.busy: dict[str, Task] = {}
        self.most_busy = 0
        self.given: list[int] = []

    def give(self, seat, task):
        assert seat not in self.busy, "one target at a time"
        self.busy[seat] = task
        self.given.append(task.number)
        self.most_busy = max(self.most_busy, len(self.busy))

    def messages(self):
        while self.waiting or self.busy:
            yield self.waiting.popleft() if self.waiting else self.next_of(self.choose(sorted(self.busy)))

    def next_of(self, seat):
        task = self.busy.pop(seat)
        if self.deaths.get(task.number, 0):
            self.deaths[task.number] -= 1
            self.started += 1
            self.waiting.append(Joined(f"worker {self.started}"))
            return Gone(seat, "killed")
        return Answered(seat, Row(task.number, "as the worker names it", Ended.DONE))

    def close(self):
        pass


def tasks(count):
    return [Task(number, f"p{number}.tif", f"p{number}") for number in range(count)]


@given(st.data(), st.integers(1, 4), st.integers(0, 12))
def test_every_target_ends_once_and_only_twice_deadly_ones_fail(data, workers, count):
    # Fewer deadly targets than would end the run.
    deadly = data.draw(st.dictionaries(st.integers(0, 12), st.integers(0, 2), max_size=3))
    crew = PretendCrew(workers, deadly, lambda seats: data.draw(st.sampled_from(seats)))
    rows = list(work_through(crew, tasks(count)))
    assert sorted(row.number for row in rows) == list(range(count))
    assert {row.number for row in rows if row.state is Ended.FAILED} == {
        number for number, times in deadly.items() if times == 2 and number < count
    }
    assert all(row.file == f"p{row.number}.tif" for row in rows)
    assert crew.most_busy <= workers
    assert len(crew.given) <= count + len(deadly)


def test_targets_are_taken_when_a_worker_is_free():
    taken = []
    crew = PretendCrew(2, {}, lambda seats: seats[0])
    rows = work_through(crew, (taken.append(task.number) or task for task in tasks(100_000)))
    next(rows)
    assert len(taken) == 2


def test_workers_that_only_die_end_the_run():
    crew = PretendCrew(2, dict.fromkeys(range(100), 2), lambda seats: seats[0])
    with pytest.raises(DatasetError, match=r"Workers end one after the other .* \(the last one: killed\)"):
        list(work_through(crew, tasks(100)))
    assert len(crew.given) < 20, "no storm of tries"
