"""Downloads and files of models, as far as the dock is concerned; the fetching itself has its own tests."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from safetensors.numpy import save_file

from napari_gfsam.models.fetching import FetchError, FetchProgress
from napari_gfsam.models.registry import PRESETS, model_spec
from tests.controller.hands import RUN_MILLISECONDS

pytestmark = pytest.mark.gui
OTHER = next(name for name in PRESETS if name != "bundled")


@pytest.fixture
def told(at):
    heard = []
    getting = at.desk.getting
    getting.progressed.connect(lambda preset, text: heard.append((preset, text)))
    getting.got.connect(heard.append)
    getting.failed.connect(heard.append)
    return heard


def wait(at):
    at.qtbot.waitUntil(lambda: not at.desk.getting._jobs.running, timeout=RUN_MILLISECONDS)


def progress(done, total=100, stage="download", message=""):
    return FetchProgress("model", stage=stage, done_bytes=done, total_bytes=total, message=message)


def fetching(monkeypatch, steps):
    monkeypatch.setattr("napari_gfsam.models.fetching.fetch", steps)


def test_a_pair_of_models_is_fetched_and_used(at, told, monkeypatch):
    def fetch(spec):
        yield progress(50)
        yield progress(0, stage="wait", message="Waiting for the server")
        yield progress(100, stage="check")

    fetching(monkeypatch, fetch)
    changed = []
    at.desk.getting.changed.connect(lambda: changed.append(at.desk.getting.preset))
    at.desk.models.use(encoder=model_spec(PRESETS["bundled"].models[0].id, "encoder").id)
    at.desk.getting.fetch(OTHER)
    assert at.desk.getting.preset == OTHER
    wait(at)
    first = PRESETS[OTHER].models[0].title
    assert told[:3] == [
        (OTHER, f"{first}: downloading 50%"),
        (OTHER, f"{first}: Waiting for the server"),
        (OTHER, f"{first}: checking 100%"),
    ]
    assert told[-1] == "The models are here and will be used by the next run."
    assert (at.desk.models.choice.preset, at.desk.models.choice.encoder) == (OTHER, None)
    assert changed == [OTHER, ""]
    assert at.problems == []


def test_a_download_that_fails_is_told_and_the_models_stay(at, told, monkeypatch):
    def fetch(spec):
        yield progress(10)
        raise FetchError("The server does not answer.")

    fetching(monkeypatch, fetch)
    at.desk.getting.fetch(OTHER)
    wait(at)
    assert told[-1] == "The server does not answer."
    assert at.problems == ["The server does not answer."]
    assert at.desk.models.choice.preset == "bundled"
    assert at.desk.getting.preset == ""


def test_a_download_is_cancelled_or_ended_by_a_file(at, told, monkeypatch, tmp_path):
    go_on = threading.Event()

    def fetch(spec):
        for done in range(1000):
            go_on.wait(0.01)
            yield progress(done, 1000)

    fetching(monkeypatch, fetch)
    at.desk.getting.fetch(OTHER)
    at.qtbot.waitUntil(lambda: bool(told), timeout=RUN_MILLISECONDS)
    at.desk.getting.cancel()
    wait(at)
    assert told[-1].startswith("The download is stopped")
    assert at.desk.getting.preset == ""
    at.desk.getting.fetch(OTHER)
    spec = model_spec("sam_vit_b")
    monkeypatch.setattr("napari_gfsam.api.local_weights.recognise_file", spec.with_file)
    at.desk.getting.use_file(tmp_path / "sam.pth")
    assert at.desk.getting.preset == ""
    wait(at)
    assert told[-1].startswith("The next run uses ")
    choice = at.desk.models.choice
    assert (choice.preset, choice.segmenter) == ("bundled", "sam_vit_b")
    assert str(choice.segmenter_weights) == str(tmp_path / "sam.pth")


def test_a_file_that_is_no_model_is_told(at, told, tmp_path):
    save_file({"x": np.zeros(3)}, tmp_path / "mine.safetensors")
    for name in ("mine.safetensors", "nowhere.pth"):
        at.desk.getting.use_file(tmp_path / name)
        wait(at)
        assert name in told[-1]
    assert len(at.problems) == 2
    assert at.desk.models.choice.segmenter is None
