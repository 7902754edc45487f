"""Time live correction in a real napari window: from a decision to the changed picture on the screen.

xvfb-run -a -s "-screen 0 1280x800x24" python benchmarks/correction.py
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from qtpy.QtWidgets import QApplication
from skimage.transform import resize

from napari_gfsam.core.types import Status
from napari_gfsam.samples import load_pair
from napari_gfsam.widgets.dock import Dock

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE = 1024


def wait(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def timed(step: Callable[[], Any]) -> float:
    """Milliseconds of a step with all drawing that it asked for."""
    start = time.perf_counter()
    step()
    QApplication.processEvents()
    return 1000 * (time.perf_counter() - start)


def open_window() -> tuple[Any, Any]:
    """Return a viewer with the nuclei at 1024 x 1024 and the dock, run."""
    pair = load_pair("nuclei")
    viewer = napari.Viewer(show=True)
    dock = Dock(viewer, Path(tempfile.mkdtemp()))
    viewer.window.add_dock_widget(dock, name="GF-SAM")
    shape = (SIDE, SIDE)
    for name, picture in (("reference", pair.reference), ("target", pair.targets[0]), ("other", pair.targets[1])):
        viewer.add_image(resize(picture.image, shape, preserve_range=True).astype(np.uint8), name=name)
        if name == "reference":
            viewer.add_labels(resize(picture.labels, shape, order=0, preserve_range=True).astype(np.uint8))
            dock.desk.references.use(viewer.layers[-1])
    wait(0.5)
    return viewer, dock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    start = time.perf_counter()
    viewer, dock = open_window()
    desk = dock.desk
    run = time.perf_counter()
    dock.run.run_requested.emit()
    first = 0.0
    while desk.running.running:
        wait(0.02)
        if not first and desk.session.queue.current is not None:
            first = time.perf_counter() - run
    wait(1.0)
    found = desk.correcting.prediction.classes[1]
    kept = [place for place, status in enumerate(found.status) if status == Status.KEPT]
    cluster = (1, int(found.cluster[kept[0]]))
    steps: dict[str, Callable[[], Any]] = {
        "toggle a point": lambda: desk.correcting.toggle_point((1, kept[-1])),
        "toggle a cluster": lambda: desk.correcting.toggle_cluster(cluster),
        "add a point": lambda: desk.correcting.add_point(1, (500.0, 500.0), positive=True),
        "undo it": desk.correcting.undo,
        "next target": desk.review.next,
    }
    print(f"window and pictures {run - start:.1f} s, Run to first proposal {first:.1f} s, {SIDE} x {SIDE} pixels")
    for name, step in steps.items():
        times = []
        for _ in range(rounds):
            times.append(timed(step))
            wait(0.15)
        print(f"{name:18s} median {statistics.median(times):6.1f} ms   longest {max(times):6.1f} ms")
    plane = desk.session.queue.current
    times = []
    for _ in range(rounds):
        desk.review.go_to(plane)
        times.append(timed(lambda: desk.review.accept(stay=True)))
        desk.correcting.undo()
        wait(0.15)
    print(f"{'accept':18s} median {statistics.median(times):6.1f} ms   longest {max(times):6.1f} ms")
    viewer.close()


if __name__ == "__main__":
    main()
