"""Deepglobe: six land cover classes of preprocessed patches; 600 episodes, classes in turn."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_gfsam.evaluation.episodes import PictureMask
from napari_gfsam.evaluation.layouts.base import Benchmark, ClasswiseSampler, jpegs
from napari_gfsam.evaluation.readers import BrightFile, PictureFile

if TYPE_CHECKING:
    from pathlib import Path

    from napari_gfsam.evaluation.layouts.base import Request

CLASSES = range(1, 7)


def open_deepglobe(request: Request) -> ClasswiseSampler:
    """List the classes' folders.

    Raises
    ------
    OSError, ValueError
        If a folder is missing or empty.
    """
    base = request.root / "Deepglobe"
    pictures = {class_id: [path.name for path in jpegs(_test(base, class_id) / "origin")] for class_id in CLASSES}
    names = {class_id: str(class_id) for class_id in CLASSES}
    return ClasswiseSampler(600, names, pictures, request.shots, partial(_picture_mask, base))


def _test(base: Path, class_id: int) -> Path:
    return base / str(class_id) / "test"


def _picture_mask(base: Path, name: str, class_id: int) -> PictureMask:
    folder = _test(base, class_id)
    mask = BrightFile(folder / "groundtruth" / f"{name.split('.')[0]}.png")
    return PictureMask(f"{class_id}/{name}", PictureFile(folder / "origin" / name), mask)


DEEPGLOBE = Benchmark(
    name="deepglobe",
    title="Deepglobe",
    folds=1,
    layout="Deepglobe/1 to Deepglobe/6, each with test/origin/*.jpg and test/groundtruth/*.png",
    protocol="With seed 0 the same 600 episodes as the official code draws.",
    open=open_deepglobe,
)
