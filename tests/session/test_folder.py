from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_gfsam.io.writers import OutputError
from napari_gfsam.session.folder import (
    SessionFolder,
    default_root,
    finished_sessions,
    latest_unfinished,
    session_folders,
)
from napari_gfsam.session.shelf import SessionError

WORK = """
import sys
from pathlib import Path
from napari_gfsam.session.folder import SessionFolder
folder = SessionFolder.create(Path(sys.argv[1]))
folder.description.write_text("{}")
print(folder.path, flush=True)
sys.stdin.read()
"""


def with_work(root: Path, seconds_ago: float = 0) -> SessionFolder:
    """A session that its window let go of."""
    folder = SessionFolder.create(root)
    folder.description.write_text("{}")
    folder.close()
    then = time.time() - seconds_ago
    os.utime(folder.description, (then, then))
    return folder


def test_a_session_is_offered_once_its_process_is_killed(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        folder = SessionFolder(Path(process.stdout.readline().strip()))
        assert folder.in_use
        assert latest_unfinished(tmp_path) is None
        with pytest.raises(SessionError, match="open in another window"):
            folder.take_over()
        process.kill()
    assert latest_unfinished(tmp_path) == folder
    folder.take_over()
    assert folder.in_use
    assert latest_unfinished(tmp_path) is None


def test_the_number_of_a_dead_process_may_be_in_use_again(tmp_path):
    folder = with_work(tmp_path)
    alive = {"pid": os.getpid(), "started": time.time() - 10**6}
    (folder.path / "alive.json").write_text(json.dumps(alive))
    assert latest_unfinished(tmp_path) == folder


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        "{}",
        '{"pid": "x", "started": 0}',
        '{"pid": 1e99, "started": null}',
        '{"pid": -1, "started": 0}',
        '{"pid": 1e99, "started": 0}',
        '{"pid": 1e400, "started": 0}',
    ],
)
def test_a_damaged_sign_of_life_is_none(tmp_path, text):
    folder = with_work(tmp_path)
    (folder.path / "alive.json").write_text(text)
    assert latest_unfinished(tmp_path) == folder


def test_the_newest_comes_first_and_finished_ones_are_not_offered(tmp_path):
    old, middle, new = (with_work(tmp_path, seconds_ago) for seconds_ago in (200, 100, 0))
    assert session_folders(tmp_path) == (new, middle, old)
    new.finish()
    old.finish()
    assert latest_unfinished(tmp_path) == middle
    assert finished_sessions(tmp_path) == (new, old)
    assert finished_sessions(tmp_path, keep=1) == (old,)
    old.remove()
    assert finished_sessions(tmp_path) == (new,)


def test_a_session_in_use_is_not_finished_by_another_window_and_one_taken_up_again_is_finished_no_more(tmp_path):
    folder = with_work(tmp_path)
    folder.take_over()
    folder.finish()
    assert not folder.finished
    folder.close()
    folder.finish()
    assert folder.finished
    folder.take_over()
    folder.close()
    assert latest_unfinished(tmp_path) == folder


def test_a_folder_that_cannot_be_reached_is_let_go_of(tmp_path, monkeypatch):
    folder = with_work(tmp_path)
    folder.take_over()

    def unreachable(*_, **__):
        raise OSError(5, "Input/output error")

    for name in ("unlink", "is_file"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, name, unreachable)
            folder.close()
    assert folder.holds_work


def test_a_session_without_work_leaves_nothing_behind(tmp_path):
    folder = SessionFolder.create(tmp_path)
    folder.close()
    assert not folder.path.exists()
    dead = SessionFolder.create(tmp_path)
    (dead.path / "alive.json").unlink()
    assert latest_unfinished(tmp_path) is None
    assert not dead.path.exists()


def test_folders_of_others_are_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "session.json").write_text("{}")
    (tmp_path / "2026-01-01_00-00-00_0123abcd").write_text("a file")
    assert session_folders(tmp_path) == ()
    assert len(list(tmp_path.iterdir())) == 2
    assert session_folders(tmp_path / "nowhere") == ()


def test_the_size_counts_every_file(tmp_path):
    folder = with_work(tmp_path)
    folder.labels.mkdir()
    (folder.labels / "a.tif").write_bytes(b"123")
    assert folder.size_bytes == 5


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "root").write_text("in the way")
    with pytest.raises(OutputError, match=r"root.*cannot be written"):
        SessionFolder.create(tmp_path / "root")


def test_the_environment_names_the_root(monkeypatch, tmp_path):
    monkeypatch.delenv("NAPARI_GFSAM_SESSIONS", raising=False)
    assert default_root().name == "sessions"
    assert default_root().is_absolute()
    monkeypatch.setenv("NAPARI_GFSAM_SESSIONS", str(tmp_path))
    assert SessionFolder.create().path.parent == tmp_path
