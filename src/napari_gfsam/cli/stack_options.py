"""The options of ``segment`` that speak of stacks."""

# typer reads these annotations when the command is registered, so they are not postponed.
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from napari_gfsam.cli.choosing import ModelOptions
from napari_gfsam.cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_gfsam.cli.segment import SegmentOptions

STACKS = "Stacks"
#: As `api.stacks.EACH_SIDE`, for the command line opens without the API.
EACH_SIDE = 2


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
    ] = EACH_SIDE
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


def require_fitting(options: "SegmentOptions") -> None:
    """See that no option is given that does nothing here.

    Raises
    ------
    UsageError
        If one is.
    """
    if options.stack_axis is None:
        given = {
            "--reference-plane": options.reference_plane,
            "--each-side": options.each_side != EACH_SIDE,
            "--smooth": options.smooth,
            "--link": options.link,
        }
        _refuse(given, "is for stacks; say with --stack-axis along which axis their planes lie, or leave it out.")
        return
    if options.label_format.value != "tif":
        raise UsageError("Label stacks are written as TIFF; leave --format out or say tif.")
    _refuse(
        {"--overlay": options.overlay, "--points": options.points}, "is for pictures, not for stacks; leave it out."
    )
    given = {
        "--workers": options.workers > 1,
        "--scheduler": options.scheduler,
        "--tls-ca": options.tls_ca,
        "--tls-cert": options.tls_cert,
        "--tls-key": options.tls_key,
    }
    _refuse(given, "is for sharing out pictures, and stacks are done one by one in this process; leave it out.")


def _refuse(given: "Mapping[str, object]", why: str) -> None:
    for name, value in given.items():
        if value:
            raise UsageError(f"{name} {why}")
