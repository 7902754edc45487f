from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from napari_gfsam.cli import doctor
from napari_gfsam.models import MODELS, weights


def test_models_are_listed(desk):
    result = desk.run("models", "list")
    assert result.exit_code == 0
    for name in (*MODELS, "bundled", "Apache-2.0"):
        assert name in result.stdout


def test_intact_weights(desk):
    result = desk.run("models", "verify")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("are intact") == sum(spec.bundled for spec in MODELS.values())


@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_damaged_weights_are_named(desk, monkeypatch, damage):
    copy = desk / "bundled"
    shutil.copytree(weights.BUNDLED, copy)
    monkeypatch.setattr(weights, "BUNDLED", copy)
    file = copy / MODELS["mobile_sam"].file_name
    content = bytearray(file.read_bytes())
    if damage == "cut":
        file.write_bytes(content[:-100])
    elif damage == "changed":
        content[-1] ^= 1
        file.write_bytes(content)
    else:
        file.unlink()
    result = desk.run("models", "verify")
    assert result.exit_code == 1
    assert "reinstall napari-gfsam" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert desk.run("models", "verify", "dinov2_vits14_bundled").exit_code == 0


def test_an_unknown_model_ends_with_two(desk):
    result = desk.run("models", "verify", "huge")
    assert result.exit_code == 2
    assert "There is no model 'huge'" in result.stderr


def test_the_doctor_finds_nothing_wrong(desk, fake_models):
    result = desk.run("doctor")
    assert result.exit_code == 0, result.output
    for words in ("Python", "torch", "weights are intact", "a disc was found"):
        assert words in result.stdout


def test_the_doctor_names_what_is_wrong(desk, fake_models, monkeypatch):
    from napari_gfsam.models import WeightsError

    def damaged(spec: object) -> None:
        raise WeightsError("The weights are damaged: reinstall napari-gfsam.")

    monkeypatch.setattr("napari_gfsam.models.encoders.load_encoder", damaged)
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "no-such-package"))
    result = desk.run("doctor")
    assert result.exit_code == 1
    assert "no-such-package: missing" in result.stderr
    assert "self test: The weights are damaged" in result.stderr


@pytest.mark.parametrize(
    ("installed", "words"),
    [
        ((), "napari is not installed"),
        (("napari",), "without Qt"),
        (("napari", "PyQt6"), "with PyQt6"),
        (("napari", "PyQt6", "PySide6"), "set QT_API"),
    ],
)
def test_the_doctor_looks_for_a_viewer(monkeypatch, installed, words):
    monkeypatch.delenv("QT_API", raising=False)
    monkeypatch.setattr(doctor, "find_spec", lambda name: name in installed or None)
    finding = doctor._viewer()
    assert words in finding.detail
    assert finding.ok, "no viewer is needed without a screen"


def test_the_doctor_does_not_open_the_viewer(tmp_path):
    code = (
        "import sys; from napari_gfsam.cli import doctor; doctor._viewer(); "
        "print(*{'napari', 'qtpy', 'PyQt6', 'PySide6'} & {name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == ""


def test_an_unwritable_cache_folder_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    finding = doctor._guarded("cache folder", doctor._cache_folder)
    assert not finding.ok
    assert "XDG_CACHE_HOME" in finding.detail
