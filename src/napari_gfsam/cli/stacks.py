"""``napari-gfsam segment --stack-axis``: stacks in, one label stack each out, written plane by plane."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.markup import escape

from napari_gfsam.cli.choosing import choice_of
from napari_gfsam.cli.commands import EXPECTED, Stopped
from napari_gfsam.cli.console import complain, say, sentence
from napari_gfsam.cli.errors import FAILED, OK, UsageError
from napari_gfsam.cli.inputs import pixels_of, recipe_beside, recipe_of, region_of, scale_of, settings_of
from napari_gfsam.cli.progress import make_progress
from napari_gfsam.cli.stack_outputs import Left, clear, link_objects, stack_files, what_is_left
from napari_gfsam.cli.stack_paint import add_paint, classes_of, is_of, read_paint, require_plane
from napari_gfsam.datasets.outputs import Inputs, environment, prepare_folder, sweep
from napari_gfsam.datasets.pictures import absolute
from napari_gfsam.datasets.run import alone
from napari_gfsam.datasets.targets import Target, find_pictures, name_targets
from napari_gfsam.datasets.threads import use_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_gfsam.api import PlaneOutcome, Segmenter
    from napari_gfsam.api.scale import PixelSizes, Scale
    from napari_gfsam.cli.segment import SegmentOptions
    from napari_gfsam.cli.stack_outputs import StackFiles
    from napari_gfsam.cli.stack_paint import StackPaint
    from napari_gfsam.datasets import Found
    from napari_gfsam.imaging import PixelRecipe
    from napari_gfsam.io.records import ClassResult, InputRecord, ReferenceRecord, RunRecord
    from napari_gfsam.io.stacks import Stack, StackHash


@dataclass(frozen=True, slots=True, eq=False)
class StackJob:
    """What holds for every stack of one command."""

    segmenter: Segmenter
    recipe: PixelRecipe
    options: SegmentOptions
    paint: tuple[StackPaint, ...]
    inputs: Inputs
    scale: Scale
    pixels: PixelSizes | None

    def files(self, target: Target) -> StackFiles:
        """Return the outputs of a target."""
        return stack_files(self.options.output, target.name)


@dataclass(slots=True)
class _Sum:
    """What is known of a stack once all its planes are written."""

    hash: StackHash
    failed: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    results: dict[int, ClassResult] = field(default_factory=dict)

    def add(self, outcome: PlaneOutcome) -> None:
        """Count the answer of a plane."""
        if outcome.prediction is None:
            self.failed[outcome.plane] = sentence(outcome.error) if outcome.error else "it was not segmented"
            return
        self.seconds += sum(outcome.prediction.seconds.values())
        for one in outcome.prediction.record().results:
            known = self.results.get(one.id)
            self.results[one.id] = one if known is None else _added(known, one)


def segment_stacks(options: SegmentOptions) -> int:
    """Label stacks like their painted planes; exit codes as `segment`."""
    paint = tuple(read_paint(options))
    settings, choice = settings_of(options.preset, options.setting), choice_of(options)
    recipe = recipe_beside(options.pack, recipe_of(options))
    scale, pixels = scale_of(options.tile), pixels_of(options.pixel_size)
    found = find_pictures(options.targets, leave_out=options.labels)
    if not found.paths:
        raise UsageError(" ".join(problem.sentence for problem in found.problems))
    prepare_folder(options.output)

    from napari_gfsam.api import Segmenter

    use_threads(options.threads)
    segmenter = Segmenter(choice, settings=settings)
    inputs = Inputs((*found.paths, *options.reference, *options.labels, *options.pack))
    job = StackJob(segmenter, recipe, options, paint, inputs, scale, pixels)
    with alone(options.output):
        sweep(options.output)
        whole, failures = _do_all(job, found)
    for failure in failures:
        complain(failure)
    say(f"{whole} of {len(found.paths)} stacks; outputs in {escape(str(options.output))}")
    return FAILED if failures else OK


def _do_all(job: StackJob, found: Found) -> tuple[int, list[str]]:
    """Do every stack; return how many are done, and sentences about what failed."""
    failures, whole = [problem.sentence for problem in found.problems], 0
    for target in name_targets(found.paths):
        try:
            failures += _do(job, target)
            whole += 1
        except KeyboardInterrupt as error:
            folder = job.options.output
            raise Stopped(f"Stopped in {target.path.name}; stacks that are whole stay in {folder}.") from error
        except EXPECTED as error:
            text = sentence(error)
            failures.append(text if str(target.path) in text else f"{target.path}: {text}")
    return whole, failures


def _do(job: StackJob, target: Target) -> list[str]:
    """Segment a stack and write its outputs; return sentences about planes that failed."""
    from napari_gfsam.io.stacks import open_stack

    files, options = job.files(target), job.options
    job.inputs.refuse(files)
    with open_stack(target.path, options.stack_axis or 0) as stack:
        helper, planes = _served(job, target, stack)
        wanted = _wanted(job, target, stack, helper, planes)
        left = Left.ALL if options.overwrite else what_is_left(files, wanted, link=options.link)
        done = _write(job, target, stack, helper, planes, wanted) if left is Left.ALL else None
        count = len(stack)
    linked = f"{link_objects(files)} objects" if options.link and left is not Left.NOTHING else ""
    name = escape(target.path.name)
    if done is not None:
        say(f"[green]done[/green]     {name}: {count} planes, {done.seconds:.2f} s{linked and ', ' + linked}")
        return [f"{target.path}, plane {plane}: {text}" for plane, text in done.failed.items()]
    say(f"[green]linked[/green]   {name}: {linked}" if linked else f"[dim]skipped[/dim]  {name}: its outputs are there")
    return []


def _served(job: StackJob, target: Target, stack: Stack) -> tuple[Segmenter, dict[int, NDArray[Any]]]:
    """Return a segmenter with the references that serve every plane, and the painted planes of the stack itself."""
    helper = job.segmenter.sibling()
    for path in job.options.pack:
        helper.add_pack(path)
    own: dict[int, NDArray[Any]] = {}
    for paint in job.paint:
        if is_of(paint, target.path):
            for place, labels in (paint.planes or {}).items():
                require_plane(paint, place, len(stack))
                own[place] = labels
        else:
            add_paint(helper, paint, job.options, job.recipe)
    return helper, own


def _outcomes(
    job: StackJob, wanted: RunRecord, stack: Stack, helper: Segmenter, own: dict[int, NDArray[Any]]
) -> Iterator[PlaneOutcome]:
    from napari_gfsam.api import Painting, StackPlan, segment_stack

    options = job.options
    region = region_of(options.region[0]) if options.region else None
    plan = StackPlan(stack.axis, each_side=options.each_side, smooth=options.smooth, scale=job.scale, pixels=job.pixels)
    painting = Painting(classes_of(options), options.ignore, region)
    outcomes = segment_stack(
        helper, stack, own, plan, painting=painting, recipe=_recipe(job, stack), record=wanted.target
    )
    with closing(outcomes), make_progress() as progress:
        task = progress.add_task(escape(wanted.target.name), total=len(stack))
        for outcome in outcomes:
            yield outcome
            progress.advance(task)


def _write(
    job: StackJob,
    target: Target,
    stack: Stack,
    helper: Segmenter,
    own: dict[int, NDArray[Any]],
    wanted: RunRecord,
) -> _Sum:
    """Write the label stack, then the record, which vouches for it."""
    from napari_gfsam.io.records import place_record, write_record
    from napari_gfsam.io.stacks import StackHash, write_label_stack

    files, size = job.files(target), _plane_size(job, stack)
    done = _Sum(StackHash((len(stack), *size)))

    def planes() -> Iterator[NDArray[Any]]:
        for outcome in _outcomes(job, wanted, stack, helper, own):
            labels = np.zeros(size, np.uint8) if outcome.labels is None else outcome.labels
            done.add(outcome)
            done.hash.add(labels)
            yield labels

    highest = max([0, *(one.id for found in wanted.references for one in found.classes)])
    clear(files)
    dtype = np.uint8 if highest <= np.iinfo(np.uint8).max else np.uint16
    write_label_stack(files.labels, planes(), (len(stack), *size), dtype)
    record = replace(
        wanted,
        seconds={"all": done.seconds},
        results=tuple(done.results[class_id] for class_id in sorted(done.results)),
        labels_hash=done.hash.value,
        labels_file=files.labels.name,
        stack={**wanted.stack, "failed": {str(plane): text for plane, text in done.failed.items()}},
        environment=environment(),
    )
    write_record(files.record, place_record(record, files.record.resolve().parent))
    return done


def _recipe(job: StackJob, stack: Stack) -> PixelRecipe:
    """Return how a plane is read; the file says which axis holds channels unless the options do."""
    if stack.channel_axis is None or job.recipe.channel_axis is not None:
        return job.recipe
    return replace(job.recipe, channel_axis=stack.channel_axis)


def _plane_size(job: StackJob, stack: Stack) -> tuple[int, int]:
    from napari_gfsam.imaging import to_rgb

    height, width = to_rgb(stack.plane(0), _recipe(job, stack)).shape[:2]
    return height, width


def _wanted(job: StackJob, target: Target, stack: Stack, helper: Segmenter, own: dict[int, NDArray[Any]]) -> RunRecord:
    """Return the record of a stack as far as it is known before."""
    from napari_gfsam import __version__
    from napari_gfsam.io.pixel_sizes import read_pixel_size
    from napari_gfsam.io.records import InputRecord, RunRecord

    options, recipe = job.options, _recipe(job, stack).as_dict()
    with target.path.open("rb") as file:
        content = hashlib.file_digest(file, "blake2b").hexdigest()[:40]
    path, size = str(absolute(target.path)), read_pixel_size(target.path)
    image = InputRecord(target.path.name, content, stack.shape, path, pixel_size=size)
    return RunRecord(
        version=__version__,
        models=helper.backend.records,
        settings=helper.settings.as_dict(),
        references=(*(one.record for one in helper.references), *_own_records(job, image, own, recipe)),
        target=image,
        recipe=recipe,
        stack={
            "axis": stack.axis,
            "each_side": options.each_side,
            "smooth": options.smooth,
            "scale": job.scale,
            "pixel_sizes": asdict(job.pixels) if job.pixels else None,
            "link": False,
        },
    )


def _own_records(
    job: StackJob, image: InputRecord, own: dict[int, NDArray[Any]], recipe: dict[str, Any]
) -> Iterator[ReferenceRecord]:
    """Describe the painted planes of a stack."""
    from napari_gfsam.io.records import ClassRecord, InputRecord, ReferenceRecord, labels_hash

    options = job.options
    named = {spec.id: ClassRecord(spec.id, spec.name, spec.negative) for spec in classes_of(options)}
    region = region_of(options.region[0]) if options.region else None
    for place, labels in own.items():
        ids = [int(one) for one in np.unique(labels) if one not in (0, options.ignore)]
        yield ReferenceRecord(
            image=replace(image, name=f"{image.name} [{place}]"),
            labels=InputRecord(f"paint [{place}]", labels_hash(labels), labels.shape),
            classes=tuple(named.get(one, ClassRecord(one, f"class {one}", False)) for one in ids),
            ignore=options.ignore,
            region_yx=region,
            recipe=recipe,
        )


def _added(one: ClassResult, other: ClassResult) -> ClassResult:
    """Return the results of a class in two planes as one: counts added, the lower score."""
    return replace(
        one,
        prompts=one.prompts + other.prompts,
        clusters=one.clusters + other.clusters,
        accepted=one.accepted + other.accepted,
        pixels=one.pixels + other.pixels,
        score=min(one.score, other.score),
    )
