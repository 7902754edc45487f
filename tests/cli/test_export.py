from __future__ import annotations

import json
import sys
from dataclasses import replace

import geopandas
import numpy as np
import pytest
import rasterio
import shapely

from napari_gfsam.cli.export import Format, find_labels
from napari_gfsam.io.exports import FORMATS
from napari_gfsam.io.records import InputRecord, write_record
from napari_gfsam.io.writers import write_json, write_labels, write_picture
from tests.fakes import disc_picture
from tests.io.exports import scenes


def written(desk, name="a_labels.tif", labels=None):
    write_labels(desk / "in" / name, scenes.labels() if labels is None else labels)
    return desk / "in" / name


def names(desk):
    return sorted(str(path.relative_to(desk / "out")) for path in (desk / "out").rglob("*") if path.is_file())


def lines(text):
    return text.strip().splitlines()


def test_the_words_are_the_formats():
    assert [one.value for one in Format] == list(FORMATS)


@pytest.mark.usefixtures("fake_models")
def test_from_a_run_to_every_format(desk):
    """A GeoTIFF through `segment` and on: names, scores and the place come from the record alone."""
    picture, truth = disc_picture(2)
    crs, transform = rasterio.crs.CRS.from_epsg(32632), rasterio.Affine(*scenes.UTM)
    height, width = truth.shape
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 3, "dtype": "uint8"}
    with rasterio.open(desk / "a.tif", "w", **profile, crs=crs, transform=transform, photometric="rgb") as opened:
        opened.write(np.moveaxis(picture, 2, 0))
    desk.segment(desk / "a.tif", "--classes", "1=disc")
    to = [word for name in FORMATS for word in ("--to", name)]
    result = desk.run("export", desk / "out", *to, "-o", desk / "exports")
    assert result.exit_code == 0, result.output
    assert "13 written; outputs in" in result.stdout
    labels = rasterio.open(desk / "exports" / "a_labels_geo.tif")
    with labels:
        found = labels.read(1) > 0
    assert (found & (truth > 0)).sum() / (found | (truth > 0)).sum() > 0.9
    frame = geopandas.read_file(desk / "exports" / "a_labels.gpkg")
    assert set(frame["class"]) == {"disc"}
    assert (frame["score"] > 0).all()
    centre = np.argwhere(found).mean(axis=0) + 0.5
    middle = shapely.Point(transform.c + transform.a * centre[1], transform.f + transform.e * centre[0])
    assert frame.geometry.union_all().centroid.distance(middle) < 0.01
    data = json.loads((desk / "exports" / "coco.json").read_text())
    assert data["images"][0]["file_name"] == "a.tif"
    assert data["categories"][0]["name"] == "disc"
    assert data["images"][0]["napari_gfsam"]["labels_as_recorded"]


def test_a_folder_of_the_viewer(desk):
    written(desk)
    written(desk, "b_labels.tif", scenes.labels()[::-1])
    write_picture(desk / "in" / "picture.tif", np.zeros((48, 60), np.uint8))
    write_json(desk / "in" / "classes.json", [{"id": 1, "name": "disc", "color": [9, 8, 7]}])
    result = desk.run("export", desk / "in", "--to", "coco", "--to", "png", "-o", desk / "out")
    assert result.exit_code == 0, result.output
    assert names(desk) == ["a_labels.png", "b_labels.png", "coco.json"]
    data = json.loads((desk / "out" / "coco.json").read_text())
    assert [one["file_name"] for one in data["images"]] == ["a", "b"]
    assert data["categories"][0] == {"id": 1, "name": "disc", "supercategory": "", "color": [9, 8, 7], "isthing": 1}


def test_label_images_of_others_with_words_about_them(desk):
    written(desk, "one.png")
    written(desk, "two.png")
    write_labels(desk / "apart" / "one.png", scenes.touching())
    write_labels(desk / "apart" / "two.tif", scenes.touching())
    for name in ("one.jpg", "two.png"):
        (desk / "pictures").mkdir(exist_ok=True)
        (desk / "pictures" / name).write_bytes(b"any")
    words = ("--classes", "1=cell,7=debris", "--instances", desk / "apart", "--picture", desk / "pictures")
    result = desk.run("export", desk / "in", "--to", "coco", "-o", desk / "out", *words, "--picture-prefix", "i/")
    assert result.exit_code == 0, result.output
    data = json.loads((desk / "out" / "coco.json").read_text())
    assert [one["name"] for one in data["categories"]] == ["cell", "debris"]
    assert [one["file_name"] for one in data["images"]] == ["i/one.jpg", "i/two.png"]
    assert len(data["annotations"]) == 14


def test_objects_of_one_class(desk):
    write_labels(desk / "in" / "cells.tif", scenes.touching())
    words = ("export", desk / "in" / "cells.tif", "--objects", "--to", "coco")
    assert desk.run(*words, "-o", desk / "out", "--classes", "2=cell").exit_code == 0
    data = json.loads((desk / "out" / "coco.json").read_text())
    assert [(one["id"], one["name"]) for one in data["categories"]] == [(2, "cell")]
    assert len(data["annotations"]) == 3
    result = desk.run(*words, "-o", desk / "b", "--classes", "1=cell,2=rock")
    assert result.exit_code == 2
    assert "--objects takes one class" in result.stderr


def test_many_ids_without_names_are_likely_objects(desk):
    labels = written(desk, labels=np.arange(100, dtype=np.uint8).reshape(10, 10))
    result = desk.run("export", labels, "--to", "npz", "-o", desk / "out")
    assert result.exit_code == 0
    assert "has 99 classes without a name; if its ids are objects, use --objects." in result.stderr


def test_losses_are_told(desk):
    result = desk.run("export", written(desk), "--to", "yolo", "-o", desk / "out")
    assert result.exit_code == 0
    assert "YOLO has no holes: 1 were filled." in result.stderr


def test_one_bad_file_never_stops_the_rest(desk):
    written(desk)
    (desk / "in" / "b_labels.tif").write_bytes(b"II*\0broken")
    written(desk, "c_labels.tif")
    result = desk.run("export", desk / "in", "--to", "npz", "--to", "coco", "-o", desk / "out")
    assert result.exit_code == 1
    assert names(desk) == ["a_labels.npz", "c_labels.npz", "coco.json"]
    assert len(lines(result.stderr)) == 1
    assert "b_labels.tif cannot be read" in result.stderr
    assert len(json.loads((desk / "out" / "coco.json").read_text())["images"]) == 2


def test_no_reference_system_is_invented(desk):
    result = desk.run("export", written(desk), "--to", "geojson", "--to", "tiff", "-o", desk / "out")
    assert result.exit_code == 1
    assert names(desk) == ["a_labels.tif"]
    assert len(lines(result.stderr)) == 1
    assert "no coordinate reference system is invented" in result.stderr
    plain = scenes.geotiff(desk / "plain.tif", epsg=None, transform=None)
    result = desk.run("export", desk / "in", "--to", "geojson", "--picture", plain, "-o", desk / "out")
    assert result.exit_code == 1
    assert "plain.tif names no coordinate reference system, and none is invented" in result.stderr


def test_what_is_there_is_kept_until_overwritten(desk):
    labels = written(desk)
    words = ("export", labels, "--to", "png", "-o", desk / "out")
    assert desk.run(*words).exit_code == 0
    before = (desk / "out" / "a_labels.png").read_bytes()
    write_labels(labels, scenes.labels()[::-1])
    result = desk.run(*words)
    assert result.exit_code == 1
    assert "a_labels.png is there already; --overwrite" in result.stderr
    assert (desk / "out" / "a_labels.png").read_bytes() == before
    assert desk.run(*words, "--overwrite").exit_code == 0
    assert (desk / "out" / "a_labels.png").read_bytes() != before


def test_what_is_read_is_never_replaced(desk):
    labels = written(desk)
    before = labels.read_bytes()
    result = desk.run("export", labels, "--to", "tiff", "-o", desk / "in", "--overwrite")
    assert result.exit_code == 1
    assert "is a file that is read; choose another folder" in result.stderr
    assert labels.read_bytes() == before


def test_a_missing_extra_is_one_sentence_before_any_work(desk, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyogrio", None)
    result = desk.run("export", written(desk), "--to", "tiff", "--to", "geojson", "-o", desk / "out")
    assert result.exit_code == 1
    assert 'pip install "napari-gfsam[geo]"' in result.stderr
    assert len(lines(result.stderr)) == 1
    assert not (desk / "out").exists()


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["none.tif", "--to", "npz"], 2, "none.tif names no label image"),
        (["empty", "--to", "npz"], 2, "empty names no label image"),
        (["*.xyz", "--to", "npz"], 2, r"*.xyz names no label image"),
        (["in", "--to", "docx"], 2, "docx"),
        (["in"], 2, "--to"),
        (["in", "--to", "npz", "--classes", "1"], 2, "'1' names no class"),
        (["in", "--to", "npz", "--picture", "none.tif"], 2, "none.tif"),
        (["in", "--to", "npz", "--picture", "empty"], 1, "--picture empty has no file of the name of"),
        (["in", "--to", "npz", "--instances", "twice"], 1, "--instances twice has several files for"),
        (["in", "--to", "npz", "--instances", "small.png"], 1, "must have the same size"),
    ],
)
def test_wrong_words(desk, words, code, sentence):
    written(desk)
    (desk / "empty").mkdir()
    write_labels(desk / "twice" / "a.tif", scenes.labels())
    write_labels(desk / "twice" / "a.png", scenes.labels())
    write_labels(desk / "small.png", np.ones((3, 3), int))
    result = desk.run("export", *words, "-o", desk / "out")
    assert result.exit_code == code, result.output
    assert sentence in result.stderr
    assert not (desk / "out").exists() or names(desk) == []


def test_names_that_meet_are_told_apart(desk):
    for folder in ("x", "y"):
        write_labels(desk / folder / "a_labels.tif", scenes.labels())
    write_labels(desk / "x" / "a.tif", scenes.labels())
    words = (desk / "x" / "a_labels.tif", desk / "x" / "a.tif", desk / "y")
    assert desk.run("export", *words, "--to", "npz", "-o", desk / "out").exit_code == 0
    assert len(names(desk)) == 3


def test_names_that_meet_when_they_are_made_plain_are_told_apart(desk):
    for name in ("a+b.tif", "a=b.tif", f"{'核' * 70}1.tif", f"{'核' * 70}2.tif"):
        written(desk, name)
    assert desk.run("export", desk / "in", "--to", "png", "-o", desk / "out", "--overwrite").exit_code == 0
    expected = ("a_b", "a_b_2", "核" * 66, "核" * 66 + "_2")
    assert names(desk) == sorted(f"{name}_labels.png" for name in expected)


def test_pictures_of_one_name_are_told_apart(desk):
    for folder in ("x", "y"):
        path = desk / "pictures" / folder / "a.tif"
        record = scenes.record(scenes.labels(), target=InputRecord("a.tif", "dd", (48, 60), str(path)), results=())
        write_labels(desk / folder / "a_labels.tif", scenes.labels())
        write_record(desk / folder / "a_record.json", replace(record, labels_file="a_labels.tif"))
    done = desk.run("export", desk / "x", desk / "y", "--to", "coco", "-o", desk / "out")
    assert done.exit_code == 0, done.output
    assert "2 pictures are named with their folders" in done.output
    images = json.loads((desk / "out" / "coco.json").read_text())["images"]
    assert [one["file_name"] for one in images] == ["x/a.tif", "y/a.tif"]


def test_globs_name_each_file_once(desk):
    written(desk)
    written(desk, "b_labels.png")
    found = find_labels([str(desk / "in" / "*_labels.*"), str(desk / "in"), str(desk / "in" / "a_labels.tif")])
    assert [path.name for path in found] == ["a_labels.tif", "b_labels.png"]
