"""How well an answer finds the painted reference again: a score that means something across targets.

Every reference token looks up its nearest target token and takes over how much of that cell the answer covers: the
answer's shadow in the reference. Where the answer is right, the shadow lies on the paint. Beyond the paper; it ranks
answers for review and chooses between two readings (``background_projection="auto"``). Measured in docs/accuracy.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_gfsam.core.arrays import FloatArray
    from napari_gfsam.core.types import GridWeights, UnitTokens

EPSILON = 1e-6


def found_again(units: UnitTokens, weights: Sequence[GridWeights], answer: FloatArray) -> float:
    """Return how well the references are found from the answer, in [0, 1].

    Parameters
    ----------
    units
        Unit rows of the target and of K references.
    weights
        K soft masks of the class.
    answer
        (grid, grid) share of every target cell that the answer covers.

    Returns
    -------
    The soft IoU (sum of minima over sum of maxima) of the answer's shadow and the paint, the mean over the references.
    """
    covered = torch.from_numpy(answer).flatten().to(units.target.device)
    scores = [
        _overlap(covered[(rows @ units.target.T).argmax(dim=1)], weight)
        for rows, weight in zip(units.references, weights, strict=True)
    ]
    return float(torch.stack(scores).mean())


def _overlap(shadow: Tensor, weight: GridWeights) -> Tensor:
    """Soft IoU with the paint; ignored cells count nowhere."""
    painted, background = weight.foreground.to(shadow.device), weight.background.to(shadow.device)
    shadow = shadow * (painted + background)
    return torch.minimum(shadow, painted).sum() / (torch.maximum(shadow, painted).sum() + EPSILON)
