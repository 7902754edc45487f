"""What a person picks in the dock, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PlanesKind = Literal["this", "all", "range"]
IntensityKind = Literal["displayed", "auto", "percentile", "range", "dtype"]


@dataclass(frozen=True, slots=True)
class PlanesPick:
    """Which planes of a stack are targets.

    Parameters
    ----------
    which
        ``this`` (the one shown), ``all`` along the axis, or a ``range``.
    axis
        Along which.
    start, stop
        Of a range: the first plane and one past the last.
    step
        Every so many planes, at least 1; for ``all`` and ``range``.
    """

    which: PlanesKind = "this"
    axis: int = 0
    start: int = 0
    stop: int = 1
    step: int = 1


@dataclass(frozen=True, slots=True)
class IntensityPick:
    """How values become brightness.

    Parameters
    ----------
    kind
        ``displayed`` follows the layer; ``auto``, ``percentile``, ``range`` and ``dtype`` as in `imaging.PixelRecipe`.
    low, high
        Percentiles (0 to 100) or values; only for ``percentile`` and ``range``.
    """

    kind: IntensityKind = "displayed"
    low: float = 0.0
    high: float = 0.0
