"""``napari-gfsam evaluate``: how well do painted references segment pictures whose truth is known."""

# typer reads these annotations when the command is registered, so they are not postponed.
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_gfsam.cli.choosing import ModelOptions, choice_of, name_of
from napari_gfsam.cli.commands import Stopped
from napari_gfsam.cli.console import complain, say, table
from napari_gfsam.cli.errors import FAILED, OK, UsageError
from napari_gfsam.cli.inputs import settings_of
from napari_gfsam.cli.progress import make_progress
from napari_gfsam.datasets.threads import use_threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_gfsam.api import ModelChoice
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.evaluation import EpisodeRow, EpisodeSet, SettingsSummary, Table

EXAMPLES = """
napari-gfsam evaluate my-set --shots 5 --preset published --preset tuned --csv my-set.csv
napari-gfsam evaluate my-set --set components=strong --set max_prompts=none
napari-gfsam evaluate datasets --benchmark coco --fold 0 --preset published
"""
#: Name of the figure that heads the columns of the summary.
HEADING = "settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateOptions(ModelOptions):
    """Options of ``evaluate``."""

    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Folder with images/ and masks/ (class ids, paired by stem), or the benchmarks' folder."
        ),
    ]
    shots: Annotated[int, typer.Option(min=1, metavar="N", help="References per episode.")] = 1
    episodes: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Episodes; 12 by default, as published for a benchmark.")
    ] = None
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed that the episodes are drawn with.")] = 0
    preset: Annotated[
        list[str], typer.Option(metavar="PRESET", help="Settings: tuned, published; repeat to compare.")
    ] = field(default_factory=list)
    setting: Annotated[
        list[str], typer.Option("--set", metavar="NAME=VALUE", help="Change one setting: name=value; repeatable.")
    ] = field(default_factory=list)
    absent: Annotated[bool, typer.Option("--absent", help="Ask about targets without the class too.")] = False
    csv: Annotated[
        Path | None,
        typer.Option(
            help="One line per episode; a run goes on where it stopped. By default evaluation-<DIR>.csv here."
        ),
    ] = None
    benchmark: Annotated[
        str, typer.Option(metavar="NAME", help="One of the paper's benchmarks, such as coco or fss.")
    ] = ""
    fold: Annotated[int, typer.Option(min=0, metavar="N", help="Fold of the benchmark.")] = 0
    splits: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Folder of a benchmark's split files.")] = None
    per_class: Annotated[bool, typer.Option(help="Show a table of classes for every settings.")] = True
    threads: Annotated[int | None, typer.Option(min=1, metavar="N", help="CPU threads; all by default.")] = None


def evaluate(options: EvaluateOptions) -> int:
    """Measure how well references segment other pictures of a set whose truth is known.

    Shows mIoU over classes and FB-IoU in the squashed frame of published figures and at native size, specificity on
    targets without the class, how well the confidence ranks the targets, and seconds. Exit code 1: some episodes
    could not be run.
    """
    from napari_gfsam.evaluation import read_rows, summarise, summary_table

    settings = named_settings(options.preset, options.setting)
    choice = choice_of(options)
    sets = _episode_sets(options)
    csv = options.csv or Path(f"evaluation-{options.directory.resolve().name}.csv")
    use_threads(options.threads)
    asked = _run(sets, settings, csv, choice)
    mine = {row.fingerprint for row in asked}
    summaries = summarise(row for row in read_rows(csv) if row.fingerprint in mine)
    _show_figures(summary_table(summaries))
    if options.per_class:
        _show_classes(summaries)
    failed = [row for row in asked if row.error]
    for row in failed:
        complain(f"episode {row.episode} ({row.target}, {row.settings}): {row.error}")
    say(f"{len(asked) - len(failed)} answers; every line is in {csv}")
    return FAILED if failed else OK


def named_settings(presets: list[str], changes: list[str]) -> dict[str, "GFSAMConfig"]:
    """Return settings by the name they have in the CSV: the preset and what is changed in it.

    Raises
    ------
    UsageError
        If a preset or a setting is unknown.
    """
    return {", ".join([name, *changes]): settings_of(name, changes) for name in presets or ["tuned"]}


def _episode_sets(options: EvaluateOptions) -> list["EpisodeSet"]:
    from napari_gfsam.evaluation import BENCHMARKS, benchmark_episodes, folder_episodes

    if options.benchmark:
        if options.absent:
            raise UsageError("--absent is for folders; the benchmarks have no targets without the class.")
        if options.benchmark not in BENCHMARKS:
            raise UsageError(f"There is no benchmark {options.benchmark!r}; use one of {', '.join(BENCHMARKS)}.")
        planned = benchmark_episodes(
            options.benchmark,
            options.directory,
            options.fold,
            options.shots,
            options.episodes,
            options.seed,
            splits=options.splits,
        )
        return [planned]
    count = options.episodes or 12
    present = folder_episodes(options.directory, options.shots, count, options.seed)
    if not options.absent:
        return [present]
    return [present, folder_episodes(options.directory, options.shots, count, options.seed, absent=True)]


def _run(
    sets: list["EpisodeSet"], settings: "Mapping[str, GFSAMConfig]", csv: Path, choice: "ModelChoice"
) -> list["EpisodeRow"]:
    from napari_gfsam.api import Segmenter
    from napari_gfsam.evaluation import evaluate as run_episodes

    segmenter, rows = Segmenter(choice), []
    model = name_of(segmenter.backend)
    total = sum(len(planned) for planned in sets) * len(settings)
    try:
        with make_progress() as bar:
            task = bar.add_task("episodes", total=total)
            for planned in sets:
                for row in run_episodes(planned, segmenter, settings, csv, model=model):
                    rows.append(row)
                    bar.advance(task)
    except KeyboardInterrupt as error:
        raise Stopped(f"Stopped after {len(rows)} of {total} answers; the same command goes on from {csv}.") from error
    return rows


def _show_figures(found: "Table") -> None:
    """Show the figures one below the other, a column for each settings, so that they fit any terminal."""
    by_name = dict(zip(found.header, zip(*found.rows, strict=True), strict=True))
    heading = by_name.pop(HEADING)
    table("", (HEADING, *heading), [(name, *cells) for name, cells in by_name.items()])


def _show_classes(summaries: "tuple[SettingsSummary, ...]") -> None:
    from napari_gfsam.evaluation import class_table

    for summary in summaries:
        if len(summary.classes) > 1:
            found = class_table(summary)
            table(f"{summary.data_set}, {summary.settings}, {summary.shots} shots", found.header, found.rows)
