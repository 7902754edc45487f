from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save

from napari_gfsam.cli import app, doctor
from napari_gfsam.models import MODELS, PRESETS, weights
from napari_gfsam.models.fetching import MIRROR_VARIABLE
from napari_gfsam.models.storage import FOLDER_VARIABLE
from tests.models.file_server import FileServer, Manners


@pytest.fixture
def folder(desk, monkeypatch):
    """The models folder, empty."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(desk / "models"))
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    return desk / "models"


@pytest.fixture
def server(monkeypatch):
    """A publisher of two small models, which stand in the registry."""
    with FileServer(save({"x": torch.ones(1000)})) as running:
        known = {"sha256": hashlib.sha256(running.content).hexdigest(), "size_bytes": len(running.content)}
        for name in ("sam_vit_b", "vit_b_lm"):
            spec = replace(MODELS[name], source=f"{running.url}/{name}", xxh128=None, about_bytes=None, **known)
            monkeypatch.setitem(MODELS, name, spec)
        yield running


def test_models_are_listed(desk, folder):
    result = desk.run("models", "list")
    assert result.exit_code == 0
    for name in (*MODELS, *PRESETS, "Apache-2.0", "CC-BY-4.0", "2565", str(folder), FOLDER_VARIABLE):
        assert name in result.stdout
    folder.mkdir()
    (folder / MODELS["sam_vit_h"].file_name).touch()
    assert "downloaded" not in next(line for line in result.stdout.splitlines() if "sam_vit_h" in line)
    listed = desk.run("models", "list").stdout.splitlines()
    assert "downloaded" in next(line for line in listed if "sam_vit_h" in line)


def test_licences_are_shown_and_asked_before_a_download(desk, folder, server):
    result = desk.runner.invoke(app, ["models", "download", "sam_vit_b", "vit_b_lm"], input="n\n")
    assert result.exit_code == 1
    for words in ("Apache-2.0", "keep the licence", "CC-BY-4.0", "name the authors", "Archit et al.", "[y/N]"):
        assert words in result.output
    assert "Nothing was downloaded." in result.stderr
    assert not server.requests
    result = desk.runner.invoke(app, ["models", "download", "sam_vit_b", "vit_b_lm"], input="y\n")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in folder.glob("*.pt*")) == [
        "sam_vit_b_01ec64.pth",
        "sam_vit_b_01ec64.pth.sha256",
        "vit_b_lm.pt",
        "vit_b_lm.pt.sha256",
    ]


def test_a_script_must_agree_beforehand(desk, folder, server):
    result = desk.run("models", "download", "sam_vit_b")
    assert result.exit_code == 1
    assert "Add --yes to agree without being asked." in result.stderr
    assert desk.run("models", "download", "sam_vit_b", "--yes").exit_code == 0
    again = desk.run("models", "download", "sam_vit_b")
    assert (again.exit_code, len(server.requests)) == (0, 1)
    assert "licence" not in again.output


def test_presets_and_pairs_are_downloaded_whole(desk, folder, server):
    result = desk.run("models", "download", "dinov2_vits14_bundled+sam_vit_b", "bundled", "-y")
    assert result.exit_code == 0, result.output
    assert [line.split(":")[0].split()[-1] for line in result.stdout.splitlines() if line.startswith("ok")] == [
        "dinov2_vits14_bundled",
        "sam_vit_b",
        "mobile_sam",
    ]


def test_a_mirror_serves_in_the_publishers_place(desk, folder, server):
    assert desk.run("models", "download", "-y", "sam_vit_b", "--mirror", f"{server.url}/mirror").exit_code == 0
    assert server.requests[0].path == "/mirror/sam_vit_b_01ec64.pth"


def test_what_cannot_be_had_is_one_sentence_and_the_rest_is_fetched(desk, folder, server):
    server.manners = [Manners(status=404), Manners()]
    result = desk.run("models", "download", "-y", "sam_vit_b", "vit_b_lm")
    assert result.exit_code == 1
    (line,) = result.stderr.strip().splitlines()
    assert "answers 404 (Not Found): check the connection" in line
    assert f"put it as sam_vit_b_01ec64.pth into the folder {folder}." in line
    assert (folder / "vit_b_lm.pt").exists()


def test_ctrl_c_says_how_to_go_on(desk, folder, server, monkeypatch):
    def stopped(*args, **options):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("napari_gfsam.models.fetching.fetch", stopped)
    result = desk.run("models", "download", "-y", "sam_vit_b")
    assert result.exit_code == 130
    assert "the same command goes on from there" in result.stderr


def test_downloads_are_verified_with_the_bundled_ones(desk, folder, server):
    desk.run("models", "download", "-y", "sam_vit_b")
    result = desk.run("models", "verify")
    assert (result.exit_code, result.stdout.count("are intact")) == (0, 3)
    (folder / "sam_vit_b_01ec64.pth").write_bytes(b"x")
    result = desk.run("models", "verify")
    assert result.exit_code == 1
    assert "it is truncated: run `napari-gfsam models download sam_vit_b` again" in result.stderr


def test_a_model_that_was_not_downloaded_is_no_secret(desk, folder):
    result = desk.run("models", "verify", "sam_vit_l")
    assert result.exit_code == 1
    assert "run `napari-gfsam models download sam_vit_l`" in result.stderr


def test_intact_weights(desk, folder):
    result = desk.run("models", "verify")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("are intact") == sum(spec.bundled for spec in MODELS.values())


@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_damaged_weights_are_named(desk, folder, monkeypatch, damage):
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


@pytest.mark.parametrize("command", ["verify", "download"])
@pytest.mark.parametrize("name", ["huge", "huge+mobile_sam"])
def test_an_unknown_model_ends_with_two(desk, command, name):
    result = desk.run("models", command, name)
    assert result.exit_code == 2
    assert "There is no model 'huge'" in result.stderr


def test_the_doctor_finds_nothing_wrong(desk, fake_models):
    result = desk.run("doctor")
    assert result.exit_code == 0, result.output
    for words in ("Python", "torch", "weights are intact", "a disc was found"):
        assert words in result.stdout


def test_the_doctor_names_what_is_wrong(desk, fake_models, monkeypatch):
    from napari_gfsam.models import WeightsError

    def damaged(spec: object, **options: object) -> None:
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


def test_an_unwritable_models_folder_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    finding = doctor._guarded("models folder", doctor._models_folder)
    assert not finding.ok
    assert FOLDER_VARIABLE in finding.detail


def test_local_files_take_the_place_of_the_models_own(desk, fake_models, monkeypatch):
    asked = {}
    for kind, fake in zip(("encoder", "segmenter"), fake_models, strict=True):

        def load(spec, *, kind=kind, fake=fake, **options):
            asked[kind] = (spec.id, spec.path, spec.sha256)
            return fake

        monkeypatch.setattr(f"napari_gfsam.models.{kind}s.load_{kind}", load)
    target, own = desk.target("target"), desk / "own.pth"
    own.write_bytes(b"x")
    words = ("--encoder-weights", own, "--model", "dinov2_vits14+mobile_sam", target)
    assert desk.segment(*words).exit_code == 0
    assert asked["encoder"] == ("dinov2_vits14", str(own), None)
    assert asked["segmenter"] == ("mobile_sam", None, MODELS["mobile_sam"].sha256)
    missing = desk.segment("--segmenter-weights", desk / "nothing.pth", target)
    assert missing.exit_code == 2
    assert "does not exist" in missing.output
