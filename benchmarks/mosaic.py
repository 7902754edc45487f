"""The mosaic test: small and many objects, tile borders nowhere near those of pictures.

    python benchmarks/mosaic.py DATA [--sets dsb2018_fluo ...] [--episodes 12] [--json FILE ...]   # 3 x 3 mosaics
    python benchmarks/mosaic.py DATA --singles [--sets ...] [--episodes 12]                        # auto against whole

A mosaic is made of the targets of nine episodes' pictures of one class, each brought to the reference's size; the
reference is one single picture. It is segmented at the automatic scale and whole, and its nine pictures one by one.
`--singles` holds the automatic scale against whole pictures, paired, on the episodes of docs/accuracy.md. Figures are
mIoU at the pictures' own size, in percent; for sets with instances/ also AP at IoU 0.5, tp / (tp + fp + fn), of the
pieces of the answer. Results in the JSON file are not computed again: `--ways` and several processes with a file each
share the work, and the table is made of all files given, the first of which is written.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from napari_gfsam.api import ModelChoice, Segmenter
from napari_gfsam.evaluation import folder_episodes
from napari_gfsam.evaluation.folders import shuffled
from napari_gfsam.evaluation.metrics import Overlap, mean_iou, overlap
from napari_gfsam.imaging import to_rgb
from napari_gfsam.imaging.objects import pieces_of
from napari_gfsam.io.readers import read_labels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_gfsam.evaluation import Episode
    from napari_gfsam.evaluation.episodes import PictureMask

SETS = ("dsb2018_fluo", "dsb2018_stained", "gsi_solar", "usiigaci_t98g", "wbc_cellavision", "coco128_seg")
SEED, SIDE = 0, 3
#: The mosaics of a set share their pictures: all that was encoded and decoded of them is kept.
CACHE_BYTES = 6 * 2**30
WAYS = {"mosaic": ("nine", "auto", "whole"), "single": ("auto", "whole")}
Results = dict[str, dict[str, Any]]


class Painted(NamedTuple):
    """A picture, the mask of the class and, where they are told apart, its objects' numbers."""

    picture: NDArray[Any]
    mask: NDArray[np.bool_]
    objects: NDArray[np.integer[Any]] | None


def main() -> None:
    options = parsed()
    if options.threads:
        torch.set_num_threads(options.threads)
    kind = "single" if options.singles else "mosaic"
    sets = options.sets or (sorted(p.parent.name for p in options.data.glob("*/masks")) if options.singles else SETS)
    results = read(options.json[0])
    segmenter = Segmenter(ModelChoice(device=options.device), cache_bytes=CACHE_BYTES)
    ways = options.ways or WAYS[kind]
    for name in sets:
        segmenter.backend.forget()
        episodes = folder_episodes(options.data / name, shots=1, episodes=options.episodes, seed=SEED).episodes
        pool = folder_episodes(options.data / name, shots=1, episodes=200, seed=SEED).episodes
        for number, episode in enumerate(episodes):
            result = results.setdefault(f"{kind} {name} {number}", {"class": episode.class_id})
            wanted = [way for way in ways if way not in result]
            if wanted:
                parts = [painted(episode.target)] if options.singles else pictures_for(episode, pool, number)
                result |= measured(segmenter, episode, parts, wanted)
                write(options.json[0], results)
            print(kind, name, number, summary(result), flush=True)
    print(table(together(read(path) for path in options.json), kind))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=[])
    parser.add_argument("--episodes", type=int, default=12)
    parser.add_argument("--singles", action="store_true", help="automatic scale against whole, on single pictures")
    parser.add_argument("--ways", nargs="+", default=[], help="of nine, auto and whole; all by default")
    parser.add_argument("--json", type=Path, nargs="+", default=[Path("mosaic.json")])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


def measured(segmenter: Segmenter, episode: Episode, parts: list[Painted], ways: list[str]) -> dict[str, Any]:
    """Count in a picture, or in nine one by one and in their mosaic at the automatic scale and whole."""
    segmenter.clear_references()
    reference = episode.references[0]
    segmenter.add_reference(reference.image(), reference.mask())
    picture = joined(parts) if len(parts) > 1 else parts[0]
    tiling = segmenter.tiling(picture.mask.shape)
    found: dict[str, Any] = {"tiling": str(tiling), "tiles": len(tiling.grid(picture.mask.shape)) if tiling else 1}
    for way in ways:
        if way == "nine":
            counts = [counted(segmenter, one, "whole") for one in parts]
            found[way] = [sum(column) for column in zip(*counts, strict=True)]
        elif way == "auto" and tiling is None and "whole" in found:
            found[way] = found["whole"]
        else:
            found[way] = counted(segmenter, picture, way)
    return found


def joined(parts: list[Painted]) -> Painted:
    rows = [parts[start : start + SIDE] for start in range(0, SIDE**2, SIDE)]
    picture, mask = (np.concatenate([np.concatenate([part[k] for part in row], 1) for row in rows]) for k in (0, 1))
    if parts[0].objects is None:
        return Painted(picture, mask, None)
    numbers, before = [], 0
    for part in parts:
        numbers.append(np.where(part.mask, part.objects.astype(np.int64) + before, 0))
        before += int(part.objects.max())
    lines = [np.concatenate(numbers[start : start + SIDE], 1) for start in range(0, SIDE**2, SIDE)]
    return Painted(picture, mask, np.concatenate(lines))


def pictures_for(episode: Episode, pool: tuple[Episode, ...], number: int) -> list[Painted]:
    """Nine pictures that show the class, the episode's target first, at the reference's size."""
    reference = episode.references[0]
    others = {one.target.name: one.target for one in pool if one.class_id == episode.class_id}
    for taken in (reference.name, episode.target.name):
        others.pop(taken, None)
    names = shuffled(sorted(others), SEED, number)
    chosen = [episode.target, *(others[name] for name in names)]
    chosen = [chosen[place % len(chosen)] for place in range(SIDE**2)]
    height, width = reference.mask().shape
    return [resized(painted(one), (width, height)) for one in chosen]


def painted(one: PictureMask) -> Painted:
    """Read a picture with its truth."""
    mask = one.mask()
    path = one.path.parents[1] / "instances" / f"{one.path.stem}.png"
    return Painted(one.image(), mask, read_labels(path) * mask if path.is_file() else None)


def resized(one: Painted, size: tuple[int, int]) -> Painted:
    rgb = Image.fromarray(to_rgb(one.picture)).resize(size, Image.Resampling.BILINEAR)
    mask = np.asarray(Image.fromarray(one.mask).resize(size, Image.Resampling.NEAREST))
    objects = None
    if one.objects is not None:
        numbers = Image.fromarray(one.objects.astype(np.int32)).resize(size, Image.Resampling.NEAREST)
        objects = np.asarray(numbers)
    return Painted(np.asarray(rgb), mask, objects)


def counted(segmenter: Segmenter, shown: Painted, scale: Any) -> list[float]:
    """Intersections and unions of foreground and background, seconds; objects found, made up and missed."""
    start = time.perf_counter()
    labels = segmenter.segment(shown.picture, scale=scale).labels
    seconds = time.perf_counter() - start
    found = overlap(labels == 1, shown.mask)
    counts = [found.fg_intersection, found.fg_union, found.bg_intersection, found.bg_union, round(seconds, 2)]
    return counts if shown.objects is None else [*counts, *matched(pieces_of(labels).numbers, shown.objects)]


def matched(answer: NDArray[np.integer[Any]], truth: NDArray[np.integer[Any]]) -> tuple[int, int, int]:
    """Count pairs with an IoU above 0.5 (an object has at most one), and objects without: made up, missed."""
    both = (answer > 0) & (truth > 0)
    pairs, shared = np.unique(np.stack([answer[both], truth[both]]), axis=1, return_counts=True)
    sizes = [dict(zip(*np.unique(ids[ids > 0], return_counts=True), strict=True)) for ids in (answer, truth)]
    unions = np.array([sizes[0][a] + sizes[1][b] for a, b in pairs.T]) - shared
    hits = int(np.count_nonzero(2 * shared > unions))
    return hits, len(sizes[0]) - hits, len(sizes[1]) - hits


def read(path: Path) -> Results:
    return json.loads(path.read_text()) if path.is_file() else {}


def write(path: Path, results: Results) -> None:
    path.write_text(json.dumps(results, indent=1) + "\n")


def together(files: Iterable[Results]) -> Results:
    """Join what several processes measured; the first that has a figure is believed."""
    joint: Results = {}
    for results in files:
        for key, result in results.items():
            joint[key] = result | joint.get(key, {})
    return joint


def summary(result: dict[str, Any]) -> str:
    ways = [way for way in WAYS["mosaic"] if way in result]
    return ", ".join(f"{way} {100 * result[way][0] / max(result[way][1], 1):.1f}" for way in ways)


def table(results: Results, kind: str) -> str:
    """Return a markdown table: mIoU over classes by set and way, how the automatic scale compares, AP by way."""
    ways = WAYS[kind]
    by_set: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for key, result in results.items():
        if key.startswith(kind) and all(way in result for way in ways):
            by_set[key.split()[1]].append(result)
    last = "auto / nine" if kind == "mosaic" else "auto - whole"
    heads = ["set", "episodes", *ways, last, *(f"AP {way}" for way in ways)]
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(heads) - 1)]
    for name, rows in by_set.items():
        miou = {way: 100 * mean_iou((row["class"], Overlap(*map(int, row[way][:4]))) for row in rows) for way in ways}
        gain = f"{miou['auto'] / miou['nine']:.2f}" if kind == "mosaic" else f"{miou['auto'] - miou['whole']:+.1f}"
        cells = [f"{miou[way]:.1f}" for way in ways] + [gain] + [precision(rows, way) for way in ways]
        lines.append(f"| {name} | {len(rows)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def precision(rows: list[dict[str, Any]], way: str) -> str:
    """Return AP at IoU 0.5 over all objects, in percent; nothing where objects are not told apart."""
    if any(len(row[way]) < 8 for row in rows):
        return ""
    hits, made_up, missed = (sum(row[way][k] for row in rows) for k in (5, 6, 7))
    return f"{100 * hits / max(hits + made_up + missed, 1):.1f}"


if __name__ == "__main__":
    main()
