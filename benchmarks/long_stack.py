"""What correcting a long stack holds in memory and on disk: predictions of 500 planes, each corrected once.

    python benchmarks/long_stack.py [--planes 500]

A few planes of a sample stack are segmented with the bundled models; their predictions stand for all planes.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from napari_gfsam import Segmenter, Status
from napari_gfsam.api.archive import Archive
from napari_gfsam.samples.stacks import synthetic_stack
from napari_gfsam.session.store import PredictionStore
from napari_gfsam.session.types import PlaneKey

DIFFERENT = 4


def resident() -> float:
    """MiB of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--planes", type=int, default=500)
    planes = [PlaneKey("stack", (number, -1, -1), (1, 2)) for number in range(parser.parse_args().planes)]
    stack = synthetic_stack()
    segmenter = Segmenter()
    segmenter.add_reference(stack.image[0], stack.labels[0])
    found = [segmenter.segment(stack.image[number]) for number in range(1, 1 + DIFFERENT)]
    segmenter.backend.forget()
    before = resident()
    with tempfile.TemporaryDirectory() as folder:
        store = PredictionStore(lambda: Path(folder), Archive(lambda models: segmenter.backend))
        begin = time.perf_counter()
        for number, plane in enumerate(planes):
            store.put(plane, found[number % DIFFERENT])
            store.take(plane)
        put = time.perf_counter() - begin
        begin = time.perf_counter()
        for plane in planes:
            known = store.get(plane)
            if known is not None:
                store.correct(plane, known.with_status(1, 0, Status.OFF_BY_HAND))
        store.flush()
        corrected = time.perf_counter() - begin
        print(f"{len(planes)} planes of {found[0].labels.shape[0]} x {found[0].labels.shape[1]} pixels")
        print(f"memory: {resident() - before:.0f} MiB more than with the models alone ({before:.0f} MiB)")
        print(f"highest in all: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:.0f} MiB")
        print(f"disk: {store.disk_bytes / 2**20:.0f} MiB, {store.disk_bytes / 2**20 / len(store):.1f} a plane")
        print(f"time a plane: kept {1000 * put / len(planes):.0f} ms, fetched and corrected", end=" ")
        print(f"{1000 * corrected / len(planes):.0f} ms")


if __name__ == "__main__":
    main()
