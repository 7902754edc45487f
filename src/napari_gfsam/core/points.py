"""Positive-negative alignment, second half: the point map and the prompts it proposes (paper 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_gfsam.core.types import PointPrompts

if TYPE_CHECKING:
    from torch import Tensor

    from napari_gfsam.core.arrays import IntArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.frames import Frame
    from napari_gfsam.core.types import Limits, PictureRange, SimilarityMaps

STRETCH_EPSILON = 1e-6


def stretch(values: Tensor, limits: Limits | None = None) -> Tensor:
    """Map values to [0, 1): (x - min) / (max - min + 1e-6), with the limits of a whole picture for one of its tiles."""
    low, high = (values.min(), values.max()) if limits is None else limits
    return (values - low) / (high - low + STRETCH_EPSILON)


def proposal(maps: SimilarityMaps, config: GFSAMConfig) -> Tensor:
    """Return the map that proposes points before it is stretched, (grid, grid) float32."""
    proposals = {
        "mix": maps.positive_mean * maps.positive_max,
        "mean": maps.positive_mean,
        "max": maps.positive_max,
    }
    return proposals[config.point_maps]


def point_map(maps: SimilarityMaps, config: GFSAMConfig, picture: PictureRange | None = None) -> Tensor:
    """Return P, (grid, grid) float32 in [0, 1): how likely each cell holds a point of the class (paper, Eq. 3).

    Cells that the background explains better, or where the reciprocal gate forbids prompts, are 0. With `picture`, a
    tile is stretched like the whole picture.
    """
    likely = stretch(proposal(maps, config), picture.proposal if picture else None)
    kept = maps.allowed
    if config.point_filter == "negative":
        kept = kept & (likely >= stretch(maps.negative_mean, picture.negative if picture else None))
    return torch.where(kept, likely, 0.0)


def select_points(maps: SimilarityMaps, frame: Frame, config: GFSAMConfig) -> PointPrompts:
    """Choose the N highest cells of P, ordered by x, then y.

    N = floor(sum P) up to ``max_prompts``, 1 where the sum lies between 0 and 1, 0 where it is 0. Where the N-th
    value is shared, ``point_ties`` decides which of the equal cells are taken.
    """
    # On the host, so that ties fall the same way on every device.
    likely = point_map(maps, config).flatten().cpu()
    count = _count(likely, config)
    cells = _highest(likely, count, config)
    x, y = cells % frame.grid, cells // frame.grid
    order = np.lexsort((y, x))
    grid_xy = np.stack([x, y], axis=1)[order].astype(np.int64)
    score = likely.numpy()[cells[order]]
    return PointPrompts(grid_xy, frame.grid_to_model_xy(grid_xy, config.prompt_position), score)


def _highest(likely: Tensor, count: int, config: GFSAMConfig) -> IntArray:
    if config.point_ties == "topk":
        return np.asarray(likely.topk(count).indices.numpy())
    return np.asarray(torch.sort(likely, descending=True, stable=True).indices[:count].numpy())


def _count(likely: Tensor, config: GFSAMConfig) -> int:
    total = float(likely.sum())
    count = int((likely > 0).sum()) if config.point_count == "all" else int(total)
    if count == 0 and total > 0:
        count = 1
    return count if config.max_prompts is None else min(count, config.max_prompts)
