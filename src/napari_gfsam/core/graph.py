"""Point-mask clustering: the directed coverage graph and its components (paper 4.2)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.sparse.csgraph import connected_components

from napari_gfsam.core.types import MaskGraph

if TYPE_CHECKING:
    from napari_gfsam.core.arrays import IntArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.types import MaskSamples, PointPrompts

KMEANS_SEED = 0


def build_graph(samples: MaskSamples, prompts: PointPrompts, config: GFSAMConfig) -> MaskGraph:
    """Cluster prompts by which masks cover which prompts.

    Uses ``components``: weakly or strongly connected components of l -> m "mask l covers prompt m", or k-means++
    on the prompts' cells with a fixed seed (paper, Table 4).
    """
    coverage = samples.at_points
    if len(prompts) == 0:
        return MaskGraph(coverage, np.zeros(0, dtype=np.int64))
    if config.components == "kmeans":
        return MaskGraph(coverage, _kmeans(prompts.grid_xy, config.kmeans_clusters))
    _, cluster = connected_components(coverage, directed=True, connection=config.components)
    return MaskGraph(coverage, cluster.astype(np.int64))


def _kmeans(grid_xy: IntArray, clusters: int) -> IntArray:
    points = grid_xy.astype(np.float64)
    count = min(clusters, len(np.unique(points, axis=0)))
    with warnings.catch_warnings():
        # An empty cluster is fine: the labels are made dense below.
        warnings.simplefilter("ignore", UserWarning)
        _, cluster = kmeans2(points, count, minit="++", rng=np.random.default_rng(KMEANS_SEED))
    return np.unique(cluster, return_inverse=True)[1].astype(np.int64)
