"""Work in other processes, killed in the middle, and gone on with in new ones."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_gfsam.session import TargetState, latest_unfinished
from napari_gfsam.session.folder import SessionFolder
from napari_gfsam.session.resumed import read_session
from tests.fakes import disc_picture

ROOT = Path(__file__).parent.parent


class Child:
    """A process of `tests.kill_child` and what it says."""

    def __init__(self, step: str, folder: Path) -> None:
        command = [sys.executable, "-m", "tests.kill_child", step, str(folder)]
        self._errors = (folder / f"{step}.log").open("w+")
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=self._errors, text=True)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._process.stdout.close()
        self._errors.close()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def says(self) -> str:
        """The next line; a child that died tells why."""
        line = self._process.stdout.readline().strip()
        if not line:
            self._errors.seek(0)
            pytest.fail(f"The child ended: {self._errors.read()[-3000:]}")
        return line

    def rest(self) -> list[str]:
        """All lines that it said before it was killed."""
        return self._process.stdout.read().split()

    def ends(self) -> int:
        return self._process.wait(60)


@pytest.mark.gui
@pytest.mark.slow
def test_a_killed_window_loses_nothing_but_the_last_stroke(tmp_path):
    pairs = [disc_picture(seed) for seed in range(3)]
    tifffile.imwrite(tmp_path / "painted.tif", pairs[0][0][..., 0])
    tifffile.imwrite(tmp_path / "target.tif", pairs[1][0][..., 0])
    np.save(tmp_path / "made.npy", pairs[2][0][..., 0])
    np.save(tmp_path / "labels.npy", pairs[0][1])
    with Child("work", tmp_path) as child:
        assert child.says() == "READY"
        assert latest_unfinished(tmp_path / "sessions") is None  # while it lives, it is nobody else's
        child.kill()
    (folder,) = (tmp_path / "sessions").iterdir()
    assert latest_unfinished(tmp_path / "sessions") == SessionFolder(folder)
    with Child("go_on", tmp_path) as child:
        assert child.says() == "DONE"
        assert child.ends() == 0
    before, after = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("work", "go_on"))
    assert after == before
    assert sorted(state for state, *_ in after["queue"].values()) == ["accepted", "proposed"]
    assert all(after["decisions"].values())
    assert_saved(latest_unfinished(tmp_path / "sessions"), json.loads((tmp_path / "closed.json").read_text()))


def assert_saved(folder: SessionFolder, state: dict) -> None:
    """What a window that was closed left behind is what was at its desk."""
    resumed = read_session(folder)
    saved = {found.target.title: found for found in resumed.saved.targets}
    assert resumed.lost == ()
    assert {title: found.target.state for title, found in saved.items()} == {
        title: one[0] for title, one in state["queue"].items()
    }
    for title, (labels, _) in state["accepted"].items():
        assert resumed.labels(saved[title].target.plane).tolist() == labels
    painted = {title: np.count_nonzero(resumed.planes[found.paint].unpack()) for title, found in saved.items()}
    assert painted == state["painted"]


@pytest.mark.slow
def test_a_process_killed_while_it_saves_leaves_a_whole_session(tmp_path):
    chance = random.Random(0)
    pairs = [disc_picture(seed, (60, 80), 2) for seed in range(3)]
    np.save(tmp_path / "stack.npy", np.stack([image[..., 0] for image, _ in pairs]))
    np.save(tmp_path / "labels.npy", pairs[0][1])
    for _ in range(3):
        with Child("busy", tmp_path) as child:
            said = [int(child.says())]
            time.sleep(chance.uniform(0.05, 0.6))
            child.kill()
            said += [int(word) for word in child.rest()]
        folder = latest_unfinished(tmp_path / "sessions")
        resumed = read_session(folder)
        assert resumed.lost == ()
        assert int(resumed.saved.classes[0].name) >= said[-1]
        for found in resumed.saved.targets:
            assert found.prediction
            accepted = found.target.state == TargetState.ACCEPTED
            assert bool(found.written) == accepted
            if accepted:
                assert resumed.planes[found.labels].unpack().any()
