"""The mosaic test: small and many objects, tile borders nowhere near those of pictures.

    python benchmarks/mosaic.py DATA [--sets dsb2018_fluo ...] [--episodes 12] [--json FILE]     # 3 x 3 mosaics
    python benchmarks/mosaic.py DATA --singles [--sets ...] [--episodes 12]                      # auto against whole

A mosaic is made of the targets of nine episodes' pictures of one class, each brought to the reference's size; the
reference is one single picture. It is segmented at the automatic scale and whole, and its nine pictures one by one.
`--singles` holds the automatic scale against whole pictures, paired, on the episodes of docs/accuracy.md. Figures are
mIoU at the pictures' own size, in percent. Results in the JSON file are not computed again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from napari_gfsam.api import ModelChoice, Segmenter
from napari_gfsam.evaluation import folder_episodes
from napari_gfsam.evaluation.folders import shuffled
from napari_gfsam.evaluation.metrics import Overlap, mean_iou, overlap
from napari_gfsam.imaging import to_rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.evaluation import Episode

SETS = ("dsb2018_fluo", "dsb2018_stained", "gsi_solar", "usiigaci_t98g", "wbc_cellavision", "coco128_seg")
SEED, SIDE = 0, 3
Pair = tuple["NDArray[np.uint8]", "NDArray[np.bool_]"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=[])
    parser.add_argument("--episodes", type=int, default=12)
    parser.add_argument("--singles", action="store_true", help="automatic scale against whole, on single pictures")
    parser.add_argument("--json", type=Path, default=Path("mosaic.json"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    sets = options.sets or (sorted(p.parent.name for p in options.data.glob("*/masks")) if options.singles else SETS)
    results = json.loads(options.json.read_text()) if options.json.is_file() else {}
    segmenter = Segmenter(ModelChoice(device=options.device))
    kind = "single" if options.singles else "mosaic"
    for name in sets:
        episodes = folder_episodes(options.data / name, shots=1, episodes=options.episodes, seed=SEED).episodes
        pool = folder_episodes(options.data / name, shots=1, episodes=200, seed=SEED).episodes
        for number, episode in enumerate(episodes):
            key = f"{kind} {name} {number}"
            if key not in results:
                nine = [] if options.singles else pictures_for(episode, pool, number)
                results[key] = single(segmenter, episode) if options.singles else mosaic(segmenter, episode, nine)
                options.json.write_text(json.dumps(results, indent=1) + "\n")
            print(key, summary(results[key]), flush=True)
    print(table(results, kind))


def single(segmenter: Segmenter, episode: Episode) -> dict[str, Any]:
    picture, truth = shown(segmenter, episode), episode.target.mask()
    return {
        "class": episode.class_id,
        "tiling": str(segmenter.tiling(truth.shape)),
        "auto": counted(segmenter, picture, truth, "auto"),
        "whole": counted(segmenter, picture, truth, "whole"),
    }


def mosaic(segmenter: Segmenter, episode: Episode, nine: list[Pair]) -> dict[str, Any]:
    """Count in the nine pictures one by one, and in their mosaic at the automatic scale and whole."""
    shown(segmenter, episode)
    rows = [nine[start : start + SIDE] for start in range(0, SIDE**2, SIDE)]
    picture, truth = (np.concatenate([np.concatenate([pair[k] for pair in row], 1) for row in rows]) for k in (0, 1))
    singles = [counted(segmenter, one, mask, "whole") for one, mask in nine]
    tiling = segmenter.tiling(truth.shape)
    return {
        "class": episode.class_id,
        "tiling": str(tiling),
        "tiles": len(tiling.grid(truth.shape)) if tiling else 1,
        "nine": [sum(counts[k] for counts in singles) for k in range(5)],
        "auto": counted(segmenter, picture, truth, "auto"),
        "whole": counted(segmenter, picture, truth, "whole"),
    }


def shown(segmenter: Segmenter, episode: Episode) -> NDArray[Any]:
    """Give the episode's reference to the segmenter; return its target."""
    segmenter.clear_references()
    reference = episode.references[0]
    segmenter.add_reference(reference.image(), reference.mask())
    return episode.target.image()


def pictures_for(episode: Episode, pool: tuple[Episode, ...], number: int) -> list[Pair]:
    """Nine pictures that show the class, the episode's target first, at the reference's size."""
    reference = episode.references[0]
    others = {one.target.name: one.target for one in pool if one.class_id == episode.class_id}
    for taken in (reference.name, episode.target.name):
        others.pop(taken, None)
    names = shuffled(sorted(others), SEED, number)
    chosen = [episode.target, *(others[name] for name in names)]
    chosen = [chosen[place % len(chosen)] for place in range(SIDE**2)]
    height, width = reference.mask().shape
    return [resized(one.image(), one.mask(), (width, height)) for one in chosen]


def resized(picture: NDArray[Any], mask: NDArray[np.bool_], size: tuple[int, int]) -> Pair:
    rgb = Image.fromarray(to_rgb(picture)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(rgb), np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))


def counted(segmenter: Segmenter, picture: NDArray[Any], truth: NDArray[np.bool_], scale: Any) -> list[float]:
    """Intersections and unions of foreground and background, then seconds."""
    start = time.perf_counter()
    found = overlap(segmenter.segment(picture, scale=scale).labels == 1, truth)
    counts = [found.fg_intersection, found.fg_union, found.bg_intersection, found.bg_union]
    return [*counts, time.perf_counter() - start]


def summary(result: dict[str, Any]) -> str:
    ways = [way for way in ("nine", "auto", "whole") if way in result]
    return ", ".join(f"{way} {100 * result[way][0] / max(result[way][1], 1):.1f}" for way in ways)


def table(results: dict[str, Any], kind: str) -> str:
    """Return a markdown table: mIoU over classes by set and way, and how the automatic scale compares."""
    ways = ("nine", "auto", "whole") if kind == "mosaic" else ("auto", "whole")
    by_set: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for key, result in results.items():
        if key.startswith(kind):
            by_set[key.split()[1]].append(result)
    last = "auto / nine" if kind == "mosaic" else "auto - whole"
    lines = [f"| set | episodes | {' | '.join(ways)} | {last} |", "|---" * (len(ways) + 3) + "|"]
    for name, rows in by_set.items():
        figures = {
            way: 100 * mean_iou((row["class"], Overlap(*map(int, row[way][:4]))) for row in rows) for way in ways
        }
        gain = figures["auto"] / figures["nine"] if kind == "mosaic" else figures["auto"] - figures["whole"]
        cells = [f"{figures[way]:.1f}" for way in ways]
        lines.append(f"| {name} | {len(rows)} | {' | '.join(cells)} | {gain:{'.2f' if kind == 'mosaic' else '+.1f'}} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
