"""The JSON headers of stored predictions and of the references that they share."""

# Annotations are read when a header is built, so they are not postponed here.
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_gfsam.io.records import DecisionRecord, InputRecord, ModelRecord, ReferenceRecord, TilingRecord

PREDICTION = "napari-gfsam-prediction/1"
REFERENCES = "napari-gfsam-references/1"
TILE = "napari-gfsam-tile/1"
TILED = "napari-gfsam-tiled/1"


@dataclass(frozen=True, slots=True)
class StoredClass:
    """A class of a prediction: its `ClassSpec`, and what of its trace is no array."""

    id: int
    name: str
    negative: bool
    found_again: float
    background_removed: bool


@dataclass(frozen=True, slots=True)
class PredictionHeader:
    """What a stored prediction says beside its arrays.

    Parameters
    ----------
    format
        `PREDICTION`.
    references_file
        Name of the shared references: 32 hexadecimal digits.
    frame
        Height, width and grid of the picture.
    classes
        The traces, in their order.
    models, settings, references, target, recipe, decisions, seconds
        As in a run record.
    """

    format: str
    references_file: str
    frame: tuple[int, ...]
    classes: tuple[StoredClass, ...]
    models: tuple[ModelRecord, ...]
    settings: Mapping[str, str | int | None]
    references: tuple[ReferenceRecord, ...]
    target: InputRecord
    recipe: Mapping[str, Any]
    decisions: tuple[DecisionRecord, ...]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TileHeader:
    """What a stored reading of a tile says beside its arrays; `format` is `TILE`."""

    format: str
    classes: tuple[StoredClass, ...] = ()


@dataclass(frozen=True, slots=True)
class TiledClassHeader:
    """A class of a prediction in tiles: its id and its score."""

    id: int
    score: float


@dataclass(frozen=True, slots=True)
class TiledHeader:
    """What a stored prediction in tiles says beside its arrays and its tiles.

    Parameters
    ----------
    format
        `TILED`.
    references_file
        Name of the shared references: 32 hexadecimal digits.
    grid
        Cells a side that the encoder sees of a tile.
    shape, dtype, size_yx
        Of the picture.
    tiling
        How it was cut.
    content, read, strange
        Numbers of the tiles that have content, of those that were read, and of those that are strange to the paint.
    classes
        In the order of the answer.
    models, settings, references, target, recipe, decisions, seconds
        As in a run record.
    config, settled_recipe
        As tiles are read with them.
    """

    format: str
    references_file: str
    grid: int
    shape: tuple[int, ...]
    dtype: str
    size_yx: tuple[int, ...]
    tiling: TilingRecord
    content: tuple[int, ...]
    read: tuple[int, ...]
    strange: tuple[int, ...]
    classes: tuple[TiledClassHeader, ...]
    models: tuple[ModelRecord, ...]
    config: Mapping[str, str | int | None]
    settings: Mapping[str, str | int | None]
    references: tuple[ReferenceRecord, ...]
    target: InputRecord
    recipe: Mapping[str, Any]
    settled_recipe: Mapping[str, Any]
    decisions: tuple[DecisionRecord, ...]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ReferenceClass:
    """A class of the references: its `ClassSpec`, and which pictures' tokens show it, and which ground alone."""

    id: int
    name: str
    negative: bool
    pictures: tuple[int, ...]
    ground: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReferencesHeader:
    """What stored references say beside their arrays; `format` is `REFERENCES`."""

    format: str
    classes: tuple[ReferenceClass, ...]
