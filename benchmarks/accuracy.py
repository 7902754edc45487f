"""Accuracy on a folder of data sets (each with images/ and masks/), and agreement with the official code.

    python benchmarks/accuracy.py DATA [--shots 1 5] [--episodes 12] [--csv rows.csv] [--official PATH]
    python benchmarks/accuracy.py DATA --shots 1 --precision float32 bfloat16     # what 16 bits cost

Prints the tables of docs/accuracy.md. Rows that stand in the CSV file are not computed again.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from rich.console import Console

from napari_gfsam.api import ModelChoice, Segmenter
from napari_gfsam.core.config import PRESETS, PUBLISHED
from napari_gfsam.evaluation import accuracy_table, evaluate, folder_episodes
from napari_gfsam.imaging import to_model_input, to_rgb

if TYPE_CHECKING:
    from napari_gfsam.evaluation import Episode
    from official import Official

SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--episodes", type=int, default=12)
    parser.add_argument("--csv", type=Path, default=Path("accuracy.csv"))
    parser.add_argument("--official", type=Path, help="checkout of the official GF-SAM repository: compare with it")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", nargs="+", default=["auto"], help="one column each")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 is torch's choice")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    sets = sorted(folder for folder in options.data.iterdir() if (folder / "masks").is_dir())
    if options.official:
        compare(sets, options)
    else:
        measure(sets, options)


def measure(sets: list[Path], options: argparse.Namespace) -> None:
    console = Console()
    for precision in options.precision:
        segmenter = Segmenter(ModelChoice(device=options.device, precision=precision))
        model = "bundled" if precision == "auto" else f"bundled {precision}"
        for shots, folder in itertools.product(options.shots, sets):
            episodes = folder_episodes(folder, shots=shots, episodes=options.episodes, seed=SEED)
            rows = list(evaluate(episodes, segmenter, PRESETS, options.csv, model=model))
            failed = [row.error for row in rows if row.error]
            console.print(f"{folder.name}, {shots} shots: done{', failed: ' + failed[0] if failed else ''}")
    console.print(accuracy_table([options.csv]), soft_wrap=True, markup=False)


def compare(sets: list[Path], options: argparse.Namespace) -> None:
    """One row an episode: overlap of `published` with the official answer, and each one's IoU with the truth."""
    from official import Official

    official, segmenter, console = Official(options.official, decoder_batch=2), Segmenter(settings=PUBLISHED), Console()
    with options.csv.open("a", newline="") as file:
        rows = csv.writer(file)
        for folder in sets:
            for episode in folder_episodes(folder, shots=1, episodes=options.episodes, seed=SEED).episodes:
                rows.writerow([folder.name, *agreement(episode, segmenter, official)])
                file.flush()
    with options.csv.open(newline="") as file:
        table = np.array([[float(cell) for cell in row[1:]] for row in csv.reader(file)])
    mean, least = 100 * table.mean(axis=0), 100 * table.min(axis=0)
    console.print(
        f"{len(table)} episodes: IoU of the two answers mean {mean[0]:.2f}, least {least[0]:.2f}; "
        f"IoU with the truth: published {mean[1]:.2f}, official {mean[2]:.2f}"
    )


def agreement(episode: Episode, segmenter: Segmenter, official: Official) -> tuple[float, float, float]:
    from official import squash_mask

    segmenter.clear_references()
    painted = []
    for reference in episode.references:
        segmenter.add_reference(reference.image(), reference.mask())
        painted.append((to_model_input(to_rgb(reference.image())), squash_mask(reference.mask())))
    picture, truth = episode.target.image(), squash_mask(episode.target.mask())
    ours = segmenter.segment(picture, scale="whole").model_mask(1)
    theirs = official.predict(painted, to_model_input(to_rgb(picture)))
    return iou(ours, theirs), iou(ours, truth), iou(theirs, truth)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0


if __name__ == "__main__":
    main()
