"""What the tiles of a picture say together: their answers, and the labels that they vote for (`ballot`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.api.tiles.ballot import Ballot, Voter
from napari_gfsam.api.tiles.planes import Plane
from napari_gfsam.core.types import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import DTypeLike

    from napari_gfsam.api.tiles.run import TiledScene
    from napari_gfsam.api.tiles.seams import Seams
    from napari_gfsam.core.arrays import BoolArray, FloatArray, LabelArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.frames import Frame
    from napari_gfsam.core.types import ClassTrace
    from napari_gfsam.imaging import Tile
    from napari_gfsam.imaging.tiles import Box

    Traces = Mapping[int, ClassTrace]
    #: By tile, traces with a person's decisions; all other tiles are as they were found.
    Edited = Mapping[int, Traces]


#: What a tile's vote counts at least, so that there is a vote where nobody is sure.
LEAST_WEIGHT = 1e-6


@dataclass(frozen=True, eq=False)
class TiledAnswer:
    """The tiles of a picture as they were read.

    Parameters
    ----------
    scene
        The encoded target.
    config
        The settings, as tiles are read with them.
    tiles
        Numbers of the tiles that were read: those with a likely cell and one that is like the paint.
    strange
        Numbers of those with a likely cell and none that is like the paint, or only as ground alone is: they say as
        little as tiles that were read in vain.
    scores
        By class id, how well the references are found again from the answer, in [0, 1].
    seams
        By class id, which clusters of different tiles are one.
    """

    scene: TiledScene
    config: GFSAMConfig
    tiles: tuple[int, ...]
    strange: tuple[int, ...]
    scores: Mapping[int, float]
    seams: Mapping[int, Seams]

    def traces(self, tile: int) -> dict[int, ClassTrace]:
        """Return a tile's traces by class id."""
        return self.scene.store.traces(tile)

    def trust(self, tile: int) -> dict[int, float]:
        """Return by class id how much a tile's vote counts, above 0; without likely cells, like the picture."""
        if tile in self._strange:
            return dict.fromkeys(self.scores, LEAST_WEIGHT)
        known = self.scene.store.scores(tile) if self.was_read(tile) else self.scores
        return {class_id: known[class_id] + LEAST_WEIGHT for class_id in self.scores}

    def was_read(self, tile: int) -> bool:
        """Tell whether a tile has traces of the stages' own."""
        return tile in self._read

    @cached_property
    def _read(self) -> frozenset[int]:
        return frozenset(self.tiles)

    @cached_property
    def _strange(self) -> frozenset[int]:
        return frozenset(self.strange)

    def frame(self, tile: int) -> Frame:
        """Return the frame of a tile."""
        from napari_gfsam.core.frames import Frame

        return Frame(*self.scene.grid[tile].shape, self.scene.run.backend.encoder.grid)

    def holding(self, point_yx: tuple[float, float], also: Iterable[int] = ()) -> list[int]:
        """Return the tiles with an answer (or `also`) that hold a point, that in which it is most central first."""
        grid = self.scene.grid
        y, x = (min(max(value, 0), size - 1) for value, size in zip(point_yx, grid.shape, strict=True))
        found = []
        for number in sorted({*self.tiles, *also}):
            tile = grid[number]
            away = max(
                abs(y - tile.top - tile.height / 2) / tile.height, abs(x - tile.left - tile.width / 2) / tile.width
            )
            if away <= 0.5:
                found.append((away, number))
        return [number for _, number in sorted(found)]

    def merged(self, tile: int, traces: Traces) -> TileAnswer:
        """Merge a tile by itself."""
        from napari_gfsam.core.merge import merge_classes

        found = merge_classes(list(traces.values()), self.frame(tile), self.config)
        by_hand = np.zeros(found.labels.shape, dtype=bool)
        if any((trace.status == Status.ON_BY_HAND).any() for trace in traces.values()):
            alone = [_by_hand(trace) for trace in traces.values()]
            by_hand = merge_classes(alone, self.frame(tile), self.config).labels > 0
        return TileAnswer(found.labels, found.confidence, by_hand)


@dataclass(frozen=True, slots=True, eq=False)
class TileAnswer:
    """What a tile says by itself: (h, w) labels, confidence, and where a person said so."""

    labels: LabelArray
    confidence: FloatArray
    by_hand: BoolArray


def paint_all(answer: TiledAnswer) -> tuple[Plane, Plane]:
    """Return labels and confidence of a whole picture, made tile by tile."""
    scene = answer.scene
    size, folder = scene.grid.shape, scene.store.folder
    labels = Plane(size, _label_type(answer), folder / "labels")
    confidence = Plane(size, np.float32, folder / "confidence")
    for number in answer.tiles:
        found = answer.merged(number, answer.traces(number))
        scene.store.put_answer(number, found.labels, found.confidence)
    for tile in scene.grid:
        core = scene.grid.core(tile)
        if core[0].start < core[0].stop and core[1].start < core[1].stop:
            here, sure = paint_box(answer, {}, core)
            labels.write(core, here)
            confidence.write(core, sure)
    return labels, confidence


def paint_box(answer: TiledAnswer, edited: Edited, box: Box) -> tuple[LabelArray, FloatArray]:
    """Return labels and confidence of a box of the picture: the vote of all tiles that reach into it."""
    shape = (box[0].stop - box[0].start, box[1].stop - box[1].start)
    ballot = Ballot(shape, answer.scores)
    for tile in answer.scene.grid.touching(box):
        part = _shared(tile, box)
        rows, columns = (
            slice(one.start - edge.start, one.stop - edge.start) for one, edge in zip(part, box, strict=True)
        )
        inside = tile.within(part)
        voter = Voter((rows, columns), _weight(tile, inside), answer.trust(tile.number))
        if tile.number in edited:
            found = answer.merged(tile.number, edited[tile.number])
            ballot.vote(voter, found.labels[inside], found.confidence[inside], found.by_hand[inside])
        elif answer.was_read(tile.number):
            ballot.vote(voter, *answer.scene.store.answer(tile.number, inside))
        else:
            ballot.abstain(voter)
    return ballot.count(_label_type(answer))


def _weight(tile: Tile, inside: Box) -> FloatArray:
    """How much a tile's pixels count: by the root of their distance from its border, 0 to 1 along each axis."""
    along = []
    for part, side in zip(inside, tile.shape, strict=True):
        places = np.arange(part.start, part.stop)
        along.append((2 * np.minimum(places, side - 1 - places) + 1).astype(np.float32) / side)
    return np.asarray(np.sqrt(np.outer(along[0], along[1])))


def _by_hand(trace: ClassTrace) -> ClassTrace:
    """Leave out what no person switched on."""
    kept = trace.status != Status.KEPT
    return replace(trace, status=np.where(kept, trace.status, Status.BACKGROUND))


def _label_type(answer: TiledAnswer) -> DTypeLike:
    return np.uint8 if max(answer.scores, default=0) < 256 else np.uint16


def _shared(tile: Tile, box: Box) -> Box:
    rows, columns = (
        slice(max(one.start, edge.start), min(one.stop, edge.stop)) for one, edge in zip(tile.box, box, strict=True)
    )
    return rows, columns
