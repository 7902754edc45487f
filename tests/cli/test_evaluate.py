from __future__ import annotations

import csv

import pytest

from napari_gfsam.io.writers import write_labels, write_picture
from tests.fakes import disc_picture

pytestmark = pytest.mark.usefixtures("fake_models")
QUICK = ("--episodes", "2", "--set", "max_prompts=8")


@pytest.fixture
def data_set(desk):
    """Four pictures with discs and one without."""
    for seed in range(5):
        picture, labels = disc_picture(seed, count=4 if seed < 4 else 0)
        write_picture(desk / "set" / "images" / f"p{seed}.tif", picture)
        write_labels(desk / "set" / "masks" / f"p{seed}.tif", labels)
    return desk / "set"


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_figures_of_several_presets(desk, data_set):
    result = desk.run("evaluate", data_set, *QUICK, "--preset", "published", "--preset", "tuned", "--csv", "x.csv")
    assert result.exit_code == 0, result.output
    assert "4 answers; every line is in x.csv" in result.stdout
    for words in ("mIoU", "FB-IoU", "tuned, max_prompts=8", "published, max_prompts=8"):
        assert words in result.stdout
    assert {row["settings"] for row in rows(desk / "x.csv")} == {"published, max_prompts=8", "tuned, max_prompts=8"}
    assert all(float(row["iou_native"]) > 0.3 for row in rows(desk / "x.csv"))


def test_a_run_goes_on_where_it_stopped(desk, data_set, fake_models):
    desk.run("evaluate", data_set, *QUICK)
    csv_path = desk / "evaluation-set.csv"
    lines, calls = csv_path.read_bytes(), fake_models[0].calls
    assert desk.run("evaluate", data_set, *QUICK).exit_code == 0
    assert csv_path.read_bytes() == lines
    assert fake_models[0].calls == calls


def test_targets_without_the_class(desk, data_set):
    result = desk.run("evaluate", data_set, *QUICK, "--absent", "--csv", desk / "x.csv")
    assert result.exit_code == 0, result.output
    assert [row["absent"] for row in rows(desk / "x.csv")].count("1") == 2


def test_ctrl_c_keeps_the_answers(desk, data_set, fake_models, monkeypatch):
    encode, calls = fake_models[0].encode, []

    def interrupted(images):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return encode(images)

    monkeypatch.setattr(fake_models[0], "encode", interrupted)
    result = desk.run("evaluate", data_set, *QUICK, "--csv", "x.csv")
    assert result.exit_code == 130
    assert "Stopped after 1 of 2 answers; the same command goes on from x.csv." in result.stderr
    assert len(rows(desk / "x.csv")) == 1


def test_a_bad_picture_costs_its_episodes_only(desk, data_set):
    for seed in range(3):
        (data_set / "images" / f"p{seed}.tif").write_bytes(b"")
    result = desk.run("evaluate", data_set, "--episodes", "8", "--set", "max_prompts=8", "--csv", "x.csv")
    assert result.exit_code == 1
    assert "is empty (0 bytes)" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["no-such-folder"], 1, "does not exist"),
        (["set", "--shots", "9"], 1, "fewer shots"),
        (["set", "--preset", "best"], 2, "There is no preset 'best'"),
        (["set", "--benchmark", "imagenet"], 2, "There is no benchmark 'imagenet'"),
        (["set", "--benchmark", "fss", "--absent"], 2, "--absent is for folders"),
        (["set", "--benchmark", "coco", "--fold", "9"], 1, "folds 0 to 3, not 9"),
        (["set", "--benchmark", "fss"], 1, "set"),
        (["set", "--model", "huge"], 2, "There is no model preset 'huge'"),
        (["set", "--csv", "ref.tif"], 1, "ref.tif"),
    ],
)
def test_what_cannot_be_evaluated_is_named(desk, data_set, words, code, sentence):
    result = desk.run("evaluate", *words)
    assert result.exit_code == code, result.output
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_numbers_out_of_range_end_with_two(desk, data_set):
    assert desk.run("evaluate", data_set, "--shots", "0").exit_code == 2
