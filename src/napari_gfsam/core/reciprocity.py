"""Whether what was found in a tile resembles the paint, or the paint merely resembles nothing else there.

A tile's maps are stretched by its own extremes, so a tile without the class has likely cells too, and masks that pass
the gates. What the gates cannot see is that the nearest token of the references to such a mask is none of the painted
ones. To the encoder a tile of nothing but ground looks like the inside of an object, for no reference is as empty; so
a tile is left out where nearly all that is like the paint is nearer to pictures of the references' ground. Beyond the
paper; for tiles only, where most may be empty. Measured in docs/accuracy.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_gfsam.core.gating import cluster_members
from napari_gfsam.core.roundtrip import EPSILON, chance, found_from
from napari_gfsam.core.sampling import cell_weights
from napari_gfsam.core.types import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_gfsam.core.arrays import BoolArray, FloatArray, IntArray
    from napari_gfsam.core.types import GridWeights, MaskGraph, MaskSamples, UnitTokens

#: Share of a cluster's accepted area that must be nearest to painted tokens.
LEAST_PAINTED = 0.1
#: Or so much of it like what was found in other tiles: most of it.
LEAST_ELSEWHERE = 0.5
#: Share of the references' cells that must be painted (five of 1369): fewer are the nearest of all to next to nothing.
LEAST_TELLING = 0.003
#: Share of a tile's cells like the paint that must not be nearer to ground alone: 0 where it is empty, 0.14 and more of
#: 92 pictures and parts of pictures of ten sets.
LEAST_SHOWN = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class TileLook:
    """What is nearest to what between a tile and its references, in one reading.

    Parameters
    ----------
    nearest
        For each of K references (n,) int64: the nearest cell of the tile to every token.
    painted
        (grid, grid) bool: cells of the tile whose nearest token of all references is painted; all of them where the
        paint is too little to tell.
    """

    nearest: tuple[Tensor, ...]
    painted: BoolArray


def tells(weights: Sequence[GridWeights]) -> bool:
    """Tell whether enough is painted (K soft masks) to say what resembles the paint, and what does not."""
    painted = sum(int((weight.foreground > weight.background).sum()) for weight in weights)
    counting = sum(int((weight.foreground + weight.background > 0).sum()) for weight in weights)
    return painted >= LEAST_TELLING * counting


def look_both_ways(units: UnitTokens, weights: Sequence[GridWeights]) -> TileLook:
    """Find what is nearest in both directions; for the tile, ignored tokens of the references do not count.

    Parameters
    ----------
    units
        Unit rows of the target and of K references.
    weights
        K soft masks of the class.
    """
    nearest, closest, painted = [], [], []
    for rows, weight in zip(units.references, weights, strict=True):
        similarity = rows @ units.target.T
        nearest.append(similarity.argmax(dim=1))
        counts = (weight.foreground + weight.background > 0).to(rows.device)
        best = similarity.masked_fill_(~counts[:, None], -torch.inf).max(dim=0)
        closest.append(best.values)
        painted.append((weight.foreground > weight.background).to(rows.device)[best.indices])
    first = torch.stack(closest).argmax(dim=0, keepdim=True)
    flags = torch.stack(painted).gather(0, first) if tells(weights) else torch.ones_like(first, dtype=torch.bool)
    grid = math.isqrt(len(units.target))
    return TileLook(tuple(nearest), np.asarray(flags.reshape(grid, grid).cpu().numpy()))


def is_ground_alone(units: UnitTokens, ground: Sequence[Tensor], painted: BoolArray) -> bool:
    """Tell whether what is like the paint in a tile is only so because the tile is empty.

    Parameters
    ----------
    units
        Unit rows of the tile and of K references.
    ground
        (n, C) unit rows of pictures without the class; nearly all that is like the paint must be nearer to each of
        them than to the references.
    painted
        (grid, grid) bool, as in `TileLook`.
    """
    rows = units.target[torch.from_numpy(painted).flatten().to(units.target.device)]
    if not (len(rows) and ground):
        return False
    shown, *alone = ((rows @ bank.T).amax(dim=1) for bank in (torch.cat(units.references), *ground))
    return float((shown >= torch.stack(alone).amin(dim=0)).float().mean()) < LEAST_SHOWN


def cluster_shares(samples: MaskSamples, graph: MaskGraph, status: IntArray) -> FloatArray:
    """Return (clusters, grid, grid) float32: the share of every cell that what is accepted of a cluster covers."""
    members = cluster_members(graph.cluster)
    unions = [np.any(samples.at_cells[each[status[each] == Status.KEPT]], axis=0) for each in members]
    return cell_weights(np.stack([*unions, np.zeros(samples.at_cells.shape[1:], dtype=bool)]))[:-1]


def turn_down_strangers(
    shares: FloatArray, graph: MaskGraph, status: IntArray, painted: BoolArray, elsewhere: FloatArray | None = None
) -> IntArray:
    """Return statuses in which clusters that resemble the references' background are no longer accepted.

    Parameters
    ----------
    shares
        What `cluster_shares` gives.
    graph
        The clusters of N masks.
    status
        (N,) the gates' statuses.
    painted
        (grid, grid) bool: cells whose nearest token of the references is painted.
    elsewhere
        (grid, grid) in [0, 1]: how far cells are like what was found in other tiles, where that is known: a cluster
        that mostly is stays.
    """
    status = status.copy()
    for members, area in zip(cluster_members(graph.cluster), shares, strict=True):
        stranger = float(area[painted].sum()) < LEAST_PAINTED * float(area.sum())
        if elsewhere is not None:
            stranger &= float((area * elsewhere).sum()) < LEAST_ELSEWHERE * float(area.sum())
        if stranger:
            status[members[status[members] == Status.KEPT]] = Status.OUTLIER
    return status


def found_both_ways(looks: Sequence[TileLook], weights: Sequence[GridWeights], answer: FloatArray) -> float:
    """Return how far answer and paint find each other, in [0, 1]; what covers everything scores 0.

    Parameters
    ----------
    looks
        What `look_both_ways` gives, in every reading: readings are compared by the same measure.
    weights
        K soft masks of the class.
    answer
        As in `found_again`.

    Returns
    -------
    How much better than an answer that covers everything the references are found again, times the soft IoU of the
    answer with the cells that are nearest to the paint; of both the mean over the readings. 0 where the paint is too
    little to tell: no reading and no tile is better than another then.
    """
    if not tells(weights):
        return 0.0
    least = chance(weights)
    there = [max((found_from(look.nearest, weights, answer) - least) / max(1 - least, EPSILON), 0.0) for look in looks]
    back = [_soft_iou(answer, look.painted) for look in looks]
    return float(np.mean(there) * np.mean(back))


def _soft_iou(answer: FloatArray, painted: BoolArray) -> float:
    return float(np.minimum(answer, painted).sum() / (np.maximum(answer, painted).sum() + EPSILON))
