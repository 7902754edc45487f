"""A person's decisions on a picture in tiles, given to the tiles that hold the prompts.

The picture's prompts are numbered through: first those that the stages chose, tile by tile, then those that a person
added, in the order of decisions. Clusters too: those that tiles share have one number.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.api.tiles.opening import open_tile
from napari_gfsam.core.edit import AddPoint, Draft, MoveCluster, SetStatus, drafts_of, replay
from napari_gfsam.core.types import ACCEPTED, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_gfsam.api.tiles.answer import TiledAnswer
    from napari_gfsam.core.arrays import BoolArray, FloatArray, IntArray
    from napari_gfsam.core.edit import Edit
    from napari_gfsam.core.types import ClassTrace
    from napari_gfsam.io.records import DecisionRecord


NOTHING_THERE = "Nothing was found in that part of the picture, so nothing can be taken away there."


@dataclass(frozen=True, slots=True, eq=False)
class PicturePrompts:
    """The prompts of one class over a picture.

    Parameters
    ----------
    tile, prompt
        (N,) int64: the tile that holds it and its number there.
    cluster
        (N,) int64 cluster in the picture.
    status
        (N,) int64 `Status` values.
    points_yx
        (N, 2) float64 points of the picture (row, column).
    score
        (N,) float32.
    hidden
        (N,) bool: a border cuts its mask, and another tile shows the object whole.
    """

    tile: IntArray
    prompt: IntArray
    cluster: IntArray
    status: IntArray
    points_yx: FloatArray
    score: FloatArray
    hidden: BoolArray

    def __len__(self) -> int:
        """Return the number of prompts."""
        return len(self.tile)

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.cluster.max()) + 1 if len(self.cluster) else 0


def found_prompts(answer: TiledAnswer) -> dict[int, PicturePrompts]:
    """Return by class id the prompts that the stages chose, tile by tile."""
    rows: defaultdict[int, list[PicturePrompts]] = defaultdict(list)
    for number in answer.tiles:
        for class_id, trace in answer.traces(number).items():
            rows[class_id].append(_of_tile(answer, number, trace))
    return {class_id: _joined(rows[class_id]) for class_id in answer.scores}


class Ledger:
    """Decisions as they are taken in; then edits by tile, and the picture's prompts.

    Parameters
    ----------
    answer
        The tiles as they were read.
    found
        Their prompts, by class id.
    """

    def __init__(self, answer: TiledAnswer, found: Mapping[int, PicturePrompts]) -> None:
        self._answer = answer
        self._drafts: dict[int, dict[int, Draft]] = {}
        self._edits: defaultdict[int, list[Edit]] = defaultdict(list)
        self._prompts = dict(found)

    @property
    def edits(self) -> dict[int, tuple[Edit, ...]]:
        """By tile, what is to be done there."""
        return {tile: tuple(edits) for tile, edits in self._edits.items() if edits}

    def prompts(self) -> dict[int, PicturePrompts]:
        """Return by class id all prompts with the statuses that the decisions gave."""
        return self._prompts

    def take(self, decision: DecisionRecord) -> None:
        """Take a decision in.

        Raises
        ------
        ValueError
            If it is of an unknown kind or does not fit.
        """
        prompts = self._class(decision.class_id)
        match decision.kind, decision.index, decision.status, decision.point_yx, decision.to_class:
            case "status", int(index), int(status), _, _:
                self._set(decision.class_id, np.array([_checked(index, prompts)]), Status(status))
            case "cluster_status", int(index), int(status), _, _:
                rows = self._members(decision.class_id, index)
                shown = self._visible(decision.class_id, rows) if Status(status).accepted else rows
                self._set(decision.class_id, shown, Status(status))
            case "move", int(index), _, _, int(to_class):
                self._move(decision.class_id, index, to_class)
            case "point", _, _, (y, x), _:
                self._add_point(decision.class_id, (y, x), positive=decision.positive)
            case _:
                raise ValueError(f"The record holds a decision that this version does not know: {decision}.")

    def _class(self, class_id: int) -> PicturePrompts:
        if class_id not in self._prompts:
            names = ", ".join(map(str, self._prompts))
            raise ValueError(f"There is no class {class_id} here; the classes are {names}.")
        return self._prompts[class_id]

    def _members(self, class_id: int, cluster: int) -> IntArray:
        prompts = self._prompts[class_id]
        rows = np.flatnonzero(prompts.cluster == cluster)
        if len(rows) == 0:
            count = prompts.n_clusters
            raise ValueError(f"There is no cluster {cluster} in class {class_id}; it has {count}, counted from 0.")
        return rows

    def _visible(self, class_id: int, rows: IntArray) -> IntArray:
        """Leave out prompts whose mask a border cuts while another tile shows the object whole."""
        shown = rows[~self._prompts[class_id].hidden[rows]]
        return shown if len(shown) else rows

    def _set(self, class_id: int, rows: IntArray, status: Status) -> None:
        prompts = self._prompts[class_id]
        for row in rows.tolist():
            self._edit(int(prompts.tile[row]), SetStatus(class_id, int(prompts.prompt[row]), status))
        changed = prompts.status.copy()
        changed[rows] = status
        self._prompts[class_id] = replace(prompts, status=changed)

    def _edit(self, tile: int, edit: Edit) -> dict[int, Draft]:
        """Do something in a tile; return its drafts."""
        if tile not in self._drafts:
            self._drafts[tile] = drafts_of(self._answer.traces(tile))
        replay(self._drafts[tile], edit)
        self._edits[tile].append(edit)
        return self._drafts[tile]

    def _move(self, class_id: int, cluster: int, to_class: int) -> None:
        """Move the pieces of a cluster, tile by tile; they stay one cluster."""
        target, rows = self._class(to_class), self._members(class_id, cluster)
        prompts = self._prompts[class_id]
        moved = rows[np.isin(prompts.status[rows], ACCEPTED)]
        if len(moved) == 0:
            moved = rows[prompts.status[rows] != Status.ERASER]
        number = target.n_clusters
        for tile, piece in self._pieces(class_id, moved):
            before = self._edit_count(tile, to_class)
            self._edit(tile, MoveCluster(class_id, piece, to_class))
            self._append(to_class, tile, before, number)
        if len(moved) == 0:
            raise ValueError(f"Cluster {cluster} of class {class_id} only erases, so it cannot be moved.")
        self._set(class_id, rows, Status.OFF_BY_HAND)

    def _pieces(self, class_id: int, rows: IntArray) -> list[tuple[int, int]]:
        """Return the tiles and local clusters of some prompts, each once."""
        prompts = self._prompts[class_id]
        found: dict[tuple[int, int], None] = {}
        for row in rows.tolist():
            tile = int(prompts.tile[row])
            drafts = self._drafts.setdefault(tile, drafts_of(self._answer.traces(tile)))
            found[tile, int(drafts[class_id].cluster[int(prompts.prompt[row])])] = None
        return list(found)

    def _edit_count(self, tile: int, class_id: int) -> int:
        drafts = self._drafts.setdefault(tile, drafts_of(self._answer.traces(tile)))
        return len(drafts[class_id].status)

    def _add_point(self, class_id: int, point_yx: tuple[float, float], *, positive: bool) -> None:
        """Give a point to the tile in which it is most central; one that takes away, to all tiles that hold it.

        Where nothing was likely before, the tile is opened now.
        """
        tiles = self._answer.holding(point_yx, self._edits)
        if not tiles and not positive:
            raise ValueError(NOTHING_THERE)
        tiles = tiles or [open_tile(self._answer, point_yx)]
        number = self._prompts[class_id].n_clusters
        for tile in tiles[:1] if positive else tiles:
            ((x, y),) = (
                self._answer.frame(tile)
                .image_yx_to_model_xy(self._answer.scene.grid[tile].to_tile_yx(np.array([point_yx])))
                .tolist()
            )
            before = self._edit_count(tile, class_id)
            self._edit(tile, AddPoint(class_id, (x, y), positive))
            self._append(class_id, tile, before, number)

    def _append(self, class_id: int, tile: int, before: int, cluster: int) -> None:
        """Put the prompts that a tile has now, and had not `before`, behind all others, as one cluster."""
        draft = self._drafts[tile][class_id]
        count = len(draft.status) - before
        points = self._answer.frame(tile).model_xy_to_image_yx(draft.model_xy[before:])
        new = PicturePrompts(
            tile=np.full(count, tile),
            prompt=np.arange(before, before + count),
            cluster=np.full(count, cluster),
            status=draft.status[before:].copy(),
            points_yx=self._answer.scene.grid[tile].to_picture_yx(points),
            score=np.zeros(count, dtype=np.float32),
            hidden=np.zeros(count, dtype=bool),
        )
        self._prompts[class_id] = _joined([self._prompts[class_id], new])


def _checked(index: int, prompts: PicturePrompts) -> int:
    if not 0 <= index < len(prompts):
        raise ValueError(f"There is no prompt {index}; the class has {len(prompts)}, counted from 0.")
    return index


def _of_tile(answer: TiledAnswer, number: int, trace: ClassTrace) -> PicturePrompts:
    tile, count = answer.scene.grid[number], len(trace.prompts)
    seams = answer.seams[trace.spec.id]
    pieces = [(number, int(cluster)) for cluster in trace.graph.cluster]
    return PicturePrompts(
        tile=np.full(count, number),
        prompt=np.arange(count),
        cluster=np.array([seams.numbers[piece] for piece in pieces], dtype=np.int64),
        status=trace.status,
        points_yx=tile.to_picture_yx(answer.frame(number).model_xy_to_image_yx(trace.prompts.model_xy)),
        score=trace.prompts.score,
        hidden=np.array([piece in seams.hidden for piece in pieces], dtype=bool),
    )


def _joined(parts: list[PicturePrompts]) -> PicturePrompts:
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        score, hidden = np.zeros(0, dtype=np.float32), np.zeros(0, dtype=bool)
        return PicturePrompts(none, none, none, none, np.zeros((0, 2)), score, hidden)
    return PicturePrompts(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(PicturePrompts))
    )
