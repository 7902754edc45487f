"""PACO-Part: four folds of object parts; 2,500 episodes, each picture cut to the box of one object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_gfsam.evaluation.episodes import Episode, PictureMask
from napari_gfsam.evaluation.layouts.base import AnnotationMask, Benchmark, find_split
from napari_gfsam.evaluation.layouts.pickles import read_pickle
from napari_gfsam.evaluation.readers import PictureFile

if TYPE_CHECKING:
    from pathlib import Path

    from napari_gfsam.evaluation.layouts.base import Draws, Request
    from napari_gfsam.evaluation.readers import Box

N_FOLDS = 4


@dataclass(frozen=True, slots=True)
class PacoSampler:
    """Draws class, target picture, its object, then references with theirs.

    Parameters
    ----------
    base
        The folder with the pictures.
    classes
        The fold's class ids.
    pictures
        (picture id, name) by class id; no picture twice in a class.
    annotations
        Annotations by picture id.
    shots
        References per episode.
    length
        Episodes of the published protocol.
    """

    base: Path
    classes: tuple[int, ...]
    pictures: dict[int, list[tuple[Any, str]]]
    annotations: dict[Any, list[dict[str, Any]]]
    shots: int
    length: int = 2500

    def episode(self, index: int, draws: Draws) -> Episode:
        """Draw an episode."""
        class_id = draws.pick(self.classes)
        pictures = self.pictures[class_id]
        picture = draws.pick(pictures)
        target = self._object(picture, class_id, draws)
        if all(other[1] == picture[1] for other in pictures):
            raise ValueError(f"Only {picture[1]} shows the part {class_id}; at least two pictures are needed.")
        references: list[PictureMask] = []
        while len(references) < self.shots:
            other = draws.pick(pictures)
            if other[1] != picture[1]:
                references.append(self._object(other, class_id, draws))
        return Episode(class_id, tuple(references), target, str(class_id))

    def _object(self, picture: tuple[Any, str], class_id: int, draws: Draws) -> PictureMask:
        """Draw one of the picture's objects that show the part, and cut the picture to its box."""
        picture_id, name = picture
        parts: dict[Any, list[dict[str, Any]]] = {}
        for found in self.annotations[picture_id]:
            if found["category_id"] == class_id:
                parts.setdefault(found["obj_ann_id"], []).append(found)
        object_id = draws.pick(list(parts))
        box = _box(parts[object_id][0]["obj_bbox"])
        path = self.base / name
        mask = AnnotationMask(path, tuple(found["segmentation"] for found in parts[object_id]), box)
        return PictureMask(f"{name}#{object_id}", PictureFile(path, box), mask)


def open_paco(request: Request) -> PacoSampler:
    """Read the annotations and take the fold's classes.

    The order of the classes is that of the training file; a class takes part when more validation pictures show it
    than there are shots.

    Raises
    ------
    OSError, ValueError
        If a file is missing, refused or of another form, or no class has enough pictures.
    """
    base = request.root / "PACO-Part"
    order = _read(request, "paco_part_train.pkl")
    annotations = _read(request, "paco_part_val.pkl")
    pictures = {class_id: _once(shown) for class_id, shown in annotations["cid2img"].items()}
    ids = list(order["cid2img"])
    fold = [ids[request.fold + N_FOLDS * place] for place in range(len(ids) // N_FOLDS)]
    classes = tuple(class_id for class_id in fold if len(pictures.get(class_id, ())) > request.shots)
    if not classes:
        raise ValueError(f"No class of fold {request.fold} of PACO-Part has over {request.shots} pictures.")
    return PacoSampler(base / "coco", classes, pictures, annotations["img2anno"], request.shots)


def _read(request: Request, name: str) -> dict[str, Any]:
    path = find_split(request, f"paco/{name}", request.root / "PACO-Part" / "paco" / name)
    content = read_pickle(path)
    if not isinstance(content, dict) or not {"cid2img", "img2anno"} <= set(content):
        raise ValueError(f"{path} is not of the expected form: a dictionary with cid2img and img2anno.")
    return content


def _once(shown: list[dict[Any, str]]) -> list[tuple[Any, str]]:
    """Return (picture id, ``folder/name``) of every picture, the first of each id."""
    first = {next(iter(entry)): next(iter(entry.values())) for entry in reversed(shown)}
    order = dict.fromkeys(next(iter(entry)) for entry in shown)
    return [(picture_id, "/".join(first[picture_id].split("/")[-2:])) for picture_id in order]


def _box(corner_and_size: list[float]) -> Box:
    left, top, width, height = corner_and_size
    return int(top), int(left), int(top + height), int(left + width)


PACO_PART = Benchmark(
    name="paco_part",
    title="PACO-Part",
    folds=N_FOLDS,
    layout="PACO-Part/coco/val2017/*.jpg (and train2017, which the list may name), PACO-Part/paco/paco_part_train.pkl "
    "and paco_part_val.pkl",
    protocol="With seed 0 the same 2,500 episodes a fold as the official code draws.",
    open=open_paco,
)
