"""Overshooting gating: does a point resemble its own cluster more than any other (paper 4.3, Eq. 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch.nn import functional

from napari_gfsam.core.gating import cluster_members
from napari_gfsam.core.sampling import cell_weights
from napari_gfsam.core.similarity import CELL_EPSILON, TINY_NORM

if TYPE_CHECKING:
    from torch import Tensor

    from napari_gfsam.core.arrays import BoolArray, FloatArray, IntArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.types import MaskGraph, MaskSamples


def consistency_gate(
    samples: MaskSamples, graph: MaskGraph, grid_xy: IntArray, target: Tensor, config: GFSAMConfig
) -> BoolArray:
    """Return which prompts are self-consistent, (N,) bool.

    Parameters
    ----------
    samples
        N sampled masks.
    graph
        Their P clusters.
    grid_xy
        (N, 2) cells of the prompts.
    target
        (grid * grid, C) unit rows of the target.
    config
        Uses ``consistency``, ``consistency_vote`` and ``similarity_floor``.
    """
    if config.consistency == "none" or len(grid_xy) == 0:
        return np.ones(len(grid_xy), dtype=bool)
    score = _similarity(samples, graph, grid_xy, target, config)
    if config.consistency != "mean":
        score = score / _distance(graph, grid_xy)
    consistent = score.argmax(axis=1) == graph.cluster
    return _vote(consistent, graph) if config.consistency_vote == "majority" else consistent


def _similarity(
    samples: MaskSamples, graph: MaskGraph, grid_xy: IntArray, target: Tensor, config: GFSAMConfig
) -> FloatArray:
    """(N, P) similarity of every prompt to every cluster."""
    grid = samples.at_cells.shape[-1] // 2
    cells = torch.from_numpy(grid_xy[:, 1] * grid + grid_xy[:, 0]).to(target.device)
    point_like = config.consistency == "point"
    soft = _point_weights(graph, grid_xy, grid) if point_like else _mask_weights(samples, graph)
    weights = torch.from_numpy(soft).to(target.device)
    shares = weights / (weights.sum(dim=1, keepdim=True) + CELL_EPSILON * weights.shape[1])
    points = target[cells]
    if config.consistency == "prototype":
        score = _floor(points @ functional.normalize(shares @ target, dim=1, eps=TINY_NORM).T, config)
    elif config.similarity_floor == "relu":
        score = _floor(points @ target.T, config) @ shares.T
    else:
        score = points @ (shares @ target).T
    return np.asarray(score.cpu().numpy())


def _floor(cosine: Tensor, config: GFSAMConfig) -> Tensor:
    return cosine.clamp_min(0) if config.similarity_floor == "relu" else cosine


def _mask_weights(samples: MaskSamples, graph: MaskGraph) -> FloatArray:
    """(P, grid * grid) soft union of every cluster's binary masks."""
    unions = np.stack([np.any(samples.at_cells[members], axis=0) for members in cluster_members(graph.cluster)])
    return cell_weights(unions).reshape(len(unions), -1)


def _point_weights(graph: MaskGraph, grid_xy: IntArray, grid: int) -> FloatArray:
    """(P, grid * grid) 1 in the cells of every cluster's prompts."""
    weights = np.zeros((graph.n_clusters, grid * grid), dtype=np.float32)
    weights[graph.cluster, grid_xy[:, 1] * grid + grid_xy[:, 0]] = 1
    return weights


def _distance(graph: MaskGraph, grid_xy: IntArray) -> FloatArray:
    """(N, P) distance in cells from every prompt to a cluster's nearest prompt; 0 counts as 1."""
    pairs = cdist(grid_xy, grid_xy).astype(np.float32)
    nearest = np.stack([pairs[:, members].min(axis=1) for members in cluster_members(graph.cluster)], axis=1)
    return np.where(nearest == 0, np.float32(1), nearest)


def _vote(consistent: BoolArray, graph: MaskGraph) -> BoolArray:
    """Drop every point of a cluster with fewer consistent than inconsistent ones."""
    yes = np.bincount(graph.cluster, weights=consistent, minlength=graph.n_clusters)
    size = np.bincount(graph.cluster, minlength=graph.n_clusters)
    return np.asarray(consistent & (yes >= size - yes)[graph.cluster])
