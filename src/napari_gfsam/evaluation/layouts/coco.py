"""COCO-20i: four folds of twenty classes; 1,000 episodes, class, target and references all drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_gfsam.evaluation.episodes import Episode, PictureMask
from napari_gfsam.evaluation.layouts.base import Benchmark, find_split
from napari_gfsam.evaluation.layouts.pickles import read_pickle
from napari_gfsam.evaluation.readers import LabelFile, PictureFile

if TYPE_CHECKING:
    from pathlib import Path

    from napari_gfsam.evaluation.layouts.base import Draws, Request

N_CLASSES, N_FOLDS = 80, 4
CLASSES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CocoSampler:
    """Draws class, target and references of every episode.

    Parameters
    ----------
    base
        The folder ``COCO2014``.
    classes
        The fold's classes, counted from 0.
    pictures
        Pictures by class, counted from 0.
    shots
        References per episode.
    length
        Episodes of the published protocol.
    """

    base: Path
    classes: tuple[int, ...]
    pictures: dict[int, list[str]]
    shots: int
    length: int = 1000

    def episode(self, index: int, draws: Draws) -> Episode:
        """Draw an episode."""
        place = draws.pick(self.classes)
        pictures = self.pictures[place]
        target = draws.pick(pictures)
        references = draws.others(pictures, target, self.shots)
        shown = tuple(self._picture_mask(name, place + 1) for name in references)
        return Episode(place + 1, shown, self._picture_mask(target, place + 1), CLASSES[place])

    def _picture_mask(self, name: str, class_id: int) -> PictureMask:
        mask = self.base / "annotations" / f"{name.partition('.jpg')[0]}.png"
        return PictureMask(name, PictureFile(self.base / name), LabelFile(mask, class_id))


def open_coco(request: Request) -> CocoSampler:
    """Read a fold's split file.

    Raises
    ------
    OSError, ValueError
        If it is missing, refused or of another form.
    """
    base = request.root / "COCO2014"
    fold = f"fold{request.fold}.pkl"
    path = find_split(request, f"coco/val/{fold}", base / "splits" / "val" / fold)
    pictures = read_pickle(path)
    classes = tuple(request.fold + N_FOLDS * place for place in range(N_CLASSES // N_FOLDS))
    if not isinstance(pictures, dict) or any(not pictures.get(place) for place in classes):
        raise ValueError(
            f"{path} does not list pictures for each class of fold {request.fold}; take that fold's split file."
        )
    return CocoSampler(base, classes, pictures, request.shots)


COCO = Benchmark(
    name="coco",
    title="COCO-20i",
    folds=N_FOLDS,
    layout="COCO2014/val2014/*.jpg, COCO2014/annotations/val2014/*.png (class ids), COCO2014/splits/val/fold0.pkl to "
    "fold3.pkl",
    protocol="With seed 0 the same 1,000 episodes a fold as the official code draws.",
    open=open_coco,
)
