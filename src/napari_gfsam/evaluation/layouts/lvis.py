"""LVIS-92i: ten folds of classes that enough validation pictures show; 2,300 episodes, classes in turn."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari_gfsam.evaluation.episodes import PictureMask
from napari_gfsam.evaluation.layouts.base import AnnotationMask, Benchmark, ClasswiseSampler, find_split
from napari_gfsam.evaluation.layouts.pickles import read_pickle
from napari_gfsam.evaluation.readers import PictureFile

if TYPE_CHECKING:
    from pathlib import Path

    from napari_gfsam.evaluation.layouts.base import Request

N_FOLDS = 10


def open_lvis(request: Request) -> ClasswiseSampler:
    """Read the validation annotations and take the fold's classes.

    Raises
    ------
    OSError, ValueError
        If the file is missing, refused, of another form or has too few pictures for the shots.
    """
    base = request.root / "LVIS"
    path = find_split(request, "lvis/lvis_val.pkl", base / "lvis_val.pkl")
    annotations = read_pickle(path)
    if not isinstance(annotations, dict) or not all(isinstance(shown, dict) for shown in annotations.values()):
        raise ValueError(f"{path} is not of the expected form: class id, then picture, then annotations.")
    enough = [class_id for class_id, shown in annotations.items() if len(shown) > request.shots]
    fold = [enough[request.fold + N_FOLDS * place] for place in range(len(enough) // N_FOLDS)]
    if not fold:
        raise ValueError(f"{path} has {len(enough)} classes with over {request.shots} pictures; {N_FOLDS} are needed.")
    pictures = {class_id: list(annotations[class_id]) for class_id in fold}
    names = {class_id: str(class_id) for class_id in fold}
    reader = partial(_picture_mask, base / "coco", annotations)
    return ClasswiseSampler(2300, names, pictures, request.shots, reader)


def _picture_mask(base: Path, annotations: dict[int, dict[str, Any]], name: str, class_id: int) -> PictureMask:
    objects = annotations[class_id][name]["annotations"]
    mask = AnnotationMask(base / name, tuple(found["segmentation"] for found in objects))
    return PictureMask(name, PictureFile(base / name), mask)


LVIS = Benchmark(
    name="lvis",
    title="LVIS-92i",
    folds=N_FOLDS,
    layout="LVIS/coco/val2017/*.jpg (and train2017, which the list may name), LVIS/lvis_val.pkl",
    protocol="With seed 0 the same 2,300 episodes a fold as the official code draws.",
    open=open_lvis,
)
