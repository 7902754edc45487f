"""``napari-gfsam demo``: the main job on the sample pictures with the bundled models."""

# typer reads these annotations when the command is registered, so they are not postponed.
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from napari_gfsam.cli.commands import EXPECTED, Stopped
from napari_gfsam.cli.console import complain, say, sentence, table
from napari_gfsam.cli.errors import FAILED, OK
from napari_gfsam.cli.inputs import settings_of
from napari_gfsam.cli.predicting import predict
from napari_gfsam.cli.progress import TargetsProgress
from napari_gfsam.datasets.outputs import drawing_of, output_paths, prepare_folder, write_outputs
from napari_gfsam.datasets.pictures import Painting, add_painting, read_picture_file
from napari_gfsam.datasets.threads import use_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.api import Segmenter
    from napari_gfsam.samples import Sample, SamplePair

EXAMPLES = """
napari-gfsam demo
napari-gfsam demo -o somewhere --preset published
"""
COLUMNS = ("reference", "target", "seconds", "prompts", "clusters", "score", "IoU")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """Options of ``demo``."""

    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder for all that is written.")
    ] = Path("demo-output")
    preset: Annotated[str, typer.Option(metavar="PRESET", help="Settings: tuned or published.")] = "tuned"
    setting: Annotated[
        list[str], typer.Option("--set", metavar="NAME=VALUE", help="Change one setting: name=value; repeatable.")
    ] = field(default_factory=list)
    threads: Annotated[int | None, typer.Option(min=1, metavar="N", help="CPU threads; all by default.")] = None


@dataclass(frozen=True, slots=True, eq=False)
class DemoRun:
    """What holds for the whole demonstration."""

    segmenter: "Segmenter"
    folder: Path
    progress: TargetsProgress

    @property
    def inputs(self) -> Path:
        """Where the samples themselves are written, so that the records name files."""
        return self.folder / "inputs"


def demo(options: DemoOptions) -> int:
    """Segment the sample pictures with the bundled models and compare with their truth.

    Writes the samples themselves (inputs/), label images, overlays with the outline of the truth, and run records.
    """
    from napari_gfsam.api import Segmenter
    from napari_gfsam.samples import sample_pairs

    settings = settings_of(options.preset, options.setting)
    prepare_folder(options.output)
    use_threads(options.threads)
    pairs = sample_pairs()
    rows: list[tuple[str, ...]] = []
    failures: list[str] = []
    try:
        with TargetsProgress(sum(len(pair.targets) for pair in pairs)) as progress:
            run = DemoRun(Segmenter(settings=settings), options.output, progress)
            for pair in pairs:
                _do_pair(run, pair, rows, failures)
    except KeyboardInterrupt as error:
        raise Stopped(f"Stopped; what is done stays in {options.output}.") from error
    table("The main job on the samples, bundled models", COLUMNS, rows, left=2)
    for failure in failures:
        complain(failure)
    say(f"Label images, overlays (white: the truth) and run records are in {options.output}.")
    return FAILED if failures else OK


def _do_pair(run: DemoRun, pair: "SamplePair", rows: list[tuple[str, ...]], failures: list[str]) -> None:
    from napari_gfsam.core.types import ClassSpec
    from napari_gfsam.imaging import PixelRecipe
    from napari_gfsam.models import WeightsError

    run.segmenter.clear_references()
    image, labels = _write_sample(run.inputs, pair.reference)
    classes = tuple(ClassSpec(id_, name) for id_, name in pair.reference.class_names.items())
    add_painting(run.segmenter, Painting(image, labels, classes), PixelRecipe())
    for sample in pair.targets:
        run.progress.begin(sample.title)
        try:
            row = _do_target(run, sample)
        except WeightsError:  # it would be the same for every target
            raise
        except EXPECTED as error:
            failures.append(f"{sample.title}: {sentence(error)}")
            run.progress.done(f"[red]failed[/red]  {escape(sample.title)}")
            continue
        rows.append((pair.reference.title, *row))
        run.progress.done(f"[green]done[/green]  {escape(sample.title)}")


def _do_target(run: DemoRun, sample: "Sample") -> tuple[str, ...]:
    """Segment a sample, write its outputs and return its line of the table."""
    from napari_gfsam.imaging import PixelRecipe

    path, _ = _write_sample(run.inputs, sample)
    picture = read_picture_file(path, PixelRecipe())
    prediction = predict(run.segmenter, picture, run.progress, sample.title)
    drawing = drawing_of(picture, prediction, points=True, truth=sample.labels)
    record = prediction.record()
    write_outputs(output_paths(run.folder, sample.name, "tif", overlay=True), prediction.label_source, record, drawing)
    results = [result for result in record.results if result.id in sample.class_names]
    return (
        sample.title,
        f"{sum(prediction.seconds.values()):.2f}",
        str(sum(result.prompts for result in record.results)),
        str(sum(result.clusters for result in record.results)),
        _by_class(sample, {result.id: result.score for result in results}),
        _by_class(sample, overlaps(prediction.labels, sample)),
    )


def overlaps(labels: "NDArray[Any]", sample: "Sample") -> dict[int, float]:
    """Return the IoU of every class with the sample's truth; 1 where both are empty."""
    found: dict[int, float] = {}
    for class_id in sample.class_names:
        mine, true = labels == class_id, sample.labels == class_id
        union = int((mine | true).sum())
        found[class_id] = int((mine & true).sum()) / union if union else 1.0
    return found


def _write_sample(folder: Path, sample: "Sample") -> tuple[Path, Path]:
    from napari_gfsam.io.writers import write_labels, write_picture

    image, labels = folder / f"{sample.name}.tif", folder / f"{sample.name}_truth.tif"
    write_picture(image, sample.image)
    write_labels(labels, sample.labels)
    return image, labels


def _by_class(sample: "Sample", values: dict[int, float]) -> str:
    if len(values) == 1:
        return f"{next(iter(values.values())):.3f}"
    return ", ".join(f"{sample.class_names[id_]} {value:.3f}" for id_, value in values.items())
