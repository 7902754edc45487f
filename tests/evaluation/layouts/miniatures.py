"""Miniature copies of the official data set folders, small enough to be made by every test run.

Picture number n of a folder is 24 x 20 pixels or thereabouts; the class lies in the rectangle `rectangle(n)`.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 24, 20
COCO_NAMES = [f"val2014/COCO_val2014_{number:012d}.jpg" for number in range(30)]


def rectangle(number):
    """(24, 20) bool, different for every number up to about 40."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[2 + number % 7 : 12 + number % 11, 3 + number % 5 : 9 + number % 9] = True
    return mask


def picture(number):
    return np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def save(path, array):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def save_jpeg(path, number):
    save(path, picture(number))


def text(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def pickled(path, content, protocol=4):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=protocol))


def pascal(root, splits):
    """Twelve pictures, three for each of the classes 6 to 9 (fold 1), class 10 in two; a border of 255."""
    lines = []
    for number in range(12):
        class_id = 6 + number % 4
        name = f"2007_{number:06d}"
        mask = np.where(rectangle(number), class_id, 0).astype(np.uint8)
        mask[0] = 255
        mask[-1] = 1
        save_jpeg(root / f"VOC2012/JPEGImages/{name}.jpg", number)
        save(root / f"VOC2012/SegmentationClassAug/{name}.png", mask)
        lines.append(f"{name}__{class_id:02d}")
    text(splits / "pascal/val/fold1.txt", lines)


def isaid(root, splits):
    """Nine patches, three for each of the classes 1 to 3 (fold 0)."""
    base = root / "remote_sensing/iSAID_patches/val"
    lines = []
    for number in range(9):
        class_id = 1 + number % 3
        name = f"P{number:04d}_0_256_824_1080"
        mask = np.where(rectangle(number), class_id, 0).astype(np.uint8)
        mask[:, -1] = 255
        save_jpeg(base / f"images/{name}.png", number)
        save(base / f"semantic_png/{name}_instance_color_RGB.png", mask)
        lines.append(f"{name}__{class_id:02d}")
    text(splits / "isaid/val/fold0.txt", lines)


def coco(root, protocol=3):
    """Thirty pictures for the twenty classes of fold 2, each class in four of them."""
    base = root / "COCO2014"
    classes = [2 + 4 * place for place in range(20)]
    shown = {place: [COCO_NAMES[(3 * place + step) % 30] for step in (0, 7, 11, 13)] for place in classes}
    for number, name in enumerate(COCO_NAMES):
        mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
        for row, place in enumerate(sorted(place for place in classes if name in shown[place])):
            mask[2 * row : 2 * row + 2, number % 9 : number % 9 + 8] = place + 1
        save_jpeg(base / name, number)
        save(base / "annotations" / name.replace(".jpg", ".png"), mask)
    pickled(base / "splits/val/fold2.pkl", shown, protocol)


def fss(root):
    """Two test classes of ten pictures; masks are colour pictures, as officially."""
    base = root / "FSS-1000"
    for place, category in enumerate(("bus", "abacus")):
        for number in range(1, 11):
            grey = np.where(rectangle(number + place), 255, 3).astype(np.uint8)
            save_jpeg(base / f"data/{category}/{number}.jpg", number)
            save(base / f"data/{category}/{number}.png", np.repeat(grey[:, :, None], 3, axis=2))
    text(base / "splits/test.txt", ["bus", "abacus"])


def deepglobe(root):
    """Six classes of four pictures."""
    for class_id in range(1, 7):
        for number in range(4):
            test = root / f"Deepglobe/{class_id}/test"
            save_jpeg(test / f"origin/{number}_sat_{class_id}.jpg", number)
            save(test / f"groundtruth/{number}_sat_{class_id}.png", (rectangle(number) * 255).astype(np.uint8))


def isic(root, table):
    """Nine pictures, three a class; ``class_id.csv`` lies at `table`."""
    base = root / "ISIC"
    kinds = ("nevus", "melanoma", "seborrheic_keratosis")
    lines = ["ID,Class"]
    for number in range(9):
        name = f"ISIC_{number:07d}"
        save_jpeg(base / f"ISIC2018_Task1-2_Training_Input/{name}.jpg", number)
        mask = (rectangle(number) * 255).astype(np.uint8)
        save(base / f"ISIC2018_Task1_Training_GroundTruth/{name}_segmentation.png", mask)
        lines.append(f"{name},{kinds[number % 3]}")
    (base / "ISIC2018_Task1-2_Training_Input/ATTRIBUTION.txt").write_text("x", encoding="utf-8")
    text(table, lines)


def polygon(number):
    """The rectangle of a number as a COCO polygon."""
    rows, columns = np.nonzero(rectangle(number))
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    return [float(value) for value in (left, top, right, top, right, bottom, left, bottom)]


def compressed(mask):
    """A mask as COCO's compressed run lengths."""
    flat = np.concatenate([[False], mask.T.ravel(), [not mask.T.ravel()[-1]]])
    edges = np.flatnonzero(np.diff(flat.astype(int)))
    runs = np.diff(np.concatenate([[0], edges]))
    counts = "".join(_characters(int(run) - (int(runs[k - 2]) if k > 2 else 0)) for k, run in enumerate(runs))
    return {"size": list(mask.shape), "counts": counts}


def _characters(value):
    found = ""
    while True:
        bits, value = value & 31, value >> 5
        more = value != (-1 if bits & 16 else 0)
        found += chr((bits | (32 if more else 0)) + 48)
        if not more:
            return found


def lvis(root, protocol=4):
    """Thirty classes, class c in c % 5 pictures: ten classes have more than two. Polygons, runs and arrays."""
    annotations = {}
    for class_id in range(100, 130):
        names = [f"val2017/{(class_id + step) % 12:012d}.jpg" for step in range(class_id % 5 + 1)]
        annotations[class_id] = {name: {"annotations": _objects(name, class_id)} for name in names}
    for number in range(12):
        save_jpeg(root / f"LVIS/coco/val2017/{number:012d}.jpg", number)
    pickled(root / "LVIS/lvis_val.pkl", annotations, protocol)
    pickled(root / "LVIS/lvis_train.pkl", {}, protocol)
    return annotations


def _objects(name, class_id):
    number = int(Path(name).stem)
    second = {**compressed(rectangle(number + class_id))}
    second["counts"] = second["counts"].encode()
    return [{"segmentation": [polygon(number)]}, {"segmentation": second}]


def paco(root, n_classes=16, protocol=4):
    """Parts: class c (from 50) in pictures of two objects each; one picture is listed twice, as officially."""
    cid2img, img2anno = {}, {}
    for number in range(10):
        save_jpeg(root / f"PACO-Part/coco/val2017/{number:012d}.jpg", number)
        img2anno[number] = []
    for class_id in range(50, 50 + n_classes):
        numbers = [(class_id + step) % 10 for step in range(class_id // 4 % 4 + 1)]
        cid2img[class_id] = [{number: f"/data/coco/val2017/{number:012d}.jpg"} for number in [*numbers, numbers[0]]]
        for number in numbers:
            for place, box in enumerate(([2.5, 3.2, 15.0, 18.0], [0.0, 1.0, 12.7, 20.0])):
                mask = {"size": [HEIGHT, WIDTH], "counts": compressed(rectangle(number + place))["counts"].encode()}
                entry = {"category_id": class_id, "obj_ann_id": 1000 * number + place, "obj_bbox": box}
                img2anno[number].append({**entry, "segmentation": mask if place else [polygon(number)]})
    order = {class_id: [] for class_id in sorted(cid2img, reverse=True)}
    pickled(root / "PACO-Part/paco/paco_part_train.pkl", {"cid2img": order, "img2anno": {}}, protocol)
    pickled(root / "PACO-Part/paco/paco_part_val.pkl", {"cid2img": cid2img, "img2anno": img2anno}, protocol)


def pascal_part(root):
    """The group "indoor": bottle+CAP in five pictures, chair+LEG in four; some objects lack the part."""
    base = root / "Pascal-Part/VOCdevkit/VOC2010"
    pictures = {f"2008_{number:06d}": number for number in range(6)}
    for name, number in pictures.items():
        save_jpeg(base / f"JPEGImages/{name}.jpg", number)
        bottle = {
            "name": "bottle",
            "parts": [_part("CAP", number), _part("BODY", number + 1)],
            "bndbox": _corners(number),
        }
        bare = {"name": "bottle", "parts": [_part("BODY", number)], "bndbox": _corners(number + 1)}
        chair = {"name": "chair", "parts": [_part("LEG", number), _part("LEG", number + 3)], "bndbox": _corners(0)}
        path = base / f"Annotations_Part_json_merged_part_classes/{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"object": [bare, bottle, chair]}), encoding="utf-8")
    names = list(pictures)
    parts = {
        "bottle": {"part": {"CAP": _listed(names[:5]), "BODY": {"train": [], "val": names}}},
        "chair": {"part": {"LEG": _listed(names[2:])}},
        "aeroplane": {"part": {"TAIL": _listed(names)}},
    }
    content = {"indoor": {"object": parts}}
    (base / "all_obj_part_to_image.json").write_text(json.dumps(content), encoding="utf-8")


def _listed(names):
    return {"train": ["x"], "val": names}


def _part(name, number):
    return {"name": name, "mask": [compressed(rectangle(number))]}


def _corners(number):
    return {"xmin": 1, "ymin": 2 + number % 2, "xmax": 18, "ymax": 22}
