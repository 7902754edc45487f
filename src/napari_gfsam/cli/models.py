"""``napari-gfsam models``: which models there are, fetching their weights, and whether they are intact."""

# typer reads these annotations when the command is registered, so they are not postponed.
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from napari_gfsam.cli.commands import Stopped
from napari_gfsam.cli.console import complain, note, say, sentence, table
from napari_gfsam.cli.errors import FAILED, OK, UsageError

if TYPE_CHECKING:
    from rich.progress import Progress

    from napari_gfsam.models import ModelSpec

LIST_EXAMPLES = "napari-gfsam models list"
DOWNLOAD_EXAMPLES = """
napari-gfsam models download paper
napari-gfsam models download --yes vit_b_lm dinov2_vitb14
napari-gfsam models download --mirror https://models.example.org/gfsam sam_vit_h
"""
VERIFY_EXAMPLES = """
napari-gfsam models verify
napari-gfsam models verify mobile_sam
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """Options of ``models list``: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadOptions:
    """Options of ``models download``."""

    names: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Models, presets or pairs encoder+segmenter.")]
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the licences without being asked.")] = False
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where the files are to be found by their names, in place of the publishers' addresses "
            "(or set NAPARI_GFSAM_MIRROR).",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """Options of ``models verify``."""

    names: Annotated[
        list[str],
        typer.Argument(metavar="[MODEL]...", help="Models; by default the bundled ones and those downloaded."),
    ] = field(default_factory=list)


def list_models(options: ListOptions) -> int:
    """List the models, and the presets that pair them for --model."""
    from napari_gfsam.models import MODELS, PRESETS, models_folder
    from napari_gfsam.models.storage import FOLDER_VARIABLE

    rows = [
        (spec.id, spec.kind, spec.title, spec.licence, _whereabouts(spec), _megabytes(spec)) for spec in MODELS.values()
    ]
    table("Models", ("id", "kind", "title", "licence", "here", "MB"), rows, left=5)
    presets = [(preset.id, preset.encoder.id, preset.segmenter.id) for preset in PRESETS.values()]
    table("Presets for --model", ("preset", "encoder", "segmenter"), presets, left=3)
    say("Other pairs: --model encoder+segmenter; timm's name of any plain vision transformer (vit_...) is an encoder.")
    say(f"Downloads are kept in {models_folder()} (set {FOLDER_VARIABLE} to another folder).")
    return OK


def download_models(options: DownloadOptions) -> int:
    """Download weights, after showing their licences. An interrupted download goes on where it stopped.

    Nothing is ever downloaded unless this command, or the viewer's button, is used. Exit code 1: not all could be had.
    """
    from napari_gfsam.models import WeightsError, is_present

    specs = _wanted(options.names)
    new = [spec for spec in specs if not is_present(spec)]
    if new and not _agreed(new, yes=options.yes):
        note("Nothing was downloaded.")
        return FAILED
    failed = False
    for spec in specs:
        try:
            _download(spec, options.mirror)
        except WeightsError as error:
            complain(sentence(error))
            failed = True
        except KeyboardInterrupt as error:
            raise Stopped("Stopped; what has arrived is kept, and the same command goes on from there.") from error
    return FAILED if failed else OK


def verify_models(options: VerifyOptions) -> int:
    """Check the weights against their hashes. Exit code 1: a file is missing, damaged or another one."""
    from napari_gfsam.models import MODELS, is_present, verify_all

    here = [spec for spec in MODELS.values() if spec.bundled or is_present(spec)]
    checks = verify_all(_wanted(options.names) if options.names else here)
    for check in checks:
        if check.ok:
            say(f"[green]ok[/green]  {check.message}")
        else:
            complain(check.message)
    return OK if all(check.ok for check in checks) else FAILED


def _wanted(names: Iterable[str]) -> "list[ModelSpec]":
    """Return the models behind names of models, presets and pairs, each once."""
    from napari_gfsam.models import PRESETS, model_preset, model_spec

    found: dict[str, ModelSpec] = {}
    for name in names:
        try:
            specs = model_preset(name).models if name in PRESETS or "+" in name else (model_spec(name),)
        except ValueError as error:
            raise UsageError(str(error)) from error
        found |= {spec.id: spec for spec in specs}
    return list(found.values())


def _agreed(specs: "list[ModelSpec]", *, yes: bool) -> bool:
    """Show what would be downloaded under which licences, and ask."""
    rows = [(spec.id, spec.licence_terms.name, spec.licence_terms.summary, _megabytes(spec)) for spec in specs]
    table("To be downloaded", ("model", "licence", "which asks", "MB"), rows, left=3)
    for address in dict.fromkeys(spec.licence_terms.url for spec in specs if spec.licence_terms.url):
        say(address)
    for credit in dict.fromkeys(spec.credit for spec in specs if spec.credit):
        say(f"To be named: {credit}")
    if yes:
        return True
    try:
        return typer.confirm("Download under these licences?")
    except typer.Abort:  # no answer can be had, as in a script
        note("Add --yes to agree without being asked.")
        return False


def _download(spec: "ModelSpec", mirror: str | None) -> None:
    from napari_gfsam.models.fetching import Fetched, fetch

    with _progress() as progress:
        bar = progress.add_task(spec.id, total=spec.expected_bytes)
        for event in fetch(spec, mirror=mirror):
            if isinstance(event, Fetched):
                progress.console.print(f"[green]ok[/green]  {spec.id}: {event.path}", soft_wrap=True)
            else:
                text = {"download": spec.id, "check": f"{spec.id}: checking", "wait": f"{spec.id}: {event.message}"}
                done, total = event.done_bytes, event.total_bytes
                progress.update(bar, description=text[event.stage], completed=done, total=total)


def _progress() -> "Progress":
    """Return a display of bytes that leaves nothing behind; no bars without a terminal."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from napari_gfsam.cli.console import stdout

    console = stdout()
    bytes_columns = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    text = TextColumn("{task.description}", markup=False)
    return Progress(text, BarColumn(), *bytes_columns, console=console, transient=True, disable=not console.is_terminal)


def _whereabouts(spec: "ModelSpec") -> str:
    from napari_gfsam.models import is_present

    return "bundled" if spec.bundled else "downloaded" if is_present(spec) else "no"


def _megabytes(spec: "ModelSpec") -> str:
    return "" if spec.expected_bytes is None else f"{spec.expected_bytes / 1e6:.0f}"
