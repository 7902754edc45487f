"""The arrays of a session on disk: label planes named by their content, so that nothing is written twice."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from threading import RLock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from napari_gfsam.session.packing import PackedPlane, pack

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_gfsam.core.arrays import LabelArray

#: Names that we give; anything else in a session's description is not followed.
NAME = re.compile(r"[0-9a-f]{32}\.(tif|npy)")


class SessionError(ValueError):
    """A session that cannot be read; the message is one sentence for the user."""


class Shelf:
    """Arrays by name: kept in memory until `flush` has written them, which any thread may do.

    Parameters
    ----------
    folder
        Where the files are; made when the first is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = RLock()
        self._flushing = RLock()
        self._waiting: dict[str, PackedPlane | NDArray[Any]] = {}
        self._written: set[str] = set()
        self._fresh: set[str] = set()

    def keep(self, labels: LabelArray | PackedPlane) -> str:
        """Take in a (H, W) label plane and return its name; the array may be changed afterwards.

        Raises
        ------
        ValueError
            If it is no label plane (see `packing.pack`).
        """
        plane = labels if isinstance(labels, PackedPlane) else pack(labels)
        return self._keep(f"{plane.name}.tif", plane)

    def keep_array(self, array: NDArray[Any]) -> str:
        """Take in a picture of any shape and type (copied to disk by `flush`) and return its name.

        Raises
        ------
        ValueError
            If the array holds Python objects.
        """
        if array.dtype.hasobject:
            raise ValueError(f"An array of {array.dtype} cannot be kept; save the picture to a file and open that.")
        return self._keep(f"{uuid4().hex}.npy", array)

    def flush(self) -> None:
        """Write what was taken in since the last time, each file whole or not at all.

        Raises
        ------
        napari_gfsam.io.writers.OutputError
            If a file cannot be written; what is not written stays in memory for the next time.
        """
        with self._flushing:
            for name, item in list(self._waiting.items()):
                self._write(self._folder / name, item)
                with self._lock:
                    del self._waiting[name]
                    self._written.add(name)

    def sweep(self, used: Iterable[str]) -> None:
        """Delete the files that a description just written does not name, but for what was taken in since."""
        kept = set(used)
        with self._lock:
            self._fresh -= kept
            kept |= self._fresh
            for path in self._folder.glob("*.*"):
                if NAME.fullmatch(path.name) and path.name not in kept:
                    with suppress(OSError):  # in use on Windows: the next sweep takes it
                        path.unlink(missing_ok=True)
            self._written &= kept

    def labels(self, name: str) -> PackedPlane:
        """Read a label plane.

        Raises
        ------
        SessionError
            If the file is missing, or is not what was written.
        """
        from napari_gfsam.io.readers import ImageFileError, read_labels

        path = self._path(name)
        self._fresh.add(name)  # `sweep` leaves a damaged file to whoever wants to look at it
        try:
            plane = pack(read_labels(path))
        except ImageFileError as error:
            raise SessionError(f"Saved labels are lost: {error}") from error
        if f"{plane.name}.tif" != name:
            raise SessionError(f"Saved labels are lost: {path} was changed after it was saved.")
        self._written.add(name)
        return plane

    def array(self, name: str) -> NDArray[Any]:
        """Open a picture, read from disk where it is looked at.

        Raises
        ------
        SessionError
            If the file is missing or damaged.
        """
        path = self._path(name)
        try:
            found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise SessionError(f"A saved picture is lost: {path} cannot be read ({error}).") from error
        return found

    def _keep(self, name: str, item: PackedPlane | NDArray[Any]) -> str:
        with self._lock:
            self._fresh.add(name)
            if name not in self._written:
                self._waiting[name] = item
        return name

    def _path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise SessionError(f"The session names a file {name!r} that is none of its own.")
        return self._folder / name

    @staticmethod
    def _write(path: Path, item: PackedPlane | NDArray[Any]) -> None:
        from napari_gfsam.io.writers import write_labels

        if isinstance(item, PackedPlane):
            write_labels(path, item.unpack())
        else:
            _write_array(path, item)


def _write_array(path: Path, array: NDArray[Any]) -> None:
    """Write a .npy file atomically without a second copy in memory: a picture may be gigabytes."""
    from napari_gfsam.io.writers import OutputError

    hidden = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with hidden.open("wb") as file:
                np.save(file, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            os.replace(hidden, path)
        finally:
            hidden.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror or error}); make room on the disk.") from error
