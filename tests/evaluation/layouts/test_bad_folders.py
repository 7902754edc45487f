"""Split files elsewhere, missing, damaged or malicious; missing pictures; too few of them."""

from __future__ import annotations

import os
import pickle

import pytest

from napari_gfsam.core.config import PUBLISHED
from napari_gfsam.evaluation import benchmark_episodes, evaluate
from tests.evaluation.fakes import BrightSegmenter
from tests.evaluation.layouts import miniatures
from tests.evaluation.layouts.plans import FOLDS, NAMES, plan


@pytest.mark.parametrize("name", ["pascal", "isaid"])
def test_split_files_may_lie_elsewhere(own, tmp_path, name):
    wanted = plan(own, name)
    (own.parent / "matcher/data/splits").rename(tmp_path / "my-splits")
    with pytest.raises(FileNotFoundError, match=f"split file {name}/val/fold"):
        plan(own, name)

    fold = FOLDS.get(name, 0)
    for splits in (tmp_path / "my-splits", tmp_path / "my-splits" / name):
        assert benchmark_episodes(name, own, fold, splits=splits) == wanted


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_root_is_named(tmp_path, name):
    with pytest.raises(OSError, match=r"does not exist|is at none of|No such file"):
        plan(tmp_path, name)


def test_wrong_requests(datasets):
    with pytest.raises(ValueError, match="no benchmark 'voc'; the benchmarks are pascal, coco"):
        benchmark_episodes("voc", datasets)
    with pytest.raises(ValueError, match="Pascal-5i has the folds 0 to 3, not 4"):
        benchmark_episodes("pascal", datasets, 4)
    with pytest.raises(ValueError, match="shots is 0"):
        benchmark_episodes("fss", datasets, shots=0)
    with pytest.raises(ValueError, match="episodes is 0"):
        benchmark_episodes("fss", datasets, episodes=0)


class Payload:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("coco", "COCO2014/splits/val/fold2.pkl"),
        ("lvis", "LVIS/lvis_val.pkl"),
        ("paco_part", "PACO-Part/paco/paco_part_train.pkl"),
        ("paco_part", "PACO-Part/paco/paco_part_val.pkl"),
    ],
)
def test_a_malicious_split_is_refused(own, tmp_path, name, path):
    (own / path).write_bytes(pickle.dumps(Payload(f"touch {tmp_path / 'was-run'}")))

    with pytest.raises(ValueError, match=r"asks for .*nothing of it was run"):
        plan(own, name)
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize(
    ("name", "path", "content"),
    [
        ("pascal", "../matcher/data/splits/pascal/val/fold1.txt", b"2007_000000\n"),
        ("pascal", "../matcher/data/splits/pascal/val/fold1.txt", b"\n"),
        ("coco", "COCO2014/splits/val/fold2.pkl", pickle.dumps({0: ["a"]})),
        ("coco", "COCO2014/splits/val/fold2.pkl", pickle.dumps([])),
        ("lvis", "LVIS/lvis_val.pkl", pickle.dumps({1: ["a"]})),
        ("lvis", "LVIS/lvis_val.pkl", pickle.dumps({1: {"a": 1, "b": 2}})),
        ("lvis", "LVIS/lvis_val.pkl", pickle.dumps({n: {"a": 1, "b": 2} for n in range(10)})),
        ("paco_part", "PACO-Part/paco/paco_part_val.pkl", pickle.dumps({"cid2img": {}})),
        ("paco_part", "PACO-Part/paco/paco_part_val.pkl", pickle.dumps({"cid2img": {}, "img2anno": {}})),
        ("pascal_part", "Pascal-Part/VOCdevkit/VOC2010/all_obj_part_to_image.json", b"{"),
        ("pascal_part", "Pascal-Part/VOCdevkit/VOC2010/all_obj_part_to_image.json", b'{"animals": 1}'),
        ("isic", "../matcher/data/isic/class_id.csv", b"ID,Class\nISIC_0000000,nevus\n"),
        ("isic", "../matcher/data/isic/class_id.csv", b"name,kind\nISIC_0000000,nevus\n"),
        ("isic", "../matcher/data/isic/class_id.csv", b"ID,Class\nISIC_0000000,wart\n"),
    ],
)
def test_damaged_split_files_are_named(own, name, path, content):
    (own / path).write_bytes(content)

    with pytest.raises(ValueError, match=r"[A-Za-z].*\.$"):
        plan(own, name)


@pytest.mark.parametrize("name", ["pascal", "coco", "lvis", "paco_part"])
def test_a_class_with_one_picture_is_named_instead_of_drawing_for_ever(own, name):
    if name == "pascal":
        (own.parent / "matcher/data/splits/pascal/val/fold1.txt").write_text("2007_000000__06\n")
    elif name == "coco":
        miniatures.pickled(own / "COCO2014/splits/val/fold2.pkl", {2 + 4 * n: ["val2014/a.jpg"] for n in range(20)})
    elif name == "lvis":
        miniatures.pickled(own / "LVIS/lvis_val.pkl", {n: {"a": {"annotations": []}} for n in range(20)})
    else:
        content = {"cid2img": {n: [{1: "x/a.jpg"}, {2: "x/a.jpg"}] for n in range(16)}}
        entry = {"obj_ann_id": 1, "obj_bbox": [0, 0, 5, 5], "segmentation": []}
        content["img2anno"] = {i: [{"category_id": n, **entry} for n in range(16)] for i in (1, 2)}
        miniatures.pickled(own / "PACO-Part/paco/paco_part_train.pkl", content)
        miniatures.pickled(own / "PACO-Part/paco/paco_part_val.pkl", content)

    with pytest.raises(ValueError, match=r"at least two|are needed"):
        plan(own, name)


def test_too_few_pictures_of_a_part(datasets):
    with pytest.raises(ValueError, match=r"Only 4 pictures show chair\+LEG, but 4 references and a target are needed"):
        plan(datasets, "pascal_part", 4)


def test_a_missing_picture_is_an_error_of_its_episode(own):
    (own / "FSS-1000/data/abacus/1.jpg").unlink()
    episodes = plan(own, "fss", 1, 15)

    rows = list(evaluate(episodes, BrightSegmenter(), {"published": PUBLISHED}, own / "rows.csv"))

    broken = [row for row in rows if row.error]
    assert 0 < len(broken) < 15
    assert all("1.jpg does not exist" in row.error for row in broken)


def test_a_box_outside_the_picture_is_named(own):
    path = own / "Pascal-Part/VOCdevkit/VOC2010/Annotations_Part_json_merged_part_classes"
    for file in path.iterdir():
        file.write_text(file.read_text().replace('"xmin": 1', '"xmin": 100').replace('"xmax": 18', '"xmax": 120'))

    with pytest.raises(ValueError, match=r"box .* holds no pixel of"):
        plan(own, "pascal_part", 1, 1).episodes[0].target.load()
