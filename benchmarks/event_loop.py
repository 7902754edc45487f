"""How long the window stands still during a run: a 10 ms timer of the main thread, the dock in a real window.

    xvfb-run -a -s "-screen 0 1280x800x24" python benchmarks/event_loop.py [--rounds 3] [--planes 24 | --bare]

Every round is a process of its own, since only the first run of a process loads the models and makes the layers; then
it runs once more. The first begins some seconds after there is a reference: a person paints meanwhile, and the dock
imports torch (`--rest 0` runs at once). A gap is the time between two ticks. Nothing is kept.

`--bare` is what napari alone needs: no dock and no run, layers like those of a first proposal of two pictures are put
in one by one. Such layers come in every first run, however short it is.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer
    from napari.layers import Labels

    from napari_gfsam.widgets.dock import Dock

TICK = 0.010
LONG = 0.050
LONGEST = 0.250
SHARE = 0.01


@dataclass
class Standstill:
    """A run, and the times between ticks in it.

    Parameters
    ----------
    seconds
        Of the run.
    gaps
        All of them, seconds.
    during
        Stage and length of those that are long.
    """

    seconds: float = 0.0
    gaps: list[float] = field(default_factory=list)
    during: list[tuple[str, float]] = field(default_factory=list)

    @property
    def longest(self) -> float:
        return max(self.gaps, default=0.0)

    @property
    def share(self) -> float:
        """Part of the run that passed in long gaps."""
        return self.still / self.seconds

    @property
    def still(self) -> float:
        """Seconds in long gaps."""
        return sum(gap for gap in self.gaps if gap > LONG)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pair", default="coins", help="sample pair")
    parser.add_argument("--planes", type=int, default=0, help="a stack of so many planes instead, the first painted")
    parser.add_argument("--bare", action="store_true", help="napari alone, with layers like those of a run")
    parser.add_argument("--rest", type=float, default=5.0, help="seconds from the reference to the first run")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        runs = [bare_round(options)] if options.bare else one_round(options)
        print(json.dumps([asdict(run) for run in runs]))
        return
    command = [sys.executable, __file__, "--child", "--pair", options.pair, "--planes", str(options.planes)]
    command += ["--rest", str(options.rest), *(["--bare"] if options.bare else [])]
    rounds = [
        [Standstill(**run) for run in json.loads(subprocess.check_output(command).splitlines()[-1])]
        for _ in range(options.rounds)
    ]
    report_bare(rounds) if options.bare else report(rounds, options)


def one_round(options: argparse.Namespace) -> list[Standstill]:
    """Open a window with a sample and run twice in it: the first run loads the models, the second finds them there."""
    import napari

    from napari_gfsam.widgets.dock import Dock

    viewer, found = napari.Viewer(), []
    with tempfile.TemporaryDirectory() as folder:
        dock = Dock(viewer, Path(folder))
        viewer.window.add_dock_widget(dock, name="GF-SAM")
        dock.desk.references.use(
            open_stack(viewer, options.planes) if options.planes else open_pair(viewer, options.pair)
        )
        rest(options.rest)
        for _ in range(2):
            found.append(one_run(dock))
            dock.desk.models.segmenter.backend.forget()
        viewer.close()
    return found


def bare_round(options: argparse.Namespace) -> Standstill:
    """Put layers like those of a first proposal into a window without our dock, each in turns of its own."""
    import napari
    import numpy as np

    viewer = napari.Viewer()
    open_pair(viewer, options.pair)
    rest(options.rest)
    size, points = viewer.layers[-1].data.shape[:2], np.full((64, 2), 50.0)

    def put_all() -> None:
        for name in ("proposal", "clusters", "second proposal"):
            viewer.add_labels(np.zeros(size, np.uint8), name=name)
            rest(0.1)
        viewer.add_points(points, name="prompts")

    found = watched(put_all, [""])
    viewer.close()
    return found


def open_pair(viewer: Viewer, name: str) -> Labels:
    """Open a sample pair; return its paint."""
    from napari_gfsam.samples import load_pair

    pair = load_pair(name)
    viewer.add_image(pair.reference.image, name="reference")
    paint = viewer.add_labels(pair.reference.labels, name="paint")
    for target in pair.targets:
        viewer.add_image(target.image, name=target.name)
    return paint


def open_stack(viewer: Viewer, planes: int) -> Labels:
    """Open a sample stack whose first plane is painted; return the paint."""
    import numpy as np

    from napari_gfsam.samples.stacks import synthetic_stack

    stack = synthetic_stack(planes=planes)
    labels = np.zeros(stack.image.shape, np.uint8)
    labels[0] = stack.labels[0] > 0
    viewer.add_image(stack.image, name="stack")
    viewer.dims.set_point(0, 0)
    return viewer.add_labels(labels, name="paint")


def one_run(dock: Dock) -> Standstill:
    """Run on all targets."""
    stage = ["start"]

    def run() -> None:
        dock.run.run_requested.emit()
        while dock.desk.running.running:
            rest(0.1)

    dock.desk.running.progressed.connect(lambda event: stage.__setitem__(0, event.stage))
    return watched(run, stage)


def watched(work: Callable[[], None], stage: list[str]) -> Standstill:
    """Watch a timer meanwhile, and a second longer: what came in is still being drawn."""
    from qtpy.QtCore import Qt, QTimer

    found, last = Standstill(), [0.0]

    def tick() -> None:
        now = time.perf_counter()
        gap, last[0] = now - last[0], now
        found.gaps.append(gap)
        if gap > LONG:
            found.during.append((stage[0], gap))

    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    rest(1)  # let the new window come to rest
    timer.start(round(1000 * TICK))
    start = last[0] = time.perf_counter()
    work()
    rest(1)
    found.seconds = time.perf_counter() - start
    timer.stop()
    return found


def rest(seconds: float) -> None:
    """Let the event loop turn."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


def report_bare(rounds: list[list[Standstill]]) -> None:
    for [found] in rounds:
        longest = f"longest {1000 * found.longest:.0f} ms"
        Console().print(f"napari alone: {1000 * found.still:.0f} ms in gaps over 50 ms, {longest}")


def report(rounds: list[list[Standstill]], options: argparse.Namespace) -> None:
    console = Console()
    table = Table(title=f"{f'{options.planes} planes' if options.planes else options.pair}, {options.rounds} rounds")
    for heading in ("run", "seconds", "median gap ms", "99 % ms", "longest ms", "in gaps over 50 ms"):
        table.add_column(heading, justify="left" if heading == "run" else "right")
    for name, runs in zip(("first", "later"), zip(*rounds, strict=True), strict=True):
        gaps = sorted(gap for run in runs for gap in run.gaps)
        table.add_row(
            name,
            f"{statistics.median(run.seconds for run in runs):.1f}",
            f"{1000 * statistics.median(gaps):.1f}",
            f"{1000 * gaps[int(0.99 * len(gaps))]:.1f}",
            f"{1000 * max(run.longest for run in runs):.0f}",
            ", ".join(f"{100 * run.share:.2f} %" for run in runs),
        )
    console.print(table)
    for number, runs in enumerate(rounds, 1):
        for name, run in zip(("first", "later"), runs, strict=True):
            words = ", ".join(f"{stage} {1000 * gap:.0f} ms" for stage, gap in run.during)
            if words:
                console.print(f"round {number}, {name} run, gaps over 50 ms: {words}")
    good = all(run.longest <= LONGEST and run.share <= SHARE for runs in rounds for run in runs)
    console.print("no gap over 250 ms, under 1 % in gaps over 50 ms: " + ("yes" if good else "no"))


if __name__ == "__main__":
    main()
