from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from napari_gfsam.core.types import Status
from napari_gfsam.io.readers import read_labels
from napari_gfsam.io.records import read_record, write_record
from napari_gfsam.io.writers import write_labels, write_picture
from tests.fakes import disc_picture

pytestmark = pytest.mark.usefixtures("fake_models")


@pytest.fixture
def record(desk):
    """A finished run of target ``a`` and its record."""
    assert desk.segment(desk.target("a"), "--classes", "1=disc").exit_code == 0
    return desk / "out" / "a_record.json"


def test_the_same_answer_is_identical(desk, record):
    result = desk.run("replay", record)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("identical (")
    assert result.stderr == ""


def test_another_answer_says_how_many_pixels(desk, record):
    before = read_record(record)
    labels = read_labels(desk / "out" / "a_labels.tif")
    changed = labels.copy()
    changed[:2, :5] = 1 - (changed[:2, :5] > 0)
    write_labels(desk / "out" / "a_labels.tif", changed)
    from napari_gfsam.io.records import labels_hash

    write_record(record, replace(before, labels_hash=labels_hash(changed)))
    result = desk.run("replay", record)
    assert result.exit_code == 1
    assert result.stdout.startswith("differs in 10 pixels (0.02%)")


def test_without_the_recorded_labels_pixels_cannot_be_counted(desk, record):
    write_record(record, replace(read_record(record), labels_hash="0" * 64))
    assert "was changed since" in desk.run("replay", record).stdout
    (desk / "out" / "a_labels.tif").unlink()
    assert "is not here" in desk.run("replay", record).stdout


def test_settings_of_the_record_are_used(desk, record):
    before = read_record(record)
    write_record(record, replace(before, settings={**before.settings, "max_prompts": 1}))
    assert "1 prompt," in desk.run("replay", record).stdout


def test_decisions_are_repeated(desk, record, fake_models):
    from napari_gfsam.api import Segmenter
    from napari_gfsam.core.config import TUNED

    before = read_record(record)
    segmenter = Segmenter(settings=TUNED.with_settings(max_prompts=16))
    segmenter.add_reference(*disc_picture(1), classes={1: "disc"})
    decided = segmenter.segment(disc_picture(2)[0]).with_cluster_status(1, 0, Status.OFF_BY_HAND)
    mine = decided.record()
    write_record(record, replace(before, decisions=mine.decisions, labels_hash=mine.labels_hash))
    assert desk.run("replay", record).stdout.startswith("identical")


def test_outputs_can_be_written_elsewhere(desk, record):
    result = desk.run("replay", record, "-o", desk / "again")
    assert result.exit_code == 0, result.output
    assert np.array_equal(read_labels(desk / "again" / "a_labels.tif"), read_labels(desk / "out" / "a_labels.tif"))
    assert read_record(desk / "again" / "a_record.json").target.relative_path == "../a.tif"
    assert desk.run("replay", desk / "again" / "a_record.json").exit_code == 0


def test_a_record_never_writes_over_its_own_inputs(desk, record):
    result = desk.run("replay", record, "-o", desk / "out")
    assert result.exit_code == 1
    assert "is one of the pictures that are read" in result.stderr


def test_a_changed_input_is_named(desk, record):
    write_picture(desk / "a.tif", disc_picture(3)[0])
    result = desk.run("replay", record)
    assert result.exit_code == 1
    assert "a.tif is not what it was" in result.stderr
    assert "differs in" in result.stdout


def test_a_changed_reference_is_named(desk, record):
    labels = disc_picture(1)[1]
    labels[:3] = 1
    write_labels(desk / "ref_labels.tif", labels)
    result = desk.run("replay", record)
    assert result.exit_code == 1
    assert "ref_labels.tif is not what it was" in result.stderr


def test_inputs_are_found_beside_a_record_that_was_moved(desk, record):
    moved = desk / "elsewhere"
    moved.mkdir()
    for name in ("a.tif", "ref.tif", "ref_labels.tif", "out"):
        shutil.move(desk / name, moved / name)
    result = desk.run("replay", moved / "out" / "a_record.json")
    assert result.exit_code == 0, result.output


def test_a_lost_input_is_named(desk, record):
    (desk / "a.tif").unlink()
    result = desk.run("replay", record)
    assert result.exit_code == 1
    assert "a.tif is neither at" in result.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"models": []}, "are not a pair that this version knows"),
        ({"settings": {"fallback": "worst"}}, "fallback='worst' is not a choice"),
        ({"settings": {"colour": "red"}}, "There is no setting 'colour'"),
        ({"recipe": {"gamma": -1}}, "gamma=-1"),
        ({"format": "x"}, "not a run record"),
    ],
)
def test_a_record_that_cannot_be_followed_is_named(desk, record, change, words):
    record.write_text(json.dumps(json.loads(record.read_text()) | change))
    result = desk.run("replay", record)
    assert result.exit_code == 1
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_run_from_memory_cannot_be_repeated_from_files(desk, record):
    before = read_record(record)
    write_record(record, replace(before, target=replace(before.target, path="", relative_path="")))
    result = desk.run("replay", record)
    assert result.exit_code == 1
    assert "came from memory" in result.stderr


def test_other_weights_are_named(desk, record):
    before = read_record(record)
    models = (replace(before.models[0], sha256="00"), before.models[1])
    write_record(record, replace(before, models=models))
    result = desk.run("replay", record)
    assert result.exit_code == 1
    assert "are not those of the record" in result.stderr
    assert result.stdout.startswith("identical")


def test_a_missing_record(desk):
    result = desk.run("replay", desk / "none.json")
    assert result.exit_code == 1
    assert "none.json cannot be read" in result.stderr
