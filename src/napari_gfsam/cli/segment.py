"""``napari-gfsam segment``: painted references and target pictures in, label images out."""

# typer reads these annotations when the command is registered, so they are not postponed.
from contextlib import closing
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from napari_gfsam.cli.choosing import ModelOptions, choice_of
from napari_gfsam.cli.commands import EXPECTED, Stopped
from napari_gfsam.cli.console import complain, say, sentence
from napari_gfsam.cli.errors import FAILED, OK, CommandError, UsageError
from napari_gfsam.cli.inputs import (
    Painting,
    ReadPicture,
    Region,
    add_painting,
    class_specs_of,
    pixels_of,
    read_picture_file,
    read_whole,
    recipe_of,
    region_of,
    scale_of,
    settings_of,
)
from napari_gfsam.cli.outputs import (
    OutputPaths,
    State,
    output_paths,
    output_state,
    prepare_folder,
    refuse_inputs,
    write_outputs,
)
from napari_gfsam.cli.predicting import drawing_of, summary
from napari_gfsam.cli.progress import TargetsProgress
from napari_gfsam.cli.targets import Target, find_pictures, name_targets
from napari_gfsam.cli.threads import use_threads

if TYPE_CHECKING:
    from napari_gfsam.api import Outcome, PixelSizes, Prediction, Segmenter
    from napari_gfsam.api import Target as Wanted
    from napari_gfsam.api.scale import Scale
    from napari_gfsam.api.tiles.prediction import TiledPrediction
    from napari_gfsam.imaging import PixelRecipe
    from napari_gfsam.io.records import RunRecord

EXAMPLES = """
napari-gfsam segment --reference ref.tif --labels ref_labels.tif targets/ -o out/
napari-gfsam segment --reference ref.png --labels ref.tif "plates/**/*.png" --classes 1=nucleus,2=debris -o out/
napari-gfsam segment --reference a.tif --labels a_l.tif --reference b.tif --labels b_l.tif *.tif --negative 2 -o out/
"""


class LabelFormat(StrEnum):
    """Kinds of label images."""

    TIF = "tif"
    PNG = "png"


class Intensity(StrEnum):
    """How values become brightness (`imaging.PixelRecipe`)."""

    AUTO = "auto"
    RANGE = "range"
    PERCENTILE = "percentile"
    DTYPE = "dtype"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentOptions(ModelOptions):
    """Options of ``segment``."""

    targets: Annotated[
        list[str], typer.Argument(metavar="TARGETS", help="Pictures, folders or quoted globs: TIFF, PNG, JPEG.")
    ]
    reference: Annotated[
        list[Path], typer.Option("--reference", metavar="FILE", help="A painted picture; repeat for several.")
    ]
    labels: Annotated[
        list[Path],
        typer.Option("--labels", metavar="FILE", help="Its label image (0 = unpainted), one for every --reference."),
    ]
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
        typer.Option(metavar="REF,TARGET", help="Side of a pixel in references and targets, where they differ."),
    ] = ""
    overlay: Annotated[bool, typer.Option(help="Write an overlay PNG for people.")] = True
    points: Annotated[bool, typer.Option(help="Draw the prompts on the overlay.")] = False
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that are there (never a picture that is read).")
    ] = False
    label_format: Annotated[LabelFormat, typer.Option("--format", help="Kind of label image.")] = LabelFormat.TIF
    threads: Annotated[int | None, typer.Option(min=1, metavar="N", help="CPU threads; all by default.")] = None


@dataclass(slots=True)
class Tally:
    """How many targets ended how, and the sentences about those that failed."""

    total: int
    done: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)

    def line(self, folder: Path) -> str:
        """Return the last line (rich markup)."""
        parts = [f"{self.done} done", f"{self.skipped} skipped"]
        if self.failures:
            parts.append(f"[red]{len(self.failures)} failed[/red]")
        return f"{', '.join(parts)}; outputs in {escape(str(folder))}"


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What holds for every target of one command."""

    segmenter: "Segmenter"
    recipe: "PixelRecipe"
    options: SegmentOptions
    inputs: tuple[Path, ...]
    scale: "Scale"
    pixels: "PixelSizes | None"

    def paths(self, target: Target) -> OutputPaths:
        """Return the outputs of a target."""
        options = self.options
        return output_paths(options.output, target.name, options.label_format.value, overlay=options.overlay)


def segment(options: SegmentOptions) -> int:
    """Label target pictures like painted reference pictures.

    Beside every label image lies a run record (JSON); targets whose outputs are there and whole are skipped, a bad
    file never stops the rest. Exit code 0: all done, 1: some failed, 2: wrong usage.
    """
    paintings = _paintings(options)
    settings, recipe = settings_of(options.preset, options.setting), recipe_of(options)
    choice, scale, pixels = choice_of(options), scale_of(options.tile), pixels_of(options.pixel_size)
    found = find_pictures(options.targets, leave_out=options.labels)
    if not found.paths:
        raise UsageError(" ".join(found.problems))
    prepare_folder(options.output)

    from napari_gfsam.api import Segmenter

    use_threads(options.threads)
    segmenter = Segmenter(choice, settings=settings)
    for painting in paintings:
        add_painting(segmenter, painting, recipe)
    inputs = (*found.paths, *options.reference, *options.labels)
    job = Job(segmenter, recipe, options, inputs, scale, pixels)
    tally = Tally(total=len(found.paths) + len(found.problems), failures=list(found.problems))
    _run_all(job, name_targets(found.paths), tally)
    return FAILED if tally.failures else OK


def _paintings(options: SegmentOptions) -> list[Painting]:
    """Pair references with their labels and say what the words tell about them."""
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
    return [
        Painting(image, labels, classes, options.ignore, region)
        for image, labels, region in zip(options.reference, options.labels, spread, strict=True)
    ]


def _run_all(job: Job, targets: tuple[Target, ...], tally: Tally) -> None:
    folder = job.options.output
    try:
        with TargetsProgress(len(targets)) as progress:
            _run_through(job, targets, tally, progress)
    except KeyboardInterrupt as error:
        ended = tally.done + tally.skipped
        raise Stopped(
            f"Stopped after {ended} of {tally.total} targets; what is done stays in {folder}, "
            "and the same command goes on from there."
        ) from error
    finally:
        for failure in tally.failures:
            complain(failure)
    if tally.done:
        say(f"Models worked on: {escape(job.segmenter.backend.device.reason)}.")
    say(tally.line(folder))


def _run_through(job: Job, targets: tuple[Target, ...], tally: Tally, progress: TargetsProgress) -> None:
    """Do all targets; while one is written the next ones are read and segmented."""
    read: dict[int, ReadPicture] = {}
    outcomes = job.segmenter.segment_many(
        (partial(_read, job, target, number, read) for number, target in enumerate(targets)),
        watch=lambda number, event: progress.show(targets[number].path.name, event),
    )
    with closing(outcomes):
        for outcome in outcomes:
            progress.done(_finish(job, targets[outcome.number], outcome, read, tally))


def _read(job: Job, target: Target, number: int, read: dict[int, ReadPicture]) -> "Wanted | None":
    """Read a target and keep it for its overlay; ``None`` when its outputs are there."""
    from napari_gfsam.api import Target as Wanted

    paths = job.paths(target)
    refuse_inputs(paths, job.inputs)
    picture = read_picture_file(target.path, job.recipe)
    if not job.options.overwrite and _is_done(paths, picture, _wanted(job, picture)):
        return None
    read[number] = picture
    return Wanted(picture.pixels, picture.recipe, picture.record, job.scale, job.pixels)


def _finish(job: Job, target: Target, outcome: "Outcome", read: dict[int, ReadPicture], tally: Tally) -> str:
    """Write a target's outputs and return its line; what goes wrong with it stays with it."""
    name, picture = escape(target.path.name), read.pop(outcome.number, None)
    try:
        if outcome.error is not None:
            raise outcome.error
        if outcome.prediction is None or picture is None:
            tally.skipped += 1
            return f"[dim]skipped[/dim]  {name}: its outputs are there"
        _write(job, target, picture, outcome.prediction)
    except EXPECTED as error:
        text = sentence(error)
        tally.failures.append(text if str(target.path) in text else f"{target.path}: {text}")
        return f"[red]failed[/red]   {name}"
    tally.done += 1
    return f"[green]done[/green]     {name}: {escape(summary(outcome.prediction))}"


def _write(job: Job, target: Target, picture: ReadPicture, prediction: "Prediction | TiledPrediction") -> None:
    device = job.segmenter.backend.device
    record = replace(prediction.record(), environment={"device": device.name, "precision": device.precision})
    drawing = drawing_of(picture, prediction, points=job.options.points) if picture.in_memory else None
    write_outputs(job.paths(target), prediction.labels, record, drawing)


def _wanted(job: Job, picture: ReadPicture) -> "RunRecord":
    """Return the record of the run as far as it is known before."""
    from napari_gfsam import __version__
    from napari_gfsam.api.scale import tiling_record
    from napari_gfsam.io.records import RunRecord

    segmenter = job.segmenter
    return RunRecord(
        version=__version__,
        models=segmenter.backend.records,
        settings=segmenter.settings.as_dict(),
        references=tuple(reference.record for reference in segmenter.references),
        target=picture.record,
        recipe=picture.recipe.as_dict(),
        tiling=tiling_record(segmenter.tiling(picture.size_yx, job.scale, job.pixels)),
    )


def _is_done(paths: OutputPaths, picture: ReadPicture, wanted: "RunRecord") -> bool:
    """Tell whether the outputs are there; an overlay that alone is missing is drawn again.

    Raises
    ------
    CommandError
        If something else stands in their place.
    """
    state = output_state(paths, wanted)
    if state in (State.OTHER_RUN, State.NOT_OURS):
        raise CommandError(f"{paths.labels} was {state.value}; --overwrite replaces it.")
    if state is State.DONE and paths.overlay is not None and not paths.overlay.exists():
        _draw_again(paths, picture)
    return state is State.DONE


def _draw_again(paths: OutputPaths, picture: ReadPicture) -> None:
    from napari_gfsam.imaging import to_rgb
    from napari_gfsam.io.readers import read_labels
    from napari_gfsam.io.writers import write_overlay

    if paths.overlay is not None and picture.in_memory:
        write_overlay(paths.overlay, to_rgb(read_whole(picture), picture.recipe), read_labels(paths.labels))
