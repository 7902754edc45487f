"""The readings of a tile on disk, until all tiles are read and one of them is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gfsam.api.stored.header import StoredClass
from napari_gfsam.api.stored.parts import array_of, put, take, tensor_of
from napari_gfsam.core.compact import CompactMasks
from napari_gfsam.core.pipeline import TileReading
from napari_gfsam.core.types import Gates, MaskGraph, PointPrompts, SimilarityMaps

if TYPE_CHECKING:
    from napari_gfsam.api.stored.file import Arrays
    from napari_gfsam.core.types import ClassSpec


def put_reading(arrays: Arrays, prefix: str, reading: TileReading) -> None:
    """Add the arrays of a reading, each under ``prefix.name``."""
    for name in ("values", "prompts", "masks", "graph", "gates"):
        put(arrays, f"{prefix}.{name}", getattr(reading, name))
    for name in ("shares", "painted"):
        arrays[f"{prefix}.{name}"] = array_of(getattr(reading, name))


def stored_reading(spec: ClassSpec, reading: TileReading) -> StoredClass:
    """Return what of a reading is no array."""
    return StoredClass(spec.id, spec.name, spec.negative, reading.found_again, reading.background_removed)


def take_reading(arrays: Arrays, prefix: str, found: StoredClass) -> TileReading:
    """Build a reading from what `put_reading` added; its masks are the same, not all of its logits.

    Raises
    ------
    KeyError, ValueError
        If something is missing or does not fit.
    """
    return TileReading(
        values=take(arrays, f"{prefix}.values", SimilarityMaps, tensor_of),
        prompts=take(arrays, f"{prefix}.prompts", PointPrompts),
        masks=take(arrays, f"{prefix}.masks", CompactMasks),
        graph=take(arrays, f"{prefix}.graph", MaskGraph),
        gates=take(arrays, f"{prefix}.gates", Gates),
        shares=arrays[f"{prefix}.shares"],
        painted=arrays[f"{prefix}.painted"],
        found_again=found.found_again,
        background_removed=found.background_removed,
    )
