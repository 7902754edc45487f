"""``napari-gfsam models``: which models there are, and whether their weights are intact."""

# typer reads these annotations when the command is registered, so they are not postponed.
from dataclasses import dataclass, field
from typing import Annotated

import typer

from napari_gfsam.cli.console import complain, say, table
from napari_gfsam.cli.errors import FAILED, OK, UsageError

LIST_EXAMPLES = "napari-gfsam models list"
VERIFY_EXAMPLES = """
napari-gfsam models verify
napari-gfsam models verify mobile_sam
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """Options of ``models list``: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """Options of ``models verify``."""

    names: Annotated[list[str], typer.Argument(metavar="[MODEL]...", help="Models; all bundled ones by default.")] = (
        field(default_factory=list)
    )


def list_models(options: ListOptions) -> int:
    """List the models, and the presets that pair them for --model."""
    from napari_gfsam.models import MODELS, PRESETS

    rows = [
        (spec.id, spec.kind, spec.title, spec.licence, _megabytes(spec.size_bytes), "yes" if spec.bundled else "no")
        for spec in MODELS.values()
    ]
    table("Models", ("id", "kind", "title", "licence", "MB", "bundled"), rows, left=4)
    presets = [(preset.id, preset.encoder.id, preset.segmenter.id) for preset in PRESETS.values()]
    table("Presets for --model", ("preset", "encoder", "segmenter"), presets, left=3)
    return OK


def verify_models(options: VerifyOptions) -> int:
    """Check the weights against their published hashes. Exit code 1: a file is missing, damaged or another one."""
    from napari_gfsam.models import MODELS, verify_all

    for name in options.names:
        if name not in MODELS:
            raise UsageError(f"There is no model {name!r}; the models are {', '.join(MODELS)}.")
    checks = verify_all(options.names or None)
    for check in checks:
        if check.ok:
            say(f"[green]ok[/green]  {check.message}")
        else:
            complain(check.message)
    return OK if all(check.ok for check in checks) else FAILED


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:.1f}"
