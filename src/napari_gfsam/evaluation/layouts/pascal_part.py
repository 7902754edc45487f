"""PASCAL-Part: four groups of object parts; classes in turn, each picture cut to the box of one object."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_gfsam.evaluation.episodes import Episode, PictureMask
from napari_gfsam.evaluation.layouts.base import MOST_DRAWS, AnnotationMask, Benchmark
from napari_gfsam.evaluation.readers import PictureFile

if TYPE_CHECKING:
    from pathlib import Path

    from napari_gfsam.evaluation.layouts.base import Draws, Request
    from napari_gfsam.evaluation.readers import Box

GROUPS = ("animals", "indoor", "person", "vehicles")
LEFT_OUT = ("aeroplane", "TAIL")
MOST_EPISODES = 2500


@dataclass(frozen=True, slots=True)
class Part:
    """A class: a part of a kind of object, and the validation pictures that show it."""

    kind: str
    name: str
    pictures: list[str]


@dataclass(frozen=True, slots=True)
class PartSampler:
    """Draws target and references of a part; a draw whose object lacks the part is drawn again, as officially.

    Parameters
    ----------
    base
        The folder ``VOC2010``.
    parts
        The group's classes, in order.
    shots
        References per episode.
    length
        Episodes of the published protocol.
    """

    base: Path
    parts: tuple[Part, ...]
    shots: int
    length: int

    def episode(self, index: int, draws: Draws) -> Episode:
        """Draw an episode."""
        place = index % len(self.parts)
        part = self.parts[place]
        drawn: list[str] = []
        shown = tuple(self._object(part, drawn, draws) for _ in range(self.shots + 1))
        return Episode(place + 1, shown[1:], shown[0], f"{part.kind}+{part.name}")

    def _object(self, part: Part, drawn: list[str], draws: Draws) -> PictureMask:
        """Draw a picture that is not yet among the drawn ones, and one of its objects that shows the part."""
        if set(part.pictures) <= set(drawn):
            raise ValueError(
                f"Only {len(set(part.pictures))} pictures show {part.kind}+{part.name}, but {self.shots} references "
                f"and a target are needed; ask for fewer shots."
            )
        for _ in range(MOST_DRAWS):
            picture = draws.pick(part.pictures)
            if picture in drawn:
                continue
            chosen = draws.pick(self._objects(picture, part.kind))
            segmentations = [runs for found in chosen["parts"] if found["name"] == part.name for runs in found["mask"]]
            if segmentations:
                drawn.append(picture)
                return self._picture_mask(picture, segmentations, _box(chosen["bndbox"]))
        raise ValueError(f"No further picture shows {part.kind}+{part.name}; ask for fewer shots.")

    def _objects(self, picture: str, kind: str) -> list[dict[str, Any]]:
        """Return the picture's objects of a kind."""
        path = self.base / "Annotations_Part_json_merged_part_classes" / f"{picture}.json"
        objects = [found for found in _read_json(path)["object"] if found["name"] == kind]
        if not objects:
            raise ValueError(f"{path} names no object of the kind {kind}, although the list says so.")
        return objects

    def _picture_mask(self, picture: str, segmentations: list[Any], box: Box) -> PictureMask:
        path = self.base / "JPEGImages" / f"{picture}.jpg"
        mask = AnnotationMask(path, tuple(segmentations), box)
        return PictureMask(f"{picture}#{','.join(map(str, box))}", PictureFile(path, box), mask)


def open_pascal_part(request: Request) -> PartSampler:
    """Read the list of parts and take the group's classes.

    Raises
    ------
    OSError, ValueError
        If the list is missing or of another form.
    """
    base = request.root / "Pascal-Part" / "VOCdevkit" / "VOC2010"
    path = base / "all_obj_part_to_image.json"
    try:
        kinds = _read_json(path)[GROUPS[request.fold]]["object"]
        listed = [(kind, name, shown) for kind in kinds for name, shown in kinds[kind]["part"].items()]
        length = min(sum(len(shown["val"]) for _, _, shown in listed), MOST_EPISODES)
        parts = [Part(kind, name, shown["val"]) for kind, name, shown in listed if shown["train"] and shown["val"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not of the expected form: it lacks {error}.") from error
    parts = [part for part in parts if (part.kind, part.name) != LEFT_OUT]
    if not parts:
        raise ValueError(f"{path} lists no part of {GROUPS[request.fold]} with pictures for training and validation.")
    return PartSampler(base, tuple(parts), request.shots, length)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON, or is damaged ({error}).") from error


def _box(corners: dict[str, Any]) -> Box:
    """Return the box of ``bndbox``, whose values come in the order left, top, right, bottom."""
    left, top, right, bottom = (int(edge) for edge in corners.values())
    return top, left, bottom, right


PASCAL_PART = Benchmark(
    name="pascal_part",
    title="PASCAL-Part",
    folds=len(GROUPS),
    layout="Pascal-Part/VOCdevkit/VOC2010 with JPEGImages/*.jpg, Annotations_Part_json_merged_part_classes/*.json and "
    "all_obj_part_to_image.json",
    protocol="With seed 0 the same episodes as the official code draws, at most 2,500 a group; the folds are the "
    "groups animals, indoor, person, vehicles.",
    open=open_pascal_part,
)
