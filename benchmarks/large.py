"""Time and memory of large pictures in tiles: table and plots of docs/performance.md.

    python benchmarks/large.py [--dense 1024 2048 3072] [--sparse 4096 8192 12000 20000] [--device cuda]

Every size runs in a process of its own, on a temporary uncompressed TIFF that is read in parts; labels are written in
parts too. Dense pictures are repeated sample cells: every tile is read, which tells the time. Sparse ones have cells in
one corner only: the other tiles are encoded and found empty, so that pictures of the size that is asked for tell the
memory in minutes. `--only-write` measures nothing.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

sys.path.insert(0, str(Path(__file__).parent))
from plots import Series, write_plot

HERE = Path(__file__).parent
RESULT = HERE / "results" / "large" / "tiles.json"
DOCS = HERE.parent / "docs"
BEGIN, END = "<!-- begin: benchmarks/large.py -->", "<!-- end: benchmarks/large.py -->"
SAMPLE = "nuclei"
#: Side of a tile by kind of picture, and of the corner of a sparse one that has cells.
TILES, CORNER = {"dense": 512, "sparse": 1024}, 512
#: Rows that are written at once, few: they count as memory too.
BAND = 64
#: What the issue of large pictures asks for.
FACTOR, WANTED_SIDE, WANTED_MB = 1.1, 20_000, 3000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dense", type=int, nargs="*", default=[1024, 2048, 3072])
    parser.add_argument("--sparse", type=int, nargs="*", default=[4096, 8192, 12000, 20000])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--only-write", action="store_true")
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child[0], int(options.child[1]), options.device)))
        return
    if not options.only_write:
        found = {kind: [child(kind, side, options.device) for side in getattr(options, kind)] for kind in TILES}
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        RESULT.write_text(json.dumps(found, indent=1) + "\n")
    write_page(json.loads(RESULT.read_text()))


def child(kind: str, side: int, device: str) -> dict[str, Any]:
    words = [sys.executable, str(Path(__file__)), "--child", kind, str(side), "--device", device]
    found: dict[str, Any] = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)
    print(kind, found, flush=True)
    return found


def segmenter_with_reference(device: str) -> tuple[Any, np.ndarray]:
    """Return a segmenter whose models are loaded, and a sample picture to be repeated."""
    from napari_gfsam.api import ModelChoice, Segmenter
    from napari_gfsam.imaging import to_rgb
    from napari_gfsam.samples import load_pair

    pair = load_pair(SAMPLE)
    segmenter = Segmenter(ModelChoice(device=device))
    segmenter.add_reference(to_rgb(pair.reference.image), pair.reference.labels)
    segmenter.backend.load()
    return segmenter, to_rgb(pair.targets[0].image)


def single_tiles(segmenter: Any, image: np.ndarray, seed: int) -> list[float]:
    """Time parts of a dense picture as large as a tile, looked at whole, but for the first, which warms up."""
    side, took = TILES["dense"], []
    with tempfile.TemporaryDirectory(prefix="gfsam-large-") as folder:
        path = Path(folder) / "large.tif"
        write_repeated(path, image, 3 * side, 3 * side, seed)
        picture = tifffile.imread(path)
    for top in range(0, 2 * side, side):
        for left in range(0, 3 * side, side):
            start = time.perf_counter()
            segmenter.segment(picture[top : top + side, left : left + side], scale="whole")
            took.append(time.perf_counter() - start)
    return took[1:]


def measure(kind: str, side: int, device: str) -> dict[str, Any]:
    """Segment a picture in tiles; of a dense one also tell what a tile takes by itself, before and after it."""
    segmenter, image = segmenter_with_reference(device)
    alone = single_tiles(segmenter, image, 1) if kind == "dense" else []
    found = in_tiles(segmenter, image, kind, side)
    if kind == "dense":
        found["one"] = statistics.median([*alone, *single_tiles(segmenter, image, 2)])
    return found


def in_tiles(segmenter: Any, image: np.ndarray, kind: str, side: int) -> dict[str, Any]:
    from napari_gfsam.io.by_part import write_label_source
    from napari_gfsam.io.large import open_picture

    with tempfile.TemporaryDirectory(prefix="gfsam-large-") as folder:
        path = Path(folder) / "large.tif"
        write_repeated(path, image, side, side if kind == "dense" else CORNER)
        start = time.perf_counter()
        prediction = segmenter.segment(open_picture(path), scale=TILES[kind])
        write_label_source(Path(folder) / "labels.tif", prediction.label_source)
        prediction.record()
        seconds = time.perf_counter() - start
    answer = prediction.answer
    return {
        "side": side,
        "tiles": len(answer.scene.grid),
        "read": len(answer.tiles),
        "seconds": seconds,
        "reference": prediction.seconds["reference"],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
    }


def write_repeated(path: Path, rgb: np.ndarray, side: int, corner: int, seed: int = 0) -> None:
    """Write a (side, side, 3) uint8 TIFF of the repeated picture, row by row; noise beyond a corner.

    The noise is like the picture's ground; it makes every tile another one, for what was encoded once is known.
    """
    offset = tifffile.memmap(path, shape=(side, side, 3), dtype=np.uint8, photometric="rgb").offset
    middle, spread = np.median(rgb), np.ptp(np.quantile(rgb, (0.1, 0.5)))
    cells = np.tile(rgb, (1, -(-corner // rgb.shape[1]), 1))[:, :corner].astype(np.float32)
    rng = np.random.default_rng(seed)
    for top in range(0, side, BAND):
        places = np.arange(top, min(top + BAND, side))
        noise = spread * rng.standard_normal((len(places), side, 1), dtype=np.float32)
        rows = middle + noise.repeat(3, axis=2)
        if top < corner:
            rows[:, :corner] = cells[places % len(cells)] + noise[:, :corner] / 4
        # Mapped for every band anew: pages that were written would count as memory of the process.
        np.memmap(path, np.uint8, "r+", offset, (side, side, 3))[places] = rows.clip(0, 255)


def write_page(found: dict[str, Any]) -> None:
    """Put table and plots between the marks of the page, before its tables of machines where there are none."""
    lines = ["| picture | side, pixels | tiles | of them read | seconds | peak memory, MB |", "|---" * 6 + "|"]
    for kind in TILES:
        for row in found[kind]:
            cells = (kind, row["side"], row["tiles"], row["read"], f"{row['seconds']:.0f}", f"{row['peak_mb']:.0f}")
            lines.append(f"| {' | '.join(map(str, cells))} |")
    head = (
        "## Large pictures\n\n`python benchmarks/large.py`: uncompressed TIFF read in parts, labels written in parts; "
        f"dense pictures are repeated cells in tiles of {TILES['dense']} pixels, sparse ones have cells in one corner, "
        f"in tiles of {TILES['sparse']}, and noise like their ground elsewhere."
    )
    text = "\n\n".join([BEGIN, head, "\n".join(lines), time_words(found), memory_words(found), END])
    page_path = DOCS / "performance.md"
    page = page_path.read_text()
    if BEGIN in page:
        page = page[: page.index(BEGIN)] + text + page[page.index(END) + len(END) :]
    else:
        page = page.rstrip() + "\n\n" + text + "\n"
    page_path.write_text(page)


def time_words(found: dict[str, Any]) -> str:
    """Say how the time compares with that of single tiles, and draw it."""
    rows = found["dense"]
    ratios = [(row["seconds"] - row["reference"]) / (row["tiles"] * row["one"]) for row in rows]
    tiles = [row["tiles"] for row in rows]
    bound = [row["reference"] + FACTOR * row["tiles"] * row["one"] for row in rows]
    measured = Series("measured", tiles, [row["seconds"] for row in rows])
    write_plot(
        DOCS / "images" / "large_time.svg", ("tiles", "seconds"), [measured, Series("1.1 x tiles x one", tiles, bound)]
    )
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    one = statistics.median(row["one"] for row in rows)
    return (
        f"Time: one picture of a tile's size takes {one:.2f} s (the median of ten, half before and half after each "
        f"dense picture); beside the references ({rows[0]['reference']:.1f} s) a dense picture takes {each} of "
        "tiles x one.\n\n![Seconds over tiles](images/large_time.svg)"
    )


def memory_words(found: dict[str, Any]) -> str:
    """Say how the memory grows and what the largest picture takes, and draw it."""
    rows = found["sparse"]
    pixels, peaks = [row["side"] ** 2 / 1e6 for row in rows], [row["peak_mb"] for row in rows]
    slope, start = np.polyfit(pixels, peaks, 1)
    wanted = WANTED_SIDE**2 / 1e6
    there = start + slope * wanted
    line = Series("fitted", [0, wanted], [float(start), float(there)])
    path = DOCS / "images" / "large_memory.svg"
    write_plot(path, ("megapixels", "peak memory, MB"), [Series("measured", pixels, peaks), line])
    at_most = peaks[-1] if rows[-1]["side"] >= WANTED_SIDE else there
    return (
        f"Memory: {start:.0f} MB + {slope:.2f} MB a megapixel; {'measured' if at_most != there else 'by that line'}, "
        f"{at_most:.0f} MB at {WANTED_SIDE} x {WANTED_SIDE} ({'below' if at_most < WANTED_MB else 'above'} "
        f"{WANTED_MB} MB).\n\n![Peak memory over megapixels](images/large_memory.svg)"
    )


if __name__ == "__main__":
    main()
