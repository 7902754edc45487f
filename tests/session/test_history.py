from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gfsam.session.history import Command, History


class Counter:
    """A value that commands set; the plainest thing that can be undone."""

    def __init__(self, limit: int = 200) -> None:
        self.value = 0
        self.history = History(limit)

    def set(self, value: int) -> None:
        before, self.value = self.value, value
        self.history.push(
            Command(f"{before} to {value}", lambda: self._become(value), lambda: self._become(before)),
        )

    def _become(self, value: int) -> None:
        self.value = value


@given(steps=st.lists(st.one_of(st.integers(1, 9), st.sampled_from(["undo", "redo"])), max_size=30))
def test_undo_and_redo_walk_the_states(steps):
    counter, states, place = Counter(), [0], 0
    for step in steps:
        if isinstance(step, int):
            counter.set(step)
            states, place = [*states[: place + 1], step], place + 1
        elif step == "undo":
            assert (counter.history.undo() is not None) == (place > 0)
            place = max(0, place - 1)
        else:
            assert (counter.history.redo() is not None) == (place < len(states) - 1)
            place = min(len(states) - 1, place + 1)
        assert counter.value == states[place]
        assert counter.history.can_undo == (place > 0)
        assert counter.history.can_redo == (place < len(states) - 1)


def test_titles_and_signals():
    counter, seen = Counter(), []
    counter.history.changed.connect(lambda: seen.append((counter.history.undo_title, counter.history.redo_title)))
    counter.set(4)
    assert counter.history.undo() == "0 to 4"
    assert counter.history.redo() == "0 to 4"
    assert counter.history.redo() is None
    counter.history.clear()
    assert counter.history.undo() is None
    assert seen == [("0 to 4", ""), ("", "0 to 4"), ("0 to 4", ""), ("", "")]


def test_the_oldest_commands_are_forgotten():
    counter = Counter(limit=3)
    for value in range(1, 6):
        counter.set(value)
    while counter.history.undo():
        pass
    assert counter.value == 2


def test_the_oldest_commands_are_forgotten_when_all_hold_too_much():
    history = History(limit_bytes=10)
    for nbytes in (4, 4, 4, 2, 30):
        history.push(Command(f"{nbytes} bytes", list, list, nbytes=nbytes))
    assert history.undo() == "30 bytes"  # the last is kept, whatever it holds
    assert not history.can_undo
    for nbytes in (4, 4, 4, 2):
        history.push(Command(f"{nbytes} bytes", list, list, nbytes=nbytes))
    assert [history.undo() for _ in range(4)] == ["2 bytes", "4 bytes", "4 bytes", None]


def test_a_command_that_fails_stays_where_it_was():
    history, fails = History(), [True]

    def step() -> None:
        if fails[0]:
            raise ValueError("the layer is gone")

    history.push(Command("paint", step, step))
    with pytest.raises(ValueError, match="gone"):
        history.undo()
    assert (history.undo_title, history.redo_title, history.busy) == ("paint", "", False)
    fails[0] = False
    assert history.undo() == "paint"
    fails[0] = True
    with pytest.raises(ValueError, match="gone"):
        history.redo()
    assert (history.undo_title, history.redo_title) == ("", "paint")


def test_what_a_command_reports_while_it_runs_is_no_new_command():
    history = History()

    def step() -> None:
        assert history.busy
        history.push(Command("echo", step, step))

    history.push(Command("paint", step, step))
    with pytest.raises(RuntimeError, match="wait until it is finished"):
        history.undo()
    assert history.undo_title == "paint"


def test_commands_on_what_is_gone_are_forgotten():
    history = History()
    for subject in ("a", "b", "a", None):
        history.push(Command(f"on {subject}", list, list, subject=subject))
    history.undo()
    history.forget("a")
    assert history.redo_title == "on None"
    assert history.undo() == "on b"
    assert not history.can_undo


def test_a_command_on_several_things_is_forgotten_with_the_last_of_them():
    history, subjects = History(), {"a", "b"}
    history.push(Command("on both", list, list, subject=subjects))
    history.forget("a")
    assert (history.undo_title, subjects) == ("on both", {"b"})
    history.undo()
    history.forget("b")
    assert not history.can_redo
