"""How long the window stands still during a run: a 10 ms timer of the main thread, real window, models and samples.

    xvfb-run -a -s "-screen 0 1280x800x24" python benchmarks/event_loop.py [--rounds 3] [--pair coins]

Every round is a process of its own, since only the first run of a process imports torch and loads the models; then it
runs once more. A gap is the time between two ticks. Nothing is kept.
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
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from napari_gfsam import Segmenter
    from napari_gfsam.samples import SamplePair
    from napari_gfsam.session.store import PredictionStore

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
        return sum(gap for gap in self.gaps if gap > LONG) / self.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pair", default="coins", help="sample pair")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps([asdict(run) for run in one_round(options.pair)]))
        return
    command = [sys.executable, __file__, "--child", "--pair", options.pair]
    rounds = [
        [Standstill(**run) for run in json.loads(subprocess.check_output(command).splitlines()[-1])]
        for _ in range(options.rounds)
    ]
    report(rounds, options)


def one_round(pair_name: str) -> list[Standstill]:
    """Open a window with a sample and run twice in it: the first run loads the models, the second finds them there."""
    import napari

    from napari_gfsam import Segmenter
    from napari_gfsam.samples import load_pair

    pair = load_pair(pair_name)
    viewer = napari.Viewer()
    viewer.add_image(pair.reference.image)
    viewer.add_labels(pair.reference.labels)
    for target in pair.targets:
        viewer.add_image(target.image, visible=False)
    segmenter, found = Segmenter(), []
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(segmenter, Path(folder))
        for _ in range(2):
            found.append(one_run(segmenter, pair, store))
            segmenter.backend.forget()
    viewer.close()
    return found


def one_run(segmenter: Segmenter, pair: SamplePair, store: PredictionStore) -> Standstill:
    """Run on all targets of a pair and watch a timer meanwhile."""
    from qtpy.QtCore import QEventLoop, Qt, QTimer

    from napari_gfsam.controller.runs import run_targets
    from napari_gfsam.workers import ActivityBar, JobRunner

    found, stage, loop = Standstill(), ["load"], QEventLoop()
    runner = JobRunner()
    bar = ActivityBar("GF-SAM", runner.cancel)
    last = [0.0]

    def tick() -> None:
        now = time.perf_counter()
        gap, last[0] = now - last[0], now
        found.gaps.append(gap)
        if gap > LONG:
            found.during.append((stage[0], gap))

    def show(event: Any) -> None:
        stage[0] = getattr(event, "stage", stage[0])
        bar.show(getattr(event, "fraction", 0.0), getattr(event, "text", ""))

    runner.reported.connect(show)
    runner.running_changed.connect(lambda running: None if running else loop.quit())
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    QTimer.singleShot(1000, loop.quit)
    loop.exec()  # let the new window come to rest
    timer.start(round(1000 * TICK))
    start = last[0] = time.perf_counter()
    runner.start(run_targets(segmenter, *inputs(pair), store))
    loop.exec()
    found.seconds = time.perf_counter() - start
    timer.stop()
    bar.close()
    return found


def inputs(pair: SamplePair) -> tuple[Any, Any]:
    """Return a pair as what a run takes."""
    from napari_gfsam.controller.run_types import ReferenceInput
    from napari_gfsam.core.types import ClassSpec
    from napari_gfsam.session.types import PlaneKey

    classes = tuple(ClassSpec(id_, name) for id_, name in pair.reference.class_names.items())
    reference = SampleSource(pair.reference)
    painted = ReferenceInput(reference, PlaneKey(reference.id), pair.reference.labels, classes, "reference")
    targets = [SampleSource(target) for target in pair.targets]
    return [painted], [(PlaneKey(source.id), source) for source in targets]


class SampleSource:
    """A sample as a `PictureSource`."""

    def __init__(self, sample: Any) -> None:
        from napari_gfsam.imaging import PixelRecipe

        self.id = self.name = sample.name
        self.recipe = PixelRecipe()
        self.shape = sample.labels.shape
        self._image = sample.image

    def read(self, plane: Any) -> Any:
        return self._image


def make_store(segmenter: Segmenter, folder: Path) -> PredictionStore:
    from napari_gfsam.api.archive import Archive
    from napari_gfsam.session.store import PredictionStore

    return PredictionStore(lambda: folder, Archive(lambda models: segmenter.backend))


def report(rounds: list[list[Standstill]], options: argparse.Namespace) -> None:
    console = Console()
    table = Table(title=f"{options.pair}, {options.rounds} rounds")
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
