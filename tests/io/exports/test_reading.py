from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_gfsam.imaging import array_hash, class_color
from napari_gfsam.io.exports import ExportError, SheetSource, read_sheet
from napari_gfsam.io.exports.reading import read_label_stack
from napari_gfsam.io.readers import ImageFileError, read_picture
from napari_gfsam.io.records import InputRecord, write_record
from napari_gfsam.io.writers import write_json, write_labels, write_picture
from tests.io.exports import scenes

STACK = np.stack([scenes.labels(), scenes.labels()[::-1], np.zeros((48, 60), np.uint8)])


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "plate_labels.tif"
    write_labels(path, scenes.labels())
    return path


def record(**changes):
    """A record as it is written: without what is no number."""
    results = scenes.record(scenes.labels()).results[:1]
    return scenes.record(scenes.labels(), **{"results": results, **changes})


def classes_of(path, **more):
    return [(one.id, one.name, one.color, one.score) for one in read_sheet(SheetSource(path, "plate", **more)).classes]


@pytest.mark.parametrize("name", ["plate_record.json", "plate_labels.json"])
def test_names_and_scores_come_from_the_record_beside(labels, name):
    write_record(labels.with_name(name), record())
    sheet = read_sheet(SheetSource(labels, "plate"))
    assert np.array_equal(sheet.labels, scenes.labels())
    assert [(one.id, one.name, one.score) for one in sheet.classes] == [(1, "nucleus", 0.9), (7, scenes.ODD, None)]
    assert sheet.picture == "plate.tif"
    assert sheet.record == record()
    assert sheet.notes == ()


def test_a_score_that_is_no_number_is_no_score(labels):
    text = json.dumps(scenes.record(scenes.labels()).as_dict())
    assert "NaN" in text
    labels.with_name("plate_record.json").write_text(text)
    assert [score for *_, score in classes_of(labels)] == [0.9, None]


def test_the_class_table_of_the_viewer_goes_before_the_record_and_words_before_both(labels):
    write_record(labels.with_name("plate_labels.json"), record(labels_file=""))
    write_json(labels.with_name("classes.json"), [{"id": 1, "name": "disc", "color": [1, 2, 300]}])
    assert classes_of(labels) == [(1, "disc", (1, 2, 255), 0.9), (7, scenes.ODD, class_color(7), None)]
    assert classes_of(labels, classes=((1, "cell"), (4, "not there"))) == [
        (1, "cell", (1, 2, 255), 0.9),
        (4, "not there", class_color(4), None),
        (7, scenes.ODD, class_color(7), None),
    ]


def test_nothing_beside(labels):
    assert classes_of(labels) == [(1, "class 1", class_color(1), None), (7, "class 7", class_color(7), None)]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("plate_record.json", '{"shapes": []}', "No run record is exported"),
        ("plate_labels.json", "{", "No run record is exported"),
        ("classes.json", '{"a": 1}', "is no table of classes"),
        ("classes.json", '[{"id": "x", "name": "a", "color": [1, 2, 3]}]', "is no table of classes"),
        ("classes.json", "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "is no table of classes"),
    ],
)
def test_other_files_beside_are_noted_and_left_alone(labels, name, text, words):
    labels.with_name(name).write_text(text)
    sheet = read_sheet(SheetSource(labels, "plate"))
    assert [one.name for one in sheet.classes] == ["class 1", "class 7"]
    assert len(sheet.notes) == 1
    assert words in sheet.notes[0]


def test_the_record_of_another_label_image_is_not_taken(labels):
    write_record(labels.with_name("plate_record.json"), record(labels_file="other_labels.tif"))
    assert read_sheet(SheetSource(labels, "plate")).record is None


def test_a_recorded_name_is_never_a_path(labels):
    target = InputRecord("..\\up/../../etc/passwd", "dd")
    write_record(labels.with_name("plate_record.json"), record(target=target))
    assert read_sheet(SheetSource(labels, "plate")).picture == "passwd"


def test_instances_and_objects(labels, tmp_path):
    write_labels(tmp_path / "i.png", scenes.touching())
    sheet = read_sheet(SheetSource(labels, "plate", instances=tmp_path / "i.png"))
    assert np.array_equal(sheet.instances, scenes.touching())
    sheet = read_sheet(SheetSource(tmp_path / "i.png", "i", classes=((3, "cell"),), objects_of=3))
    assert np.array_equal(sheet.instances, scenes.touching())
    assert np.array_equal(sheet.labels, 3 * (scenes.touching() > 0))
    assert [(one.id, one.name) for one in sheet.classes] == [(3, "cell")]


@pytest.mark.parametrize(
    ("options", "axes"),
    [
        ({"metadata": {"axes": "TYX"}}, "tyx"),
        ({"imagej": True, "metadata": {"axes": "ZYX"}}, "zyx"),
        ({}, "zyx"),
        ({"compression": "zlib"}, "zyx"),
    ],
)
def test_stacks(tmp_path, options, axes):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack", **options)
    found, found_axes = read_label_stack(path)
    assert np.array_equal(found, STACK)
    assert found_axes == axes
    assert read_sheet(SheetSource(path, "s")).axes == axes


def test_single_label_images_are_read_as_ever(tmp_path):
    ids = scenes.labels()
    tifffile.imwrite(tmp_path / "one.tif", ids[None, :, :], metadata={"axes": "ZYX"}, photometric="minisblack")
    write_picture(tmp_path / "float.tif", ids.astype(np.float32))
    Image.fromarray(np.stack([ids] * 3, axis=2)).save(tmp_path / "grey.tif")
    Image.fromarray(ids > 0).save(tmp_path / "bits.png")
    for name in ("one.tif", "float.tif", "grey.tif", "bits.png"):
        found, axes = read_label_stack(tmp_path / name)
        assert axes == "yx"
        assert np.array_equal(found > 0, ids > 0)


def test_what_holds_no_labels_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "f.tif", STACK.astype(np.float32), photometric="minisblack")
    tifffile.imwrite(tmp_path / "c.tif", np.arange(300, dtype=np.uint8).reshape(10, 10, 3), photometric="rgb")
    (tmp_path / "e.tif").write_bytes(b"")
    (tmp_path / "d.tif").write_bytes((tmp_path / "f.tif").read_bytes()[:200])
    cases = {
        "f": "not float32",
        "c": "is a colour picture",
        "e": "is empty",
        "d": "cannot be read",
        "n": "does not exist",
    }
    for name, words in cases.items():
        with pytest.raises((ExportError, ImageFileError), match=words):
            read_sheet(SheetSource(tmp_path / f"{name}.tif", name))


def place_of(path, **more):
    found = read_sheet(SheetSource(path, "plate", **more), on_earth=True).georeference
    return None if found is None else found.transform


def test_the_place_comes_from_the_named_picture(labels, tmp_path):
    picture = scenes.geotiff(tmp_path / "scene.tif")
    assert place_of(labels, picture=picture) == scenes.UTM
    assert read_sheet(SheetSource(labels, "plate", picture=picture)).picture == "scene.tif"
    assert place_of(labels) is None
    with pytest.raises(ExportError, match=r"\(48, 60\) pixels and .*small.tif is \(24, 30\)"):
        place_of(labels, picture=scenes.geotiff(tmp_path / "small.tif", (24, 30)))


def test_the_place_comes_from_the_label_image_itself(tmp_path):
    assert place_of(scenes.geotiff(tmp_path / "l.tif")) == scenes.UTM


def recorded(labels, picture, **changes):
    pixels = read_picture(picture).pixels
    target = InputRecord(picture.name, array_hash(pixels), pixels.shape, str(picture), picture.name)
    write_record(labels.with_name("plate_record.json"), record(target=replace(target, **changes)))


def test_the_place_comes_from_the_recorded_picture(labels, tmp_path):
    (tmp_path / "b").mkdir()
    picture = scenes.geotiff(tmp_path / "scene.tif")
    recorded(labels, picture)
    assert place_of(labels) == scenes.UTM
    recorded(labels, picture, relative_path="gone.tif")
    assert place_of(labels) == scenes.UTM
    recorded(labels, picture, path="", relative_path="")
    assert place_of(labels) is None


def test_a_recorded_picture_that_changed_gives_no_place(labels, tmp_path):
    """A tile of the same name and size, of another part of the earth."""
    picture = scenes.geotiff(tmp_path / "scene.tif")
    recorded(labels, picture)
    scenes.geotiff(picture, transform=(0.5, 0.0, 777_000.0, 0.0, -0.5, 5_500_000.0))
    write_picture(tmp_path / "other.tif", np.zeros((48, 60), np.uint8))
    with_other_pixels = picture.read_bytes()
    recorded(labels, picture, content_hash="0" * 64)
    assert picture.read_bytes() == with_other_pixels
    with pytest.raises(ExportError, match=r"^scene.tif, the picture of .* or was changed; name it yourself"):
        place_of(labels)
    picture.write_bytes(b"broken")
    with pytest.raises(ExportError, match="name it yourself"):
        place_of(labels)
    picture.unlink()
    with pytest.raises(ExportError, match="name it yourself"):
        place_of(labels)


def test_the_record_is_found_by_other_names_too(tmp_path):
    path = tmp_path / "free.png"
    write_labels(path, scenes.labels())
    write_record(tmp_path / "free_record.json", record(labels_file="free.png"))
    assert read_sheet(SheetSource(path, "free")).record is not None
    assert json.loads((tmp_path / "free_record.json").read_text())["labels_file"] == "free.png"
