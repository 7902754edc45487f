"""Label TIFF, PNG, NPZ and OME-Zarr, read back by tifffile, Pillow, numpy and ome-zarr."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Label, Reader
from PIL import Image

from napari_gfsam.io.exports import ExportError, export, label_sheet
from napari_gfsam.io.exports.provenance import as_json, provenance
from napari_gfsam.io.readers import read_labels
from napari_gfsam.io.writers import is_ours
from tests.io.exports import scenes

STACK = np.stack([scenes.labels(), scenes.labels()[::-1], np.zeros((48, 60), np.uint8)])


def written(format_id, folder, **changes):
    (path,) = export(format_id, [scenes.sheet(**changes)], folder).paths
    return path


def check_provenance(facts, *, as_recorded=True):
    assert facts["format"] == "napari-gfsam-export/1"
    assert facts["classes"][0] == {"id": 1, "name": "nucleus", "color": [86, 180, 233], "score": 0.9}
    assert [one["name"] for one in facts["classes"]] == ["nucleus", scenes.ODD]
    assert facts["run"]["models"][0] == {"id": "dinov2", "sha256": "c0ffee"}
    assert facts["run"]["references"][0]["image"]["content_hash"] == "aa"
    assert facts["target"]["content_hash"] == "dd"
    assert facts["decisions"][0]["kind"] == "status"
    assert facts["results"][1]["score"] is None
    assert facts["labels_as_recorded"] is as_recorded
    assert "somebody" not in json.dumps(facts), "no path of a person's machine"


@pytest.mark.parametrize("top", [7, 300, 70000])
def test_tiff(tmp_path, top):
    ids = np.where(scenes.labels() == 7, top, scenes.labels())
    path = written("tiff", tmp_path, labels=ids)
    assert path.name == "plate_labels.tif"
    assert np.array_equal(tifffile.imread(path), ids)
    assert np.array_equal(read_labels(path), ids)
    assert is_ours(path)
    with tifffile.TiffFile(path) as opened:
        facts = opened.shaped_metadata[0]["napari_gfsam"]
    check_provenance({**facts, "classes": facts["classes"][:2]})


def test_tiff_of_a_stack(tmp_path):
    path = written("tiff", tmp_path, labels=STACK, axes="tyx")
    with tifffile.TiffFile(path) as opened:
        assert opened.series[0].axes == "TYX"
        assert np.array_equal(opened.asarray(), STACK)


def test_provenance_tells_labels_that_were_changed_since(tmp_path):
    path = written("tiff", tmp_path, record=scenes.record(scenes.labels()[::-1]))
    with tifffile.TiffFile(path) as opened:
        check_provenance(opened.shaped_metadata[0]["napari_gfsam"], as_recorded=False)


@pytest.mark.parametrize("length", [2**20 - 1, 2**20, 7 * 2**20])
def test_a_png_that_says_much_can_be_read(tmp_path, length):
    known = scenes.record(scenes.labels(), environment={"x": ""})
    known = scenes.record(scenes.labels(), environment={"x": "x" * (length - text_length(known))})
    path = written("png", tmp_path, record=known)
    assert np.array_equal(read_labels(path), scenes.labels())
    with Image.open(path) as opened:
        assert len(opened.info["napari-gfsam"]) == length
    with pytest.raises(ExportError, match=r"plate: classes and run take .* export a TIFF instead"):
        written("png", tmp_path / "more", record=scenes.record(scenes.labels(), environment={"x": "x" * 7 * 2**20}))


def text_length(record):
    return len(as_json(provenance(scenes.sheet(record=record))))


def test_a_png_of_many_objects_keeps_all_classes(tmp_path):
    ids = np.arange(20_000).reshape(100, 200)
    path = written("png", tmp_path, labels=ids, record=None)
    assert np.array_equal(read_labels(path), ids)
    with Image.open(path) as opened:
        assert len(json.loads(opened.info["napari-gfsam"])["classes"]) == 19_999


def test_png_with_a_palette(tmp_path):
    path = written("png", tmp_path)
    with Image.open(path) as opened:
        assert opened.mode == "P"
        assert np.array_equal(np.asarray(opened), scenes.labels())
        colors = np.asarray(opened.convert("RGB"))
        check_provenance(json.loads(opened.info["napari-gfsam"]))
    assert colors[5, 6].tolist() == [86, 180, 233]
    assert colors[45, 55].tolist() == [230, 159, 0]
    assert colors[0, 0].tolist() == [0, 0, 0]
    assert np.array_equal(read_labels(path), scenes.labels())
    assert is_ours(path)


def test_png_with_ids_above_255(tmp_path):
    ids = scenes.labels().astype(np.uint16) * 100
    path = written("png", tmp_path, labels=ids)
    assert np.array_equal(read_labels(path), ids)
    with pytest.raises(ExportError, match="up to 65535"):
        written("png", tmp_path / "b", labels=ids.astype(np.uint32) * 1000)


def test_npz(tmp_path):
    path = written("npz", tmp_path, instances=scenes.touching(), scores={11: 0.25})
    with np.load(path, allow_pickle=False) as arrays:
        assert np.array_equal(arrays["labels"], scenes.labels())
        assert arrays["class_id"].tolist() == [1, 7]
        assert arrays["class_name"].tolist() == ["nucleus", scenes.ODD]
        assert arrays["class_color"].tolist() == [[86, 180, 233], [230, 159, 0]]
        assert arrays["class_score"][0] == 0.9
        assert np.isnan(arrays["class_score"][1])
        check_provenance(json.loads(str(arrays["provenance"])))
        number = arrays["objects"][5, 6]
        assert arrays["object_class"][number - 1] == 1
        assert arrays["object_score"][number - 1] == 0.25
        assert np.array_equal(arrays["objects"] > 0, scenes.labels() > 0)


def test_npz_of_nothing_and_of_a_stack(tmp_path):
    (path,) = export("npz", [label_sheet(np.zeros((5, 6), np.uint8), "none")], tmp_path).paths
    with np.load(path) as arrays:
        assert arrays["object_class"].shape == (0,)
        assert arrays["class_color"].shape == (0, 3)
    (path,) = export("npz", [label_sheet(STACK, "s", instances=STACK.astype(int) + 1)], tmp_path).paths
    with np.load(path) as arrays:
        assert np.array_equal(arrays["labels"], STACK)
        assert np.array_equal(arrays["objects"], STACK + 1)


def nodes(path):
    """What ome-zarr finds in a group: label images by name, and the image of the group itself."""
    found = list(Reader(parse_url(path))())
    return {node.zarr.basename(): node for node in found if node.data}


def test_ome_zarr(tmp_path):
    path = written(
        "ome-zarr",
        tmp_path,
        instances=scenes.touching(),
        scores={11: 0.25},
        scale=(0.5, 0.25),
        units=("micrometer",) * 2,
    )
    assert path.name == "plate_labels.ome.zarr"
    found = nodes(path)
    assert set(found) == {"plate_labels.ome.zarr", "classes", "objects"}
    classes, objects = found["classes"], found["objects"]
    assert classes.load(Label) is not None
    assert np.array_equal(classes.data[0].compute(), scenes.labels())
    assert classes.metadata["color"][7] == [230 / 255, 159 / 255, 0, 1]
    assert classes.metadata["properties"] == {
        1: {"class": "nucleus", "score": 0.9},
        7: {"class": scenes.ODD, "score": None},
    }
    assert classes.metadata["coordinateTransformations"][0] == [{"type": "scale", "scale": [0.5, 0.25]}]
    assert [one["unit"] for one in classes.metadata["axes"]] == ["micrometer"] * 2
    assert np.array_equal(objects.data[0].compute(), scenes.touching())
    assert objects.metadata["properties"][11] == {"class": "nucleus", "class-id": 1, "score": 0.25}
    assert np.array_equal(found[path.name].data[0].compute(), scenes.labels()), "the group is an image too"
    check_provenance(zarr.open_group(path, mode="r").attrs["napari_gfsam"])


def test_ome_zarr_of_a_stack_has_a_pyramid(tmp_path):
    stack = np.zeros((3, 700, 1030), np.uint8)
    stack[1, 100:300, 1029] = 4
    stack[1, 101, 101] = 5
    (path,) = export("ome-zarr", [label_sheet(stack, "s", axes="tyx", scale=(2, 3, 4))], tmp_path).paths
    classes = nodes(path)["classes"]
    assert [level.shape for level in classes.data] == [(3, 700, 1030), (3, 350, 515), (3, 175, 258)]
    assert np.array_equal(classes.data[0].compute(), stack)
    assert np.array_equal(classes.data[1].compute(), stack[:, ::2, ::2])
    assert [one[0]["scale"] for one in classes.metadata["coordinateTransformations"]] == [
        [2, 3, 4],
        [2, 6, 8],
        [2, 12, 16],
    ]
    assert [one["type"] for one in classes.metadata["axes"]] == ["time", "space", "space"]


def test_ome_zarr_is_replaced_only_when_asked_and_only_by_its_like(tmp_path):
    path = written("ome-zarr", tmp_path)
    with pytest.raises(ExportError, match="is there already; --overwrite"):
        written("ome-zarr", tmp_path)
    (path / "mine.txt").write_text("x")
    export("ome-zarr", [scenes.sheet(labels=scenes.labels()[::-1].copy())], tmp_path, overwrite=True)
    assert not (path / "mine.txt").exists()
    found = zarr.open_group(path, mode="r")["labels/classes/0"][...]
    assert np.array_equal(found, scenes.labels()[::-1])
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    other = tmp_path / "photos"
    (other / "plate_labels.ome.zarr").mkdir(parents=True)
    (other / "plate_labels.ome.zarr" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(ExportError, match="never replaced"):
        export("ome-zarr", [scenes.sheet()], other, overwrite=True)
    assert (other / "plate_labels.ome.zarr" / "cat.jpg").read_bytes() == b"cat"


def test_ome_zarr_with_strange_axes(tmp_path):
    with pytest.raises(ExportError, match="in this order, not 'qyx'"):
        export("ome-zarr", [label_sheet(STACK, "s", axes="qyx")], tmp_path)
    assert list(tmp_path.iterdir()) == []
