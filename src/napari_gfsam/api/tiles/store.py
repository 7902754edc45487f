"""What a tiled answer keeps on disk while somebody may correct it: tokens, embeddings and traces, tile by tile."""

from __future__ import annotations

import os
import shutil
import weakref
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.api.stored.file import read, read_value, to_bytes
from napari_gfsam.api.stored.header import TILE, TileHeader
from napari_gfsam.api.stored.parts import array_of, tensor_of
from napari_gfsam.api.stored.prediction import put_trace, stored_class, take_trace
from napari_gfsam.api.tiles.readings import put_reading, stored_reading, take_reading
from napari_gfsam.api.tiles.scratch import new_folder
from napari_gfsam.io.writers import no_room

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_gfsam.api.stored.file import Arrays
    from napari_gfsam.api.stored.header import StoredClass
    from napari_gfsam.core.arrays import FloatArray, LabelArray
    from napari_gfsam.core.pipeline import TileReading
    from napari_gfsam.core.types import ClassSpec, ClassTrace
    from napari_gfsam.imaging.tiles import Box


class TileStore:
    """A folder of our own for temporary files; it goes when nobody holds the store any more.

    Parameters
    ----------
    base
        A folder that `copy_to` filled; what is not in our own is read there, nothing is ever written there.
    """

    def __init__(self, base: Path | None = None) -> None:
        self.folder, self._base = new_folder(), base
        # Where tokens and embeddings lie when it is not this one; held as long as one of its siblings.
        self._first: TileStore | None = None
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def sibling(self) -> TileStore:
        """Return a store that shares tokens and embeddings with this one and has no traces yet."""
        other = TileStore()
        other._first = self._shared
        return other

    @property
    def _shared(self) -> TileStore:
        return self._first or self

    def put_tokens(self, tile: int, tokens: Tensor) -> None:
        """Keep a tile's (n, C) tokens.

        Raises
        ------
        napari_gfsam.io.writers.OutputError
            If there is no room for temporary files.
        """
        self._shared._write(f"{tile}.tokens", TileHeader(TILE), {"tokens": array_of(tokens)})

    def tokens(self, tile: int) -> Tensor:
        """Return a tile's (n, C) tokens."""
        return tensor_of(self._shared._read(f"{tile}.tokens")[1]["tokens"])

    def put_embedding(self, tile: int, embedding: Tensor) -> None:
        """Keep what a tile's prompts are decoded from; errors as `put_tokens`."""
        self._shared._write(f"{tile}.embedding", TileHeader(TILE), {"embedding": array_of(embedding)})

    def embedding(self, tile: int) -> Tensor | None:
        """Return a tile's embedding, ``None`` where it was never needed."""
        if not self._shared.find(f"{tile}.embedding").is_file():
            return None
        return tensor_of(self._shared._read(f"{tile}.embedding")[1]["embedding"])

    def put_readings(self, tile: int, readings: Iterable[tuple[ClassSpec, Sequence[TileReading]]]) -> None:
        """Keep a tile's readings by class until one is chosen; errors as `put_tokens`."""
        arrays: Arrays = {}
        classes: list[StoredClass] = []
        for spec, several in readings:
            for reading in several:
                put_reading(arrays, str(len(classes)), reading)
                classes.append(stored_reading(spec, reading))
        self._write(f"{tile}.readings", TileHeader(TILE, tuple(classes)), arrays)

    def take_readings(self, tile: int) -> dict[int, list[TileReading]]:
        """Return a tile's readings by class id; they are not kept any longer."""
        header, arrays = self._read(f"{tile}.readings")
        found: dict[int, list[TileReading]] = {}
        for number, one in enumerate(header.classes):
            found.setdefault(one.id, []).append(take_reading(arrays, str(number), one))
        self.find(f"{tile}.readings").unlink()
        return found

    def put_traces(self, tile: int, traces: Iterable[ClassTrace]) -> None:
        """Keep the traces of a tile; errors as `put_tokens`."""
        arrays: Arrays = {}
        classes = []
        for trace in traces:
            put_trace(arrays, str(trace.spec.id), trace)
            classes.append(stored_class(trace))
        self._write(f"{tile}.traces", TileHeader(TILE, tuple(classes)), arrays)

    def has_traces(self, tile: int) -> bool:
        """Tell whether there are traces of a tile."""
        return self.find(f"{tile}.traces").is_file()

    def traces(self, tile: int) -> dict[int, ClassTrace]:
        """Return the traces of a tile by class id."""
        header, arrays = self._read(f"{tile}.traces")
        return {one.id: take_trace(arrays, one) for one in header.classes}

    def scores(self, tile: int) -> dict[int, float]:
        """Return by class id the ``found_again`` of a tile's traces; their masks are not read."""
        return {one["id"]: one["found_again"] for one in read_value(self.find(f"{tile}.traces"), "classes")}

    def put_answer(self, tile: int, labels: LabelArray, confidence: FloatArray) -> None:
        """Keep what a tile says by itself; errors as `put_tokens`."""
        try:
            np.save(self.folder / f"{tile}.labels.npy", labels)
            np.save(self.folder / f"{tile}.confidence.npy", confidence)
        except OSError as error:
            raise no_room(self.folder, error) from error

    def answer(self, tile: int, box: Box) -> tuple[LabelArray, FloatArray]:
        """Return labels and confidence of rows and columns of a tile."""
        labels, confidence = (
            np.array(np.load(self.find(f"{tile}.{name}.npy"), mmap_mode="r")[box]) for name in ("labels", "confidence")
        )
        return labels, confidence

    def copy_to(self, folder: Path, tiles: Iterable[int]) -> None:
        """Put what is known of tiles into a folder, as links to the same files where the disk is the same."""
        names = ("labels.npy", "confidence.npy", "traces")
        for tile in tiles:
            files = [self._shared.find(f"{tile}.{name}") for name in ("tokens", "embedding")]
            for path in (*files, *(self.find(f"{tile}.{name}") for name in names)):
                if path.is_file():
                    _link(path, folder / path.name)

    def find(self, name: str) -> Path:
        """Return where a file lies, or would be written."""
        own = self.folder / name
        return own if self._base is None or own.is_file() else self._base / name

    def _write(self, name: str, header: TileHeader, arrays: Arrays) -> None:
        path = self.folder / name
        try:
            path.unlink(missing_ok=True)  # another folder may have a link to what was there
            path.write_bytes(to_bytes(header, arrays))
        except OSError as error:
            raise no_room(self.folder, error) from error

    def _read(self, name: str) -> tuple[TileHeader, Arrays]:
        return read(self.find(name), TileHeader, TILE)


def _link(path: Path, to: Path) -> None:
    try:
        os.link(path, to)
    except OSError:  # another disk, or one without links
        shutil.copyfile(path, to)
