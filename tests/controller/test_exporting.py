"""Accepted labels as files."""

from __future__ import annotations

import json
from functools import partial

import geopandas
import numpy as np
import pytest
import rasterio
import rasterio.features
import shapely
import tifffile
import zarr
from label_studio_converter.brush import decode_rle
from PIL import Image
from pycocotools.coco import COCO

from napari_gfsam.imaging import ImageError
from napari_gfsam.io.exports import FORMATS
from napari_gfsam.io.readers import read_labels
from napari_gfsam.io.records import read_record
from napari_gfsam.io.writers import write_picture
from tests.controller.hands import RUN_MILLISECONDS, picture
from tests.io.exports import scenes

pytestmark = [
    pytest.mark.gui,
    # pycocotools' own, with numpy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


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


def save(at, folder, format_id="tiff", **how):
    """Export, and return what is said then."""
    said = []
    at.desk.exporting.saved.connect(said.append)
    at.desk.guarded(partial(at.desk.exporting.export, format_id, folder, **how))()
    at.qtbot.waitUntil(lambda: not at.desk.exporting._jobs.running, timeout=RUN_MILLISECONDS)
    at.desk.exporting.saved.disconnect(said.append)
    return said


def test_labels_records_and_classes_are_read_back(accepted, tmp_path):
    at = accepted
    assert save(at, tmp_path / "out") == ["The labels of 2 targets are exported to 'out' (Label TIFF)."]
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
    assert len(at.desk.exporting.in_the_way("tiff", tmp_path / "out")) == 5
    assert len(save(at, tmp_path / "out", replace=True)) == 1
    assert at.problems == []
    save(at, tmp_path / "out")
    assert "is there already" in at.problems[0]


def test_without_a_proposal_nothing_is_written(at, tmp_path):
    save(at, tmp_path / "out")
    assert at.problems == ["There is nothing to export yet; run on a target, then accept its proposal (K)."]
    assert not (tmp_path / "out").exists()


def test_proposals_are_written_while_nothing_is_accepted_and_that_is_said(at, tmp_path):
    at.painted_stack(3)
    at.run()
    said = save(at, tmp_path / "out", "png")
    assert said == ["The proposals of 2 targets, not accepted yet, are exported to 'out' (Label PNG with a palette)."]
    for target in at.queue:
        found = read_labels(tmp_path / "out" / f"{target.title.replace('·', '_')}_labels.png")
        assert found.any()
        assert np.array_equal(found, at.proposal(target.plane))


def test_one_target_can_be_written_alone(accepted, tmp_path):
    at = accepted
    waiting = next(target for target in at.queue if target.state == "proposed")
    assert "The proposals of 1 target, not accepted yet, are" in save(at, tmp_path, only=waiting.plane)[0]
    (path,) = tmp_path.glob("*.tif")
    assert np.array_equal(read_labels(path), at.proposal(waiting.plane))


@pytest.mark.parametrize("name", ["cells _ 1_labels.tif", "cells _ 2_labels.json", "classes.json"])
def test_files_of_a_person_are_never_replaced(accepted, tmp_path, name):
    mine = tmp_path / name
    mine.write_bytes(b'{"mine": 1}')
    save(accepted, tmp_path, replace=True)
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
    save(at, tmp_path, replace=True)
    assert "of another picture" in at.problems[0]
    assert (tmp_path / "cells _ 1_labels.tif").read_bytes() == before


def test_titles_are_no_paths_and_no_two_files_are_one(at, tmp_path):
    pixels, labels = picture(1)
    at.paint(at.image("painted", pixels), labels)
    images = [at.image(str(number), picture(2)[0], translate=(0, 100 * number + 100)) for number in range(7)]
    for image, name in zip(images, ("../up", "..", "Cell", "cell", "cell/", "x" * 300, "核" * 100), strict=True):
        image.name = name
    at.run()
    at.desk.review.accept_above(0.0)
    assert len(save(at, tmp_path / "out")) == 1
    names = sorted(path.name for path in (tmp_path / "out").glob("*.tif"))
    expected = ("_up", "target", "Cell", "cell_2", "cell_", "x" * 100, "核" * 33)
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


def geotiff(path, pixels):
    """Write a picture with a place on the earth."""
    height, width = pixels.shape[:2]
    crs, transform = rasterio.crs.CRS.from_epsg(32632), rasterio.Affine(*scenes.UTM)
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", **profile, crs=crs, transform=transform, photometric="rgb") as opened:
        opened.write(np.moveaxis(pixels, 2, 0))
    return crs, transform


@pytest.fixture
def on_earth(at, tmp_path):
    """An accepted picture that came from a GeoTIFF, with a coloured class."""
    crs, transform = geotiff(tmp_path / "scene.tif", picture(2)[0])
    pixels, labels = picture(1)
    at.paint(at.image("painted", pixels), labels)
    (scene,) = at.viewer.open(str(tmp_path / "scene.tif"), plugin="napari")
    if scene.data.shape[0] == 3:  # as older readers have it
        scene.data = np.moveaxis(scene.data, 0, 2)
    at.desk.session.classes.rename(1, "roof")
    at.desk.session.classes.recolor(1, (10, 20, 30))
    at.run()
    at.desk.review.accept_above(0.0)
    (target,) = at.queue
    assert at.accepted(target.plane).any()
    return at, at.accepted(target.plane), crs, transform


@pytest.mark.parametrize("format_id", FORMATS)
def test_every_format_is_written_and_read_back(on_earth, tmp_path, format_id):
    at, labels, crs, transform = on_earth
    folder = tmp_path / "out"
    (said,) = save(at, folder, format_id)
    assert said.startswith("The labels of 1 target are exported to 'out'")
    assert at.problems == []
    assert all(path.exists() for path in at.desk.exporting.in_the_way(format_id, folder))
    score = at.desk.session.store.get(next(iter(at.queue)).plane).classes[1].score
    read = {
        "tiff": lambda: tifffile.imread(folder / "scene_labels.tif"),
        "png": lambda: np.asarray(Image.open(folder / "scene_labels.png")),
        "npz": lambda: np.load(folder / "scene_labels.npz")["labels"],
        "ome-zarr": lambda: zarr.open_group(folder / "scene_labels.ome.zarr", mode="r")["labels/classes/0"][...],
        "coco": lambda: coco_labels(folder / "coco.json", labels.shape),
        "yolo": lambda: yolo_labels(folder, labels.shape),
        "label-studio": lambda: brush_labels(folder / "label_studio.json", labels.shape),
        "geotiff": lambda: raster_labels(folder / "scene_labels_geo.tif", crs, transform),
        "geopackage": lambda: vector_labels(folder / "scene_labels.gpkg", crs, transform, labels.shape, score),
        "geojson": lambda: vector_labels(folder / "scene_labels.geojson", crs, transform, labels.shape, score),
    }
    assert (read[format_id]() != labels).sum() <= (0 if format_id != "yolo" else labels.any() * 5)


def test_files_of_one_name_are_told_apart(at, tmp_path):
    pixels, labels = picture(1)
    at.paint(at.image("painted", pixels), labels)
    for folder in "ab":
        write_picture(tmp_path / folder / "scene.tif", picture(2)[0])
        at.viewer.open(str(tmp_path / folder / "scene.tif"), plugin="napari")
    at.run()
    (said,) = save(at, tmp_path / "out", "coco")
    assert said.endswith("2 pictures are named with their folders, as others have their names: a/scene.tif ...")
    images = json.loads((tmp_path / "out" / "coco.json").read_text())["images"]
    assert [one["file_name"] for one in images] == ["a/scene.tif", "b/scene.tif"]


def coco_labels(path, shape):
    found = json.loads(path.read_text())
    assert [(one["name"], one["color"]) for one in found["categories"]] == [("roof", [10, 20, 30])]
    assert found["images"][0]["file_name"] == "scene.tif"
    coco = COCO(str(path))
    return sum((coco.annToMask(one) for one in found["annotations"]), np.zeros(shape, int))


def yolo_labels(folder, shape):
    ids = np.zeros(shape, int)
    for line in (folder / "labels" / "scene.txt").read_text().splitlines():
        corners = np.array(line.split()[1:], float).reshape(-1, 2) * shape[::-1]
        ids |= rasterio.features.rasterize([shapely.Polygon(corners)], shape)
    return ids


def brush_labels(path, shape):
    ids = np.zeros(shape, int)
    for one in json.loads(path.read_text())[0]["predictions"][0]["result"]:
        ids |= decode_rle(one["value"]["rle"]).reshape(*shape, 4)[..., 3] > 0
        assert one["value"]["brushlabels"] == ["roof"]
    return ids


def raster_labels(path, crs, transform):
    with rasterio.open(path) as found:
        assert (found.crs, found.transform) == (crs, transform)
        assert found.colormap(1)[1] == (10, 20, 30, 255)
        return found.read(1)


def vector_labels(path, crs, transform, shape, score):
    found = geopandas.read_file(path)
    assert set(found["class"]) == {"roof"}
    assert np.allclose(found["score"], score)
    there = found.to_crs(crs)
    return rasterio.features.rasterize(there.geometry.buffer(0.01), shape, transform=transform)


def test_a_picture_without_a_place_is_refused_a_map(accepted, tmp_path):
    save(accepted, tmp_path / "out", "geojson")
    (problem,) = accepted.problems
    assert "was not opened from a file" in problem
    assert "no coordinate reference system is invented" in problem
    assert not (tmp_path / "out").exists()


def test_a_file_without_a_place_is_refused_a_map(at, tmp_path):
    write_picture(tmp_path / "scene.tif", picture(2)[0])
    pixels, labels = picture(1)
    at.paint(at.image("painted", pixels), labels)
    at.viewer.open(str(tmp_path / "scene.tif"), plugin="napari")
    at.run()
    save(at, tmp_path / "out", "geotiff")
    (problem,) = at.problems
    assert "names no coordinate reference system" in problem


def test_the_size_of_pixels_goes_with_the_labels(at, tmp_path):
    pixels, labels = picture(1)
    at.paint(at.image("painted", pixels), labels)
    at.image("target", picture(2)[0], scale=(0.5, 0.25), units=("um", "um"), translate=(100, 7))
    at.run()
    save(at, tmp_path, "ome-zarr")
    facts = zarr.open_group(tmp_path / "target_labels.ome.zarr", mode="r").attrs["multiscales"][0]
    assert [axis["unit"] for axis in facts["axes"]] == ["micrometer"] * 2
    assert facts["datasets"][0]["coordinateTransformations"] == [
        {"type": "scale", "scale": [0.5, 0.25]},
        {"type": "translation", "translation": [100.0, 7.0]},
    ]


def test_an_export_can_be_stopped_and_leaves_nothing_half(accepted, tmp_path):
    at, told = accepted, []
    at.desk.exporting.progressed.connect(told.append)
    at.desk.exporting.export("coco", tmp_path / "out")
    at.desk.exporting.cancel()
    at.qtbot.waitUntil(lambda: not at.desk.exporting.running, timeout=RUN_MILLISECONDS)
    assert not (tmp_path / "out").exists()
    assert len(save(at, tmp_path / "out", "coco")) == 1
    assert told[-1] == "Exporting 2 of 2"
    assert at.problems == []


def test_a_layer_that_goes_in_the_middle_is_one_sentence(accepted, tmp_path, monkeypatch):
    def gone(plane):
        raise ImageError("The picture is gone.")

    monkeypatch.setattr(accepted.desk.sheets, "accepted", gone)
    assert save(accepted, tmp_path / "out", "coco") == []
    assert accepted.problems == ["The picture is gone."]
    assert not (tmp_path / "out" / "coco.json").exists()
