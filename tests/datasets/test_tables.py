from __future__ import annotations

import csv
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gfsam.datasets import ClassRow, DatasetError, Ended, Row
from napari_gfsam.datasets.journal import JOURNAL, Journal, read_rows, run_of
from napari_gfsam.datasets.tables import write_tables


def found(name, score, *, pixels=9, negative=False):
    return ClassRow(name, negative, 7, 2, 5, pixels, score, "" if pixels else "nothing like it")


ROWS = [
    Row(0, "p2.tif", Ended.DONE, "out/p2_labels.tif", (found("a", 0.9),), 1.5, "CPU"),
    Row(1, "p10.tif", Ended.SKIPPED, "out/p10_labels.tif", (found("a", 0.4), found("b, c", 0.2, negative=True))),
    Row(2, "p1.tif", Ended.FAILED, error="p1.tif is empty."),
    Row(3, "p3.tif", Ended.DONE, "out/p3_labels.tif", (found("a", 0.0, pixels=0),)),
]


def lines(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("seed", range(3))
def test_tables_do_not_depend_on_who_was_first(tmp_path, seed):
    worst = write_tables(tmp_path, random.Random(seed).sample(ROWS, len(ROWS)))
    assert [row.file for row in worst] == ["p1.tif", "p3.tif", "p10.tif", "p2.tif"]
    assert [line["file"] for line in lines(tmp_path / "summary.csv")] == ["p1.tif", "p2.tif", "p3.tif", "p10.tif"]
    review = lines(tmp_path / "review.csv")
    assert [line["file"] for line in review] == [row.file for row in worst]
    assert review[0]["error"] == "p1.tif is empty."
    assert review[2] == {
        "file": "p10.tif", "state": "skipped", "labels": "p10_labels.tif", "classes": "a; b, c", "prompts": "14",
        "accepted": "10", "score": "0.4000", "seconds": "0.000", "error": "",
    }  # fmt: skip


def test_names_that_are_no_text_are_written_all_the_same(tmp_path):
    write_tables(tmp_path, [Row(0, "in/\udcff.tif", Ended.FAILED, error="no")])
    assert "\\udcff.tif" in (tmp_path / "summary.csv").read_text(encoding="utf-8")


@given(st.integers(0, 10_000))
def test_a_torn_last_line_is_passed_over(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("journal")
    with Journal(folder, "this run") as journal:
        for row in ROWS:
            journal.add(row)
    assert run_of(folder) == "this run"
    assert list(read_rows(journal.path)) == ROWS
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole[: cut % (len(whole) + 1)])
    complete = max(0, whole[: cut % (len(whole) + 1)].count(b"\n") - 1)
    assert list(read_rows(journal.path)) == ROWS[:complete]


def test_another_damaged_line_is_named(tmp_path):
    (tmp_path / JOURNAL).write_text('{"run": "x"}\n{"number": 1}\n')
    with pytest.raises(DatasetError, match=r"Line 2 of .* is damaged: file is missing"):
        list(read_rows(tmp_path / JOURNAL))


def test_no_journal_no_run(tmp_path):
    assert run_of(tmp_path) == ""
    (tmp_path / JOURNAL).write_text("nothing")
    assert run_of(tmp_path) == ""
