"""`TiledPrediction`: the answer for a picture in tiles; corrections go to the tiles that hold the prompts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from napari_gfsam.api.correctable import Correctable, PointTable
from napari_gfsam.api.prediction import similarity_of
from napari_gfsam.api.scale import tiling_record
from napari_gfsam.api.tiles.answer import paint_all, paint_box
from napari_gfsam.api.tiles.ledger import Ledger, found_prompts
from napari_gfsam.api.tiles.opening import LateSource
from napari_gfsam.core.types import ACCEPTED
from napari_gfsam.io.records import ClassResult, RunRecord, labels_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from numpy.typing import ArrayLike, NDArray

    from napari_gfsam.api.prediction import Prediction
    from napari_gfsam.api.tiles.answer import Edited, TiledAnswer
    from napari_gfsam.api.tiles.ledger import PicturePrompts
    from napari_gfsam.api.tiles.planes import Plane
    from napari_gfsam.core.arrays import BoolArray, FloatArray, IntArray, LabelArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.edit import Edit
    from napari_gfsam.core.pipeline import Event
    from napari_gfsam.core.types import ClassSpec, ClassTrace
    from napari_gfsam.imaging import PictureSource
    from napari_gfsam.io.records import DecisionRecord


#: What a run gives: of a picture looked at whole, or in tiles.
AnyPrediction: TypeAlias = "Prediction | TiledPrediction"


@dataclass(frozen=True, slots=True, eq=False)
class TiledClass:
    """The answer for one class of a picture in tiles.

    Parameters
    ----------
    spec
        The class.
    score
        How well the automatic answer finds the reference again, in [0, 1]; 0 when empty.
    cluster, status
        (N,) int64 of its prompts.
    pixels
        How many pixels it has.
    reason
        Why it is empty, else an empty string.
    planes
        Labels and confidence of the picture.
    """

    spec: ClassSpec
    score: float
    cluster: IntArray
    status: IntArray
    pixels: int
    reason: str
    planes: tuple[Plane, Plane]

    @property
    def mask(self) -> BoolArray:
        """(H, W) bool."""
        return np.asarray(self.planes[0].whole() == self.spec.id)

    @property
    def confidence(self) -> FloatArray:
        """(H, W) float32, 0 outside the class."""
        return np.where(self.mask, self.planes[1].whole(), np.float32(0))


@dataclass(frozen=True, slots=True, eq=False)
class TiledPrediction(Correctable):
    """The answer for a picture in tiles. Corrections return a new prediction; this one stays.

    Parameters
    ----------
    answer
        The tiles as they were read.
    settings
        The settings of the run.
    found, prompts
        By class id, the prompts that the stages chose, and all of them with a person's decisions.
    planes
        Labels and confidence.
    decisions
        A person's corrections, in order.
    edits, edited
        By tile, what they are there, and the traces that they gave.
    seconds
        Seconds by stage.
    """

    answer: TiledAnswer
    settings: GFSAMConfig
    found: Mapping[int, PicturePrompts]
    prompts: Mapping[int, PicturePrompts]
    planes: tuple[Plane, Plane]
    decisions: tuple[DecisionRecord, ...] = ()
    edits: Mapping[int, tuple[Edit, ...]] = field(default_factory=dict)
    edited: Edited = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def labels(self) -> LabelArray:
        """(H, W) class ids, 0 = background; `label_source` reads a part."""
        return self.planes[0].whole()

    @property
    def label_source(self) -> PictureSource:
        """The labels, to be read part by part."""
        return self.planes[0]

    @property
    def confidence(self) -> FloatArray:
        """(H, W) float32, mean similarity S+mean of the mask that holds the pixel, 0 in the background."""
        return self.planes[1].whole()

    @property
    def classes(self) -> Mapping[int, TiledClass]:
        """The answer for every class by id, negative classes included."""
        return {spec.id: self._class(spec) for spec in (one.spec for one in self.answer.scene.classes)}

    @property
    def reason(self) -> str:
        """Why nothing was found, else an empty string."""
        found = self.classes
        if any(one.pixels for one in found.values()):
            return ""
        if len(found) == 1:
            return next(one.reason for one in found.values())
        return " ".join(f"{one.spec.name}: {one.reason}" for one in found.values() if one.reason)

    @property
    def points(self) -> PointTable:
        """All prompts with class, cluster, status and score, numbered through the picture."""
        rows = list(self.prompts.items())
        return PointTable(
            points_yx=np.concatenate([one.points_yx for _, one in rows]),
            class_id=np.concatenate([np.full(len(one), class_id) for class_id, one in rows]),
            index=np.concatenate([np.arange(len(one)) for _, one in rows]),
            cluster=np.concatenate([one.cluster for _, one in rows]),
            status=np.concatenate([one.status for _, one in rows]),
            score=np.concatenate([one.score for _, one in rows]),
        )

    @property
    def clusters(self) -> LabelArray:
        """(H, W) clusters of all classes, numbered through from 1; a pixel is the matter of its most central tile.

        Unsigned, of as few bytes as the numbers need.
        """
        count = sum(prompts.n_clusters for prompts in self.prompts.values())
        image = np.zeros(self.answer.scene.grid.shape, dtype=np.min_scalar_type(count))
        for number in sorted({*self.answer.tiles, *self.edited}):
            tile = self.answer.scene.grid[number]
            mine = self._clusters_of(number)
            rest = (mine > 0) & (image[tile.box] == 0)
            image[tile.box][rest] = mine[rest]
            core = self.answer.scene.grid.core(tile)
            owned = mine[tile.within(core)]
            image[core] = np.where(owned > 0, owned, image[core])
        return image

    @property
    def similarity(self) -> FloatArray:
        """(rows, columns) float32: how alike each cell is to the painted objects, 0 where a tile was not read."""
        grid, cells = self.answer.scene.grid, self.answer.scene.run.backend.encoder.grid
        sides = [side / cells for side in grid.tile_shape]
        count = [math.ceil(size / side) for size, side in zip(grid.shape, sides, strict=True)]
        image = np.zeros(count, dtype=np.float32)
        middles = [(np.arange(number) + 0.5) * side for number, side in zip(count, sides, strict=True)]
        for number in self.answer.tiles:
            tile, found = grid[number], similarity_of(self.answer.traces(number).values())
            places, inside = [], []
            for middle, part, start, side in zip(middles, grid.core(tile), (tile.top, tile.left), sides, strict=True):
                place = np.flatnonzero((middle >= part.start) & (middle < part.stop))
                places.append(place)
                inside.append(((middle[place] - start) / side).astype(int).clip(0, cells - 1))
            image[np.ix_(*places)] = found[np.ix_(*inside)]
        return image

    def model_mask(self, class_id: int) -> BoolArray:
        """Return the (1024, 1024) bool answer of one class in the squashed frame that published figures use."""
        from napari_gfsam.core.frames import MODEL_SIZE, legacy_nearest_rows

        rows, columns = (legacy_nearest_rows(size, MODEL_SIZE) for size in self.planes[0].shape)
        return np.asarray(self.labels[rows][:, columns] == class_id)

    def decided(self, decisions: tuple[DecisionRecord, ...]) -> TiledPrediction:
        """Return the prediction that has exactly these decisions, whatever it has now: undo and redo.

        Only tiles whose decisions change are merged again, with what their neighbours say there.

        Raises
        ------
        ValueError
            If a decision is of an unknown kind or does not fit this prediction.
        """
        ledger = Ledger(self.answer, self.found)
        for decision in decisions:
            ledger.take(decision)
        edits = ledger.edits
        touched = [tile for tile in sorted({*self.edits, *edits}) if self.edits.get(tile, ()) != edits.get(tile, ())]
        edited = {tile: traces for tile, traces in self.edited.items() if tile in edits and tile not in touched}
        edited |= {tile: self._edited(tile, edits[tile]) for tile in touched if tile in edits}
        labels, confidence = self.planes
        for tile in touched:
            box = self.answer.scene.grid[tile].box
            new_labels, new_confidence = paint_box(self.answer, edited, box)
            labels, confidence = labels.patched(box, new_labels), confidence.patched(box, new_confidence)
        return replace(
            self,
            prompts=ledger.prompts(),
            planes=(labels, confidence),
            decisions=tuple(decisions),
            edits=edits,
            edited=edited,
        )

    def read_as(self, settings: GFSAMConfig) -> TiledPrediction:
        """Read the same picture with other settings, without any decision, from the tokens and embeddings on disk."""
        from napari_gfsam.api.tiles.run import read_picture

        found: list[TiledPrediction] = []

        def walk() -> Generator[Event, None, None]:
            found.append((yield from read_picture(self.answer.scene.again(), settings)))

        for _ in walk():
            pass
        return replace(found[0], seconds=self.seconds)

    def over(self, picture: Callable[[], ArrayLike]) -> TiledPrediction:
        """Return the prediction with its picture at hand again, where it came from an archive without it."""
        scene = self.answer.scene
        if not isinstance(scene.source, LateSource):
            return self
        source = replace(scene.source, give=picture)
        return replace(self, answer=replace(self.answer, scene=replace(scene, source=source)))

    def record(self) -> RunRecord:
        """Return how this answer was made, enough to make it again."""
        from napari_gfsam import __version__

        scene = self.answer.scene
        return RunRecord(
            version=__version__,
            models=scene.run.backend.records,
            settings=self.settings.as_dict(),
            references=tuple(reference.record for reference in scene.run.references),
            target=scene.record,
            recipe=scene.recipe.as_dict(),
            decisions=self.decisions,
            seconds=dict(self.seconds),
            results=tuple(self._result(found) for found in self.classes.values()),
            labels_hash=labels_hash(self.label_source),
            tiling=tiling_record(scene.tiling),
        )

    def _edited(self, tile: int, edits: tuple[Edit, ...]) -> dict[int, ClassTrace]:
        from napari_gfsam.core.edit import edited

        scene = self.answer.scene
        traces = self.edited.get(tile) or self.answer.traces(tile)
        before = self.edits.get(tile, ()) if tile in self.edited else ()
        return edited(traces, before, edits, scene.bank(scene.grid[tile]), self.answer.frame(tile))

    def _clusters_of(self, number: int) -> NDArray[np.int64]:
        """(h, w) numbers of the picture's clusters in a tile."""
        from napari_gfsam.core.merge import cluster_image

        traces = self.edited.get(number) or self.answer.traces(number)
        image = np.zeros(self.answer.scene.grid.tile_shape, dtype=np.int64)
        offset = 0
        for class_id, trace in traces.items():
            prompts = self.prompts[class_id]
            mine = np.flatnonzero(prompts.tile == number)
            numbers = np.zeros(trace.graph.n_clusters + 1, dtype=np.int64)
            local = trace.graph.cluster[prompts.prompt[mine]] + 1
            numbers[local] = np.where(prompts.hidden[mine], 0, prompts.cluster[mine] + 1 + offset)
            found = numbers[cluster_image(trace, self.answer.frame(number))]
            image = np.where(found > 0, found, image)
            offset += prompts.n_clusters
        return image

    def _class(self, spec: ClassSpec) -> TiledClass:
        prompts = self.prompts[spec.id]
        pixels = self.planes[0].count(spec.id)
        score = self.answer.scores[spec.id] if pixels or spec.negative else 0.0
        reason = "" if pixels or spec.negative else _reason(prompts)
        return TiledClass(spec, score, prompts.cluster, prompts.status, pixels, reason, self.planes)

    def _result(self, found: TiledClass) -> ClassResult:
        prompts = self.prompts[found.spec.id]
        accepted = int(np.isin(prompts.status, ACCEPTED).sum())
        return ClassResult(
            found.spec.id, len(prompts), prompts.n_clusters, accepted, found.pixels, found.score, found.reason
        )


def first_prediction(answer: TiledAnswer, settings: GFSAMConfig) -> TiledPrediction:
    """Return the prediction of tiles that were read, without any decision."""
    found = found_prompts(answer)
    return TiledPrediction(answer, settings, found, found, paint_all(answer))


def _reason(prompts: PicturePrompts) -> str:
    if len(prompts) == 0:
        return "No place in the target resembles the class more than the reference's background."
    return f"None of {len(prompts)} prompts in its tiles passed both gates: the class seems to be absent."
