from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gfsam.cli.console import sentence, table
from napari_gfsam.datasets import DatasetError
from napari_gfsam.datasets.outputs import Inputs, output_paths, prepare_folder
from napari_gfsam.datasets.targets import find_pictures, is_output, name_targets

PARTS = st.sampled_from(["a", "A", "b", "a_b", "b_a", "a_tif"])
PATHS = st.lists(st.builds(lambda folder, stem, suffix: Path(f"/{folder}/{stem}.{suffix}"), PARTS, PARTS,
                           st.sampled_from(["tif", "png"])), unique=True, max_size=12)  # fmt: skip


@given(PATHS)
def test_every_target_has_a_name_of_its_own_on_any_file_system(paths):
    targets = name_targets(paths)
    assert [target.path for target in targets] == paths
    names = [target.name.casefold() for target in targets]
    assert len(set(names)) == len(names)


@given(PATHS)
def test_names_do_not_depend_on_the_order(paths):
    backwards = {target.path: target.name for target in name_targets(paths[::-1])}
    assert {target.path: target.name for target in name_targets(paths)} == backwards


def test_a_name_that_meets_no_other_is_the_stem():
    assert [target.name for target in name_targets([Path("x/a.tif"), Path("y/b.tif")])] == ["a", "b"]


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_folders_globs_and_files_mean_every_picture_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(*(tmp_path / "in" / name for name in ("p2.tif", "p10.TIF", "q.jpeg", "notes.txt", ".hidden.png")))
    touch(tmp_path / "in" / "deep" / "r.png")
    found = find_pictures(["in", "in/p*.tif", "in/**/*.png", str(tmp_path / "in" / "q.jpeg")])
    assert [path.name for path in found.paths] == ["p2.tif", "p10.TIF", "q.jpeg", "r.png"]
    assert found.problems == ()


def test_an_existing_file_is_no_glob(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / "a[1].tif", tmp_path / "a1.tif")
    assert [path.name for path in find_pictures(["a[1].tif"]).paths] == ["a[1].tif"]


def test_a_named_file_is_meant_even_if_it_is_a_label_image(tmp_path):
    labels = tmp_path / "ref_labels.tif"
    touch(labels, tmp_path / "a.tif")
    assert [path.name for path in find_pictures([str(tmp_path)], [labels]).paths] == ["a.tif"]
    assert [path.name for path in find_pictures([str(labels)], [labels]).paths] == ["ref_labels.tif"]


def test_outputs_are_told_by_the_record_beside_them(tmp_path):
    touch(tmp_path / "a_labels.tif", tmp_path / "a_overlay.png")
    assert not is_output(tmp_path / "a_labels.tif"), "a person's own file"
    touch(tmp_path / "a_record.json")
    assert is_output(tmp_path / "a_labels.tif")
    assert is_output(tmp_path / "a_overlay.png")
    assert not is_output(tmp_path / "b.tif")


def test_links_to_inputs_are_inputs(tmp_path):
    touch(tmp_path / "a.tif")
    os.link(tmp_path / "a.tif", tmp_path / "x_labels.tif")
    with pytest.raises(DatasetError, match="pictures that are read"):
        Inputs([tmp_path / "a.tif"]).refuse(output_paths(tmp_path, "x", "tif", overlay=True))
    Inputs([tmp_path / "a.tif", tmp_path / "gone.tif"]).refuse(output_paths(tmp_path, "y", "tif", overlay=True))


def test_an_output_folder_is_made_and_left_empty(tmp_path):
    prepare_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_sentences_are_one_line():
    assert sentence(ValueError("one\n  two")) == "one two"
    assert sentence(MemoryError()) == "MemoryError"


def test_tables_show_markup_as_it_is(capsys):
    table("T", ("a", "b"), [("[red]x", "1")])
    assert "[red]x" in capsys.readouterr().out
