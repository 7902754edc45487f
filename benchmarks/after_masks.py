"""From masks to statuses: 128 prompts in 30 clusters (the graph and both gates), without any model.

python benchmarks/after_masks.py [--runs 50]
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
from rich.console import Console
from torch.nn import functional

from napari_gfsam.core.config import PRESETS, GFSAMConfig
from napari_gfsam.core.frames import Frame
from napari_gfsam.core.graph import build_graph
from napari_gfsam.core.pipeline import judge
from napari_gfsam.core.sampling import sample_masks
from napari_gfsam.core.types import Gates, MaskGraph, PointPrompts, SimilarityMaps

GRID, PROMPTS, CLUSTERS, CHANNELS = 37, 128, 30, 384


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    runs = parser.parse_args().runs
    prompts, logits, maps, units = scene()
    for name, config in PRESETS.items():
        graph, _ = statuses(prompts, logits, maps, units, config)
        seconds = []
        for _ in range(runs):
            start = time.perf_counter()
            statuses(prompts, logits, maps, units, config)
            seconds.append(time.perf_counter() - start)
        Console().print(
            f"{name}: {len(prompts)} prompts in {graph.n_clusters} clusters, "
            f"median {1000 * statistics.median(seconds):.1f} ms of {runs} runs"
        )


def statuses(
    prompts: PointPrompts, logits: np.ndarray, maps: SimilarityMaps, units: torch.Tensor, config: GFSAMConfig
) -> tuple[MaskGraph, Gates]:
    samples = sample_masks(logits, prompts.model_xy, GRID)
    graph = build_graph(samples, prompts, config)
    return graph, judge(samples, graph, prompts, maps, units, config=config)


def scene() -> tuple[PointPrompts, np.ndarray, SimilarityMaps, torch.Tensor]:
    """30 discs with 4 or 5 prompts each, whose masks are the disc."""
    rng = np.random.default_rng(0)
    centres = np.stack(np.meshgrid(np.arange(6) * 6 + 3, np.arange(5) * 7 + 3), axis=-1).reshape(-1, 2)
    cluster = np.arange(PROMPTS) % CLUSTERS
    grid_xy = centres[cluster] + rng.integers(-1, 2, (PROMPTS, 2))
    order = np.lexsort((grid_xy[:, 1], grid_xy[:, 0]))
    grid_xy, cluster = grid_xy[order], cluster[order]
    y, x = np.mgrid[:256, :256]
    middle = (centres[cluster] + 0.5) * 256 / GRID
    far = np.hypot(x - middle[:, 0, None, None], y - middle[:, 1, None, None])
    logits = (17 - far).astype(np.float32)
    maps = torch.from_numpy(rng.random((3, GRID, GRID), dtype=np.float32))
    units = functional.normalize(torch.from_numpy(rng.normal(size=(GRID * GRID, CHANNELS))).float(), dim=1)
    prompts = PointPrompts(
        grid_xy, Frame(1024, 1024, GRID).grid_to_model_xy(grid_xy, "centre"), np.zeros(PROMPTS, np.float32)
    )
    return prompts, logits, SimilarityMaps(*maps, torch.ones(GRID, GRID, dtype=torch.bool)), units


if __name__ == "__main__":
    main()
