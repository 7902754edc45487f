"""A wheel built from the checkout, installed elsewhere, works without a network."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT), cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the wheel; its dependencies come from the environment of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "-t",
        str(folder),
        str(wheel),
        cwd=folder,
    )
    return folder


def test_wheel_holds_what_it_needs(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    bundled = "napari_gfsam/models/bundled/"
    assert {f"{bundled}dinov2_vits14_bundled.safetensors", f"{bundled}mobile_sam.safetensors"} <= names
    assert {"napari_gfsam/napari.yaml", "napari_gfsam/py.typed"} <= names
    assert any(name.endswith("licenses/NOTICE") for name in names)
    assert any(name.endswith("licenses/LICENSES/Apache-2.0.txt") for name in names)
    assert not any(name.startswith("tests") for name in names)
    assert wheel.stat().st_size < 90 * 2**20


def test_manifest_of_the_wheel_is_valid(installed):
    manifest = installed / "napari_gfsam" / "napari.yaml"
    assert "valid" in run(
        sys.executable, "-m", "npe2", "validate", str(manifest), cwd=installed, PYTHONPATH=str(installed)
    )


def test_installed_wheel_segments_a_picture(installed, tmp_path):
    code = """
import napari_gfsam, pathlib, sys
assert pathlib.Path(napari_gfsam.__file__).is_relative_to(sys.argv[1]), napari_gfsam.__file__
from napari_gfsam import Segmenter
from napari_gfsam.samples import load_pair
pair = load_pair('gland')
segmenter = Segmenter()
segmenter.add_reference(pair.reference.image, pair.reference.labels)
prediction = segmenter.segment(pair.targets[0].image)
truth = pair.targets[0].labels
print(((prediction.labels > 0) & (truth > 0)).sum() / ((prediction.labels > 0) | (truth > 0)).sum())
"""
    out = run(sys.executable, "-c", code, str(installed), cwd=tmp_path, PYTHONPATH=str(installed))
    assert float(out) > 0.5


def test_command_line_is_installed(installed, tmp_path):
    out = run(sys.executable, "-m", "napari_gfsam", "--help", cwd=tmp_path, PYTHONPATH=str(installed))
    assert "segment" in out


def test_manifest_at_the_top_is_the_one_in_the_package():
    assert (ROOT / "napari.yaml").read_bytes() == (ROOT / "src/napari_gfsam/napari.yaml").read_bytes()
