"""Whether what was found in a tile resembles the paint, or the paint merely resembles nothing else there.

A tile's maps are stretched by its own extremes, so a tile without the class has likely cells too, and masks that pass
the gates. What the gates cannot see is that the nearest token of the references to such a mask is none of the painted
ones. To the encoder a tile of nothing but ground looks like the inside of an object, for no reference is as empty; so
a tile is left out where nearly all that is like the paint is nearer to pictures of the references' ground. Beyond the
paper; for tiles only, where most may be empty. Measured in docs/accuracy.md.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_gfsam.core.gating import cluster_members
from napari_gfsam.core.roundtrip import EPSILON, chance, found_again
from napari_gfsam.core.sampling import cell_weights
from napari_gfsam.core.types import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_gfsam.core.arrays import BoolArray, FloatArray, IntArray
    from napari_gfsam.core.types import GridWeights, MaskGraph, MaskSamples, UnitTokens

#: Share of a cluster's accepted area that must be nearest to painted tokens.
LEAST_PAINTED = 0.1
#: Share of a tile's cells like the paint that must not be nearer to ground alone: 0 where it is empty, 0.14 and more of
#: 92 pictures and parts of pictures of ten sets.
LEAST_SHOWN = 0.02


def like_the_paint(units: UnitTokens, weights: Sequence[GridWeights]) -> BoolArray:
    """Return (grid, grid) bool: cells whose nearest token of all references is painted; ignored tokens do not count.

    Parameters
    ----------
    units
        Unit rows of the target and of K references.
    weights
        K soft masks of the class.
    """
    bank = torch.cat(units.references)
    foreground, background = (
        torch.cat([getattr(weight, name) for weight in weights]).to(bank.device)
        for name in ("foreground", "background")
    )
    counts = foreground + background > 0
    nearest = (units.target @ bank[counts].T).argmax(dim=1)
    grid = math.isqrt(len(units.target))
    return np.asarray((foreground > background)[counts][nearest].reshape(grid, grid).cpu().numpy())


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
        What `like_the_paint` gives.
    """
    rows = units.target[torch.from_numpy(painted).flatten().to(units.target.device)]
    if not (len(rows) and ground):
        return False
    shown, *alone = ((rows @ bank.T).amax(dim=1) for bank in (torch.cat(units.references), *ground))
    return float((shown >= torch.stack(alone).amin(dim=0)).float().mean()) < LEAST_SHOWN


def turn_down_strangers(samples: MaskSamples, graph: MaskGraph, status: IntArray, painted: BoolArray) -> IntArray:
    """Return statuses in which clusters that resemble the references' background are no longer accepted.

    Parameters
    ----------
    samples
        N sampled masks.
    graph
        Their clusters.
    status
        (N,) the gates' statuses.
    painted
        (grid, grid) bool: cells whose nearest token of the references is painted.
    """
    status = status.copy()
    for members in cluster_members(graph.cluster):
        kept = members[status[members] == Status.KEPT]
        area = cell_weights(np.any(samples.at_cells[kept], axis=0))
        if float(area[painted].sum()) < LEAST_PAINTED * float(area.sum()):
            status[kept] = Status.OUTLIER
    return status


def found_both_ways(units: UnitTokens, weights: Sequence[GridWeights], answer: FloatArray, painted: BoolArray) -> float:
    """Return how far answer and paint find each other, in [0, 1]; what covers everything scores 0.

    Parameters
    ----------
    units, weights, answer
        As in `found_again`.
    painted
        As in `turn_down_strangers`.

    Returns
    -------
    How much better than an answer that covers everything the references are found again, times the soft IoU of the
    answer with the cells that are nearest to the paint.
    """
    least = chance(weights)
    there = (found_again(units, weights, answer) - least) / max(1 - least, EPSILON)
    back = np.minimum(answer, painted).sum() / (np.maximum(answer, painted).sum() + EPSILON)
    return max(there, 0.0) * float(back)
