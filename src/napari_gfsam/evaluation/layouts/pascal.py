"""Pascal-5i: four folds of five VOC classes; 1,000 episodes over the fold's list of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gfsam.evaluation.layouts.base import Benchmark, find_split
from napari_gfsam.evaluation.layouts.listed import Files, ListedSampler, listed_sampler

if TYPE_CHECKING:
    from napari_gfsam.evaluation.layouts.base import Request

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "dining table", "dog",
    "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train", "tv/monitor",
)  # fmt: skip


def open_pascal(request: Request) -> ListedSampler:
    """Read a fold's list.

    Raises
    ------
    OSError, ValueError
        If the list is missing or damaged.
    """
    base = request.root / "VOC2012"
    fold = f"fold{request.fold}.txt"
    split = find_split(request, f"pascal/val/{fold}", base / "splits" / "val" / fold)
    files = Files(base / "JPEGImages", base / "SegmentationClassAug", ".jpg", ".png")
    return listed_sampler(split, CLASSES, request.shots, files, length=1000)


PASCAL = Benchmark(
    name="pascal",
    title="Pascal-5i",
    folds=4,
    layout="VOC2012/JPEGImages/*.jpg, VOC2012/SegmentationClassAug/*.png, split file pascal/val/fold0.txt to fold3.txt",
    protocol="With seed 0 the same 1,000 episodes a fold as the official code draws.",
    open=open_pascal,
)
