"""Predictions to disk and back, with all that correcting them needs.

One file a target, and for one in tiles a folder beside it. The encoded references are the same for all targets of a
run: they lie beside them once, named by their content (``references-<hash>.safetensors``).

>>> archive = Archive(lambda models: segmenter.backend)
>>> archive.save(folder / "plane_0007.safetensors", prediction)   # any thread; atomic
>>> archive.load(folder / "plane_0007.safetensors")               # loads no model; decoding a new point may
"""

from __future__ import annotations

import re
from collections import OrderedDict
from functools import partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from napari_gfsam.api.stored import prediction as stored_prediction
from napari_gfsam.api.stored import references as stored_references
from napari_gfsam.api.stored import tiled as stored_tiled
from napari_gfsam.api.stored.file import ArchiveError, content_name, read, read_value, to_bytes
from napari_gfsam.api.stored.header import (
    PREDICTION,
    REFERENCES,
    TILED,
    PredictionHeader,
    ReferencesHeader,
    TiledHeader,
)
from napari_gfsam.io.writers import beside, remove, write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from napari_gfsam.api.backend import Backend
    from napari_gfsam.api.prediction import Prediction
    from napari_gfsam.api.tiles.prediction import TiledPrediction
    from napari_gfsam.core.masks import MaskBank
    from napari_gfsam.core.types import EncodedClass
    from napari_gfsam.io.records import ModelRecord

__all__ = ["SUFFIX", "Archive", "ArchiveError"]

SUFFIX, TILES = ".safetensors", ".tiles"
_SHARED = re.compile(r"references-([0-9a-f]{32})\.safetensors")
#: Runs whose references stay in memory, so that all their targets share them.
_RUNS = 4


class Archive:
    """Predictions as files; safe to use from several threads.

    Parameters
    ----------
    backend_for
        Gives the models that a prediction was made with, asked only when a prompt must be decoded that was not
        decoded before; it may raise `ValueError` with one sentence.
    """

    def __init__(self, backend_for: Callable[[tuple[ModelRecord, ...]], Backend]) -> None:
        self._backend_for = backend_for
        self._runs: OrderedDict[str, tuple[EncodedClass, ...]] = OrderedDict()
        self._lock, self._writing = RLock(), RLock()

    def save(self, path: Path | str, prediction: Prediction | TiledPrediction) -> None:
        """Write a prediction, whole or not at all, and its references if they are not in that folder yet.

        Raises
        ------
        napari_gfsam.io.writers.OutputError
            If a file cannot be written.
        """
        from napari_gfsam.api.tiles.prediction import TiledPrediction

        path = Path(path)
        if isinstance(prediction, TiledPrediction):
            name = self._save_references(path.parent, prediction.answer.scene.classes)
            content = to_bytes(*stored_tiled.pack(prediction, name))
            with self._writing, beside(_tiles_of(path)) as folder:
                stored_tiled.write_tiles(prediction, folder)
        else:
            name = self._save_references(path.parent, prediction.scene.classes)
            content = to_bytes(*stored_prediction.pack(prediction, name))
        with self._writing:
            write_bytes(path, content)

    def load(self, path: Path | str) -> Prediction | TiledPrediction:
        """Read a prediction; every correction of it gives what it would have given before saving.

        Raises
        ------
        ArchiveError
            If the file is missing, damaged or none of ours, or the references beside it are.
        """
        path = Path(path)
        if _is_tiled(path):
            return self._load_tiled(path)
        header, arrays = read(path, PredictionHeader, PREDICTION)
        classes = self._references(path.parent, header.references_file)
        try:
            return stored_prediction.unpack(header, arrays, classes, lambda embedding: self._bank(header, embedding))
        except (KeyError, ValueError, TypeError) as error:
            raise ArchiveError(f"{path} does not fit together ({error}); run this target again.") from error

    def remove_unused_references(self, folder: Path | str) -> None:
        """Delete the references files in a folder that none of its predictions needs any more.

        Raises
        ------
        OSError
            If a file cannot be read or deleted.
        """
        with self._writing:
            files = list(Path(folder).glob(f"*{SUFFIX}"))
            shared = {path: match[1] for path in files if (match := _SHARED.fullmatch(path.name))}
            used = {read_value(path, "references_file") for path in files if path not in shared}
            for path, name in shared.items():
                if name not in used:
                    path.unlink(missing_ok=True)
            for tiles in Path(folder).glob(f"*{TILES}"):
                if not tiles.with_suffix(SUFFIX).is_file():
                    remove(tiles)

    def remove(self, path: Path | str) -> None:
        """Delete a prediction, if it is there.

        Raises
        ------
        OSError
            If a file cannot be deleted.
        """
        Path(path).unlink(missing_ok=True)
        remove(_tiles_of(Path(path)))

    def nbytes(self, path: Path | str) -> int:
        """Return the room that a prediction takes on the disk, without what it shares with others.

        Raises
        ------
        OSError
            If it is not there.
        """
        tiles = _tiles_of(Path(path))
        return sum(one.stat().st_size for one in (Path(path), *tiles.glob("*")))

    def _load_tiled(self, path: Path) -> TiledPrediction:
        header, arrays = read(path, TiledHeader, TILED)
        classes = self._references(path.parent, header.references_file)
        try:
            return stored_tiled.unpack(header, arrays, classes, _tiles_of(path), partial(self._backend, header))
        except (KeyError, ValueError, TypeError, OSError) as error:
            raise ArchiveError(f"{path} does not fit together ({error}); run this target again.") from error

    def _save_references(self, folder: Path, classes: tuple[EncodedClass, ...]) -> str:
        """Write references if they are not in a folder yet, and return their name."""
        references = stored_references.pack(classes)
        name = content_name(*references)
        with self._writing:
            if not _shared(folder, name).is_file():
                write_bytes(_shared(folder, name), to_bytes(*references))
        self._remember(name, classes)
        return name

    def _references(self, folder: Path, name: str) -> tuple[EncodedClass, ...]:
        path = _shared(folder, name)
        if not _SHARED.fullmatch(path.name):
            raise ArchiveError(f"{name!r} is no name of stored references; run this target again.")
        with self._lock:
            known = self._runs.get(name)
        if known is None:
            try:
                known = stored_references.unpack(*read(path, ReferencesHeader, REFERENCES))
            except KeyError as error:
                raise ArchiveError(f"{path} does not fit together ({error}); run this target again.") from error
        return self._remember(name, known)

    def _remember(self, name: str, classes: tuple[EncodedClass, ...]) -> tuple[EncodedClass, ...]:
        """Keep references in memory; those of the run used longest ago go."""
        with self._lock:
            classes = self._runs.setdefault(name, classes)
            self._runs.move_to_end(name)
            while len(self._runs) > _RUNS:
                self._runs.popitem(last=False)
        return classes

    def _bank(self, header: PredictionHeader, embedding: Tensor) -> MaskBank:
        return self._backend(header).bank_of(embedding)

    def _backend(self, header: PredictionHeader | TiledHeader) -> Backend:
        backend = self._backend_for(header.models)
        if backend.records != header.models:
            names = " and ".join(model.id for model in header.models)
            raise ArchiveError(f"{header.target.name} was segmented with {names}; choose these models to add points.")
        return backend


def _is_tiled(path: Path) -> bool:
    try:
        return bool(read_value(path, "format") == TILED)
    except OSError:  # whoever reads it says what is wrong
        return False


def _tiles_of(path: Path) -> Path:
    return path.with_suffix(TILES)


def _shared(folder: Path, name: str) -> Path:
    return folder / f"references-{name}{SUFFIX}"
