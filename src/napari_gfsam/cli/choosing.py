"""The options that say which models work where, shared by the commands that segment."""

# typer reads these annotations when a command is registered, so they are not postponed.
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_gfsam.cli.errors import UsageError

if TYPE_CHECKING:
    from napari_gfsam.api import ModelChoice
    from napari_gfsam.api.backend import Backend

MODELS = "Models and device"


class PrecisionOption(StrEnum):
    """Precisions of the encoders."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """Options that choose models, device and precision."""

    model: Annotated[
        str,
        typer.Option(
            metavar="PRESET",
            help="Models to use: a preset or encoder+segmenter (see: napari-gfsam models list).",
            rich_help_panel=MODELS,
        ),
    ] = "bundled"
    encoder: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Another encoder than the preset's.", rich_help_panel=MODELS),
    ] = None
    encoder_weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A local file in place of the encoder's own.",
            rich_help_panel=MODELS,
        ),
    ] = None
    segmenter_weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A local file in place of the segmenter's own.",
            rich_help_panel=MODELS,
        ),
    ] = None
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda, cuda:1, mps.", rich_help_panel=MODELS)
    ] = "auto"
    precision: Annotated[
        PrecisionOption,
        typer.Option(help="Of the encoders; auto: 16 bits on a GPU that has them.", rich_help_panel=MODELS),
    ] = PrecisionOption.AUTO
    compiled: Annotated[
        bool,
        typer.Option("--compile", help="Compile the encoders: minutes at first, then faster.", rich_help_panel=MODELS),
    ] = False


def choice_of(options: ModelOptions) -> "ModelChoice":
    """Return the choice of models that the options make.

    Raises
    ------
    UsageError
        If a model is unknown or of the other kind.
    """
    from napari_gfsam.api import ModelChoice

    choice = ModelChoice(
        options.model,
        encoder=options.encoder,
        encoder_weights=options.encoder_weights,
        segmenter_weights=options.segmenter_weights,
        device=options.device,
        precision=options.precision.value,
        compiled=options.compiled,
    )
    try:
        choice.specs()
    except ValueError as error:
        raise UsageError(str(error)) from error
    return choice


def name_of(backend: "Backend") -> str:
    """Return what tables call the models: the preset, or the models where something of it was replaced."""
    choice, records = backend.choice, backend.records
    local = (choice.encoder_weights, choice.segmenter_weights)
    if choice.encoder is None and choice.segmenter is None and not any(local):
        return choice.preset
    return "+".join(
        f"{record.id}@{(record.sha256 or '')[:12]}" if path else record.id
        for record, path in zip(records, local, strict=True)
    )
