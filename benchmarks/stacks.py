"""How well objects keep one id through the sample stacks, and what smoothing changes: truth, bundled models.

    python benchmarks/stacks.py [--planes 8] [--seeds 11 12] [--least-iou 0.1]

One plane is painted (the first over time, the middle one in depth) and serves all. The rows without models link the
truth itself, and the truth with every sixth object left out and specks put in. Nothing is kept.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import linear_sum_assignment

from napari_gfsam.imaging.linking import LEAST_IOU, link_planes
from napari_gfsam.imaging.smoothing import smooth_planes
from napari_gfsam.samples import synthetic_stack

if TYPE_CHECKING:
    from napari_gfsam.samples.types import SampleStack

#: IoU from which an object counts as found.
FOUND = 0.5


@dataclass
class Score:
    """Sums over stacks: truth objects found in two planes or more, those of them with one id, and what IDF1 needs."""

    objects: int = 0
    kept: int = 0
    right: int = 0
    truth: int = 0
    answers: int = 0
    shared: int = 0
    union: int = 0

    @property
    def row(self) -> tuple[str, ...]:
        detected = 2 * self.right / max(1, self.truth + self.answers)
        return (
            f"{self.kept} of {self.objects}",
            f"{100 * detected:.1f}",
            f"{100 * self.shared / max(1, self.union):.1f}",
            f"{self.answers} / {self.truth}",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--planes", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12])
    parser.add_argument("--least-iou", type=float, nargs="+", default=[LEAST_IOU])
    options = parser.parse_args()
    table = Table(title=f"{len(options.seeds)} stacks of {options.planes} planes each")
    for heading in ("stack", "labels", "least IoU", "one id", "IDF1", "IoU", "objects found / there"):
        table.add_column(heading)
    for axis in ("t", "z"):
        stacks = [synthetic_stack(axis, planes=options.planes, seed=seed) for seed in options.seeds]
        found = {"truth": [stack.labels for stack in stacks], "disturbed truth": [disturbed(stack) for stack in stacks]}
        found["bundled models"] = [segmented(stack) for stack in stacks]
        for name, labels in found.items():
            for words, smooth in ((name, False), (f"{name}, smoothed", True)):
                for least in options.least_iou:
                    table.add_row(axis, words, f"{least}", *scored(stacks, labels, smooth, least).row)
    Console(width=120).print(table)


def segmented(stack: SampleStack) -> np.ndarray:
    """Return the labels of a stack of which one plane is painted."""
    from napari_gfsam import Segmenter
    from napari_gfsam.api import segment_stack

    painted = 0 if stack.axis == "t" else len(stack.image) // 2
    outcomes = segment_stack(Segmenter(), stack.image, {painted: stack.labels[painted]})
    return np.stack([np.zeros_like(stack.labels[0]) if one.labels is None else one.labels for one in outcomes])


def disturbed(stack: SampleStack) -> np.ndarray:
    """Return the truth without every sixth object of a plane and with specks."""
    rng = np.random.default_rng(0)
    labels = stack.labels.copy()
    for plane, instances in zip(labels, stack.instances, strict=True):
        for number in np.unique(instances)[1:]:
            if rng.random() < 1 / 6:
                plane[instances == number] = 0
        for y, x in rng.integers(0, np.array(plane.shape) - 5, (3, 2)):
            plane[y : y + 5, x : x + 5] = 1
    return labels


def scored(stacks: list[SampleStack], found: list[np.ndarray], smooth: bool, least_iou: float) -> Score:
    """Score linked labels against the truth of stacks."""
    score = Score()
    for stack, labels in zip(stacks, found, strict=True):
        steady = list(smooth_planes(labels, least_iou=least_iou)) if smooth else list(labels)
        linked = np.stack([ids for ids in link_planes(steady, least_iou=least_iou) if ids is not None])
        add(score, stack.instances, linked)
    return score


def add(score: Score, truth: np.ndarray, linked: np.ndarray) -> None:
    """Add one stack: who is who plane by plane, then, for IDF1, once for the whole stack."""
    seen: dict[int, list[int]] = {}
    together = np.zeros((int(truth.max()) + 1, int(linked.max()) + 1), int)
    for mine, ids in zip(truth, linked, strict=True):
        for number, name in matches(mine, ids):
            seen.setdefault(number, []).append(name)
            together[number, name] += 1
        score.truth += len(np.unique(mine[mine > 0]))
        score.answers += len(np.unique(ids[ids > 0]))
    several = [names for names in seen.values() if len(names) > 1]
    score.objects += len(several)
    score.kept += sum(all(one == other for one, other in pairwise(names)) for names in several)
    score.right += int(together[linear_sum_assignment(together, maximize=True)].sum())
    score.shared += int(((truth > 0) & (linked > 0)).sum())
    score.union += int(((truth > 0) | (linked > 0)).sum())


def matches(mine: np.ndarray, ids: np.ndarray) -> list[tuple[int, int]]:
    """Return which object of the truth is which of the answer in one plane: IoU of at least `FOUND`."""
    pairs, shared = np.unique(np.stack([mine, ids])[:, (mine > 0) & (ids > 0)], axis=1, return_counts=True)
    found = []
    for (number, name), count in zip(pairs.T.tolist(), shared.tolist(), strict=True):
        union = (mine == number).sum() + (ids == name).sum() - count
        if count / union >= FOUND:
            found.append((number, name))
    return found


if __name__ == "__main__":
    main()
