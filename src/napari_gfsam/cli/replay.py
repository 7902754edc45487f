"""``napari-gfsam replay``: repeat the run that a record describes and say whether the answer is the same."""

# typer reads these annotations when the command is registered, so they are not postponed.
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_gfsam.cli.console import note, say
from napari_gfsam.cli.errors import FAILED, OK, CommandError
from napari_gfsam.cli.predicting import predict
from napari_gfsam.cli.progress import TargetsProgress
from napari_gfsam.datasets.outputs import Inputs, drawing_of, output_paths, prepare_folder, write_outputs
from napari_gfsam.datasets.pictures import Painting, ReadPicture, add_painting, is_zarr, read_picture_file
from napari_gfsam.datasets.rows import summary
from napari_gfsam.datasets.targets import LABELS, RECORD
from napari_gfsam.datasets.threads import use_threads

if TYPE_CHECKING:
    from napari_gfsam.api import Prediction, Segmenter
    from napari_gfsam.api.tiles.prediction import TiledPrediction
    from napari_gfsam.imaging import PictureSource
    from napari_gfsam.io.records import InputRecord, ReferenceRecord, RunRecord

EXAMPLES = """
napari-gfsam replay out/plate7_record.json
napari-gfsam replay out/plate7_record.json -o again/
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """Options of ``replay``."""

    record: Annotated[Path, typer.Argument(metavar="RECORD", help="A run record (..._record.json).")]
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Write the outputs there instead of comparing the labels."
        ),
    ] = None
    threads: Annotated[int | None, typer.Option(min=1, metavar="N", help="CPU threads; all by default.")] = None


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """A repeated run, and sentences about what was not as the record says."""

    prediction: "Prediction | TiledPrediction"
    picture: ReadPicture
    inputs: tuple[Path, ...]
    differences: tuple[str, ...]


def replay(options: ReplayOptions) -> int:
    """Repeat the run that a record describes.

    The pictures are found from the record's folder or by their full path and compared with their hashes. Without -o
    the new label image is compared with the recorded one: "identical" or "differs in n pixels". Exit code 1: something
    differs.
    """
    from napari_gfsam.io.records import read_record

    record = read_record(options.record)
    use_threads(options.threads)
    if options.output is not None:
        prepare_folder(options.output)
    done = repeat(record, options.record.resolve().parent)
    for difference in done.differences:
        note(difference)
    if options.output is not None:
        _write(options.output, options.record, done)
        return FAILED if done.differences else OK
    same, verdict = compare(record, done.prediction, options.record)
    say(f"{verdict} ({summary(done.prediction.record())})")
    return OK if same and not done.differences else FAILED


def repeat(record: "RunRecord", folder: Path) -> Replayed:
    """Run again what a record describes.

    Parameters
    ----------
    record
        The record.
    folder
        Where it lies: pictures are looked for from there.

    Raises
    ------
    ValueError
        If a picture came from no file, is not found or cannot be read.
    """
    from napari_gfsam.api import Segmenter
    from napari_gfsam.api.scale import tiling_of
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.imaging import PixelRecipe

    segmenter = Segmenter(model_of(record), settings=GFSAMConfig().with_settings(**record.settings))
    differences, inputs = _model_differences(record, segmenter), []
    for reference in record.references:
        inputs += _add(segmenter, reference, folder)
        read = segmenter.references[-1].record
        differences += _changed(reference.image, read.image) + _changed(reference.labels, read.labels)
    target = find_input(record.target, folder)
    picture = read_picture_file(target, PixelRecipe.from_dict(record.recipe))
    differences += _changed(record.target, picture.record)
    with TargetsProgress(1) as progress:
        progress.begin(target.name)
        found = predict(segmenter, picture, progress, target.name, tiling_of(record.tiling) or "whole")
        prediction = found.with_decisions(record.decisions)
    return Replayed(prediction, picture, (*inputs, target), tuple(differences))


def model_of(record: "RunRecord") -> str:
    """Return the model preset that pairs the record's models, or the pair written ``encoder+segmenter``.

    Raises
    ------
    CommandError
        If a model is unknown.
    """
    from napari_gfsam.models import PRESETS, model_preset

    ids = tuple(model.id for model in record.models)
    for preset in PRESETS.values():
        if (preset.encoder.id, preset.segmenter.id) == ids:
            return preset.id
    try:
        return model_preset("+".join(ids)).id
    except ValueError as error:
        raise CommandError(f"The record's models ({', '.join(ids)}) are not a pair that this version knows.") from error


def find_input(found: "InputRecord", folder: Path) -> Path:
    """Return the file of an input: from the record's folder, else by its full path.

    Raises
    ------
    CommandError
        If the input came from no file or the file is gone.
    """
    if not found.path:
        raise CommandError(
            f"{found.name} came from memory, not from a file, so this run cannot be repeated from files."
        )
    places = [folder / found.relative_path] if found.relative_path else []
    for place in (*places, Path(found.path)):
        if place.is_file() or is_zarr(place):
            return place
    raise CommandError(f"{found.name} is neither at {found.path} nor beside the record; put it back there.")


def compare(record: "RunRecord", prediction: "Prediction | TiledPrediction", path: Path) -> tuple[bool, str]:
    """Compare new labels with the recorded ones: whether they are the same, and the verdict in words."""
    from napari_gfsam.io.by_part import open_labels
    from napari_gfsam.io.readers import ImageFileError
    from napari_gfsam.io.records import labels_hash

    labels = prediction.label_source
    if labels_hash(labels) == record.labels_hash:
        return True, "identical"
    try:
        before = open_labels(path.with_name(record.labels_file or f"no{LABELS}.tif"))
    except ImageFileError:
        return False, "differs (the recorded label image is not here, so pixels cannot be counted)"
    if labels_hash(before) != record.labels_hash:
        return False, "differs (the recorded label image was changed since, so pixels cannot be counted)"
    return False, _count(before, labels)


def _count(before: "PictureSource", labels: "PictureSource") -> str:
    from napari_gfsam.io.parts import row_bands

    if before.shape != labels.shape:
        return f"differs in size: {before.shape} before, {labels.shape} now"
    bands = zip(row_bands(before), row_bands(labels), strict=True)
    different = sum(int((old != new).sum()) for old, new in bands)
    return f"differs in {different} pixels ({different / prod(labels.shape):.2%})"


def _add(segmenter: "Segmenter", reference: "ReferenceRecord", folder: Path) -> list[Path]:
    """Give the segmenter a recorded reference, from its files or its pack, and return these files."""
    from napari_gfsam.imaging import PixelRecipe

    if reference.image.path and reference.image.path == reference.labels.path:
        return [_add_from_pack(segmenter, reference, find_input(reference.image, folder))]
    painting = _painting(reference, folder)
    add_painting(segmenter, painting, PixelRecipe.from_dict(reference.recipe))
    return [painting.image, painting.labels]


def _add_from_pack(segmenter: "Segmenter", reference: "ReferenceRecord", path: Path) -> Path:
    from napari_gfsam.io.packs import read_pack

    pack = read_pack(path)
    place = next((n for n, one in enumerate(pack.references) if _same(one.record, reference)), None)
    if place is None:
        raise CommandError(
            f"{path} no longer holds the reference {reference.image.name}; put the pack of the run back."
        )
    features = tuple(replace(made, tokens=(made.tokens[place],)) for made in pack.features)
    segmenter.add_pack(replace(pack, references=(pack.references[place],), features=features))
    return path


def _same(stored: "ReferenceRecord", wanted: "ReferenceRecord") -> bool:
    return (stored.image.content_hash, stored.labels.content_hash) == (
        wanted.image.content_hash,
        wanted.labels.content_hash,
    )


def _painting(reference: "ReferenceRecord", folder: Path) -> Painting:
    from napari_gfsam.core.types import ClassSpec

    classes = tuple(ClassSpec(one.id, one.name, one.negative) for one in reference.classes)
    region = None
    if reference.region_yx is not None:
        if len(reference.region_yx) != 4:
            raise CommandError(f"The record's region {reference.region_yx} is not four numbers.")
        y0, x0, y1, x1 = reference.region_yx
        region = (y0, x0, y1, x1)
    image, labels = find_input(reference.image, folder), find_input(reference.labels, folder)
    return Painting(image, labels, classes, reference.ignore, region)


def _model_differences(record: "RunRecord", segmenter: "Segmenter") -> list[str]:
    pairs = zip(record.models, segmenter.backend.records, strict=True)
    return [f"The weights of {new.id} are not those of the record." for old, new in pairs if old.sha256 != new.sha256]


def _changed(old: "InputRecord", new: "InputRecord") -> list[str]:
    if old.content_hash == new.content_hash:
        return []
    return [f"{new.name} is not what it was: its pixels differ from those of the recorded run."]


def _write(folder: Path, record_path: Path, done: Replayed) -> None:
    name = record_path.name.removesuffix(RECORD).removesuffix(".json")
    paths = output_paths(folder, name, "tif", overlay=True)
    Inputs((*done.inputs, record_path)).refuse(paths)
    drawing = drawing_of(done.picture, done.prediction, points=False)
    write_outputs(paths, done.prediction.label_source, done.prediction.record(), drawing)
    say(f"{paths.labels} ({summary(done.prediction.record())})")
