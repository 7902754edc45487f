"""The program: its commands, ``--version``, ``--debug`` and what happens to a defect of ours."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from napari_gfsam.cli import demo, doctor, evaluate, export, models, packs, replay, segment
from napari_gfsam.cli.commands import add_command, set_debug
from napari_gfsam.cli.console import complain, note, say, sentence
from napari_gfsam.cli.errors import FAILED, STOPPED

if TYPE_CHECKING:
    from types import TracebackType

PROGRAM = "napari-gfsam"

app = typer.Typer(
    name=PROGRAM,
    help="Paint one picture, get label images for the rest: few-shot segmentation with GF-SAM, offline.",
    epilog="Start with `napari-gfsam demo`, or see `napari-gfsam segment --help`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
models_app = typer.Typer(help="List the models, download and check their weights.", no_args_is_help=True)
packs_app = typer.Typer(help="Pass references on: make exemplar packs and look into them.", no_args_is_help=True)
app.add_typer(models_app, name="models")
app.add_typer(packs_app, name="packs")

add_command(app, "segment", segment.SegmentOptions, segment.EXAMPLES)(segment.segment)
add_command(app, "demo", demo.DemoOptions, demo.EXAMPLES)(demo.demo)
add_command(app, "evaluate", evaluate.EvaluateOptions, evaluate.EXAMPLES)(evaluate.evaluate)
add_command(app, "export", export.ExportOptions, export.EXAMPLES)(export.export)
add_command(app, "replay", replay.ReplayOptions, replay.EXAMPLES)(replay.replay)
add_command(app, "doctor", doctor.DoctorOptions, doctor.EXAMPLES)(doctor.doctor)
add_command(packs_app, "make", packs.MakeOptions, packs.MAKE_EXAMPLES)(packs.make_pack)
add_command(packs_app, "show", packs.ShowOptions, packs.SHOW_EXAMPLES)(packs.show_packs)
add_command(models_app, "list", models.ListOptions, models.LIST_EXAMPLES)(models.list_models)
add_command(models_app, "download", models.DownloadOptions, models.DOWNLOAD_EXAMPLES)(models.download_models)
add_command(models_app, "verify", models.VerifyOptions, models.VERIFY_EXAMPLES)(models.verify_models)


def _show_version(wanted: bool) -> None:
    if wanted:
        from napari_gfsam import __version__

        say(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks (works after a command too).")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Keep what holds for every command."""
    set_debug(debug)


def main() -> None:
    """Run the program on the words of the command line."""
    words = _debug_first(sys.argv[1:])
    if "--debug" not in words:
        sys.excepthook = _say_defect
    try:
        typer.main.get_command(app)(args=words, prog_name=PROGRAM)
    except KeyboardInterrupt:
        note("Stopped.")
        sys.exit(STOPPED)


def _debug_first(words: list[str]) -> list[str]:
    """Move ``--debug`` to where the program, not a command, reads it."""
    end = words.index("--") if "--" in words else len(words)
    asked = "--debug" in words[:end]
    rest = [word for number, word in enumerate(words) if word != "--debug" or number >= end]
    return ["--debug", *rest] if asked else rest


def _say_defect(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    complain(f"Something unexpected went wrong ({kind.__name__}: {sentence(error)}); --debug shows where.")
    sys.exit(FAILED)
