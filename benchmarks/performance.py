"""Measure everything and write the tables of docs/performance.md.

    python benchmarks/performance.py [--official PATH] [--models bundled paper] [--device cuda] [--targets 50]

Figures of this device are kept in benchmarks/results/ (one file a device and pair of models); the page shows all that
are there, so those of a GPU and of a CPU can be taken on different machines. `--only-write` measures nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- begin: benchmarks/performance.py -->", "<!-- end: benchmarks/performance.py -->"
#: By the beginning of a job's name: against float32 on a GPU must and aim, against autocast must, on a CPU must.
WANTED = {
    "1 reference x 1 target": ("5x", "12x compiled", "2x", "3x"),
    "stages after the masks": ("20x", "40x", "20x", "30x"),
    "5 references": ("10x", "16x", "4x", "3x"),
    "5 classes": ("25x", "40x", "8x", "5x"),
    "re-run after an edited reference": ("30x", "60x", "10x", "4x"),
    "peak memory": ("2.2x (0.45 of it)", "3.3x (0.30 of it)", "1.7x (0.6 of it)", "1.7x (0.6 of it)"),
    "one more reference": ("2 %", "0.5 %", "", "2 %"),
    "a target in steady state": ("25 ms", "12 to 17 ms", "", ""),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=Path, help="checkout of the official GF-SAM repository")
    parser.add_argument("--models", nargs="+", default=["bundled"], help="presets or pairs encoder+segmenter")
    parser.add_argument("--device", default="", help="by default the one that the program would choose")
    parser.add_argument("--targets", type=int, default=6)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--long-runs", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="our encoders through torch.compile")
    parser.add_argument("--only-write", action="store_true")
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    for model in [] if options.only_write else options.models:
        measure(model, options)
    write_page()


def measure(model: str, options: argparse.Namespace) -> None:
    """Run both benchmarks in processes of their own and keep what they found."""
    common = ["--model", model, "--runs", str(options.runs)]
    common += ["--device", options.device] if options.device else []
    common += ["--compile"] if options.compile else []
    jobs = [*common, "--targets", str(options.targets), "--long-runs", str(options.long_runs)]
    jobs += ["--official", str(options.official)] if options.official else []
    found = {**_child("modules.py", common), **_child("workloads.py", jobs)}
    name = re.sub(r"[^a-z0-9]+", "-", f"{found['device']} {model}{' compiled' * options.compile}".lower()).strip("-")
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")


def _child(script: str, words: list[str]) -> dict[str, Any]:
    path = RESULTS / f".{script}.json"
    subprocess.run([sys.executable, str(HERE / script), *words, "--json", str(path)], check=True)
    found: dict[str, Any] = json.loads(path.read_text())
    path.unlink()
    return found


def write_page() -> None:
    """Put the tables between the marks of the page, at its end where there are none."""
    results = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    text = "\n\n".join([BEGIN, *(section(found) for found in results), _missing(results), END])
    page = PAGE.read_text()
    if BEGIN in page:
        page = page[: page.index(BEGIN)] + text + page[page.index(END) + len(END) :]
    else:
        page = page.rstrip() + "\n\n" + text + "\n"
    PAGE.write_text(page)


def section(found: dict[str, Any]) -> str:
    """Return the tables of one device and pair of models."""
    compiled = ", compiled" if found.get("compiled") else ""
    how = (
        f"{found['reason']}{compiled}; {found['weights']}; PyTorch {found['torch']}. Medians of {found['runs']} "
        "rounds; ratios are taken round by round in one process."
    )
    return "\n\n".join(
        [
            f"## {found['models']} on {found['device']}",
            how,
            _jobs(found),
            _stages(found),
        ]
    )


def _jobs(found: dict[str, Any]) -> str:
    rows = [["job", "ours", "official", "ratio", "wanted", "note"]]
    if not found["cpu"]:
        rows[0][4:5] = ["must", "aim", "official, TF32 + autocast", "ratio", "must"]
    for figure in found["figures"]:
        wanted = next((w for name, w in WANTED.items() if figure["job"].startswith(name)), ("",) * 4)
        row = [figure["job"], f"{figure['ours']:.3g} {figure['unit']}"]
        row += [_number(figure["official"]), _times(figure["ratio"])]
        if found["cpu"]:
            row.append(wanted[3])
        else:
            row += [*wanted[:2], _number(figure["narrow"]), _times(figure["narrow_ratio"]), wanted[2]]
        rows.append([*row, figure["note"]])
    return _table(rows)


def _stages(found: dict[str, Any]) -> str:
    rows = [["stage", "ours, ms", "plain modules, ms", "ratio", "with autocast, ms", "ratio"]]
    for stage in found["stages"]:
        row = [stage["stage"], f"{stage['ours']:.1f}"]
        for kind in ("plain", "narrow"):
            row += [_number(stage[kind]), _times(stage[kind] / stage["ours"] if stage[kind] else None)]
        rows.append(row)
    return _table(rows)


def _missing(results: list[dict[str, Any]]) -> str:
    """Say which figures nobody has taken."""
    gpus = [found for found in results if not found["cpu"]]
    if any(found["model"] == "paper" for found in gpus):
        return ""
    return (
        "## Not measured\n\nNo accelerator was at hand: every GPU figure, those of the paper's models among them, is "
        "missing. `python benchmarks/performance.py --official PATH --models paper --targets 50` takes them."
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}x"


def _table(rows: list[list[str]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


if __name__ == "__main__":
    main()
