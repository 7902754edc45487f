"""``napari-gfsam export``: label images in, files for training and mapping out."""

# typer reads these annotations when the command is registered, so they are not postponed.
import glob
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from napari_gfsam.cli.commands import EXPECTED
from napari_gfsam.cli.console import complain, note, say, sentence
from napari_gfsam.cli.errors import FAILED, OK, CommandError, UsageError
from napari_gfsam.cli.inputs import class_specs_of
from napari_gfsam.datasets.outputs import prepare_folder
from napari_gfsam.datasets.pictures import absolute, is_zarr
from napari_gfsam.datasets.targets import LABELS, name_targets

if TYPE_CHECKING:
    from napari_gfsam.io.exports import ExportFormat, LabelSheet, SheetSource

EXAMPLES = """
napari-gfsam export out/ --to coco -o coco/
napari-gfsam export scene_labels.tif --picture scene.tif --to geopackage --to geojson -o maps/
napari-gfsam export masks/ --classes 1=nucleus,2=debris --to yolo -o yolo/
napari-gfsam export cells.tif --objects --classes 1=cell --to coco -o coco/
"""
SUFFIXES = (".tif", ".tiff", ".png", ".bmp")
#: Classes without a name above which a label image is likely one of objects.
MANY = 50
PICTURES = (*SUFFIXES, ".jpg", ".jpeg", ".jp2")


class Format(StrEnum):
    """The words after --to: the ids of `io.exports.FORMATS`, here again so that help opens without numpy."""

    TIFF = "tiff"
    PNG = "png"
    NPZ = "npz"
    OME_ZARR = "ome-zarr"
    COCO = "coco"
    YOLO = "yolo"
    LABEL_STUDIO = "label-studio"
    GEOTIFF = "geotiff"
    GEOPACKAGE = "geopackage"
    GEOJSON = "geojson"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """Options of ``export``."""

    labels: Annotated[
        list[str],
        typer.Argument(
            metavar="LABELS", help="Label images (TIFF, PNG, BMP, Zarr), or folders or quoted globs of them."
        ),
    ]
    to: Annotated[list[Format], typer.Option("--to", help="Format; repeat for several.")]
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder for the exported files.")]
    classes: Annotated[
        str, typer.Option(metavar="ID=NAME,...", help="Class names: 1=nucleus,2=debris; by default those recorded.")
    ] = ""
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, help="The labelled picture, or a folder of them; by default as recorded."
        ),
    ] = None
    instances: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, help="Label image with numbers of objects, or a folder of them (same names)."
        ),
    ] = None
    objects: Annotated[
        bool, typer.Option("--objects", help="LABELS hold numbers of objects, all of the one class in --classes.")
    ] = False
    picture_prefix: Annotated[
        str, typer.Option(metavar="TEXT", help="Put before picture names in COCO and Label Studio: an address.")
    ] = ""
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that are there (never a file that is read).")
    ] = False


@dataclass(slots=True)
class Tally:
    """What was written, and the sentences about what was not."""

    written: list[Path] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def export(options: ExportOptions) -> int:
    """Write label images in formats that people train and map with.

    Class names, colours, scores and provenance come from the run records and class tables beside the label images, as
    `segment` and the viewer write them, or from --classes. Connected pieces of a class are its objects, unless
    --instances or --objects tell them apart. docs/exports.md says what each format keeps and loses.

    Formats of maps need the place of the picture on the earth: from --picture, the label image itself or the recorded
    picture; none is ever invented. Exit code 0: all done, 1: some failed, 2: wrong usage.
    """
    from napari_gfsam.io.exports import FORMATS, check_libraries

    formats = [FORMATS[word.value] for word in dict.fromkeys(options.to)]
    sources = _sources(options)
    for one in formats:
        check_libraries(one)
    prepare_folder(options.output)
    tally = Tally()
    for one in formats:
        if one.together:
            _export_all(one, sources, options, tally)
        else:
            _export_each(one, sources, options, tally)
    for failure in dict.fromkeys(tally.failures):
        complain(failure)
    failed = f", [red]{len(tally.failures)} failed[/red]" if tally.failures else ""
    say(f"{len(tally.written)} written{failed}; outputs in {escape(str(options.output))}")
    return FAILED if tally.failures else OK


def find_labels(words: list[str]) -> list[Path]:
    """Expand files, folders and globs of label images, each once.

    A folder means its label images as `segment` and the viewer name them (``..._labels.tif``), and, where it has none,
    all its pictures; folders are not searched deeper.

    Raises
    ------
    UsageError
        If a word names nothing.
    """
    found: dict[Path, None] = {}
    for word in words:
        named = Path(word).expanduser()
        if named.is_dir() and not is_zarr(named):
            paths = _inside(named)
        else:
            paths = [named] if named.exists() else sorted(map(Path, glob.glob(str(named), recursive=True)))
        if not paths:
            raise UsageError(f"{word} names no label image (TIFF, PNG or BMP).")
        found.update(dict.fromkeys(paths))
    return list(found)


def _inside(folder: Path) -> list[Path]:
    shown = (path for path in folder.iterdir() if not path.name.startswith("."))
    pictures = sorted(path for path in shown if path.suffix.lower() in SUFFIXES or is_zarr(path))
    return [path for path in pictures if path.stem.endswith(LABELS)] or pictures


def _sources(options: ExportOptions) -> list["SheetSource"]:
    """Say of every label image what the words tell about it."""
    from napari_gfsam.io.exports import SheetSource

    classes = tuple((one.id, one.name) for one in class_specs_of(options.classes, ()))
    if options.objects and (len(classes) > 1 or options.instances is not None):
        raise UsageError("--objects takes one class in --classes and no --instances: LABELS hold the objects of one.")
    paths = find_labels(options.labels)
    only = (classes[0][0] if classes else 1) if options.objects else None
    return [
        SheetSource(
            labels=path,
            name=name,
            classes=classes,
            instances=_partner(options.instances, path, name, "--instances"),
            picture=_partner(options.picture, path, name, "--picture"),
            objects_of=only,
        )
        for path, name in zip(paths, _names(paths), strict=True)
    ]


def _names(paths: list[Path]) -> list[str]:
    """Return what the outputs of each label image are called: as its picture is, where that is told apart."""
    from napari_gfsam.io.exports import safe_name

    names = [safe_name(target.name) for target in name_targets(paths)]
    short = [name.removesuffix(LABELS) or name for name in names]
    number = Counter(name.casefold() for name in short)
    return _numbered([one if number[one.casefold()] == 1 else name for one, name in zip(short, names, strict=True)])


def _numbered(names: list[str]) -> list[str]:
    """Put numbers behind names that met when they were made plain: a+b and a=b, or two long ones with one beginning."""
    taken: set[str] = set()
    made = []
    for name in names:
        free = next(one for n in count(1) if (one := f"{name}_{n}" if n > 1 else name).casefold() not in taken)
        taken.add(free.casefold())
        made.append(free)
    return made


def _partner(named: Path | None, labels: Path, name: str, option: str) -> Path | None:
    """Return the file that goes with a label image: the named one, or the one of its name in the named folder.

    Raises
    ------
    CommandError
        If the folder has none or several.
    """
    if named is None or not named.is_dir():
        return named
    stems = (labels.stem, labels.stem.removesuffix(LABELS), name)
    for stem in dict.fromkeys(stems):
        found = [path for path in sorted(named.iterdir()) if path.stem == stem and path.suffix.lower() in PICTURES]
        found = [path for path in found if path.is_file() and absolute(path) != absolute(labels)]
        if len(found) > 1:
            raise CommandError(f"{option} {named} has several files for {labels}: {found[0].name}, {found[1].name}.")
        if found:
            return found[0]
    raise CommandError(f"{option} {named} has no file of the name of {labels}.")


def _export_each(one: "ExportFormat", sources: list["SheetSource"], options: ExportOptions, tally: Tally) -> None:
    for source in sources:
        for sheet in _read(one, source, tally):
            try:
                _write(one, iter([sheet]), sources, options, tally)
            except EXPECTED as error:
                tally.failures.append(sentence(error))


def _export_all(one: "ExportFormat", sources: list["SheetSource"], options: ExportOptions, tally: Tally) -> None:
    sheets = (sheet for source in sources for sheet in _read(one, source, tally))
    try:
        _write(one, sheets, sources, options, tally)
    except EXPECTED as error:
        tally.failures.append(sentence(error))


def _read(one: "ExportFormat", source: "SheetSource", tally: Tally) -> Iterator["LabelSheet"]:
    """Yield the sheet of a label image; a bad file never stops the others."""
    from napari_gfsam.io.exports import read_sheet

    try:
        sheet = read_sheet(source, on_earth=one.on_earth)
    except EXPECTED as error:
        text = sentence(error)
        tally.failures.append(text if str(source.labels) in text else f"{source.labels}: {text}")
        return
    for text in sheet.notes:
        note(text)
    unnamed = sum(one.name == f"class {one.id}" for one in sheet.classes)
    if unnamed > MANY:
        note(f"{source.labels} has {unnamed} classes without a name; if its ids are objects, use --objects.")
    yield sheet


def _write(
    one: "ExportFormat",
    sheets: Iterator["LabelSheet"],
    sources: list["SheetSource"],
    options: ExportOptions,
    tally: Tally,
) -> None:
    from napari_gfsam.io.exports import export as write

    read = [path for source in sources for path in (source.labels, source.instances, source.picture) if path]
    done = write(
        one.id,
        sheets,
        options.output,
        overwrite=options.overwrite,
        picture_prefix=options.picture_prefix,
        inputs=read,
    )
    tally.written += done.paths
    for text in done.notes:
        note(text)
