"""COCO, YOLO and Label Studio, read back by pycocotools, supervision and Label Studio's own converter."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from label_studio_converter.brush import decode_rle
from PIL import Image
from pycocotools.coco import COCO
from supervision import DetectionDataset

from napari_gfsam.io.exports import ExportClass, ExportError, export, label_sheet, yolo
from napari_gfsam.io.exports.label_studio import pack
from napari_gfsam.io.exports.objects import objects_of
from napari_gfsam.io.exports.registry import SetOptions
from tests.io.exports import scenes
from tests.io.exports.test_rasters import check_provenance

# pycocotools' own, with numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
EMPTY = label_sheet(np.zeros((9, 8), np.uint8), "empty", picture="empty.png")


def test_coco(tmp_path, capsys):
    sheet = scenes.sheet(instances=scenes.touching(), scores={11: 0.25})
    (path,) = export("coco", [EMPTY, sheet], tmp_path, picture_prefix="images/").paths
    coco = COCO(str(path))
    capsys.readouterr()
    assert coco.loadCats(coco.getCatIds())[1]["name"] == scenes.ODD
    assert coco.loadCats([1])[0]["color"] == [86, 180, 233]
    images = coco.loadImgs(coco.getImgIds())
    assert [(one["file_name"], one["width"], one["height"]) for one in images] == [
        ("images/empty.png", 8, 9),
        ("images/plate.tif", 60, 48),
    ]
    assert coco.getAnnIds(imgIds=[1]) == []
    objects = list(objects_of(sheet))
    annotations = coco.loadAnns(coco.getAnnIds(imgIds=[2]))
    assert len(annotations) == len(objects)
    again = np.zeros((48, 60), np.uint8)
    for found, annotation in zip(objects, annotations, strict=True):
        mask = coco.annToMask(annotation)
        assert not (again[mask > 0]).any()
        again[mask > 0] = annotation["category_id"]
        assert annotation["area"] == mask.sum()
        (y, x), (height, width) = found.corner_yx, found.mask.shape
        assert annotation["bbox"] == [x, y, width, height]
        assert annotation.get("score") == found.score
    assert np.array_equal(again, scenes.labels()), "exact, pixel by pixel"
    assert {one.get("score") for one in annotations} == {0.25, 0.9, None}


def test_coco_has_run_lengths_only_where_there_are_holes(tmp_path, capsys):
    (path,) = export("coco", [scenes.sheet()], tmp_path).paths
    coco = COCO(str(path))
    capsys.readouterr()
    kinds = [isinstance(one["segmentation"], dict) for one in coco.loadAnns(coco.getAnnIds())]
    assert kinds.count(True) == 1
    assert len(kinds) == 5
    ring = coco.annToMask(next(one for one in coco.loadAnns(coco.getAnnIds()) if isinstance(one["segmentation"], dict)))
    assert ring.sum() == 16 * 20 - 8 * 10


def test_coco_keeps_each_run_once(tmp_path):
    settings = {"max_prompts": 4}
    other = scenes.sheet(picture="late.tif", record=scenes.record(scenes.labels(), settings=settings))
    (path,) = export("coco", [scenes.sheet(), EMPTY, scenes.sheet(picture="more.tif"), other], tmp_path).paths
    data = json.loads(path.read_text())
    runs = data["info"]["napari_gfsam"]["runs"]
    assert [one["settings"] for one in runs] == [{"max_prompts": 16}, {"max_prompts": 4}]
    assert [one["napari_gfsam"].get("run") for one in data["images"]] == [0, None, 0, 1]
    assert data["images"][0]["napari_gfsam"]["labels_as_recorded"]
    assert "somebody" not in path.read_text()


def test_planes_of_a_stack_become_pictures(tmp_path):
    stack = np.stack([scenes.labels(), scenes.labels()[::-1]])
    (path,) = export("coco", [label_sheet(stack, "s", picture="s.tif")], tmp_path).paths
    data = json.loads(path.read_text())
    assert [one["file_name"] for one in data["images"]] == ["s_p0000.tif", "s_p0001.tif"]
    assert len(data["annotations"]) == 10


def pictures_of(format_id, folder):
    if format_id == "coco":
        return [one["file_name"] for one in json.loads((folder / "coco.json").read_text())["images"]]
    return [one["data"]["image"] for one in json.loads((folder / "label_studio.json").read_text())]


@pytest.mark.parametrize("format_id", ["coco", "label-studio"])
def test_pictures_of_one_name_are_told_apart_by_their_folders(tmp_path, format_id):
    places = ("/home/me/a/x.tif", "/home/me/b/x.tif", "C:/y.tif", "/c/1/y.tif", "/d/1/y.tif", "/c/z.tif", "/c/z.tif")
    sheets = [scenes.sheet(picture=place[-5:], picture_path=place) for place in places]
    done = export(format_id, sheets, tmp_path, picture_prefix="p/")
    expected = ["p/a/x.tif", "p/b/x.tif", "p/C/y.tif", "p/c/1/y.tif", "p/d/1/y.tif", "p/z.tif", "p/z.tif"]
    assert pictures_of(format_id, tmp_path) == expected
    assert done.notes == ("5 pictures are named with their folders, as others have their names: a/x.tif ...",)
    stack = np.stack([scenes.labels()] * 2)
    stacks = [label_sheet(stack, end, picture="s.tif", picture_path=f"/{end}/s.tif") for end in "ab"]
    export(format_id, stacks, tmp_path / "stacks")
    names = [f"{end}/s_p000{plane}.tif" for end in "ab" for plane in range(2)]
    assert pictures_of(format_id, tmp_path / "stacks") == names


@pytest.mark.parametrize("format_id", ["coco", "label-studio"])
@pytest.mark.parametrize("places", [("", ""), ("", "/a/plate.tif"), ("/a/plate.tif", ""), ("/a/1.tif", "/a/2.tif")])
def test_pictures_that_nothing_tells_apart_are_refused(tmp_path, format_id, places):
    sheets = [scenes.sheet(picture_path=place) for place in places]
    with pytest.raises(ExportError, match=r"a picture called 'plate.tif', and nothing tells the two pictures apart"):
        export(format_id, sheets, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format_id", ["coco", "yolo", "label-studio"])
def test_one_id_has_one_name(tmp_path, format_id):
    def named(name, text):
        return label_sheet(np.ones((4, 4), int), name, [ExportClass(1, text, (1, 2, 3))])

    unnamed = label_sheet(np.ones((4, 4), int), "u")
    with pytest.raises(ExportError, match="Class 1 is 'cell' in a and 'rock' in b"):
        export(format_id, [named("a", "cell"), unnamed, named("b", "rock")], tmp_path)
    export(format_id, [unnamed, named("a", "cell"), unnamed_as("v")], tmp_path / "again")
    text = "".join(path.read_text() for path in (tmp_path / "again").iterdir() if path.is_file())
    assert "cell" in text


def unnamed_as(name):
    return label_sheet(np.ones((4, 4), int), name)


def test_yolo(tmp_path):
    sheet = scenes.sheet()
    done = export("yolo", [scenes.sheet(name="first"), EMPTY, sheet], tmp_path)
    assert done.notes == ("YOLO has no holes: 2 were filled.",)
    names = [str(path.relative_to(tmp_path)) for path in done.paths]
    assert names == ["labels/first.txt", "labels/empty.txt", "labels/plate.txt", "napari_gfsam.json", "data.yaml"]
    assert (tmp_path / "labels/empty.txt").read_text() == ""
    data = yaml.safe_load((tmp_path / "data.yaml").read_text())
    assert data["names"] == {0: "nucleus", 1: scenes.ODD}
    facts = json.loads((tmp_path / "napari_gfsam.json").read_text())
    assert [(one["index"], one["id"], one["color"]) for one in facts["classes"]] == [
        (0, 1, [86, 180, 233]),
        (1, 7, [230, 159, 0]),
    ]
    check_provenance(
        {
            **facts,
            **facts["pictures"][2],
            "run": facts["runs"][0],
            "classes": [{key: value for key, value in one.items() if key != "index"} for one in facts["classes"]],
        }
    )


def test_yolo_in_supervision(tmp_path):
    """Its reader is one of those that draw outlines inclusively: half a pixel larger, so IoU, not equality."""
    scale = 8
    big = scenes.labels().repeat(scale, 0).repeat(scale, 1)
    export("yolo", [scenes.sheet(labels=big)], tmp_path)
    (tmp_path / "images").mkdir()
    Image.fromarray(big).save(tmp_path / "images" / "plate.png")
    data = DetectionDataset.from_yolo(
        str(tmp_path / "images"), str(tmp_path / "labels"), str(tmp_path / "data.yaml"), force_masks=True
    )
    assert data.classes == ["nucleus", scenes.ODD]
    (found,) = data.annotations.values()
    objects = list(objects_of(scenes.sheet(labels=big)))
    assert found.class_id.tolist() == [0 if one.kind.id == 1 else 1 for one in objects]
    for one, mask in zip(objects, found.mask, strict=True):
        (y, x), (height, width) = one.corner_yx, one.mask.shape
        truth = np.zeros(big.shape, bool)
        truth[y : y + height, x : x + width] = one.mask
        if (y, x) == (32, 40):  # the ring, whose hole is filled
            truth[64:128, 80:160] = True
        assert (truth & mask).sum() / (truth | mask).sum() > 0.9


def test_yolo_splits_objects_in_several_pieces_and_says_so(tmp_path):
    sheet = label_sheet(np.array([[1, 0, 1]]), "x", instances=np.array([[3, 0, 3]]))
    done = export("yolo", [sheet], tmp_path)
    assert done.notes == ("YOLO has one outline an object: 1 objects in several pieces became several objects.",)
    lines = (tmp_path / "labels/x.txt").read_text().splitlines()
    assert sorted(lines) == ["0 0 0 0 1 0.33333333 1 0.33333333 0", "0 0.66666667 0 0.66666667 1 1 1 1 0"]


@settings(deadline=None, max_examples=50)
@given(st.text())
@example("核 \U0001f600")
@example("".join(map(chr, [*range(0x20), 0x22, 0x5C, *range(0x7F, 0xA1), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xD800])))
def test_yolo_names_any_class(name):
    sheet = label_sheet(np.ones((1, 1), int), "x", [ExportClass(1, name, (1, 2, 3))])
    files = dict(yolo.encode_set([sheet], SetOptions("", print)))
    assert yaml.safe_load(files["data.yaml"])["names"] == {0: name}


def test_yolo_of_nothing(tmp_path):
    export("yolo", [EMPTY], tmp_path)
    assert yaml.safe_load((tmp_path / "data.yaml").read_text())["names"] == {}


def test_label_studio(tmp_path):
    sheet = scenes.sheet(instances=scenes.touching(), scores={11: 0.25})
    done = export("label-studio", [EMPTY, sheet], tmp_path, picture_prefix="/data/local-files/?d=")
    tasks = json.loads((tmp_path / "label_studio.json").read_text())
    assert [path.name for path in done.paths] == ["label_studio.xml", "label_studio.json"]
    assert tasks[0]["predictions"][0]["result"] == []
    assert tasks[1]["data"] == {"image": "/data/local-files/?d=plate.tif"}
    check_provenance(tasks[1]["meta"]["napari_gfsam"])
    (prediction,) = tasks[1]["predictions"]
    assert prediction["model_version"] == "napari-gfsam 0.1.0: dinov2 + sam"
    again = np.zeros((48, 60), np.uint8)
    ids = {"nucleus": 1, scenes.ODD: 7}
    for region in prediction["result"]:
        size = region["original_height"], region["original_width"], 4
        pixels = decode_rle(region["value"]["rle"]).reshape(size)
        assert set(np.unique(pixels)) == {0, 255}
        assert (pixels == pixels[:, :, :1]).all()
        (name,) = region["value"]["brushlabels"]
        assert not again[pixels[:, :, 3] > 0].any()
        again[pixels[:, :, 3] > 0] = ids[name]
    assert np.array_equal(again, scenes.labels())
    assert {one.get("score") for one in prediction["result"]} == {0.25, 0.9, None}
    assert len({one["id"] for one in prediction["result"]}) == len(prediction["result"])


def test_label_studio_interface_has_names_and_colours(tmp_path):
    export("label-studio", [scenes.sheet()], tmp_path)
    view = ElementTree.parse(tmp_path / "label_studio.xml").getroot()
    labels = view.findall("./BrushLabels/Label")
    assert [(one.get("value"), one.get("background")) for one in labels] == [
        ("nucleus", "#56b4e9"),
        (scenes.ODD, "#e69f00"),
    ]
    region = json.loads((tmp_path / "label_studio.json").read_text())[0]["predictions"][0]["result"][0]
    assert region["to_name"] == view.find("Image").get("name")
    assert region["from_name"] == view.find("BrushLabels").get("name")


@settings(deadline=None, max_examples=50)
@given(
    hnp.arrays(
        "int64", st.integers(1, 6), elements=st.sampled_from([1, 2, 3, 4, 5, 63, 64, 65, 16383, 16384, 16385, 40000])
    )
)
def test_runs_of_any_length_are_packed(lengths):
    for some in (lengths, np.concatenate([[0], lengths])):
        expected = np.repeat(np.arange(len(some)) % 2 * 255, some * 4)
        assert np.array_equal(decode_rle(list(pack(some))), expected)
