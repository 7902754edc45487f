"""A data set whose run is killed (kill -9) at random moments and gone on with, against one that nobody disturbed.

    python benchmarks/kill_resume.py [--files 200] [--kills 10] [--workers 2] [--prompts 4] [--seed 0] [--folder DIR]

Small synthetic pictures, the bundled models on the CPU. Told are the seconds of both, how many targets had been done at
each kill, and whether label files are the same to the byte and records the same but for their times.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from rich.console import Console

from napari_gfsam.io.records import read_record
from napari_gfsam.io.writers import write_labels, write_picture
from napari_gfsam.samples.cells import fluorescent_nuclei

SIZE = 160
PROGRAM = (sys.executable, "-m", "napari_gfsam", "segment")


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(options.folder or made)
        words = write_inputs(folder, options)
        console = Console(highlight=False)
        start = time.perf_counter()
        finish(words, folder / "whole")
        whole = time.perf_counter() - start
        console.print(f"undisturbed: {options.files} files in {whole:.0f} s")
        start, moments = time.perf_counter(), random.Random(options.seed)
        marks = sorted(moments.sample(range(options.files), options.kills))
        for mark in marks:
            done = kill_after(words, folder / "killed", mark, moments.random() * whole / options.files)
            console.print(f"killed when {done} were done")
        finish(words, folder / "killed")
        console.print(f"{options.kills} times killed: {time.perf_counter() - start:.0f} s")
        one, other = contents(folder / "whole"), contents(folder / "killed")
        console.print(f"label files the same to the byte: {one[0] == other[0]} ({len(one[0])})")
        console.print(f"records the same but for times: {one[1] == other[1]} ({len(one[1])})")


def write_inputs(folder: Path, options: argparse.Namespace) -> list[str]:
    """Write pictures and return the words of the command, without the output folder."""
    sample = fluorescent_nuclei("reference", "Reference", 0)
    write_picture(folder / "ref.tif", sample.image[:SIZE, :SIZE])
    write_labels(folder / "ref_labels.tif", sample.labels[:SIZE, :SIZE])
    for number in range(options.files):
        write_picture(
            folder / "in" / f"p{number}.tif", fluorescent_nuclei("target", "Target", number + 1).image[:SIZE, :SIZE]
        )
    painted = ["--reference", str(folder / "ref.tif"), "--labels", str(folder / "ref_labels.tif")]
    quick = ["--set", f"max_prompts={options.prompts}", "--threads", "1", "--workers", str(options.workers)]
    return [str(folder / "in"), *painted, *quick, "--device", "cpu", "--no-overlay"]


def finish(words: list[str], out: Path) -> None:
    """Run to the end."""
    subprocess.run([*PROGRAM, *words, "-o", str(out)], check=True, stdout=subprocess.DEVNULL)


def kill_after(words: list[str], out: Path, mark: int, seconds: float) -> int:
    """Run until so many targets are done and a moment longer, kill all processes, return how many are done."""
    process = subprocess.Popen([*PROGRAM, *words, "-o", str(out)], stdout=subprocess.DEVNULL)
    while len(list(out.glob("*_record.json"))) < mark and process.poll() is None:
        time.sleep(0.002)
    time.sleep(seconds)
    if process.poll() is None:
        parent = psutil.Process(process.pid)
        family = [parent, *parent.children(recursive=True)]  # the parent first: it would replace its workers
        for member in family:
            member.kill()
        process.wait()
        psutil.wait_procs(family)
    return len(list(out.glob("*_record.json")))


def contents(out: Path) -> tuple[dict[str, bytes], dict[str, object]]:
    """Return label files as bytes, and records without their times."""
    labels = {path.name: path.read_bytes() for path in out.glob("*_labels.tif")}
    records = {path.name: read_record(path).as_dict() | {"seconds": None} for path in out.glob("*_record.json")}
    return labels, records


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", help="Where to write; a temporary folder by default.")
    return parser.parse_args()


if __name__ == "__main__":
    main()
