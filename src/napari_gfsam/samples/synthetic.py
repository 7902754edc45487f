"""The pairs of computed pictures (see `cells` and `aerial` for how each is made)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gfsam.samples.aerial import aerial_scene
from napari_gfsam.samples.cells import fluorescent_nuclei, phase_cells
from napari_gfsam.samples.types import SamplePair

if TYPE_CHECKING:
    from collections.abc import Callable


def load_synthetic_pair(name: str) -> SamplePair:
    """Compute a pair of `SYNTHETIC_PAIRS`; raises KeyError if there is none of that name."""
    return SYNTHETIC_PAIRS[name]()


def _nuclei() -> SamplePair:
    return SamplePair(
        name="nuclei",
        kind="synthetic",
        reference=fluorescent_nuclei("nuclei_reference", "Fluorescent nuclei", 101),
        targets=(
            fluorescent_nuclei("nuclei_second", "Fluorescent nuclei, second field", 102),
            fluorescent_nuclei("nuclei_dim", "Fluorescent nuclei, dim", 103, gain=0.45),
        ),
    )


def _phase() -> SamplePair:
    return SamplePair(
        name="phase_cells",
        kind="synthetic",
        reference=phase_cells("phase_cells_reference", "Cells in phase contrast", 201),
        targets=(phase_cells("phase_cells_second", "Cells in phase contrast, second field", 202),),
    )


def _aerial() -> SamplePair:
    return SamplePair(
        name="aerial",
        kind="synthetic",
        reference=aerial_scene("aerial_reference", "Village from the air", 301),
        targets=(
            aerial_scene("aerial_second", "Second village", 302),
            aerial_scene("aerial_third", "Third village", 303),
        ),
    )


#: What computes each pair, by name, in a fixed order.
SYNTHETIC_PAIRS: dict[str, Callable[[], SamplePair]] = {"nuclei": _nuclei, "phase_cells": _phase, "aerial": _aerial}
