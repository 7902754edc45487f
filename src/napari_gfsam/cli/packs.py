"""``napari-gfsam packs make|show``: references that can be passed on, and what is in such a file."""

# typer reads these annotations when the command is registered, so they are not postponed.
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from napari_gfsam.cli.choosing import ModelOptions, choice_of
from napari_gfsam.cli.console import complain, say, sentence, table
from napari_gfsam.cli.errors import FAILED, OK, CommandError, UsageError
from napari_gfsam.cli.inputs import recipe_of
from napari_gfsam.cli.segment import Intensity, paintings_of
from napari_gfsam.datasets.pictures import absolute, add_painting

if TYPE_CHECKING:
    from napari_gfsam.imaging.colors import Rgb
    from napari_gfsam.io.packs import PixelSize
    from napari_gfsam.io.packs.manifest import Manifest, ReferenceEntry

MAKE_EXAMPLES = """
napari-gfsam packs make --reference ref.tif --labels ref_labels.tif --classes 1=nucleus -o nuclei.gfsampack
napari-gfsam packs make --reference a.tif --labels a_l.tif --licence CC-BY-4.0 --author "A. N." -o a.gfsampack
"""
SHOW_EXAMPLES = """
napari-gfsam packs show nuclei.gfsampack
"""
_COLOR = re.compile(r"\s*(\d+)\s*=\s*#?([0-9a-fA-F]{6})\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeOptions(ModelOptions):
    """Options of ``packs make``."""

    reference: Annotated[
        list[Path], typer.Option("--reference", metavar="FILE", help="A painted picture; repeat for several.")
    ]
    labels: Annotated[
        list[Path],
        typer.Option("--labels", metavar="FILE", help="Its label image (0 = unpainted), one for every --reference."),
    ]
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The pack, NAME.gfsampack.")]
    classes: Annotated[str, typer.Option(metavar="ID=NAME,...", help="Class names: 1=nucleus,2=debris.")] = ""
    colors: Annotated[str, typer.Option(metavar="ID=COLOUR,...", help="Class colours: 1=#56b4e9,2=#e69f00.")] = ""
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
    intensity: Annotated[Intensity, typer.Option(help="How values become brightness.")] = Intensity.AUTO
    limits: Annotated[
        str, typer.Option(metavar="LOW,HIGH", help="Values for range, percent for percentile and auto.")
    ] = ""
    gamma: Annotated[float, typer.Option(help="Exponent on brightness.")] = 1.0
    channel_axis: Annotated[
        int | None, typer.Option(metavar="AXIS", help="Axis of channels in files with three axes.")
    ] = None
    pixel_size: Annotated[
        float | None, typer.Option(metavar="SIZE", help="Side of a pixel, in --unit; else as files say it.")
    ] = None
    unit: Annotated[str, typer.Option(metavar="UNIT", help="Unit of --pixel-size.")] = "micrometer"
    title: Annotated[str, typer.Option(metavar="TEXT", help="What it is, in a few words.")] = ""
    description: Annotated[str, typer.Option(metavar="TEXT", help="What others should know.")] = ""
    author: Annotated[str, typer.Option(metavar="TEXT", help="Whom to name.")] = ""
    licence: Annotated[
        str, typer.Option(metavar="TEXT", help="Under which others may use pictures and paint: CC-BY-4.0.")
    ] = ""
    features: Annotated[
        bool, typer.Option(help="Put in what the encoder sees too, so that the same one need not look again.")
    ] = True
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a pack that is there.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOptions:
    """Options of ``packs show``."""

    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="Packs.")]


def make_pack(options: MakeOptions) -> int:
    """Put painted references into one file, an exemplar pack, that `segment --pack` and the viewer take.

    It holds pictures and paint as PNG, class names and colours, how the pictures were read, a thumbnail, what you say
    about it, and features of the encoder. No path of this machine goes in. Exit code 1: failed, 2: wrong usage.
    """
    paintings, recipe, colors = paintings_of(options), recipe_of(options), colors_of(options.colors)
    size = _pixel_size(options)
    choice = choice_of(options)
    _require_free(options)

    from napari_gfsam.api import Segmenter
    from napari_gfsam.io.packs import PackAbout

    segmenter = Segmenter(choice)
    for painting in paintings:
        add_painting(segmenter, painting, recipe)
    about = PackAbout(options.title, options.description, options.author, options.licence)
    sizes = [size] * len(paintings) if size else ()
    segmenter.save_pack(options.output, about=about, colors=colors, pixel_sizes=sizes, features=options.features)
    megabytes = options.output.stat().st_size / 1e6
    say(f"{escape(str(options.output))}: {len(paintings)} painted picture(s), {megabytes:.1f} MB")
    return OK


def show_packs(options: ShowOptions) -> int:
    """Say what is in exemplar packs, and check them against their hashes. Exit code 1: one cannot be used."""
    from napari_gfsam.io.packs import PackError, read_about

    failed = False
    for path in options.files:
        try:
            _show(path, read_about(path))
        except PackError as error:
            complain(sentence(error))
            failed = True
    return FAILED if failed else OK


def colors_of(text: str) -> "dict[int, Rgb]":
    """Parse ``1=#56b4e9,2=#e69f00``.

    Raises
    ------
    UsageError
        If the text is of another form.
    """
    found: dict[int, Rgb] = {}
    for part in filter(None, text.split(",")):
        match = _COLOR.fullmatch(part)
        if match is None:
            raise UsageError(f"{part.strip()!r} names no colour; write --colors 1=#56b4e9,2=#e69f00.")
        red, green, blue = bytes.fromhex(match[2])
        found[int(match[1])] = red, green, blue
    return found


def _pixel_size(options: MakeOptions) -> "PixelSize | None":
    from napari_gfsam.io.packs import PixelSize

    if options.pixel_size is None:
        return None
    if not 0 < options.pixel_size < float("inf"):
        raise UsageError(f"A pixel size is a number above 0, not {options.pixel_size}.")
    return PixelSize(options.pixel_size, options.pixel_size, options.unit)


def _require_free(options: MakeOptions) -> None:
    """See that the output is no file that is read, and none that is there unless it may be replaced."""
    from napari_gfsam.io.packs import SUFFIX

    output = options.output
    if output.suffix.lower() != SUFFIX:
        raise UsageError(f"{output} is no name of a pack; write -o {output.stem or 'NAME'}{SUFFIX}.")
    if absolute(output) in {absolute(path) for path in (*options.reference, *options.labels)}:
        raise CommandError(f"{output} is one of the pictures that are read; choose another -o file.")
    if output.exists() and not options.overwrite:
        raise CommandError(f"{output} is there already; --overwrite replaces it.")


def _show(path: Path, pack: "Manifest") -> None:
    about = pack.about
    lines = [about.title, about.description, f"by {about.author}" if about.author else ""]
    say(f"[bold]{escape(str(path))}[/bold] (napari-gfsam {escape(pack.version)})")
    for line in (*lines, f"Licence: {about.licence or 'not stated; ask before you pass it on'}"):
        if line:
            say(escape(line))
    classes = [(str(one.id), one.name, "not this" if one.negative else "") for one in pack.classes]
    table("", ("class", "name", ""), classes, left=3)
    table("", ("picture", "pixels", "size of a pixel", "how it is read"), map(_row, pack.references), left=4)
    made = ", ".join(f"{one.encoder} in {one.precision}" for one in pack.features)
    say(f"Features: {escape(made) or 'none'}")


def _row(entry: "ReferenceEntry") -> tuple[str, str, str, str]:
    height, width = entry.shape
    size = entry.pixel_size
    known = "" if size is None else f"{size.height:g} x {size.width:g} {size.unit}"
    return entry.record.image.name, f"{height} x {width}", known, str(entry.record.recipe.get("intensity", ""))
