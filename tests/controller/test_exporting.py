"""Accepted labels as files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_gfsam.io.readers import read_labels
from napari_gfsam.io.records import read_record
from tests.controller.hands import RUN_MILLISECONDS, picture

pytestmark = pytest.mark.gui


@pytest.fixture
def accepted(at):
    """A stack of which two planes are accepted, one with a person's stroke."""
    at.painted_stack(4)
    at.run()
    at.desk.session.classes.rename(1, "coin")
    layer = at.desk.ours.find("proposal", at.current.source)
    at.stroke(layer, [at.current.index[0]], [0], [0], values=2)
    at.press("accept")
    at.press("accept")
    assert at.problems == []
    return at


def save(at, folder):
    """Save, and return what is said then."""
    said = []
    at.desk.exporting.saved.connect(said.append)
    at.desk.guarded(at.desk.exporting.save)(folder)
    at.qtbot.waitUntil(lambda: not at.desk.exporting._jobs.running, timeout=RUN_MILLISECONDS)
    at.desk.exporting.saved.disconnect(said.append)
    return said


def test_labels_records_and_classes_are_read_back(accepted, tmp_path):
    at = accepted
    assert save(at, tmp_path / "out") == ["The labels of 2 targets are saved in 'out'."]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "cells _ 1_labels.json",
        "cells _ 1_labels.tif",
        "cells _ 2_labels.json",
        "cells _ 2_labels.tif",
        "classes.json",
    ]
    for target in at.queue:
        if target.state == "accepted":
            name = target.title.replace("·", "_")
            assert np.array_equal(read_labels(tmp_path / "out" / f"{name}_labels.tif"), at.accepted(target.plane))
            record = read_record(tmp_path / "out" / f"{name}_labels.json")
            assert record == at.desk.session.store.get(target.plane).record()
    rows = json.loads((tmp_path / "out" / "classes.json").read_text(encoding="utf-8"))
    assert [(row["id"], row["name"]) for row in rows] == [(1, "coin")]
    assert save(at, tmp_path / "out") == ["The labels of 2 targets are saved in 'out'."]
    assert at.problems == []


def test_nothing_accepted_nothing_written(at, tmp_path):
    save(at, tmp_path / "out")
    assert at.problems == ["Nothing is accepted yet; accept a proposal (K) first."]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["cells _ 1_labels.tif", "cells _ 2_labels.json", "classes.json"])
def test_files_of_a_person_are_never_replaced(accepted, tmp_path, name):
    mine = tmp_path / name
    mine.write_bytes(b'{"mine": 1}')
    save(accepted, tmp_path)
    assert len(accepted.problems) == 1
    assert name in accepted.problems[0]
    assert mine.read_bytes() == b'{"mine": 1}'
    assert list(tmp_path.glob("cells*")) == ([mine] if name.startswith("cells") else [])


def test_labels_of_another_picture_of_that_name_are_never_replaced(accepted, tmp_path):
    at = accepted
    save(at, tmp_path)
    before = (tmp_path / "cells _ 1_labels.tif").read_bytes()
    record = json.loads((tmp_path / "cells _ 1_labels.json").read_text())
    record["target"]["content_hash"] = "0" * 64
    (tmp_path / "cells _ 1_labels.json").write_text(json.dumps(record))
    save(at, tmp_path)
    assert "of another picture" in at.problems[0]
    assert (tmp_path / "cells _ 1_labels.tif").read_bytes() == before


def test_titles_are_no_paths_and_no_two_files_are_one(at, tmp_path):
    pixels, labels = picture(1)
    at.paint(at.image("painted", pixels), labels)
    images = [at.image(str(number), picture(2)[0], translate=(0, 100 * number + 100)) for number in range(6)]
    for image, name in zip(images, ("../up", "..", "Cell", "cell", "cell/", "x" * 300), strict=True):
        image.name = name
    at.run()
    at.desk.review.accept_above(0.0)
    assert len(save(at, tmp_path / "out")) == 1
    names = sorted(path.name for path in (tmp_path / "out").glob("*.tif"))
    expected = ("_up", "target", "Cell", "cell_2", "cell_", "x" * 100)
    assert names == sorted(f"{name}_labels.tif" for name in expected)
    assert list(tmp_path.glob("*.tif")) == []
    assert at.problems == []


def test_accepted_labels_of_a_closed_picture_are_saved_too(accepted, tmp_path):
    at = accepted
    at.viewer.layers.remove(at.viewer.layers["cells"])
    at.desk.tidy()
    assert len(save(at, tmp_path)) == 1
    assert at.problems == []


def test_a_folder_that_cannot_be_written_is_named(accepted, tmp_path):
    (tmp_path / "file").write_text("")
    save(accepted, tmp_path / "file")
    assert len(accepted.problems) == 1
