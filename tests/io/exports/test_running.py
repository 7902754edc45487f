"""What holds for every format: checked first, whole or not at all, nothing replaced unasked; and the page."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from napari_gfsam.io.exports import FORMATS, ExportClass, ExportError, export, export_format, label_sheet
from napari_gfsam.io.writers import OutputError
from tests.io.exports import scenes

PAGE = Path(__file__).parents[3] / "docs" / "exports.md"
#: A package that each format cannot do without.
NEEDED = {name: one.needs[-1] for name, one in FORMATS.items() if one.needs}


def sheet(**changes):
    return scenes.sheet(georeference=scenes.place(), **changes)


def everything(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("format_id", FORMATS)
def test_nothing_is_replaced_unasked(tmp_path, format_id):
    paths = export(format_id, [sheet()], tmp_path / "out").paths
    assert all(path.exists() for path in paths)
    before = everything(tmp_path)
    with pytest.raises(ExportError, match="is there already; --overwrite"):
        export(format_id, [sheet(labels=scenes.labels()[::-1].copy())], tmp_path / "out")
    assert everything(tmp_path) == before
    again = export(format_id, [sheet(labels=scenes.labels()[::-1].copy())], tmp_path / "out", overwrite=True).paths
    assert again == paths
    after = everything(tmp_path)
    assert set(after) == set(before)
    assert after != before


def test_a_set_is_not_begun_where_one_of_its_outputs_is_there(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "b.txt").write_text("a person's")
    with pytest.raises(ExportError, match=r"b.txt is there already; --overwrite"):
        export("yolo", [sheet(name="a"), sheet(name="b"), sheet(name="c")], tmp_path)
    assert [path.name for path in everything(tmp_path)] == ["b.txt"]


def test_a_set_that_fails_at_the_end_leaves_nothing(tmp_path):
    other = label_sheet(scenes.labels(), "b", [ExportClass(1, "rock", (1, 2, 3))])
    with pytest.raises(ExportError, match="Class 1 is 'nucleus' in a and 'rock' in b"):
        export("yolo", [sheet(name="a"), other], tmp_path)
    assert everything(tmp_path) == {}


@pytest.mark.parametrize("format_id", FORMATS)
def test_a_file_that_is_read_is_never_replaced(tmp_path, format_id):
    target = export(format_id, [sheet()], tmp_path).paths[-1]
    before = everything(tmp_path)
    with pytest.raises(ExportError, match="is a file that is read"):
        export(format_id, [sheet()], tmp_path, overwrite=True, inputs=[tmp_path / "." / target.relative_to(tmp_path)])
    assert before[target] == target.read_bytes() if target.is_file() else target.is_dir()


@pytest.mark.parametrize("format_id", [name for name, one in FORMATS.items() if name not in ("coco", "label-studio")])
def test_two_pictures_never_share_an_output(tmp_path, format_id):
    with pytest.raises(ExportError, match="Two label images would both become"):
        export(format_id, [sheet(), sheet()], tmp_path, overwrite=True)


@pytest.mark.parametrize("format_id", FORMATS)
def test_a_full_disk_leaves_the_old_and_no_half_file(tmp_path, format_id, monkeypatch):
    paths = export(format_id, [sheet()], tmp_path).paths
    before = everything(tmp_path)

    def full(*words, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    if format_id == "ome-zarr":
        monkeypatch.setattr("zarr.storage._local.LocalStore.set", full)
    with pytest.raises(OutputError, match="No space left on device"):
        export(format_id, [sheet()], tmp_path, overwrite=True)
    assert everything(tmp_path) == before
    with pytest.raises(OutputError, match=r"cannot be written \(No space left on device\)"):
        export(format_id, [sheet()], tmp_path / "new")
    assert not list((tmp_path / "new").rglob("*.tmp"))
    assert [path for path in (tmp_path / "new").rglob("*") if path.is_file()] == []
    assert all(path.exists() for path in paths)


def test_a_folder_comes_back_if_its_place_cannot_be_taken(tmp_path, monkeypatch):
    (path,) = export("ome-zarr", [sheet()], tmp_path).paths
    before, replace = everything(tmp_path), os.replace

    def stubborn(source, target):
        if str(source).endswith(".tmp") and Path(source).is_dir():
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        replace(source, target)

    monkeypatch.setattr(os, "replace", stubborn)
    with pytest.raises(OutputError, match="Permission denied"):
        export("ome-zarr", [sheet()], tmp_path, overwrite=True)
    assert everything(tmp_path) == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("format_id", NEEDED)
def test_a_missing_library_is_one_sentence_with_the_command(tmp_path, format_id, monkeypatch):
    monkeypatch.setitem(sys.modules, NEEDED[format_id], None)
    extra = FORMATS[format_id].extra
    with pytest.raises(ExportError, match=rf'^This export needs .* pip install "napari-gfsam\[{extra}\]"$'):
        export(format_id, [sheet()], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format_id", [name for name in FORMATS if name not in NEEDED])
def test_other_formats_need_no_extra(tmp_path, format_id, monkeypatch):
    for name in ("rasterio", "shapely", "pyogrio", "pycocotools", "zarr", "numcodecs"):
        monkeypatch.setitem(sys.modules, name, None)
    export(format_id, [scenes.sheet()], tmp_path)


@pytest.mark.parametrize("format_id", FORMATS)
def test_a_picture_without_labels_is_exported_too(tmp_path, format_id):
    empty = label_sheet(scenes.labels() * 0, "none", georeference=scenes.place())
    assert export(format_id, [empty], tmp_path).paths


def test_an_unknown_format_is_named():
    with pytest.raises(ExportError, match="no export format 'docx'; choose one of tiff, png,"):
        export_format("docx")


def test_a_file_in_the_way_of_the_folder(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        export("npz", [sheet()], tmp_path / "out")
    with pytest.raises(OutputError, match="cannot be written"):
        export("ome-zarr", [sheet()], tmp_path / "out")
    assert (tmp_path / "out").read_text() == "x"


@pytest.mark.parametrize("format_id", FORMATS)
def test_the_page_says_what_a_format_keeps_and_loses(format_id):
    one = FORMATS[format_id]
    page = PAGE.read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith(f"| `{format_id}` |")]
    (keeps,) = [row for row in rows if row.count("|") == 10]
    cells = [cell.strip() for cell in keeps.split("|")[2:-1]]
    order = ("names", "colours", "scores", "provenance", "objects", "holes", "stacks", "place")
    assert [bool(cell) for cell in cells] == [word in one.keeps for word in order]
    (row,) = [row for row in rows if row is not keeps]
    assert one.loses in row
    assert all(f"`{output}`" in row or f"<name>{output}" in row for output in one.outputs)
    assert (f"`{one.extra}`" in row) == bool(one.extra)
