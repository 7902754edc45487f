"""The jobs people do, ours against the official code on the same weights in one process.

    python benchmarks/workloads.py --official PATH [--model paper] [--device cuda] [--targets 50] [--runs 3]

Every job starts with loaded models and, unless it says otherwise, without anything kept. `--json FILE` writes the
figures for benchmarks/performance.py. Without `--official` only our own seconds are shown.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console
from rich.table import Table

import after_masks
from clock import Rounds, default_device, device_title, wait_for
from napari_gfsam.api import ModelChoice, Segmenter, Target
from napari_gfsam.core.config import PUBLISHED
from napari_gfsam.imaging import to_model_input, to_rgb
from pairs import weights_for
from scenes import KINDS, Scene, scene

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from napari_gfsam.api import Prediction
    from official import Official

ONE, AFTER, FIVE, CLASSES = "1 reference x 1 target", "stages after the masks", "5 references", "5 classes"
EDITED, MORE, MEMORY = "re-run after an edited reference, target kept", "one more reference", "peak memory"
STEADY = "a target in steady state"
# The class of the jobs with one class: fields, which take all 128 prompts as most pictures do.
KIND = 3


@dataclass(frozen=True)
class Figure:
    """What one job took.

    Parameters
    ----------
    job
        Its name.
    unit
        Of `ours` and `official`: ``s``, ``ms``, ``GiB``, ``% of a run``.
    ours, official, narrow
        Medians; the official code in float32, and with TF32 and bfloat16 autocast.
    ratio, narrow_ratio
        Official to ours, median of the rounds' ratios.
    note
        What else is to be known.
    """

    job: str
    unit: str
    ours: float
    official: float | None = None
    narrow: float | None = None
    ratio: float | None = None
    narrow_ratio: float | None = None
    note: str = ""


class Desk:
    """Scenes, our segmenter and the official code."""

    def __init__(self, options: argparse.Namespace, choice: ModelChoice) -> None:
        self.options, self.choice, self.device = options, choice, options.device
        self.segmenter = Segmenter(choice, settings=PUBLISHED)
        self.segmenter.backend.load()
        self.references = [scene(seed) for seed in range(5)]
        self.targets = [scene(100 + seed) for seed in range(options.targets)]
        self.rivals: dict[str, Official] = {}
        if options.official:
            from official import Official

            self.rivals["official"] = Official(options.official, choice, device=self.device)
            if torch.device(self.device).type == "cuda":
                self.rivals["narrow"] = Official(options.official, choice, device=self.device, narrow=True)

    def forget(self) -> None:
        self.segmenter.backend.forget()

    def show(self, references: Sequence[Scene], kinds: Sequence[int] = (KIND,)) -> None:
        """Give our segmenter these references, nothing else painted than these kinds."""
        self.segmenter.clear_references()
        for reference in references:
            self.segmenter.add_reference(reference.image, only(reference, kinds))

    def ours(self, targets: Sequence[Scene]) -> list[Prediction | None]:
        shown = (Target(target.image, scale="whole") for target in targets)
        return [outcome.prediction for outcome in self.segmenter.segment_many(shown)]

    def theirs(
        self, rival: Official, references: Sequence[Scene], targets: Sequence[Scene], kinds: Sequence[int]
    ) -> list[np.ndarray]:
        """Run the official code, which knows one class at a time and keeps nothing."""
        from official import squash_mask

        made: list[np.ndarray] = []
        for target in targets:
            picture = to_model_input(to_rgb(target.image))
            for kind in kinds:
                painted = [(to_model_input(to_rgb(r.image)), squash_mask(r.labels == kind)) for r in references]
                made.append(rival.predict(painted, picture))
        return made


def only(reference: Scene, kinds: Sequence[int]) -> Any:
    labels = reference.labels.copy()
    labels[~torch.isin(torch.from_numpy(labels), torch.tensor(kinds, dtype=torch.uint8)).numpy()] = 0
    return labels


def compare(desk: Desk, job: str, runs: int, work: Callable[[], Any], before: Callable[[], Any], theirs: Any) -> Figure:
    """Time our work against what the official code does for the same answer."""
    rounds = Rounds(desk.device)
    rounds.add("ours", work, before)
    for name, rival in desk.rivals.items():
        rounds.add(name, lambda rival=rival: theirs(rival))
    rounds.run(runs, warm=runs > 1)
    found: dict[str, float] = {}
    for name in desk.rivals:
        found[name] = rounds.median(name)
        found["ratio" if name == "official" else "narrow_ratio"] = rounds.ratio(name, "ours")
    return Figure(job, "s", rounds.median("ours"), **found)


def one_by_one(desk: Desk) -> Figure:
    reference, target = desk.references[:1], desk.targets[:1]
    desk.show(reference)
    found = compare(
        desk,
        ONE,
        desk.options.runs,
        lambda: desk.ours(target),
        desk.forget,
        lambda rival: desk.theirs(rival, reference, target, (KIND,)),
    )
    (prediction,) = desk.ours(target)
    overlaps = []
    if prediction is not None and desk.rivals:
        mine, other = prediction.model_mask(KIND), desk.theirs(desk.rivals["official"], reference, target, (KIND,))[0]
        overlaps.append(f"IoU of the two answers {(mine & other).sum() / max((mine | other).sum(), 1):.4f}")
    result = prediction.record().results[0] if prediction is not None else None
    prompts = f"{result.prompts} prompts, {result.clusters} clusters" if result else "no answer"
    return replace(found, note="; ".join([prompts, *overlaps]))


def after_the_masks(desk: Desk) -> Figure:
    rival = desk.rivals.get("official")
    runs, channels = max(desk.options.runs, 3), desk.segmenter.backend.encoder.dim
    rounds, clusters, _ = after_masks.measure(rival.model if rival else None, desk.device, runs, channels)
    milliseconds = {name: 1000 * rounds.median(name) for name in rounds.seconds}
    ratio = rounds.ratio("official", "ours") if rival else None
    note = f"{after_masks.PROMPTS} prompts in {clusters} clusters"
    return Figure(AFTER, "ms", milliseconds["ours"], milliseconds.get("official"), None, ratio, note=note)


def five_references(desk: Desk) -> Figure:
    desk.show(desk.references)
    return compare(
        desk,
        f"{FIVE} x {len(desk.targets)} targets",
        desk.options.long_runs,
        lambda: desk.ours(desk.targets),
        desk.forget,
        lambda rival: desk.theirs(rival, desk.references, desk.targets, (KIND,)),
    )


def five_classes(desk: Desk) -> Figure:
    kinds = tuple(range(1, KINDS + 1))
    desk.show(desk.references[:1], kinds)
    return compare(
        desk,
        f"{CLASSES} x {len(desk.targets)} targets",
        desk.options.long_runs,
        lambda: desk.ours(desk.targets),
        desk.forget,
        lambda rival: desk.theirs(rival, desk.references[:1], desk.targets, kinds),
    )


def edited_reference(desk: Desk) -> Figure:
    """Paint the reference anew: half of the things were painted before, all of them are now."""
    reference, target = desk.references[0], desk.targets[:1]
    half = Scene(reference.image, reference.labels.copy())
    half.labels[:, reference.labels.shape[1] // 2 :] = 0

    def before() -> None:
        desk.forget()
        desk.show([half])
        desk.ours(target)
        desk.show([reference])

    return compare(
        desk,
        EDITED,
        desk.options.runs,
        lambda: desk.ours(target),
        before,
        lambda rival: desk.theirs(rival, [reference], target, (KIND,)),
    )


def one_more_reference(desk: Desk, run: float) -> Figure:
    """Add an encoded reference to a run on a target whose masks are kept; the same picture again: same prompts."""
    reference, target = desk.references[0], desk.targets[:1]
    rounds = Rounds(desk.device)
    for count in (1, 2):
        rounds.add(str(count), lambda: desk.ours(target), lambda count=count: desk.show([reference] * count))
    desk.forget()
    desk.show([reference])
    desk.ours(target)
    rounds.run(max(desk.options.runs, 3) * 5)
    pairs = zip(rounds.seconds["2"], rounds.seconds["1"], strict=True)
    added = statistics.median(two - one for two, one in pairs)
    note = f"{1000 * added:.1f} ms; the whole re-run on the kept target {1000 * rounds.median('2'):.0f} ms"
    return Figure(MORE, "% of a run", 100 * added / run, note=note)


def steady_state(desk: Desk) -> Figure:
    desk.show(desk.references[:1])
    rounds = Rounds(desk.device)
    rounds.add("ours", lambda: desk.ours(desk.targets), desk.forget)
    rounds.run(desk.options.long_runs)
    return Figure(STEADY, "ms", 1000 * rounds.median("ours") / len(desk.targets), note="read, encoded, decoded, merged")


def peak(options: argparse.Namespace, choice: ModelChoice, who: str) -> float:
    """Peak memory in GiB of one run of 1 x 1 by one contender alone."""
    options.targets = 1
    if who == "ours":
        options.official = None
    desk = Desk(options, choice) if who == "ours" else None
    wait_for(options.device)
    if desk is not None:
        desk.show(desk.references[:1])
        desk.ours(desk.targets)
    else:
        from official import Official, squash_mask

        rival = Official(options.official, choice, device=options.device, narrow=who == "narrow")
        reference, target = scene(0), scene(100)
        painted = [(to_model_input(to_rgb(reference.image)), squash_mask(reference.labels == KIND))]
        rival.predict(painted, to_model_input(to_rgb(target.image)))
    if torch.device(options.device).type == "cuda":
        return torch.cuda.max_memory_allocated(options.device) / 2**30
    return resident_peak() / 2**30


def resident_peak() -> int:
    """Bytes that this program had in memory at most."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage begins a child's figure with its parent's
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 2**10)


def memory(options: argparse.Namespace) -> Figure:
    """Each contender in a process of its own."""
    names = ["ours", *(["official"] if options.official else [])]
    if options.official and torch.device(options.device).type == "cuda":
        names.append("narrow")
    found = {}
    for name in names:
        command = [sys.executable, __file__, "--peak", name, "--model", options.model, "--device", options.device]
        command += ["--official", str(options.official)] if options.official else []
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[name] = float(done.stdout.split()[-1])
    ratio, narrow = (found[name] / found["ours"] if name in found else None for name in ("official", "narrow"))
    return Figure(MEMORY, "GiB", found["ours"], found.get("official"), found.get("narrow"), ratio, narrow)


def run_all(options: argparse.Namespace) -> dict[str, Any]:
    asked = ModelChoice(options.model, device=options.device, compiled=options.compile)
    with weights_for(asked) as (choice, weights):
        desk = Desk(options, choice)
        figures = [one_by_one(desk)]
        steps: list[Callable[[], Figure]] = [
            lambda: after_the_masks(desk),
            lambda: five_references(desk),
            lambda: five_classes(desk),
            lambda: edited_reference(desk),
            lambda: one_more_reference(desk, figures[0].ours),
            lambda: steady_state(desk),
            lambda: memory(options),
        ]
        for step in steps:
            figures.append(step())
            Console(stderr=True).print(figures[-1])
        device = desk.segmenter.backend.device
        specs = desk.segmenter.backend.choice.specs()
    return {
        "device": device_title(options.device),
        "reason": device.reason,
        "cpu": device.is_cpu,
        "model": options.model,
        "models": " + ".join(spec.title for spec in specs),
        "weights": weights,
        "torch": torch.__version__,
        "runs": options.runs,
        "figures": [asdict(figure) for figure in figures],
    }


def report(found: dict[str, Any]) -> None:
    table = Table("job", "ours", "official", "ratio", "with autocast", "ratio", "note", title=found["device"])
    for row in found["figures"]:
        figure = Figure(**row)
        cells = [figure.official, figure.ratio, figure.narrow, figure.narrow_ratio]
        shown = ["" if value is None else f"{value:.2f}" for value in cells]
        table.add_row(figure.job, f"{figure.ours:.2f} {figure.unit}", *shown, figure.note)
    Console().print(f"{found['models']}, {found['weights']}; {found['reason']}")
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=Path, help="checkout of the official GF-SAM repository")
    parser.add_argument("--model", default="bundled", help="preset or encoder+segmenter")
    parser.add_argument("--device", default=default_device())
    parser.add_argument("--targets", type=int, default=6)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--long-runs", type=int, default=1, help="rounds of the jobs with many targets")
    parser.add_argument("--compile", action="store_true", help="our encoders through torch.compile")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peak", choices=("ours", "official", "narrow"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        with weights_for(ModelChoice(options.model, device=options.device)) as (choice, _):
            sys.stdout.write(f"{peak(options, choice, options.peak)}\n")
        return
    found = run_all(options)
    report(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
