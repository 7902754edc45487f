"""What the tiles of a picture say together: traces from disk, painted tile by tile into planes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.api.tiles.planes import Plane
from napari_gfsam.core.types import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_gfsam.api.tiles.run import TiledScene
    from napari_gfsam.api.tiles.seams import Seams
    from napari_gfsam.core.arrays import FloatArray, LabelArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.frames import Frame
    from napari_gfsam.core.types import Answer, ClassTrace
    from napari_gfsam.imaging import Tile
    from napari_gfsam.imaging.tiles import Box

    Traces = Mapping[int, ClassTrace]
    #: By tile, traces with a person's decisions; all other tiles are as they were found.
    Edited = Mapping[int, Traces]


@dataclass(frozen=True, slots=True, eq=False)
class TiledAnswer:
    """The tiles of a picture as they were read.

    Parameters
    ----------
    scene
        The encoded target.
    config
        The settings, as tiles are read with them.
    tiles
        Numbers of the tiles that were read: those with a likely cell.
    readings
        By class id, the reading that finds the references again best.
    scores
        By class id, how well, in [0, 1].
    seams
        By class id, which clusters of different tiles are one.
    """

    scene: TiledScene
    config: GFSAMConfig
    tiles: tuple[int, ...]
    readings: Mapping[int, str]
    scores: Mapping[int, float]
    seams: Mapping[int, Seams]

    def traces(self, tile: int) -> dict[int, ClassTrace]:
        """Return a tile's traces by class id."""
        found = self.scene.store.traces(tile, self.readings)
        return {class_id: replace(trace, found_again=self.scores[class_id]) for class_id, trace in found.items()}

    def frame(self, tile: int) -> Frame:
        """Return the frame of a tile."""
        from napari_gfsam.core.frames import Frame

        return Frame(*self.scene.grid[tile].shape, self.scene.run.backend.encoder.grid)

    def touching(self, box: Box) -> list[Tile]:
        """Return the tiles with an answer that share pixels with a box of the picture."""
        whole = self.scene.grid[0]
        around = replace(
            whole,
            top=box[0].start,
            left=box[1].start,
            height=box[0].stop - box[0].start,
            width=box[1].stop - box[1].start,
        )
        return [self.scene.grid[number] for number in self.tiles if self.scene.grid[number].overlap(around)]

    def holding(self, point_yx: tuple[float, float]) -> list[int]:
        """Return the tiles with an answer that hold a point of the picture, that in which it is most central first."""
        grid = self.scene.grid
        y, x = (min(max(value, 0), size - 1) for value, size in zip(point_yx, grid.shape, strict=True))
        found = []
        for number in self.tiles:
            tile = grid[number]
            away = max(
                abs(y - tile.top - tile.height / 2) / tile.height, abs(x - tile.left - tile.width / 2) / tile.width
            )
            if away <= 0.5:
                found.append((away, number))
        return [number for _, number in sorted(found)]

    def merged(self, tile: int, traces: Traces) -> Answer:
        """Merge a tile; masks cut by its border, which another tile shows whole, are left out."""
        from napari_gfsam.core.merge import merge_classes

        shown = [self._shown(tile, trace) for trace in traces.values()]
        return merge_classes(shown, self.frame(tile), self.config)

    def _shown(self, tile: int, trace: ClassTrace) -> ClassTrace:
        hidden = self.seams[trace.spec.id].hidden
        gone = np.array([(tile, int(cluster)) in hidden for cluster in trace.graph.cluster], dtype=bool)
        gone &= trace.status == Status.KEPT
        return replace(trace, status=np.where(gone, Status.BACKGROUND, trace.status)) if gone.any() else trace


def paint_all(answer: TiledAnswer) -> tuple[Plane, Plane]:
    """Return labels and confidence of a whole picture, made tile by tile."""
    scene = answer.scene
    highest = max((one.spec.id for one in scene.classes), default=0)
    size, folder = scene.grid.shape, scene.store.folder
    labels = Plane(size, np.uint8 if highest < 256 else np.uint16, folder / "labels")
    confidence = Plane(size, np.float32, folder / "confidence")
    for number in answer.tiles:
        tile = scene.grid[number]
        found = answer.merged(number, answer.traces(number))
        here, sure = labels.read(tile.box), confidence.read(tile.box)
        put(here, sure, found.labels, found.confidence)
        labels.write(tile.box, here)
        confidence.write(tile.box, sure)
    return labels, confidence


def paint_box(answer: TiledAnswer, edited: Edited, box: Box) -> tuple[LabelArray, FloatArray]:
    """Return labels and confidence of a box of the picture, from all tiles that reach into it."""
    shape = (box[0].stop - box[0].start, box[1].stop - box[1].start)
    highest = max(answer.readings, default=0)
    labels = np.zeros(shape, dtype=np.uint8 if highest < 256 else np.uint16)
    confidence = np.zeros(shape, dtype=np.float32)
    for tile in answer.touching(box):
        found = answer.merged(tile.number, edited.get(tile.number) or answer.traces(tile.number))
        part = _shared(tile, box)
        inside = tile.within(part)
        rows, columns = (
            slice(one.start - edge.start, one.stop - edge.start) for one, edge in zip(part, box, strict=True)
        )
        put(labels[rows, columns], confidence[rows, columns], found.labels[inside], found.confidence[inside])
    return labels, confidence


def put(labels: LabelArray, sure: FloatArray, new_labels: LabelArray, new_sure: FloatArray) -> None:
    """Put one tile's answer over those before it: what is surer stays, background yields."""
    better = (new_labels > 0) & ((labels == 0) | (new_sure > sure))
    labels[better] = new_labels[better]
    sure[better] = new_sure[better]


def _shared(tile: Tile, box: Box) -> Box:
    rows, columns = (
        slice(max(one.start, edge.start), min(one.stop, edge.stop)) for one, edge in zip(tile.box, box, strict=True)
    )
    return rows, columns
