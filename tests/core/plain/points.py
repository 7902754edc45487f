"""Section 2, second half: the point map and the prompts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.core.config import GFSAMConfig
    from tests.core.plain.maps import Maps
    from tests.core.plain.margin import Margin


@dataclass
class Points:
    """Prompts in their order: cells (x, y), model pixels (x, y) and the map's value."""

    grid_xy: list[tuple[int, int]]
    model_xy: list[tuple[int, int]]
    score: list[float]


def _minmax(values: NDArray) -> NDArray:
    low, high = float(values.min()), float(values.max())
    out = np.zeros_like(values)
    for index in np.ndindex(values.shape):
        out[index] = (values[index] - low) / (high - low + 1e-6)
    return out


def point_map(maps: Maps, settings: GFSAMConfig, margin: Margin) -> NDArray:
    """P of section 2, (grid, grid)."""
    raw = {"mean": maps.positive_mean, "max": maps.positive_max, "mix": maps.positive_mean * maps.positive_max}
    ours = _minmax(raw[settings.point_maps])
    theirs = _minmax(maps.negative_mean)
    out = np.zeros_like(ours)
    for cell in np.ndindex(ours.shape):
        if settings.point_filter == "negative":
            margin.note(ours[cell], theirs[cell], same=ours[cell] == 0)
            if ours[cell] < theirs[cell]:
                continue
        if maps.allowed[cell]:
            out[cell] = ours[cell]
    return out


def select(values: NDArray, settings: GFSAMConfig, margin: Margin) -> Points:
    """The prompts of a point map P."""
    grid = len(values)
    total = math.fsum(values.ravel())
    if settings.point_count == "all":
        number = sum(1 for value in values.ravel() if value > 0)
    else:
        if total > 1e-9:
            margin.note(total, round(total))
        number = math.floor(total)
        if number == 0 and total > 0:
            number = 1
    if settings.max_prompts is not None:
        number = min(number, settings.max_prompts)
    left = [(row, column) for row in range(grid) for column in range(grid)]
    chosen = []
    for _ in range(number):
        best = left[0]
        for cell in left:
            if values[cell] > values[best]:
                best = cell
        chosen.append(best)
        left.remove(best)
    if chosen and left:
        # Which of equal cells torch's topk takes is its own affair.
        lowest = settings.point_ties == "lowest"
        margin.note(min(values[c] for c in chosen), max(values[c] for c in left), same=lowest)
    ordered = sorted((column, row) for row, column in chosen)
    offset = 0.5 if settings.prompt_position == "centre" else 0
    step = 1024 / grid
    return Points(
        ordered,
        [(int((x + offset) * step), int((y + offset) * step)) for x, y in ordered],
        [float(values[y, x]) for x, y in ordered],
    )
