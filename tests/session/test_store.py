from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gfsam.session.sizes import bytes_held
from napari_gfsam.session.store import PredictionStore
from tests.session.fakes import BYTES, FakeArchive, FakePrediction, off, plane, point

if TYPE_CHECKING:
    from pathlib import Path


class Desk:
    """A store with three predictions in memory at most, and what stands around it."""

    def __init__(self, folder: Path, capacity: int = 100) -> None:
        self.folder = folder
        self.archive = FakeArchive()
        self.accepted: set = set()
        self.store = self.open(capacity)

    def open(self, capacity: int = 100) -> PredictionStore:
        return PredictionStore(
            lambda: self.folder,
            self.archive,
            lambda found: found in self.accepted,
            memory_bytes=3 * BYTES,
            capacity_bytes=capacity * BYTES,
        )

    def put(self, number: int, name: str = "first") -> None:
        self.store.put(plane(number), FakePrediction(name))
        assert self.store.take(plane(number))

    def correct(self, number: int, *decisions, settings: str = "tuned") -> None:
        name = self.store.get(plane(number)).name
        self.store.correct(plane(number), FakePrediction(name, settings, decisions))

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    def reopened(self) -> PredictionStore:
        """What a new process has that read what `saved` named."""
        known = [(plane(i), self.store.saved(plane(i))) for i in range(9) if plane(i) in self.store]
        self.store.flush()
        store = self.open()
        for key, (file, decisions) in known:
            assert store.adopt(key, file, decisions)
        return store


@pytest.fixture
def desk(tmp_path) -> Desk:
    return Desk(tmp_path / "predictions")


def test_predictions_are_written_at_once_and_the_latest_used_stay_in_memory(desk):
    for i in range(5):
        desk.put(i, f"t = {i}")
    assert len(desk.files) == 5
    assert (desk.store.nbytes, desk.store.disk_bytes) == (3 * BYTES, 5 * BYTES)
    assert desk.store.get(plane(2)).name == "t = 2"
    assert desk.archive.loads == 0
    assert desk.store.get(plane(0)).name == "t = 0"  # in the place of 3, which was used before 2
    assert desk.store.get(plane(2)).name == "t = 2"
    assert desk.archive.loads == 1
    assert desk.store.get(plane(3)).name == "t = 3"
    assert desk.archive.loads == 2
    assert desk.store.get(plane(9)) is None


def test_decisions_are_replayed_where_the_file_lacks_them(desk):
    desk.put(0)
    desk.correct(0, off(1))
    desk.correct(0, off(1), off(2))
    desk.store.release()
    assert desk.store.nbytes == 0
    assert desk.store.get(plane(0)).what == ("first", "tuned", (off(1), off(2)))
    assert (desk.archive.saves, desk.archive.loads) == (1, 1)
    desk.correct(0)
    desk.store.release()
    assert desk.store.get(plane(0)).decisions == ()
    assert desk.reopened().get(plane(0)).decisions == ()


@pytest.mark.parametrize(("decisions", "settings"), [((point(3),), "tuned"), ((off(1),), "whole object")])
def test_added_points_and_other_readings_are_written_anew(desk, decisions, settings):
    desk.put(0)
    (before,) = desk.files
    desk.correct(0, *decisions, settings=settings)
    file, saved = desk.store.saved(plane(0))
    assert file != before
    assert saved == decisions
    assert desk.files == {before}  # a description on disk may name it still
    desk.store.release()
    assert desk.store.get(plane(0)).what == ("first", settings, decisions)  # not written yet
    desk.store.flush()
    desk.store.sweep([file])
    assert desk.files == {file}
    assert desk.store.disk_bytes == BYTES
    assert desk.store.saved(plane(0)) == (file, decisions)
    assert desk.reopened().get(plane(0)).what == ("first", settings, decisions)


def test_a_sweep_for_an_earlier_description_leaves_what_a_later_one_names(desk):
    desk.put(0)
    first, _ = desk.store.saved(plane(0))
    desk.correct(0, point(3))
    second, _ = desk.store.saved(plane(0))
    desk.store.flush()
    desk.correct(0, point(4))
    third, _ = desk.store.saved(plane(0))
    desk.store.flush()
    desk.store.sweep([first])
    assert desk.files == {first, second, third}
    desk.store.sweep([second])
    desk.store.sweep([third])
    assert desk.files == {third}


def test_an_undone_point_needs_no_new_file(desk):
    desk.put(0)
    desk.correct(0, point(3), point(4))
    file, _ = desk.store.saved(plane(0))
    desk.correct(0, point(3))
    assert desk.store.saved(plane(0)) == (file, (point(3),))


def test_what_a_person_decided_is_known_without_reading_it(desk):
    for number in range(3):
        desk.put(number)
    desk.correct(0, off(3))
    desk.correct(1, settings="published")
    assert [desk.store.is_decided(plane(i)) for i in range(4)] == [True, True, False, False]
    assert [desk.store.is_read_otherwise(plane(i)) for i in range(3)] == [False, True, False]
    saved = [(plane(i), *desk.store.saved(plane(i)), desk.store.is_read_otherwise(plane(i))) for i in range(3)]
    desk.store.flush()
    store = desk.open()
    for key, file, decisions, read in saved:
        store.adopt(key, file, decisions, read_otherwise=read)
    assert [store.is_decided(plane(i)) for i in range(3)] == [True, True, False]
    desk.store = store
    for number, settings in ((2, "published"), (0, "tuned")):
        desk.correct(number, settings=settings)
    assert [store.is_decided(plane(i)) for i in range(3)] == [False, True, True]
    desk.correct(2)
    desk.put(1, "second")
    assert not any(store.is_decided(plane(i)) for i in range(3))


def test_what_memory_cannot_hold_is_not_lost_before_it_is_written(desk):
    for i in range(6):
        desk.put(i)
        desk.correct(i, point(i))
    assert [desk.store.get(plane(i)).decisions for i in range(6)] == [(point(i),) for i in range(6)]
    assert [desk.reopened().get(plane(i)).decisions for i in range(6)] == [(point(i),) for i in range(6)]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "off", "point", "undo", "read", "saved", "swap", "release", "flush"]), st.integers(0, 3)
    ),
    max_size=25,
)


@given(steps=STEPS)
def test_whatever_happens_every_prediction_is_what_it_was(tmp_path_factory, steps):
    desk = Desk(tmp_path_factory.mktemp("desk"))
    now: dict[int, tuple] = {}
    before: dict[int, tuple] = {}
    for count, (step, i) in enumerate(steps):
        if step == "put":
            if i in now:
                before[i] = now[i]
            desk.put(i, f"run {count}")
            now[i] = (f"run {count}", "tuned", ())
        elif step in ("release", "flush"):
            getattr(desk.store, step)()
        elif step == "saved":
            desk.store.saved(plane(i))
        elif step == "swap":
            assert desk.store.has_previous(plane(i)) == desk.store.swap(plane(i)) == (i in before)
            if i in before:
                now[i], before[i] = before[i], now[i]
        elif i in now:
            assert desk.store.get(plane(i)).what == now[i]
            name, settings, made = now[i]
            made = {"off": (*made, off(count)), "point": (*made, point(count)), "undo": made[:-1]}.get(step, made)
            desk.correct(i, *made)
            now[i] = (name, settings, made)
    assert {i: desk.store.get(plane(i)).what for i in now} == now
    assert {i: desk.reopened().get(plane(i)).what for i in now} == now


def test_a_run_can_be_taken_back_and_done_again(desk):
    desk.put(0, "first run")
    desk.correct(0, point(1))
    assert not desk.store.swap(plane(0))
    desk.put(0, "second run")
    assert desk.store.swap(plane(0))
    assert desk.store.get(plane(0)).what == ("first run", "tuned", (point(1),))
    assert desk.store.swap(plane(0))
    assert desk.store.get(plane(0)).what == ("second run", "tuned", ())
    assert not desk.store.swap(plane(7))


def test_room_is_made_by_earlier_runs_then_the_accepted_then_the_oldest(desk):
    for i in range(4):
        desk.put(i)
    desk.put(1, "second")
    desk.accepted = {plane(2), plane(3)}
    desk.store.capacity_bytes = 4 * BYTES
    assert not desk.store.has_previous(plane(1))
    assert len(desk.store) == 4
    desk.store.capacity_bytes = 3 * BYTES
    assert plane(2) not in desk.store
    desk.put(4)
    assert plane(3) not in desk.store
    desk.put(5)
    assert plane(0) not in desk.store
    desk.store.capacity_bytes = 0
    assert len(desk.store) == 1
    assert desk.store.get(plane(5)) is not None
    assert len(desk.files) == 1


def test_dropping_deletes_files(desk):
    for i in range(3):
        desk.put(i)
    desk.put(0)
    desk.store.drop([plane(0), plane(8)])
    assert len(desk.files) == 2
    assert desk.store.get(plane(0)) is None
    desk.store.clear()
    assert (desk.files, len(desk.store), desk.store.nbytes, desk.store.disk_bytes) == (set(), 0, 0, 0)


def test_an_answer_counts_once_it_is_taken(desk):
    desk.put(0)
    desk.store.put(plane(0), FakePrediction("second"))
    desk.correct(0, off(1))
    file, decisions = desk.store.saved(plane(0))
    assert decisions == (off(1),)
    assert desk.store.decided(plane(0)) == ((off(1),), False)
    desk.store.sweep([file])
    assert len(desk.files) == 2
    assert desk.store.disk_bytes == 2 * BYTES
    assert not desk.store.has_previous(plane(0))
    desk.store.put(plane(0), FakePrediction("third"))
    assert len(desk.files) == 2  # the second was never taken
    assert desk.store.take(plane(0))
    assert not desk.store.take(plane(0))
    assert desk.store.get(plane(0)).what == ("third", "tuned", ())
    assert desk.store.swap(plane(0))
    assert desk.store.get(plane(0)).what == ("first", "tuned", (off(1),))


def test_an_answer_that_is_refused_leaves_nothing(desk):
    desk.store.put(plane(0), FakePrediction("first"))
    assert plane(0) not in desk.store
    desk.store.refuse(plane(0))
    desk.store.refuse(plane(0))
    assert not desk.store.take(plane(0))
    desk.store.put(plane(1), FakePrediction("first"))
    desk.store.drop([plane(1)])
    assert (desk.files, desk.store.nbytes) == (set(), 0)


def test_a_full_disk_leaves_everything_as_it_was(desk):
    desk.put(0)
    desk.correct(0, point(1))
    file, _ = desk.store.saved(plane(0))
    desk.archive.fails = True
    with pytest.raises(OSError, match="full"):
        desk.put(0, "second")
    with pytest.raises(OSError, match="full"):
        desk.store.flush()
    assert desk.store.get(plane(0)).what == ("first", "tuned", (point(1),))
    assert not desk.store.has_previous(plane(0))
    desk.archive.fails = False
    desk.store.flush()
    assert file in desk.files


def test_corrections_of_a_plane_that_is_gone_are_let_go(desk):
    desk.store.correct(plane(0), FakePrediction("gone"))
    assert plane(0) not in desk.store
    assert desk.store.saved(plane(0)) is None


def test_only_files_of_ours_are_taken_in_or_swept(desk):
    desk.put(0)
    (desk.folder / "mine.safetensors").write_bytes(b"")
    (desk.folder / f"{'0' * 32}.safetensors").write_bytes(b"")
    desk.store.sweep([])
    assert len(desk.files) == 2
    assert not desk.store.adopt(plane(1), "mine.safetensors", ())
    assert not desk.store.adopt(plane(1), "../x.safetensors", ())
    assert not desk.store.adopt(plane(1), f"{'1' * 32}.safetensors", ())


def test_signals_tell_of_what_comes_and_goes(desk):
    seen = []
    desk.store.changed.connect(lambda: seen.append(len(desk.store)))
    desk.put(0)
    desk.put(1)
    desk.store.drop([plane(0)])
    desk.store.clear()
    assert seen == [1, 2, 1, 0]


def test_a_worker_puts_while_the_window_reads_and_corrects(desk):
    desk.put(0)

    def work() -> None:
        for i in range(1, 30):
            desk.put(i, f"t = {i}")

    worker = Thread(target=work)
    worker.start()
    made: tuple = ()
    while worker.is_alive():
        made = (*made, off(len(made)))
        desk.correct(0, *made)
        for i in range(30):
            desk.store.get(plane(i))
        desk.store.flush()
        desk.store.sweep([])
    worker.join()
    assert desk.store.get(plane(0)).decisions == made
    assert [desk.store.get(plane(i)).name for i in range(1, 30)] == [f"t = {i}" for i in range(1, 30)]
    assert desk.store.nbytes <= 3 * BYTES


def test_bytes_are_counted_once_wherever_they_are():
    array = np.zeros(10, np.uint8)
    prediction = FakePrediction("x", data=array)
    assert bytes_held({"a": (array, [array, prediction]), "b": "text"}) == 10
