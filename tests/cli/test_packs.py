"""Packs on the command line: made, looked into, used for a run, and the run repeated."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_gfsam.io.packs import PixelSize, read_pack
from napari_gfsam.io.readers import read_labels
from napari_gfsam.io.records import read_record
from napari_gfsam.io.writers import write_picture
from tests.fakes import disc_picture

pytestmark = pytest.mark.usefixtures("fake_models")
QUICK = ("--set", "max_prompts=16")


def painted(desk):
    return "--reference", desk / "ref.tif", "--labels", desk / "ref_labels.tif"


def make(desk, *words, name="a.gfsampack"):
    return desk.run("packs", "make", *painted(desk), "-o", desk / name, *words)


def one_line(result):
    assert result.exit_code != 0
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_a_pack_says_what_it_was_told(desk):
    words = ["--classes", "1=disc", "--colors", "1=#0a141e", "--licence", "CC-BY-4.0", "--author", "A. [N.] Author"]
    result = make(desk, *words, "--title", "Discs", "--pixel-size", "0.5", "--no-features")
    assert result.exit_code == 0, result.output
    assert "1 painted picture(s)" in result.stdout
    found = read_pack(desk / "a.gfsampack")
    assert [(one.id, one.name, one.color) for one in found.classes] == [(1, "disc", (10, 20, 30))]
    assert found.references[0].pixel_size == PixelSize(0.5, 0.5, "micrometer")
    shown = desk.run("packs", "show", desk / "a.gfsampack")
    assert shown.exit_code == 0
    for text in ("CC-BY-4.0", "A. [N.] Author", "Discs", "disc", "180 x 240", "0.5 x 0.5 micrometer", "Features: none"):
        assert text in shown.stdout


def test_a_run_with_a_pack_is_the_run_with_its_references(desk, fake_models):
    target = desk.target("a")
    assert desk.segment(target, "--classes", "1=disc").exit_code == 0
    assert make(desk, "--classes", "1=disc").exit_code == 0
    encoded = fake_models[0].calls
    result = desk.run("segment", "--pack", desk / "a.gfsampack", target, "-o", desk / "packed", *QUICK)
    assert result.exit_code == 0, result.output
    assert fake_models[0].calls == encoded + 1
    assert (desk / "packed" / "a_labels.tif").read_bytes() == (desk / "out" / "a_labels.tif").read_bytes()
    assert read_labels(desk / "packed" / "a_labels.tif").any()
    record = read_record(desk / "packed" / "a_record.json")
    assert record.references[0].image.relative_path == "../a.gfsampack"
    again = desk.run("segment", "--pack", desk / "a.gfsampack", target, "-o", desk / "packed", *QUICK)
    assert "0 done, 1 skipped" in again.stdout
    replayed = desk.run("replay", desk / "packed" / "a_record.json")
    assert replayed.exit_code == 0, replayed.output
    assert "identical" in replayed.stdout


def test_a_run_cannot_be_repeated_from_another_pack(desk):
    make(desk, "--no-features")
    desk.run("segment", "--pack", desk / "a.gfsampack", desk.target("a"), "-o", desk / "out", *QUICK)
    write_picture(desk / "ref.tif", disc_picture(seed=1)[0] // 2)
    make(desk, "--no-features", "--overwrite")
    assert "no longer holds the reference ref.tif" in one_line(desk.run("replay", desk / "out" / "a_record.json"))


def test_pictures_are_read_as_the_packs_references_were(desk):
    write_picture(desk / "ref.tif", disc_picture(seed=1)[0][..., 0].astype(np.uint16) * 16)
    write_picture(desk / "deep.tif", disc_picture(seed=2)[0][..., 0].astype(np.uint16) * 16)
    reading = ("--intensity", "range", "--limits", "0,4080")
    make(desk, *reading, "--no-features")
    make(desk, "--no-features", name="b.gfsampack")
    run = ("segment", desk / "deep.tif", *QUICK, "--pack", desk / "a.gfsampack")
    assert desk.run(*run, "-o", desk / "one").exit_code == 0
    assert json.loads((desk / "one" / "deep_record.json").read_text())["recipe"]["intensity"] == "range"
    both = (*run, "--pack", desk / "b.gfsampack", "-o", desk / "two")
    assert "read in different ways" in one_line(desk.run(*both))
    assert desk.run(*both, *reading).exit_code == 0
    record = read_record(desk / "two" / "deep_record.json")
    assert len(record.references) == 2


def test_packs_and_painted_pictures_go_together(desk):
    make(desk, "--no-features")
    assert desk.segment(desk.target("a"), "--pack", desk / "a.gfsampack").exit_code == 0
    assert len(read_record(desk / "out" / "a_record.json").references) == 2


def test_words_that_do_not_fit_are_one_sentence(desk):
    assert "There is no reference" in one_line(desk.run("segment", desk.target("a"), "-o", desk / "out"))
    assert "is no name of a pack" in one_line(make(desk, name="a.zip"))
    assert "names no colour" in one_line(make(desk, "--colors", "1=red"))
    assert "above 0" in one_line(make(desk, "--pixel-size", "0"))
    (desk / "bad.gfsampack").write_bytes(b"PK")
    for words in (["packs", "show"], ["segment", desk / "a.tif", "-o", desk / "out", "--pack"]):
        assert "bad.gfsampack" in one_line(desk.run(*words, desk / "bad.gfsampack"))
    (desk / "bad.gfsampack").rename(desk / "mine.gfsampack")
    assert "is there already" in one_line(make(desk, name="mine.gfsampack"))
    assert (desk / "mine.gfsampack").read_bytes() == b"PK"
