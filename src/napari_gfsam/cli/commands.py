"""A command is a frozen dataclass of options and a function that takes it and returns an exit code."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import typer

from napari_gfsam.cli.console import complain, note, sentence
from napari_gfsam.cli.errors import FAILED, OK, STOPPED, CommandError

if TYPE_CHECKING:
    from collections.abc import Callable

Options = TypeVar("Options")
#: What a command may meet and puts in one sentence; anything else is a defect of ours.
EXPECTED = (OSError, ValueError, RuntimeError, MemoryError)


class Stopped(KeyboardInterrupt):
    """Ctrl+C, with the sentence that says what is done and how to go on."""


class _Debug:
    """Whether tracebacks are wanted; set by ``--debug`` for this process."""

    wanted = False


def set_debug(wanted: bool) -> None:
    """Ask for tracebacks."""
    _Debug.wanted = wanted


def add_command(
    app: typer.Typer, name: str, options: type[Options], examples: str
) -> Callable[[Callable[[Options], int]], Callable[[Options], int]]:
    """Register a function as a command whose options are the fields of a dataclass.

    Parameters
    ----------
    app
        Where the command is added.
    name
        The command's word.
    options
        A dataclass whose annotations are typer's (``Annotated[..., typer.Option(...)]``).
    examples
        Lines shown at the end of ``--help``.
    """

    def register(function: Callable[[Options], int]) -> Callable[[Options], int]:
        def run(**values: Any) -> None:
            code = guarded(function, options(**values))
            if code != OK:
                raise typer.Exit(code)

        # typer reads options from a signature; this one comes from the dataclass.
        run.__dict__["__signature__"] = _signature(options)
        run.__annotations__ = get_type_hints(options, include_extras=True)
        run.__name__ = name
        app.command(name, help=_help(function), epilog=_epilog(examples))(run)
        return function

    return register


def guarded(function: Callable[[Options], int], options: Options) -> int:
    """Run a command and turn what it raises into one sentence and an exit code."""
    try:
        return function(options)
    except KeyboardInterrupt as error:
        note(sentence(error) if isinstance(error, Stopped) else "Stopped.")
        return STOPPED
    except EXPECTED as error:
        if _Debug.wanted:
            raise
        complain(sentence(error))
        return error.exit_code if isinstance(error, CommandError) else FAILED


def _signature(options: type[Any]) -> inspect.Signature:
    hints = get_type_hints(options, include_extras=True)
    parameters = []
    for field in fields(options):
        default = inspect.Parameter.empty if field.default is MISSING else field.default
        if field.default_factory is not MISSING:
            default = field.default_factory()
        kind = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(field.name, kind, default=default, annotation=hints[field.name]))
    return inspect.Signature(parameters)


def _help(function: Callable[..., Any]) -> str:
    """Return the docstring with one line a paragraph, as typer breaks lines where the source does."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _epilog(examples: str) -> str:
    """Return examples one a line: a blank line keeps them apart in typer's help."""
    lines = [line.strip() for line in examples.strip().splitlines()]
    return "\n\n".join(["Examples:", *lines])
