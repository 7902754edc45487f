"""One painted reference, one target, bundled models: this project and, given a checkout, the official code.

    python benchmarks/end_to_end.py [--official PATH] [--runs 5]

Both work on the same weights in one process, in turn (A B A B ...). Figures are medians; nothing is kept between runs.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from rich.console import Console
from rich.table import Table

from napari_gfsam.api import Segmenter
from napari_gfsam.core.config import PUBLISHED
from napari_gfsam.imaging import to_model_input, to_rgb
from napari_gfsam.samples import load_pair

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from napari_gfsam.samples import Sample

PAIR = "coins"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=Path, help="checkout of the official GF-SAM repository")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    pair = load_pair(PAIR)
    ours = OurRun(pair.reference, pair.targets[0])
    contenders: dict[str, Callable[[], np.ndarray]] = {"napari-gfsam": ours}
    ours()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    if options.official:
        contenders["official"] = official_run(options.official, pair.reference, pair.targets[0])
    seconds = {name: [] for name in contenders}
    masks = {}
    for _ in range(options.runs):
        for name, contender in contenders.items():
            start = time.perf_counter()
            masks[name] = contender()
            seconds[name].append(time.perf_counter() - start)
    report(seconds, ours, peak, masks)


class OurRun:
    """A run from pixels to the (1024, 1024) answer with an empty cache and loaded models."""

    def __init__(self, reference: Sample, target: Sample) -> None:
        self.reference, self.target = reference, target
        self.segmenter = Segmenter(settings=PUBLISHED)
        self.segmenter.add_reference(reference.image, reference.labels)
        self.segmenter.backend.load()
        self.stages: list[dict[str, float]] = []
        self.prompts = 0

    def __call__(self) -> np.ndarray:
        self.segmenter.backend.forget()
        prediction = self.segmenter.segment(self.target.image)
        self.stages.append(dict(prediction.seconds))
        self.prompts = len(prediction.points)
        return prediction.model_mask(1)


def official_run(checkout: Path, reference: Sample, target: Sample) -> Callable[[], np.ndarray]:
    from official import Official, squash_mask

    model = Official(checkout)
    painted = (to_model_input(to_rgb(reference.image)), squash_mask(reference.labels == 1))
    picture = to_model_input(to_rgb(target.image))
    model.predict([painted], picture)
    return lambda: model.predict([painted], picture)


def report(seconds: dict[str, list[float]], ours: OurRun, peak_gib: float, masks: dict[str, np.ndarray]) -> None:
    console = Console()
    console.print(f"{PAIR}: {ours.prompts} prompts, preset published, {torch.get_num_threads()} threads")
    table = Table("code", "median s", "min s", "max s")
    for name, runs in seconds.items():
        table.add_row(name, *(f"{value:.2f}" for value in (statistics.median(runs), min(runs), max(runs))))
    console.print(table)
    stages = {stage: statistics.median(run[stage] for run in ours.stages[1:]) for stage in ours.stages[0]}
    console.print("stages, median s: " + ", ".join(f"{name} {value:.3f}" for name, value in stages.items()))
    console.print(f"peak memory of napari-gfsam alone: {peak_gib:.2f} GiB")
    if "official" in seconds:
        pairs = zip(seconds["official"], seconds["napari-gfsam"], strict=True)
        ratio = statistics.median(theirs / mine for theirs, mine in pairs)
        mine, theirs = masks["napari-gfsam"], masks["official"]
        iou = (mine & theirs).sum() / max((mine | theirs).sum(), 1)
        console.print(f"official / napari-gfsam: {ratio:.2f} (median of pairs); IoU of the two answers: {iou:.4f}")


if __name__ == "__main__":
    main()
