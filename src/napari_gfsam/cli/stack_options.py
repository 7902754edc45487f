"""The options of ``segment`` that speak of stacks."""

# typer reads these annotations when the command is registered, so they are not postponed.
from dataclasses import dataclass, field
from typing import Annotated

import typer

from napari_gfsam.cli.choosing import ModelOptions

STACKS = "Stacks"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOptions(ModelOptions):
    """Options for files that hold planes along time or depth."""

    stack_axis: Annotated[
        int | None,
        typer.Option(
            metavar="AXIS",
            help="Targets are TIFF stacks with their planes along this axis; 0 where every page is a plane.",
            rich_help_panel=STACKS,
        ),
    ] = None
    reference_plane: Annotated[
        list[int],
        typer.Option(
            metavar="PLANE",
            help="The plane of a --reference stack that a flat --labels belongs to; once for all, or for each.",
            rich_help_panel=STACKS,
        ),
    ] = field(default_factory=list)
    each_side: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Painted planes that serve a plane, each side.", rich_help_panel=STACKS),
    ] = 2
    smooth: Annotated[
        bool,
        typer.Option(
            "--smooth", help="Put right what one plane alone says against both neighbours.", rich_help_panel=STACKS
        ),
    ] = False
    link: Annotated[
        bool,
        typer.Option(
            "--link", help="Write instances too: one object keeps one id through the stack.", rich_help_panel=STACKS
        ),
    ] = False
