"""What the rest of a picture says about a tile, once all its tiles were read: a second look, without any model.

A reference shows the class in a few places; the best answers of the picture itself show what it looks like there. Every
cell of a tile takes over how much of its nearest token the best answers of other tiles cover. That helps to choose
between a tile's readings, and speaks for clusters that are like no paint. Beyond the paper; measured in
docs/accuracy.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.core.roundtrip import EPSILON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_gfsam.core.arrays import FloatArray
    from napari_gfsam.core.pipeline import TileReading

#: Answers of other tiles that a tile is compared with: fewer are less sure, more take time and tell little more.
MOST_WITNESSES = 6
#: Of so many cells in a row, and in a column, one asks for all: that takes a quarter of the time.
EVERY = 2


@dataclass(frozen=True, slots=True, eq=False)
class TileBest:
    """The best answer of a tile.

    Parameters
    ----------
    tile
        Its number.
    score
        What `found_both_ways` gives.
    covered
        (grid, grid) share of every cell that it covers.
    """

    tile: int
    score: float
    covered: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Witness:
    """The best answer of a tile, and (n, C) unit rows of the tile's tokens."""

    best: TileBest
    rows: Tensor


class BestAnswers:
    """The best answers of a picture, taken in tile by tile: one more than a tile is compared with, as it may be one."""

    def __init__(self) -> None:
        self.kept: list[TileBest] = []

    def take(self, best: TileBest) -> None:
        """Take a tile's answer in; one that scores 0 tells nothing."""
        if best.score > 0:
            ranked = sorted([*self.kept, best], key=lambda one: (-one.score, one.tile))
            self.kept = ranked[: MOST_WITNESSES + 1]


def found_elsewhere(tile: int, rows: Tensor, witnesses: Sequence[Witness]) -> FloatArray | None:
    """Return how far the cells of a tile are like what was found in other tiles.

    Parameters
    ----------
    tile
        Its number: it is no witness for itself.
    rows
        (n, C) its unit rows.
    witnesses
        The best answers of the picture, the best first.

    Returns
    -------
    (grid, grid) float32 in [0, 1], the mean over the witnesses weighted by their scores; ``None`` without any.
    """
    others = [one for one in witnesses if one.best.tile != tile][:MOST_WITNESSES]
    if not others:
        return None
    grid = math.isqrt(len(rows))
    asking = rows.reshape(grid, grid, -1)[::EVERY, ::EVERY].flatten(0, 1)
    said = np.zeros(len(asking), dtype=np.float32)
    for one in others:
        nearest = (asking @ one.rows.T).argmax(dim=1).cpu().numpy()
        said += np.float32(one.best.score) * one.best.covered.reshape(-1)[nearest]
    said = (said / np.float32(sum(one.best.score for one in others))).clip(0, 1)
    side = math.isqrt(len(said))
    return said.reshape(side, side).repeat(EVERY, axis=0).repeat(EVERY, axis=1)[:grid, :grid]


def likeness(answer: FloatArray, elsewhere: FloatArray) -> float:
    """Return the correlation of an answer with what was found elsewhere, in [0, 1]: 0 where it is not positive."""
    one, other = (np.asarray(values, dtype=np.float64) - values.mean() for values in (answer, elsewhere))
    product = float((one * other).sum())
    return max(product / (math.sqrt(float((one**2).sum() * (other**2).sum())) + EPSILON), 0.0)


def is_open(readings: Sequence[TileReading]) -> bool:
    """Tell whether other tiles can change anything: several readings found something, or one turned a stranger down."""
    strangers = any((reading.status() != reading.gates.status).any() for reading in readings)
    return strangers or sum(bool(reading.covered().any()) for reading in readings) > 1


def choose(readings: Sequence[TileReading], elsewhere: FloatArray | None) -> TileReading:
    """Return the reading that the paint and the rest of the picture speak for; where the rest is silent, the paint."""

    def merit(reading: TileReading) -> tuple[float, float]:
        speaks = 0.0 if elsewhere is None else likeness(reading.covered(), elsewhere)
        return reading.found_again * speaks, reading.found_again

    return max(readings, key=merit)
