"""Bad weights files: one clear sentence each."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from napari_gfsam.models import MODELS, ModelSpec, WeightsError, verify
from napari_gfsam.models.encoders import load_encoder
from napari_gfsam.models.weights import BUNDLED, locate, read_weights

if TYPE_CHECKING:
    from pathlib import Path

SAM = MODELS["mobile_sam"]
DINO = MODELS["dinov2_vits14_bundled"]


def unpinned(spec: ModelSpec) -> ModelSpec:
    """The same model as if nothing were known of its file."""
    return replace(spec, sha256=None, size_bytes=None)


def one_sentence(message: str) -> bool:
    return message.endswith(".") and "\n" not in message and message[:-1].count(". ") == 0


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    path = tmp_path / SAM.file_name
    path.write_bytes((BUNDLED / SAM.file_name).read_bytes())
    return path


def check_refused(spec: ModelSpec, path: Path, words: str) -> None:
    with pytest.raises(WeightsError, match=words) as caught:
        read_weights(spec, path)
    assert one_sentence(str(caught.value))
    assert spec.id in str(caught.value)
    check = verify(spec, path)
    assert (check.ok, check.message, check.path) == (False, str(caught.value), path)


def test_missing_file(tmp_path: Path) -> None:
    check_refused(SAM, tmp_path / "nothing.safetensors", "is missing: reinstall napari-gfsam")


def test_folder_instead_of_file(tmp_path: Path) -> None:
    check_refused(SAM, tmp_path, "cannot be read")


@pytest.mark.parametrize("length", [0, 7, 5000, 19_000_000, SAM.size_bytes - 1])
def test_truncated_file(copy: Path, length: int) -> None:
    os.truncate(copy, length)
    check_refused(SAM, copy, f"{length} bytes instead of {SAM.size_bytes}, it is truncated")


@pytest.mark.parametrize("length", [0, 7, 5000, 19_000_000])
def test_truncated_file_of_unknown_length(copy: Path, length: int) -> None:
    os.truncate(copy, length)
    with pytest.raises(WeightsError, match=r"truncated or no safetensors file"):
        read_weights(unpinned(SAM), copy)


@pytest.mark.parametrize("place", [3, 100, 10_000_000, -1])
def test_flipped_byte(copy: Path, place: int) -> None:
    data = bytearray(copy.read_bytes())
    data[place] ^= 1
    copy.write_bytes(data)
    check_refused(SAM, copy, "is damaged or another file")


def test_longer_file(copy: Path) -> None:
    with copy.open("ab") as file:
        file.write(b"\0")
    check_refused(SAM, copy, "it is another file")


def test_file_of_another_kind() -> None:
    check_refused(DINO, BUNDLED / SAM.file_name, "bytes instead of")


def test_pickle_is_not_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap.pt"
    trap.write_bytes(b"cos\nsystem\n(S'touch " + str(tmp_path / "sprung").encode() + b"'\ntR.")
    with pytest.raises(WeightsError, match="no safetensors file"):
        read_weights(unpinned(SAM), trap)
    assert not (tmp_path / "sprung").exists()


def test_encoder_from_a_file_of_another_kind() -> None:
    with pytest.raises(WeightsError, match="of another kind of model: they lack") as caught:
        load_encoder(unpinned(DINO), path=BUNDLED / SAM.file_name)
    assert one_sentence(str(caught.value))


def test_encoder_from_a_file_of_another_size() -> None:
    base = replace(unpinned(DINO), architecture="vit_base_patch14_dinov2.lvd142m")
    with pytest.raises(WeightsError, match=r"of another size: blocks\.0\.attn\.proj\.bias is \(384,\)") as caught:
        load_encoder(base, path=BUNDLED / DINO.file_name)
    assert one_sentence(str(caught.value))


def test_unknown_hash_is_reported() -> None:
    check = verify(unpinned(DINO), BUNDLED / DINO.file_name)
    assert check.ok
    assert str(DINO.sha256) in check.message
    assert "nothing to compare with" in check.message


def test_model_that_is_not_bundled() -> None:
    spec = replace(SAM, bundled=False)
    with pytest.raises(WeightsError, match="does not ship with napari-gfsam: give the path"):
        locate(spec)
    assert not verify(spec).ok


def test_checking_needs_no_torch() -> None:
    code = "import sys; from napari_gfsam.models import verify_all; verify_all(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
