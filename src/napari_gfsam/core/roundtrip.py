"""How well an answer finds the painted reference again: a score that means something across targets.

Every reference token looks up its nearest target token and takes over how much of that cell the answer covers: the
answer's shadow in the reference. Where the answer is right, the shadow lies on the paint. Beyond the paper; it ranks
answers for review and chooses between two readings (``background_projection="auto"``). Measured in docs/accuracy.md.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    return found_from([(rows @ units.target.T).argmax(dim=1) for rows in units.references], weights, answer)


def found_from(nearest: Sequence[Tensor], weights: Sequence[GridWeights], answer: FloatArray) -> float:
    """Return the score of `found_again` where the nearest cell of every token of every reference is known."""
    scores = []
    for cells, weight in zip(nearest, weights, strict=True):
        covered = torch.from_numpy(answer).flatten().to(cells.device)
        scores.append(_overlap(covered[cells], weight))
    return float(torch.stack(scores).mean())


def chance(weights: Sequence[GridWeights]) -> float:
    """Return what an answer that covers everything scores in `found_again`: the painted share."""
    return float(torch.stack([_overlap(torch.ones_like(weight.foreground), weight) for weight in weights]).mean())


class PictureShadow:
    """The references found again in a picture of many tiles: where each of their tokens has its nearest one.

    Parameters
    ----------
    weights
        K soft masks of the class.
    """

    def __init__(self, weights: Sequence[GridWeights]) -> None:
        self._weights = weights
        self._nearest: list[_Nearest | None] = [None] * len(weights)

    def look(self, tile: int, units: UnitTokens) -> None:
        """Take in a tile, with unit rows that are normalised over the whole picture."""
        for k, rows in enumerate(units.references):
            similarity, cell = (rows @ units.target.T).max(dim=1)
            here = _Nearest(similarity, torch.full_like(cell, tile), cell)
            before = self._nearest[k]
            self._nearest[k] = here if before is None else before.or_better(here)

    def found_again(self, covered: Mapping[int, FloatArray]) -> float:
        """Return the score of `found_again`; `covered` has the (grid, grid) shares by tile, missing ones are 0."""
        scores = []
        for nearest, weight in zip(self._nearest, self._weights, strict=True):
            if nearest is None:
                return 0.0
            shadow = torch.zeros(len(nearest.cell))
            for tile, shares in covered.items():
                here = (nearest.tile == tile).cpu()
                shadow[here] = torch.from_numpy(shares).flatten()[nearest.cell.cpu()[here]]
            scores.append(_overlap(shadow, weight))
        return float(torch.stack(scores).mean())


@dataclass(frozen=True, slots=True, eq=False)
class _Nearest:
    """(n,) similarity, tile and cell of the nearest token of every token of a reference."""

    similarity: Tensor
    tile: Tensor
    cell: Tensor

    def or_better(self, other: _Nearest) -> _Nearest:
        better = other.similarity > self.similarity
        pairs = zip(fields(self), fields(other), strict=True)
        return _Nearest(*(torch.where(better, getattr(other, b.name), getattr(self, a.name)) for a, b in pairs))


def _overlap(shadow: Tensor, weight: GridWeights) -> Tensor:
    """Soft IoU with the paint; ignored cells count nowhere."""
    painted, background = weight.foreground.to(shadow.device), weight.background.to(shadow.device)
    shadow = shadow * (painted + background)
    return torch.minimum(shadow, painted).sum() / (torch.maximum(shadow, painted).sum() + EPSILON)
