"""From masks to the answer: 128 prompts in 56 clusters (graph, both gates, merge), without any model.

    python benchmarks/after_masks.py [--official PATH] [--device cpu] [--runs 20]

The official code is given the same masks, similarity maps and tokens.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor
from torch.nn import functional

from clock import Rounds, default_device
from napari_gfsam.core.config import PUBLISHED
from napari_gfsam.core.frames import Frame
from napari_gfsam.core.graph import build_graph
from napari_gfsam.core.masks import mask_stack
from napari_gfsam.core.merge import merge_classes
from napari_gfsam.core.pipeline import judge
from napari_gfsam.core.sampling import sample_masks
from napari_gfsam.core.types import ClassSpec, ClassTrace, PointPrompts, SimilarityMaps

if TYPE_CHECKING:
    from napari_gfsam.core.types import Answer

GRID, PROMPTS, CHANNELS = 37, 128, 384
ACROSS, DOWN = 8, 7


@dataclass(frozen=True, eq=False)
class Scene:
    """What stands after the masks are decoded: prompts, logits (on the host, as ours keeps them), maps, unit tokens."""

    prompts: PointPrompts
    logits: np.ndarray
    maps: SimilarityMaps
    units: Tensor


def scene(device: str = "cpu", channels: int = CHANNELS) -> Scene:
    """56 discs with 2 or 3 prompts each, whose masks are the disc."""
    rng = np.random.default_rng(0)
    centres = np.stack(np.meshgrid(np.arange(ACROSS) * 4.5 + 2.5, np.arange(DOWN) * 5.2 + 2.5), axis=-1).reshape(-1, 2)
    cluster = np.arange(PROMPTS) % len(centres)
    offsets = np.array([(0, 0), (1, 0), (0, 1)])[np.arange(PROMPTS) // len(centres)]
    grid_xy = centres[cluster].astype(np.int64) + offsets
    order = np.lexsort((grid_xy[:, 1], grid_xy[:, 0]))
    grid_xy, cluster = grid_xy[order], cluster[order]
    y, x = np.mgrid[:256, :256]
    middle = (centres[cluster] + 0.5) * 256 / GRID
    far = np.hypot(x - middle[:, 0, None, None], y - middle[:, 1, None, None])
    logits = (13 - far).astype(np.float32)
    maps = torch.from_numpy(rng.random((3, GRID, GRID), dtype=np.float32)).to(device)
    tokens = torch.from_numpy(rng.normal(size=(GRID * GRID, channels))).float().to(device)
    prompts = PointPrompts(
        grid_xy, Frame(1024, 1024, GRID).grid_to_model_xy(grid_xy, "centre"), np.zeros(PROMPTS, np.float32)
    )
    everywhere = torch.ones(GRID, GRID, dtype=torch.bool, device=device)
    return Scene(prompts, logits, SimilarityMaps(*maps, everywhere), functional.normalize(tokens, dim=1))


def ours(given: Scene) -> Answer:
    samples = sample_masks(given.logits, given.prompts.model_xy, GRID)
    graph = build_graph(samples, given.prompts, PUBLISHED)
    gates = judge(samples, graph, given.prompts, given.maps, given.units, config=PUBLISHED)
    masks = mask_stack(given.logits, given.maps)
    trace = ClassTrace(ClassSpec(1, "disc"), given.maps, given.prompts, masks, graph, gates, gates.status, 0.0, False)
    return merge_classes([trace], Frame(1024, 1024, GRID), PUBLISHED)


class Theirs:
    """The official stages on the same scene; its binary masks are made beforehand, as its predictor hands them over."""

    def __init__(self, model: Any, given: Scene) -> None:
        self.model, self.cells = model, given.prompts.grid_xy
        device = given.units.device
        logits = torch.from_numpy(given.logits).to(device)[:, None]
        self.masks = functional.interpolate(logits, (1024, 1024), mode="bilinear", align_corners=False) > 0
        self.positive, self.negative = given.maps.positive_mean[None], given.maps.negative_mean[None]
        self.tokens = given.units[None]
        self.hot = np.zeros((GRID, GRID), dtype=np.float32)
        self.hot[self.cells[:, 1], self.cells[:, 0]] = 1

    @torch.no_grad()
    def __call__(self) -> Tensor:
        model, masks = self.model, self.masks
        count, labels, _, _ = model.mask_cluster(masks, self.cells, self.hot)
        half = (self.positive.max() + self.positive.min()) / 2
        _, passed, _, scores = model.cluster_classification(
            masks, labels, count, self.positive * self.positive, self.negative * half, self.cells
        )
        status = model.point_consistency_dis(self.tokens, masks, labels, count, passed, self.cells)
        merged: Tensor = model.triplet_selection_b(masks, labels, status, self.positive, self.cells, scores)[0]
        return merged


def measure(official: Any, device: str, runs: int, channels: int = CHANNELS) -> tuple[Rounds, int, float]:
    """Return seconds, the number of clusters, and the overlap of the answers (1 without the official code)."""
    given = scene(device, channels)
    rounds = Rounds(device)
    rounds.add("ours", lambda: ours(given))
    overlap = 1.0
    if official is not None:
        theirs = Theirs(official, given)
        rounds.add("official", theirs)
        mine, other = ours(given).labels == 1, theirs()[0].cpu().numpy() > 0
        overlap = float((mine & other).sum() / max((mine | other).sum(), 1))
    rounds.run(runs)
    found = ours(given).classes[1].cluster
    return rounds, int(found.max()) + 1, overlap


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=Path, help="checkout of the official GF-SAM repository: compare with it")
    parser.add_argument("--device", default=default_device())
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    official = None
    if options.official:
        from official import Official

        official = Official(options.official, device=options.device).model
    rounds, clusters, overlap = measure(official, options.device, options.runs)
    console = Console()
    console.print(f"{PROMPTS} prompts in {clusters} clusters, median of {options.runs} runs; IoU {overlap:.4f}")
    for name, seconds in rounds.seconds.items():
        console.print(f"{name}: {1000 * statistics.median(seconds):.1f} ms")


if __name__ == "__main__":
    main()
