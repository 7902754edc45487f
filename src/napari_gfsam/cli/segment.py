"""``napari-gfsam segment``: painted references and target pictures in, label images out."""

# typer reads these annotations when the command is registered, so they are not postponed.
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from napari_gfsam.cli.choosing import choice_of
from napari_gfsam.cli.commands import Stopped
from napari_gfsam.cli.console import complain, say, table
from napari_gfsam.cli.errors import FAILED, OK, UsageError
from napari_gfsam.cli.inputs import (
    PaintOptions,
    class_specs_of,
    pixels_of,
    recipe_beside,
    recipe_of,
    region_of,
    scale_of,
    settings_of,
)
from napari_gfsam.cli.progress import TargetsProgress
from napari_gfsam.cli.stack_options import StackOptions, require_fitting
from napari_gfsam.cli.stacks import segment_stacks
from napari_gfsam.datasets import Cluster, Ended, Found, Painting, Plan, find_pictures, segment_files
from napari_gfsam.datasets.rows import describe

if TYPE_CHECKING:
    from napari_gfsam.datasets import Report, Row
    from napari_gfsam.datasets.pictures import Region

EXAMPLES = """
napari-gfsam segment --reference ref.tif --labels ref_labels.tif targets/ -o out/
napari-gfsam segment --reference ref.png --labels ref.tif "plates/**/*.png" --classes 1=nucleus,2=debris -o out/
napari-gfsam segment --reference movie.tif --labels paint.tif movie.tif --stack-axis 0 --link -o out/
napari-gfsam segment --pack nuclei.gfsampack targets/ -o out/
napari-gfsam segment --reference a.tif --labels a_l.tif --reference b.tif --labels b_l.tif *.tif --negative 2 -o out/
napari-gfsam segment --reference ref.tif --labels ref_labels.tif tiles/ -o out/ --workers 4
"""
CLUSTER = "Several machines"
#: Sentences about targets that failed; all of them are in the tables.
MOST_SENTENCES = 50


class LabelFormat(StrEnum):
    """Kinds of label images."""

    TIF = "tif"
    PNG = "png"
    ZARR = "zarr"


class Intensity(StrEnum):
    """How values become brightness (`imaging.PixelRecipe`)."""

    AUTO = "auto"
    RANGE = "range"
    PERCENTILE = "percentile"
    DTYPE = "dtype"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentOptions(StackOptions):
    """Options of ``segment``."""

    targets: Annotated[
        list[str], typer.Argument(metavar="TARGETS", help="Pictures, folders or quoted globs: TIFF, PNG, JPEG.")
    ]
    reference: Annotated[
        list[Path], typer.Option("--reference", metavar="FILE", help="A painted picture; repeat for several.")
    ] = field(default_factory=list)
    labels: Annotated[
        list[Path],
        typer.Option("--labels", metavar="FILE", help="Its label image (0 = unpainted), one for every --reference."),
    ] = field(default_factory=list)
    pack: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="An exemplar pack, beside --reference or in its place; repeat for several."),
    ] = field(default_factory=list)
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Folder for label images, overlays and run records."),
    ]
    classes: Annotated[str, typer.Option(metavar="ID=NAME,...", help="Class names: 1=nucleus,2=debris.")] = ""
    negative: Annotated[
        list[int], typer.Option(metavar="ID", help='Class id that means "not this"; repeat for several.')
    ] = field(default_factory=list)
    ignore: Annotated[
        int | None, typer.Option(metavar="ID", help="Label id that is neither object nor background.")
    ] = None
    region: Annotated[
        list[str],
        typer.Option(
            metavar="Y0,X0,Y1,X1", help="Only there is every object painted; once for all, or for every --reference."
        ),
    ] = field(default_factory=list)
    preset: Annotated[str, typer.Option(metavar="PRESET", help="Settings: tuned or published.")] = "tuned"
    setting: Annotated[
        list[str], typer.Option("--set", metavar="NAME=VALUE", help="Change one setting: name=value; repeatable.")
    ] = field(default_factory=list)
    intensity: Annotated[Intensity, typer.Option(help="How values become brightness.")] = Intensity.AUTO
    limits: Annotated[
        str, typer.Option(metavar="LOW,HIGH", help="Values for range, percent for percentile and auto.")
    ] = ""
    gamma: Annotated[float, typer.Option(help="Exponent on brightness.")] = 1.0
    channel_axis: Annotated[
        int | None, typer.Option(metavar="AXIS", help="Axis of channels in files with three axes.")
    ] = None
    tile: Annotated[
        str,
        typer.Option(metavar="auto|whole|N", help="Look at targets in tiles: where needed, never, of N pixels a side."),
    ] = "auto"
    pixel_size: Annotated[
        str,
        typer.Option(metavar="REF,TARGET", help="Side of a pixel in references and targets; else as files say it."),
    ] = ""
    overlay: Annotated[
        bool | None, typer.Option(help="Write an overlay PNG for people (done of pictures, not of stacks).")
    ] = None
    points: Annotated[bool, typer.Option(help="Draw the prompts on the overlay.")] = False
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that are there (never a picture that is read).")
    ] = False
    label_format: Annotated[LabelFormat, typer.Option("--format", help="Kind of label image.")] = LabelFormat.TIF
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="CPU threads of one worker; all cores shared by default.")
    ] = None
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes on this machine; several GPUs are shared out.")
    ] = 1
    scheduler: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address of a Dask scheduler whose workers do the work. Trusted networks or TLS only.",
            rich_help_panel=CLUSTER,
        ),
    ] = ""
    tls_ca: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, help="Certificate authority of a TLS cluster.", rich_help_panel=CLUSTER
        ),
    ] = None
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", exists=True, help="Own certificate.", rich_help_panel=CLUSTER)
    ] = None
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", exists=True, help="Its key.", rich_help_panel=CLUSTER)
    ] = None


@dataclass(slots=True)
class Tally:
    """How many targets ended how, and the sentences about those that failed."""

    total: int
    done: int = 0
    skipped: int = 0
    failed: int = 0
    sentences: list[str] = field(default_factory=list)

    def add(self, row: "Row") -> str:
        """Count a target and return its line (rich markup)."""
        name = escape(Path(row.file).name)
        if row.state is Ended.SKIPPED:
            self.skipped += 1
            return f"[dim]skipped[/dim]  {name}: its outputs are there"
        if row.state is Ended.DONE:
            self.done += 1
            return f"[green]done[/green]     {name}: {escape(describe(row))}"
        self.failed += 1
        if self.failed <= MOST_SENTENCES:
            self.sentences.append(row.error)
        return f"[red]failed[/red]   {name}"

    def line(self, folder: Path) -> str:
        """Return the last line (rich markup)."""
        parts = [f"{self.done} done", f"{self.skipped} skipped"]
        if self.failed:
            parts.append(f"[red]{self.failed} failed[/red]")
        return f"{', '.join(parts)}; outputs in {escape(str(folder))}"


def segment(options: SegmentOptions) -> int:
    """Label target pictures like painted reference pictures.

    Beside every label image lies a run record (JSON); targets whose outputs are there and whole are skipped, a bad
    file never stops the rest, and the same command goes on after any interruption. At the end summary.csv tells what
    became of each target, and review.csv the same with what most needs a look first. Exit code 0: all done, 1: some
    failed, 2: wrong usage.
    """
    require_fitting(options)
    if options.stack_axis is not None:
        return segment_stacks(options)
    plan = plan_of(options)
    cluster = _cluster_of(options)
    found = find_pictures(options.targets, leave_out=options.labels)
    if not found.paths:
        raise UsageError(" ".join(problem.sentence for problem in found.problems))
    return FAILED if _run(plan, found, options.workers, cluster) else OK


def plan_of(options: SegmentOptions) -> Plan:
    """Return what the words say is to be done with every target.

    Raises
    ------
    UsageError
        If they do not fit together.
    """
    references = paintings_of(options)
    if not references and not options.pack:
        raise UsageError("There is no reference; give --reference with --labels, or --pack.")
    return Plan(
        references=references,
        packs=tuple(options.pack),
        output=options.output,
        models=choice_of(options),
        settings=settings_of(options.preset, options.setting),
        recipe=recipe_beside(options.pack, recipe_of(options)),
        scale=scale_of(options.tile),
        pixel_sizes=pixels_of(options.pixel_size),
        label_format=options.label_format.value,
        overlay=options.overlay is not False,
        points=options.points,
        overwrite=options.overwrite,
        threads=options.threads,
    )


def paintings_of(options: PaintOptions) -> tuple[Painting, ...]:
    """Pair references with their labels and say what the words tell about them.

    Raises
    ------
    UsageError
        If there is not one label image a reference, or the words do not fit together.
    """
    if len(options.reference) != len(options.labels):
        raise UsageError(
            f"There are {len(options.reference)} --reference and {len(options.labels)} --labels; give one for each."
        )
    regions = [region_of(text) for text in options.region]
    if len(regions) not in (0, 1, len(options.reference)):
        raise UsageError(f"There are {len(regions)} --region; give one for all or one for every --reference.")
    classes = tuple(class_specs_of(options.classes, options.negative))
    spread: list[Region | None] = [*regions] * len(options.reference) if len(regions) < 2 else [*regions]
    spread = spread or [None] * len(options.reference)
    return tuple(
        Painting(image, labels, classes, options.ignore, region)
        for image, labels, region in zip(options.reference, options.labels, spread, strict=True)
    )


def _cluster_of(options: SegmentOptions) -> Cluster | None:
    certificates = (options.tls_ca, options.tls_cert, options.tls_key)
    if not options.scheduler:
        if any(certificates):
            raise UsageError("--tls-ca, --tls-cert and --tls-key go with --scheduler.")
        return None
    if options.workers > 1:
        raise UsageError("--workers starts processes here and --scheduler uses those of a cluster; give one of them.")
    return Cluster(options.scheduler, *certificates)


def _run(plan: Plan, found: Found, workers: int, cluster: Cluster | None) -> int:
    """Do all targets and return how many failed."""
    tally = Tally(total=len(found.paths) + len(found.problems))
    try:
        with TargetsProgress(tally.total) as progress:
            report = segment_files(
                plan,
                found,
                workers=workers,
                cluster=cluster,
                on_row=lambda row: progress.done(tally.add(row)),
                on_event=lambda path, event: progress.show(Path(path).name, event),
            )
    except KeyboardInterrupt as error:
        ended = tally.done + tally.skipped
        raise Stopped(
            f"Stopped after {ended} of {tally.total} targets; what is done stays in {plan.output}, "
            "and the same command goes on from there."
        ) from error
    finally:
        for sentence in tally.sentences:
            complain(sentence)
    _say_end(report, tally, plan.output)
    return tally.failed


def _say_end(report: "Report", tally: Tally, folder: Path) -> None:
    if tally.failed > len(tally.sentences):
        complain(f"{tally.failed - len(tally.sentences)} more failed; {report.review} tells why.")
    if report.devices:
        say(f"Models worked on: {escape('; '.join(report.devices))}.")
    if tally.total > 1:
        rows = [(Path(row.file).name, row.state.value, *_numbers(row)) for row in report.worst]
        table("What most needs a look", ("file", "state", "classes", "prompts", "score"), rows, left=3)
    say(tally.line(folder))
    say(f"All targets: {escape(report.summary.name)}; worst first: {escape(report.review.name)}")


def _numbers(row: "Row") -> tuple[str, str, str]:
    if row.state is Ended.FAILED:
        return "", "", ""
    return "; ".join(row.found), str(row.prompts), f"{row.score:.3f}"
