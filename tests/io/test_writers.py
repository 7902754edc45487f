from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from napari_gfsam.io.readers import read_image, read_labels
from napari_gfsam.io.writers import (
    OutputError,
    beside,
    is_ours,
    write_bytes,
    write_json,
    write_labels,
    write_overlay,
    write_picture,
    write_text,
)

LABELS = hnp.arrays(
    st.sampled_from(["bool", "uint8", "int16", "int64", "uint64"]),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.integers(0, 1),
).flatmap(lambda base: st.sampled_from([1, 200, 255, 256, 60000]).map(lambda top: base.astype("int64") * top))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=LABELS, suffix=st.sampled_from([".tif", ".tiff", ".png", ".TIF"]))
def test_labels_come_back(tmp_path, labels, suffix):
    path = tmp_path / f"l{suffix}"
    write_labels(path, labels)
    back = read_labels(path)
    assert np.array_equal(back, labels)
    assert back.dtype == (np.uint8 if labels.max() < 256 else np.uint16)
    assert is_ours(path)
    assert [entry.name for entry in tmp_path.iterdir() if entry.suffix == ".tmp"] == []


def test_large_ids_need_a_tiff(tmp_path):
    labels = np.array([[0, 70000]])
    write_labels(tmp_path / "l.tif", labels)
    assert np.array_equal(read_labels(tmp_path / "l.tif"), labels)
    with pytest.raises(ValueError, match="up to 65535, not 70000"):
        write_labels(tmp_path / "l.png", labels)


@pytest.mark.parametrize(
    ("name", "labels", "words"),
    [
        ("l.jpg", np.zeros((2, 2), int), "written as .tif or .png"),
        ("l.tif", np.zeros((2, 2)), "not float64"),
        ("l.tif", np.zeros((2, 2, 3), int), r"\(2, 2, 3\)"),
        ("l.tif", np.zeros((0, 2), int), r"\(0, 2\)"),
        ("l.tif", np.array([[-1]]), "not -1 to -1"),
        ("l.tif", np.array([[2**40]]), "not 1099511627776"),
    ],
)
def test_what_is_no_label_image_is_refused_and_nothing_is_written(tmp_path, name, labels, words):
    with pytest.raises(ValueError, match=words):
        write_labels(tmp_path / name, labels)
    assert list(tmp_path.iterdir()) == []


def test_pictures_come_back(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    for array in (rgb, rgb[..., 0], rgb[..., 0].astype(np.float32)):
        write_picture(tmp_path / "p.tif", array)
        assert np.array_equal(read_image(tmp_path / "p.tif"), array)


def test_an_overlay_is_a_png_of_the_same_size(tmp_path):
    labels = np.zeros((7, 9), np.uint8)
    labels[2:5, 2:5] = 1
    write_overlay(tmp_path / "o.png", np.full((7, 9, 3), 99, np.uint8), labels, truth=labels)
    assert read_image(tmp_path / "o.png").shape == (7, 9, 3)
    assert is_ours(tmp_path / "o.png")


def test_folders_are_made_and_files_replaced(tmp_path):
    path = tmp_path / "a" / "b" / "t.txt"
    write_text(path, "one")
    write_text(path, "zwei ü")
    assert path.read_text(encoding="utf-8") == "zwei ü"


def test_a_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_bytes(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_json_has_no_nan(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert not (tmp_path / "x.json").exists()


def test_a_failure_keeps_the_old_file_and_leaves_no_half_one(tmp_path, monkeypatch):
    path = tmp_path / "t.txt"
    write_text(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"t.txt cannot be written \(No space left on device\)"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["x" * 255, "\U0001f600" * 63 + ".t"], ids=["ascii", "emoji"])
def test_every_legal_name_can_be_written(tmp_path, name):
    write_text(tmp_path / name, "whole")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "whole")]
    (tmp_path / name).unlink()
    for text in ("old", "new"):
        with beside(tmp_path / name) as hidden:
            write_text(hidden / "in", text)
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*")] == [Path(name), Path(name, "in")]
    assert (tmp_path / name / "in").read_text() == "new"


def test_two_long_names_never_share_a_hidden_place(tmp_path):
    with beside(tmp_path / f"a{'x' * 240}_labels.tif") as one, beside(tmp_path / f"b{'x' * 240}_labels.tif") as other:
        assert one != other
        one.touch()
        other.touch()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        write_labels(tmp_path / "file" / "below" / "l.tif", np.ones((2, 2), int))
    assert (tmp_path / "file").read_text() == "x"


def test_files_of_others_do_not_bear_our_mark(tmp_path):
    write_labels(tmp_path / "l.tif", np.ones((3, 3), int))
    write_labels(tmp_path / "l.png", np.ones((3, 3), int))
    for name in ("l.tif", "l.png"):
        with Image.open(tmp_path / name) as opened:
            pixels = np.asarray(opened)
        Image.fromarray(pixels).save(tmp_path / name)
        assert not is_ours(tmp_path / name)
    (tmp_path / "cut.png").write_bytes((tmp_path / "l.png").read_bytes()[:20])
    assert not is_ours(tmp_path / "cut.png")
    assert not is_ours(tmp_path / "none.tif")
