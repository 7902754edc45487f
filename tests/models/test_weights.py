"""Bad weights files: one clear sentence each."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest
import xxhash

from napari_gfsam.models import MODELS, ModelSpec, WeightsError, verify, weights
from napari_gfsam.models.encoders import load_encoder
from napari_gfsam.models.storage import FOLDER_VARIABLE, models_folder, pin_path, read_pin, write_pin
from napari_gfsam.models.weights import BUNDLED, WeightsMissingError, is_present, locate, read_weights

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
    check_refused(SAM, tmp_path / "nothing.safetensors", "is missing: choose another file")


def test_folder_instead_of_file(tmp_path: Path) -> None:
    check_refused(SAM, tmp_path, "cannot be read")


@pytest.mark.parametrize("length", [0, 7, 5000, 19_000_000, SAM.size_bytes - 1])
def test_truncated_file(copy: Path, length: int) -> None:
    os.truncate(copy, length)
    check_refused(SAM, copy, f"{length} bytes instead of {SAM.size_bytes}, it is truncated")


@pytest.mark.parametrize("length", [0, 7, 5000, 19_000_000])
def test_truncated_file_of_unknown_length(copy: Path, length: int) -> None:
    os.truncate(copy, length)
    with pytest.raises(WeightsError, match=r"is truncated"):
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
    code = b"cos\nsystem\n(S'touch " + str(tmp_path / "sprung").encode() + b"'\ntR."
    for start in (b"", b"\x80\x02"):
        trap.write_bytes(start + code)
        with pytest.raises(WeightsError, match=r"no weights file|is not run") as caught:
            read_weights(unpinned(SAM), trap)
        assert one_sentence(str(caught.value))
        assert not (tmp_path / "sprung").exists()


def test_encoder_from_a_file_of_another_kind() -> None:
    with pytest.raises(WeightsError, match="holds MobileSAM, expected DINOv2 ViT-S/14") as caught:
        load_encoder(unpinned(DINO), path=BUNDLED / SAM.file_name)
    assert one_sentence(str(caught.value))


def test_encoder_from_a_file_of_another_size() -> None:
    base = replace(unpinned(DINO), architecture="vit_base_patch14_dinov2.lvd142m")
    with pytest.raises(WeightsError, match="holds DINOv2 ViT-S/14, expected DINOv2 ViT-B/14") as caught:
        load_encoder(base, path=BUNDLED / DINO.file_name)
    assert one_sentence(str(caught.value))


def test_unknown_hash_is_reported() -> None:
    check = verify(unpinned(DINO), BUNDLED / DINO.file_name)
    assert check.ok
    assert str(DINO.sha256) in check.message
    assert "nothing to compare with" in check.message


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The models folder."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    return tmp_path / "models"


def stored(folder: Path, **changes: object) -> ModelSpec:
    """A model whose file is in the models folder without having been fetched."""
    spec = replace(
        SAM, bundled=False, source="https://example.org/x", **{"sha256": None, "size_bytes": None, **changes}
    )
    folder.mkdir(exist_ok=True)
    (folder / spec.file_name).write_bytes((BUNDLED / SAM.file_name).read_bytes())
    return spec


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_a_file_that_was_not_fetched_says_how_to_get_it(folder: Path) -> None:
    spec = MODELS["sam_vit_h"]
    assert locate(spec) == folder / "sam_vit_h_4b8939.pth"
    assert not is_present(spec)
    with pytest.raises(WeightsMissingError) as caught:
        read_weights(spec)
    message = str(caught.value)
    assert "napari-gfsam models download sam_vit_h" in message
    assert f"get {spec.source} elsewhere and put it as sam_vit_h_4b8939.pth into the folder {folder}." in message
    assert (caught.value.spec, caught.value.path) == (spec, locate(spec))
    check = verify(spec)
    assert (check.ok, check.message, check.sha256) == (False, message, None)


def test_a_file_put_there_by_hand_is_remembered_at_first_use(folder: Path) -> None:
    spec = stored(folder)
    assert is_present(spec)
    assert verify(spec).message.endswith("nothing to compare with.")
    assert read_pin(locate(spec)) == read_weights(spec).sha256 == SAM.sha256
    assert verify(spec).message.endswith("as when it was first used.")
    flip(locate(spec))
    check_stored_refused(spec, "is damaged or another file")


def check_stored_refused(spec: ModelSpec, words: str) -> None:
    with pytest.raises(WeightsError, match=words) as caught:
        read_weights(spec)
    assert one_sentence(str(caught.value))
    assert verify(spec).message == str(caught.value)


@pytest.mark.parametrize("length", [0, 7, 5000, 19_000_000])
def test_a_cut_file_is_not_remembered(folder: Path, length: int) -> None:
    spec = stored(folder)
    os.truncate(locate(spec), length)
    check_stored_refused(spec, "is truncated")
    assert not pin_path(locate(spec)).exists()


def test_an_xxh128_is_checked_where_it_is_all_there_is(folder: Path) -> None:
    spec = stored(folder, xxh128=xxhash.xxh128((BUNDLED / SAM.file_name).read_bytes()).hexdigest())
    flip(locate(spec))
    check_stored_refused(spec, "its xxh128 begins with")
    assert not pin_path(locate(spec)).exists()
    flip(locate(spec))
    assert verify(spec).message.endswith("its xxh128 as published.")


@pytest.mark.parametrize("content", ["", "nonsense", "12ab  mobile_sam.safetensors\n"])
def test_a_stored_hash_that_is_none_is_named(folder: Path, content: str) -> None:
    spec = stored(folder)
    pin_path(locate(spec)).write_text(content)
    check_stored_refused(spec, "cannot be read: delete that file if you trust the weights")


def test_a_folder_that_is_shared_read_only_serves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, sha256: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(weights, "write_pin", refuse)
    assert verify(stored(folder)).ok


def test_a_local_file_is_never_marked(copy: Path) -> None:
    own = SAM.with_file(copy)
    assert read_weights(own).sha256 == SAM.sha256
    flip(copy)
    assert read_weights(own).sha256 != SAM.sha256
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_stored_hashes_are_checked_by_sha256sum_too(tmp_path: Path) -> None:
    write_pin(tmp_path / "a.pth", "0" * 64)
    assert (tmp_path / "a.pth.sha256").read_text() == f"{'0' * 64}  a.pth\n"
    assert read_pin(tmp_path / "a.pth") == "0" * 64
    assert read_pin(tmp_path / "b.pth") is None


def test_the_folder_is_the_platforms_unless_another_is_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, " ")
    assert models_folder() == platformdirs.user_cache_path("napari-gfsam", appauthor=False) / "models"
    monkeypatch.setenv(FOLDER_VARIABLE, "~/weights")
    assert models_folder() == Path("~/weights").expanduser()


def test_checking_needs_no_torch() -> None:
    code = "import sys; from napari_gfsam.models import verify_all; verify_all(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
