"""ISIC 2018: three kinds of skin lesion; 600 episodes, classes in turn."""

from __future__ import annotations

import csv
from functools import partial
from typing import TYPE_CHECKING

from napari_gfsam.evaluation.episodes import PictureMask
from napari_gfsam.evaluation.layouts.base import Benchmark, ClasswiseSampler, find_split, jpegs
from napari_gfsam.evaluation.readers import BrightFile, PictureFile

if TYPE_CHECKING:
    from pathlib import Path

    from napari_gfsam.evaluation.layouts.base import Request

CLASSES = {1: "nevus", 2: "melanoma", 3: "seborrheic_keratosis"}


def open_isic(request: Request) -> ClasswiseSampler:
    """List the pictures and read their classes.

    Raises
    ------
    OSError, ValueError
        If the folder or ``class_id.csv`` is missing, or a picture or a class is not in it.
    """
    base = request.root / "ISIC"
    beside = request.root.resolve().parent / "matcher" / "data" / "isic" / "class_id.csv"
    table = find_split(request, "isic/class_id.csv", base / "class_id.csv", beside)
    class_of = _read_classes(table)
    pictures: dict[int, list[str]] = {class_id: [] for class_id in CLASSES}
    for path in jpegs(base / "ISIC2018_Task1-2_Training_Input"):
        stem = path.name.split(".")[0]
        if stem not in class_of:
            raise ValueError(f"{table} does not say the class of {path.name}; it must name every picture.")
        pictures[class_of[stem]].append(path.name)
    for class_id, found in pictures.items():
        if not found:
            raise ValueError(f"No picture in {base} is of the class {CLASSES[class_id]}; the data set is incomplete.")
    return ClasswiseSampler(600, dict(CLASSES), pictures, request.shots, partial(_picture_mask, base))


def _read_classes(path: Path) -> dict[str, int]:
    ids = {name: class_id for class_id, name in CLASSES.items()}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        return {row["ID"]: ids[row["Class"]] for row in reversed(rows)}
    except KeyError as error:
        raise ValueError(
            f"{path} has no column or class {error}; expected the columns ID and Class with {', '.join(ids)}."
        ) from error


def _picture_mask(base: Path, name: str, class_id: int) -> PictureMask:
    mask = BrightFile(base / "ISIC2018_Task1_Training_GroundTruth" / f"{name.split('.')[0]}_segmentation.png")
    return PictureMask(name, PictureFile(base / "ISIC2018_Task1-2_Training_Input" / name), mask)


ISIC = Benchmark(
    name="isic",
    title="ISIC",
    folds=1,
    layout="ISIC/ISIC2018_Task1-2_Training_Input/*.jpg, ISIC/ISIC2018_Task1_Training_GroundTruth/*_segmentation.png, "
    "class_id.csv (columns ID, Class) in ISIC or with the split files",
    protocol="With seed 0 the same 600 episodes as the official code draws.",
    open=open_isic,
)
