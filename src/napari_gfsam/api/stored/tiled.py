"""A prediction in tiles as a header, arrays and a folder of tiles, and back; no model is needed for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.api.stored.file import read, to_bytes
from napari_gfsam.api.stored.header import TILE, TILED, TiledClassHeader, TiledHeader, TileHeader
from napari_gfsam.api.stored.parts import put, take
from napari_gfsam.api.stored.prediction import put_trace, stored_class, take_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_gfsam.api.backend import Backend
    from napari_gfsam.api.stored.file import Arrays
    from napari_gfsam.api.tiles.answer import TiledAnswer
    from napari_gfsam.api.tiles.prediction import TiledPrediction
    from napari_gfsam.api.tiles.run import TiledScene
    from napari_gfsam.api.tiles.seams import Seams
    from napari_gfsam.core.masks import MaskBank
    from napari_gfsam.core.types import ClassTrace, EncodedClass
    from napari_gfsam.io.records import ModelRecord, ReferenceRecord

PLANES, EDITED = "planes.npz", "edited"


@dataclass(frozen=True, slots=True)
class StoredReference:
    """A reference of which only the record is left."""

    record: ReferenceRecord


@dataclass(frozen=True, slots=True)
class StoredGrid:
    """The encoder of which only the cells a side are left."""

    grid: int


@dataclass(frozen=True, slots=True)
class StoredBackend:
    """Models that are asked for when a prompt must be decoded.

    Parameters
    ----------
    encoder
        What is left of it.
    records
        What the run record says of the models.
    get
        Gives the models.
    """

    encoder: StoredGrid
    records: tuple[ModelRecord, ...]
    get: Callable[[], Backend]

    def bank_of(self, embedding: Tensor) -> MaskBank:
        """Return the masks over an embedding; models come with the first prompt that is decoded."""
        from napari_gfsam.api.stored.bank import StoredBank

        return StoredBank(embedding, lambda kept: self.get().bank_of(kept), list)

    def bank(self, picture: NDArray[np.uint8], *, keep: bool = True) -> MaskBank:
        """Return the masks of a picture that was not encoded yet."""
        return self.get().bank(picture, keep=keep)


@dataclass(frozen=True, slots=True)
class StoredRun:
    """What is left of a run: enough to correct, to read once more and to record."""

    backend: StoredBackend
    references: tuple[StoredReference, ...]


def pack(prediction: TiledPrediction, references_file: str) -> tuple[TiledHeader, Arrays]:
    """Turn a prediction into a header and arrays; `write_tiles` writes the rest."""
    arrays: Arrays = {}
    for class_id, found in prediction.found.items():
        put(arrays, f"{class_id}.found", found)
        _put_seams(arrays, class_id, prediction.answer.seams[class_id])
    return _header(prediction, references_file), arrays


def write_tiles(prediction: TiledPrediction, folder: Path) -> None:
    """Write tiles, planes and decided traces into a new folder.

    Raises
    ------
    OSError
        If there is no room.
    """
    scene = prediction.answer.scene
    folder.mkdir()
    scene.store.copy_to(folder, scene.tiles)
    labels, confidence = (plane.whole() for plane in prediction.planes)
    np.savez_compressed(folder / PLANES, labels=labels, confidence=confidence)
    for tile, traces in prediction.edited.items():
        arrays: Arrays = {}
        for trace in traces.values():
            put_trace(arrays, str(trace.spec.id), trace)
        header = TileHeader(TILE, tuple(map(stored_class, traces.values())))
        (folder / f"{tile}.{EDITED}").write_bytes(to_bytes(header, arrays))


def unpack(
    header: TiledHeader,
    arrays: Arrays,
    classes: tuple[EncodedClass, ...],
    folder: Path,
    backend: Callable[[], Backend],
) -> TiledPrediction:
    """Build a prediction again.

    Parameters
    ----------
    header, arrays
        What `pack` gave.
    classes
        The encoded references.
    folder
        What `write_tiles` filled; it is read as long as the prediction lives.
    backend
        Gives the models, when a prompt must be decoded that was not stored.

    Raises
    ------
    KeyError, ValueError, OSError
        If something is missing or does not fit.
    """
    from napari_gfsam.api.tiles.ledger import Ledger, PicturePrompts
    from napari_gfsam.api.tiles.planes import Plane
    from napari_gfsam.api.tiles.prediction import TiledPrediction
    from napari_gfsam.core.config import GFSAMConfig

    scene = _scene(header, classes, folder, backend)
    found = {one.id: take(arrays, f"{one.id}.found", PicturePrompts) for one in header.classes}
    answer = _answer(header, arrays, scene)
    with np.load(folder / PLANES) as planes:
        labels, confidence = (
            Plane.holding(planes[name], scene.store.folder / name) for name in ("labels", "confidence")
        )
    ledger = Ledger(answer, found)
    for decision in header.decisions:
        ledger.take(decision)
    edits = ledger.edits
    return TiledPrediction(
        answer,
        GFSAMConfig().with_settings(**header.settings),
        found,
        ledger.prompts(),
        (labels, confidence),
        header.decisions,
        edits,
        {tile: _edited(folder, tile) for tile in edits},
        header.seconds,
    )


def _answer(header: TiledHeader, arrays: Arrays, scene: TiledScene) -> TiledAnswer:
    from napari_gfsam.api.tiles.answer import TiledAnswer
    from napari_gfsam.core.config import GFSAMConfig

    return TiledAnswer(
        scene,
        GFSAMConfig().with_settings(**header.config),
        header.read,
        header.strange,
        {one.id: one.score for one in header.classes},
        {one.id: _take_seams(arrays, one.id) for one in header.classes},
    )


def _header(prediction: TiledPrediction, references_file: str) -> TiledHeader:
    from napari_gfsam.api.scale import tiling_record

    answer, scene = prediction.answer, prediction.answer.scene
    tiling = tiling_record(scene.tiling)
    if tiling is None:
        raise ValueError("A prediction in tiles has no tiling; please report this.")
    return TiledHeader(
        format=TILED,
        references_file=references_file,
        grid=scene.run.backend.encoder.grid,
        shape=scene.source.shape,
        dtype=scene.source.dtype.str,
        size_yx=scene.source.size_yx,
        tiling=tiling,
        content=scene.tiles,
        read=answer.tiles,
        strange=answer.strange,
        classes=tuple(TiledClassHeader(class_id, score) for class_id, score in answer.scores.items()),
        models=scene.run.backend.records,
        config=answer.config.as_dict(),
        settings=prediction.settings.as_dict(),
        references=tuple(reference.record for reference in scene.run.references),
        target=scene.record,
        recipe=scene.recipe.as_dict(),
        settled_recipe=scene.settled_recipe.as_dict(),
        decisions=prediction.decisions,
        seconds=dict(prediction.seconds),
    )


def _scene(
    header: TiledHeader, classes: tuple[EncodedClass, ...], folder: Path, backend: Callable[[], Backend]
) -> TiledScene:
    from napari_gfsam.api.scale import tiling_of
    from napari_gfsam.api.tiles.opening import LateSource
    from napari_gfsam.api.tiles.run import TiledScene
    from napari_gfsam.api.tiles.store import TileStore
    from napari_gfsam.imaging import PixelRecipe

    height, width = header.size_yx
    recipe, tiling = PixelRecipe.from_dict(header.recipe), tiling_of(header.tiling)
    if tiling is None:
        raise ValueError("it does not say how the picture was cut")
    return TiledScene(
        run=StoredRun(
            StoredBackend(StoredGrid(header.grid), header.models, backend),
            tuple(map(StoredReference, header.references)),
        ),
        source=LateSource(header.shape, np.dtype(header.dtype), (height, width), recipe),
        recipe=recipe,
        settled_recipe=PixelRecipe.from_dict(header.settled_recipe),
        record=header.target,
        tiling=tiling,
        grid=tiling.grid((height, width)),
        classes=classes,
        store=TileStore(folder),
        tiles=header.content,
    )


def _edited(folder: Path, tile: int) -> Mapping[int, ClassTrace]:
    header, arrays = read(folder / f"{tile}.{EDITED}", TileHeader, TILE)
    return {one.id: take_trace(arrays, one) for one in header.classes}


def _put_seams(arrays: Arrays, class_id: int, seams: Seams) -> None:
    arrays[f"{class_id}.pieces"] = _rows([(*piece, number) for piece, number in seams.numbers.items()], 3)
    arrays[f"{class_id}.hidden"] = _rows(sorted(seams.hidden), 2)


def _take_seams(arrays: Arrays, class_id: int) -> Seams:
    from napari_gfsam.api.tiles.seams import Seams

    numbers = {(tile, piece): number for tile, piece, number in arrays[f"{class_id}.pieces"].tolist()}
    return Seams(numbers, frozenset((tile, piece) for tile, piece in arrays[f"{class_id}.hidden"].tolist()))


def _rows(values: Sequence[tuple[int, ...]], width: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64).reshape(-1, width)
