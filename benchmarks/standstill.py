"""How long the window stands still while many planes are accepted and while earlier work is gone on with.

    xvfb-run -a -s "-screen 0 1280x800x24" python benchmarks/standstill.py [--planes 300] [--side 512]

A 10 ms timer of the main thread in a real window with the dock; a gap is the time between two ticks. The work is made
in one process and gone on with in another; nothing is kept.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_gfsam.controller.desk import Desk

TICK = 0.010
LONG = 0.050
SAMPLE = "cells_over_time"
console = Console()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--planes", type=int, default=300)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--part", choices=("accept", "work", "go_on"), help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        globals()[options.part](options)
        return
    with tempfile.TemporaryDirectory() as folder:
        for part in ("accept", "work", "go_on"):
            size = ["--planes", str(options.planes), "--side", str(options.side)]
            root = str(Path(folder) / ("stack" if part == "accept" else "sample"))
            subprocess.run([sys.executable, __file__, "--part", part, "--root", root, *size], check=True)


@contextmanager
def window(root: Path) -> Iterator[tuple[Any, Desk]]:
    import napari

    from napari_gfsam.widgets.dock import Dock

    viewer = napari.Viewer()
    dock = Dock(viewer, root)
    viewer.window.add_dock_widget(dock)
    rest(1.0)
    yield viewer, dock.desk
    viewer.close()
    rest(0.5)


def rest(seconds: float) -> None:
    """Let the event loop run."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


def watched(title: str, start: Callable[[], object], done: Callable[[], bool]) -> None:
    """Start something and report the gaps between ticks until it is done."""
    from qtpy.QtCore import QEventLoop, Qt, QTimer

    gaps, loop, last = [], QEventLoop(), [0.0]

    def tick() -> None:
        now = time.perf_counter()
        gaps.append(now - last[0])
        last[0] = now
        if done():
            loop.quit()

    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    timer.start(round(1000 * TICK))
    begun = last[0] = time.perf_counter()
    start()
    loop.exec()
    timer.stop()
    long = [gap for gap in gaps if gap > LONG]
    console.print(
        f"{title}: {time.perf_counter() - begun:.2f} s, longest gap {1000 * max(gaps):.0f} ms, "
        f"{len(long)} gaps over 50 ms ({sum(long):.2f} s)"
    )


def accept(options: argparse.Namespace) -> None:
    """Accept proposals of a stack, undo that, and do it again."""
    from napari_gfsam.session.types import Target, TargetState

    with window(options.root) as (viewer, desk):
        rng = np.random.default_rng(0)
        viewer.add_image(rng.integers(0, 255, (options.planes, options.side, options.side), dtype=np.uint8))
        source = desk.pictures.source_over(viewer.layers[0])
        planes = [desk.targets.shown(viewer.layers[0])]
        planes = [type(planes[0])(source.id, (place, -1, -1), (1, 2)) for place in range(options.planes)]
        labels = np.kron(rng.integers(0, 2, (16, 16)), np.ones((options.side // 16,) * 2)).astype(np.uint8)
        for plane in planes:
            desk.sheets.show_answer(plane, np.roll(labels, plane.index[0], axis=0))
        desk.session.queue.put(Target(plane, source.title(plane), TargetState.PROPOSED, 0.9) for plane in planes)
        desk.review.go_to(planes[0])
        rest(1.0)
        accepted = lambda count: lambda: desk.session.queue.counts()[TargetState.ACCEPTED] == count  # noqa: E731
        name = f"{options.planes} planes of {options.side} x {options.side}"
        watched(f"accept {name}", lambda: desk.review.accept_above(0.5), accepted(options.planes))
        rest(3.0)
        watched(f"undo {name}", desk.correcting.undo, accepted(0))
        rest(1.0)
        watched(f"redo {name}", desk.correcting.redo, accepted(options.planes))


def work(options: argparse.Namespace) -> None:
    """Paint, run and accept some of the sample stack."""
    from napari_gfsam.session.types import TargetState

    with window(options.root) as (viewer, desk):
        viewer.open_sample("napari-gfsam", SAMPLE)
        truth = next(layer for layer in viewer.layers if hasattr(layer, "selected_label"))
        viewer.dims.set_point(0, 0)
        desk.references.new(desk.image())
        paint = viewer.layers.selection.active
        paint.data[0] = truth.data[0]
        desk.references.refresh()
        source = desk.pictures.source_over(desk.image())
        shown = desk.targets.shown(desk.image())
        planes = [type(shown)(source.id, (place, -1, -1), (1, 2)) for place in range(source.shape[0])]
        desk.running.start(desk.references.inputs(), planes)
        while desk.running.running:
            rest(0.2)
        for plane in planes[:4]:
            desk.review.go_to(plane)
            desk.review.accept(stay=True)
        desk.saving.save(wait=True)
        console.print(f"work: {desk.session.queue.counts()[TargetState.PROPOSED]} proposals, 4 accepted")


def go_on(options: argparse.Namespace) -> None:
    """Go on with it in a new window."""
    with window(options.root) as (_, desk):
        done: list[tuple[str, ...]] = []
        desk.saving.brought_back.connect(done.append)
        offered = desk.saving.offer()
        if offered is None:
            raise SystemExit("There is no earlier work to go on with.")
        watched(f"go on with {SAMPLE}", lambda: desk.saving.bring_back(offered.folder), lambda: bool(done))
        console.print(*[sentence for lost in done for sentence in lost])


if __name__ == "__main__":
    main()
