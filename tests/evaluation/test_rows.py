from __future__ import annotations

import csv
import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gfsam.evaluation import EpisodeRow, read_rows
from napari_gfsam.evaluation.rows import RowFile, one_line
from tests.evaluation.fakes import row

FULL = row(
    iou_1024=0.1 + 0.2, fg_union_1024=7, empty=False, absent=True, seconds=1.25, class_name='a "b", c', error="no"
)


def test_a_row_comes_back_as_it_was(tmp_path):
    RowFile(tmp_path / "deep/rows.csv").append(replace(FULL, iou_native=0.5))

    assert read_rows(tmp_path / "deep/rows.csv") == (replace(FULL, iou_native=0.5),)


def test_other_programs_can_read_it(tmp_path):
    RowFile(tmp_path / "rows.csv").append(row(iou_1024=0.25))

    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        (found,) = csv.DictReader(file)
    assert list(found) == [field.name for field in fields(EpisodeRow)]
    assert (found["iou_1024"], found["absent"], found["empty"], found["iou_native"]) == ("0.25", "0", "1", "nan")


@given(st.text())
def test_texts_stay_on_one_line_and_are_the_same_when_read(text):
    kept = one_line(text)

    assert one_line(kept) == kept
    assert len(kept.splitlines()) <= 1
    kept.encode("utf-8")


def test_surrogates_and_line_breaks_survive(tmp_path):
    file = RowFile(tmp_path / "rows.csv")
    file.append(row(target=one_line("a\udcff\r\nb\x00c\u2028d")))

    assert read_rows(tmp_path / "rows.csv")[0].target == one_line("a\udcff\r\nb\x00c\u2028d")


def test_the_last_row_of_an_identity_counts(tmp_path):
    file = RowFile(tmp_path / "rows.csv")
    for found in (row(error="broken"), row(episode=1), row(score=0.5)):
        file.append(found)

    assert [(r.episode, r.score, r.error) for r in read_rows(tmp_path / "rows.csv")] == [(0, 0.5, ""), (1, 0.0, "")]


def test_find_asks_for_the_same_fingerprint_and_no_error(tmp_path):
    file = RowFile(tmp_path / "rows.csv")
    file.append(row())
    file.append(row(episode=1, error="broken"))
    file = RowFile(tmp_path / "rows.csv")

    assert file.find(row().identity, "f").episode == 0
    assert file.find(row().identity, "g") is None
    assert file.find(row(episode=1).identity, "f") is None
    assert file.find(row(seed=1).identity, "f") is None


def test_every_cut_of_the_last_line_is_repaired(tmp_path):
    path = tmp_path / "rows.csv"
    file = RowFile(path)
    file.append(row())
    whole = path.read_bytes()
    file.append(row(episode=1))
    for length in range(len(whole), len(path.read_bytes())):
        cut = tmp_path / "cut.csv"
        cut.write_bytes(path.read_bytes()[:length])
        assert len(read_rows(cut)) == 1

        RowFile(cut).append(row(episode=1))

        assert cut.read_bytes() == path.read_bytes()


def test_a_cut_header_is_written_again(tmp_path):
    RowFile(tmp_path / "rows.csv")
    header = (tmp_path / "rows.csv").read_bytes()
    for length in (0, 1, 11, 12, len(header) - 1):
        (tmp_path / "cut.csv").write_bytes(header[:length])
        RowFile(tmp_path / "cut.csv")
        assert (tmp_path / "cut.csv").read_bytes() == header


def test_a_block_of_zeros_at_the_end_is_cut_off(tmp_path):
    file = RowFile(tmp_path / "rows.csv")
    file.append(row())
    whole = (tmp_path / "rows.csv").read_bytes()
    for tail in (b"\0" * 40, b"\0" * 40 + b"\n", b"cells,1\n", b"\n"):
        (tmp_path / "rows.csv").write_bytes(whole + tail)
        RowFile(tmp_path / "rows.csv")
        assert (tmp_path / "rows.csv").read_bytes() == whole


def test_line_ends_of_another_system_are_read(tmp_path):
    file = RowFile(tmp_path / "rows.csv")
    file.append(row(error="x y"))
    content = (tmp_path / "rows.csv").read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "rows.csv").write_bytes(content)

    assert read_rows(tmp_path / "rows.csv")[0].error == "x y"


def test_damage_within_is_named_and_left_alone(tmp_path):
    path = tmp_path / "rows.csv"
    file = RowFile(path)
    file.append(row())
    file.append(row(episode=1))
    lines = path.read_bytes().splitlines(keepends=True)
    content = lines[0] + lines[1].replace(b"bundled,", b"") + lines[2]
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"Line 2 of .*rows\.csv is damaged"):
        RowFile(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", ["name,size\na,1\n", "no line end", "\n", "\0\0\0\n"])
def test_another_file_is_never_touched(tmp_path, content):
    path = tmp_path / "mine.csv"
    path.write_text(content)

    with pytest.raises(ValueError, match="is not an evaluation's CSV"):
        RowFile(path)
    with pytest.raises(ValueError, match="is not an evaluation's CSV"):
        read_rows(path)
    assert path.read_text() == content


def test_nan_is_kept(tmp_path):
    RowFile(tmp_path / "rows.csv").append(row())

    assert math.isnan(read_rows(tmp_path / "rows.csv")[0].iou_1024)
