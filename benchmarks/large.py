"""Time and memory of large pictures in tiles: the table of docs/performance.md.

    python benchmarks/large.py [--sides 1024 2048 4096] [--device cuda]

Every size runs in a process of its own, on a temporary uncompressed TIFF of repeated sample cells, read in parts;
labels are written in parts too. `--only-write` measures nothing.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

HERE = Path(__file__).parent
RESULT = HERE / "results" / "large" / "tiles.json"
PAGE = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- begin: benchmarks/large.py -->", "<!-- end: benchmarks/large.py -->"
SAMPLE, TILE = "nuclei", 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=[1024, 2048, 4096])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--one", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--only-write", action="store_true")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.device)))
        return
    if not options.only_write:
        rows = [child(side, options.device) for side in options.sides]
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        RESULT.write_text(json.dumps(rows, indent=1) + "\n")
    write_page(json.loads(RESULT.read_text()))


def child(side: int, device: str) -> dict[str, Any]:
    words = [sys.executable, str(Path(__file__)), "--one", str(side), "--device", device]
    found: dict[str, Any] = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)
    print(found, flush=True)
    return found


def measure(side: int, device: str) -> dict[str, Any]:
    from napari_gfsam.api import ModelChoice, Segmenter
    from napari_gfsam.io.large import open_picture
    from napari_gfsam.io.writers import write_labels_by_part
    from napari_gfsam.samples import load_pair

    pair = load_pair(SAMPLE)
    with tempfile.TemporaryDirectory(prefix="gfsam-large-") as folder:
        path = Path(folder) / "large.tif"
        write_repeated(path, pair.targets[0].image, side)
        segmenter = Segmenter(ModelChoice(device=device))
        segmenter.add_reference(pair.reference.image, pair.reference.labels)
        segmenter.backend.load()
        start = time.perf_counter()
        prediction = segmenter.segment(open_picture(path), scale=TILE)
        write_labels_by_part(Path(folder) / "labels.tif", (side, side), np.uint8, prediction.labels_in)
        seconds = time.perf_counter() - start
        tiles = len(prediction.answer.scene.grid)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return {"side": side, "tiles": tiles, "seconds": seconds, "peak_mb": peak, "parts": dict(prediction.seconds)}


def write_repeated(path: Path, image: np.ndarray, side: int) -> None:
    """Write a (side, side, 3) uint8 TIFF of the repeated picture, row by row."""
    rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    mapped = tifffile.memmap(path, shape=(side, side, 3), dtype=np.uint8, photometric="rgb")
    band = np.tile(rgb, (1, -(-side // rgb.shape[1]), 1))[:, :side]
    for top in range(0, side, len(band)):
        mapped[top : top + len(band)] = band[: side - top]
        mapped.flush()


def write_page(rows: list[dict[str, Any]]) -> None:
    """Put the table between the marks of the page, at its end where there are none."""
    lines = ["| side, pixels | tiles | seconds | seconds a tile | peak memory, MB |", "|---" * 5 + "|"]
    for row in rows:
        each = row["seconds"] / row["tiles"]
        lines.append(f"| {row['side']} | {row['tiles']} | {row['seconds']:.0f} | {each:.2f} | {row['peak_mb']:.0f} |")
    head = "## Large pictures\n\nUncompressed TIFF read in parts, labels written in parts, tiles of 512 pixels."
    text = "\n\n".join([BEGIN, head, "\n".join(lines), slope(rows), END])
    page = PAGE.read_text()
    if BEGIN in page:
        page = page[: page.index(BEGIN)] + text + page[page.index(END) + len(END) :]
    else:
        page = page.rstrip() + "\n\n" + text + "\n"
    PAGE.write_text(page)


def slope(rows: list[dict[str, Any]]) -> str:
    if len(rows) < 2:
        return ""
    pixels = [row["side"] ** 2 / 1e6 for row in rows]
    memory = np.polyfit(pixels, [row["peak_mb"] for row in rows], 1)
    seconds = np.polyfit([row["tiles"] for row in rows], [row["seconds"] for row in rows], 1)
    return (
        f"Memory: {memory[1]:.0f} MB + {memory[0]:.2f} MB a megapixel, which makes {np.polyval(memory, 400):.0f} MB at "
        f"20,000 x 20,000. Time: {seconds[1]:.0f} s + {seconds[0]:.2f} s a tile."
    )


if __name__ == "__main__":
    main()
