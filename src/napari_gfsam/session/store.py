"""Predictions of all targets: every one on disk, the latest in memory, corrections replayed where they are needed."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from threading import RLock
from typing import TYPE_CHECKING, Protocol

from psygnal import Signal

from napari_gfsam.session.versions import NAME, Entry, Version, is_stored, new_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from napari_gfsam.api.tiles.prediction import AnyPrediction
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.io.records import DecisionRecord
    from napari_gfsam.session.types import PlaneKey

MEMORY_BYTES = 512 * 2**20
CAPACITY_BYTES = 8 * 2**30


class Archive(Protocol):
    """What the store asks of `napari_gfsam.api.archive.Archive`."""

    def save(self, path: Path | str, prediction: AnyPrediction) -> None:
        """Write a prediction, whole or not at all."""
        ...

    def load(self, path: Path | str) -> AnyPrediction:
        """Read a prediction."""
        ...

    def remove(self, path: Path | str) -> None:
        """Delete a prediction, if it is there."""
        ...

    def nbytes(self, path: Path | str) -> int:
        """Return the room that a prediction takes on the disk."""
        ...

    def remove_unused_references(self, folder: Path | str) -> None:
        """Delete what no prediction in a folder needs any more."""
        ...


class PredictionStore:
    """Predictions by plane; safe to use from several threads.

    `changed` may come from any thread: connect a view with ``thread="main"``.

    Parameters
    ----------
    folder
        Gives the folder of the files, asked when the first is written.
    archive
        Writes and reads them.
    is_accepted
        Tells whether a plane was accepted: its prediction is the first to go when the disk is full.
    memory_bytes
        Memory to hold at most; the latest used, and what waits for `flush`, always stay.
    capacity_bytes
        Room on disk to take at most; the latest put always stays.
    """

    changed = Signal()

    def __init__(
        self,
        folder: Callable[[], Path],
        archive: Archive,
        is_accepted: Callable[[PlaneKey], bool] = lambda plane: False,
        *,
        memory_bytes: int = MEMORY_BYTES,
        capacity_bytes: int = CAPACITY_BYTES,
    ) -> None:
        self._folder = folder
        self._archive = archive
        self._is_accepted = is_accepted
        self._memory_bytes = memory_bytes
        self._capacity_bytes = capacity_bytes
        self._entries: dict[PlaneKey, Entry] = {}
        self._put: dict[PlaneKey, Version] = {}
        self._recent: OrderedDict[Version, None] = OrderedDict()
        self._waiting: dict[str, AnyPrediction] = {}
        self._sizes: dict[str, int] = {}
        self._named: set[str] = set()
        self._deleted = False
        self._lock = RLock()
        self._writing = RLock()

    def __len__(self) -> int:
        """Return the number of planes."""
        return len(self._entries)

    def __contains__(self, plane: PlaneKey) -> bool:
        """Tell whether a plane has a prediction, without reading it."""
        return plane in self._entries

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        with self._lock:
            return sum(version.memory for version in self._recent)

    @property
    def disk_bytes(self) -> int:
        """Bytes of its files."""
        with self._lock:
            return sum(self._sizes.get(file, 0) for file in self._files())

    @property
    def capacity_bytes(self) -> int:
        """Room on disk to take at most; a smaller one takes effect at once."""
        return self._capacity_bytes

    @capacity_bytes.setter
    def capacity_bytes(self, capacity: int) -> None:
        self._capacity_bytes = capacity
        with self._lock:
            self._fit_disk()
        self.changed.emit()

    def put(self, plane: PlaneKey, prediction: AnyPrediction) -> None:
        """Write the answer of a run, which counts once `take` is called; what was put before and not taken goes.

        Until then all else is about the answer that the window shows: it is corrected and saved meanwhile.

        Raises
        ------
        napari_gfsam.io.writers.OutputError
            If it cannot be written; the store stays as it was.
        """
        version = Version.of_run(prediction)
        with self._writing:  # until the file is known: a sweep would take it
            self._write(version.file, prediction)
            with self._lock:
                self.refuse(plane)
                self._put[plane] = version
                self._remember(version, prediction)

    def take(self, plane: PlaneKey) -> bool:
        """Let what was put count; the answer before it can be had back by `swap`. Tell whether there was anything."""
        with self._lock:
            version = self._put.pop(plane, None)
            if version is None:
                return False
            old = self._entries.pop(plane, None)
            self._entries[plane] = Entry(version, old.now if old else None)
            for replaced in old.versions if old else ():
                self._let_go(replaced)
            self._fit_disk()
        self.changed.emit()
        return True

    def refuse(self, plane: PlaneKey) -> None:
        """Delete what was put and not taken, if there is any."""
        with self._lock:
            version = self._put.pop(plane, None)
            if version is not None:
                self._delete(version)

    def correct(self, plane: PlaneKey, prediction: AnyPrediction) -> None:
        """Take in a corrected prediction, or another reading, in memory; nothing is done if the plane has none."""
        with self._lock:
            entry = self._entries.get(plane)
            if entry is None:
                return
            entry.now.correct(prediction)
            self._remember(entry.now, prediction)
        self.changed.emit()

    def is_decided(self, plane: PlaneKey) -> bool:
        """Tell whether a person decided anything about a plane's prediction: points, clusters, another reading."""
        entry = self._entries.get(plane)
        return entry is not None and entry.now.decided

    def decided(self, plane: PlaneKey) -> object:
        """Return what a person decided about a plane's prediction, to be compared with a later answer."""
        entry = self._entries.get(plane)
        return None if entry is None else (entry.now.decisions, entry.now.read_otherwise)

    def is_read_otherwise(self, plane: PlaneKey) -> bool:
        """Tell whether a person chose another reading of a plane than the run did."""
        entry = self._entries.get(plane)
        return entry is not None and entry.now.read_otherwise

    def as_run(self, plane: PlaneKey) -> GFSAMConfig | None:
        """Return the settings of the run that gave a plane's prediction; ``None`` where they are not known."""
        entry = self._entries.get(plane)
        return None if entry is None else entry.now.as_run

    def get(self, plane: PlaneKey) -> AnyPrediction | None:
        """Return a plane's prediction with all its decisions, read from disk if need be (tens of milliseconds).

        Returns
        -------
        ``None`` if there is none, or it had to make room.

        Raises
        ------
        ValueError
            If its file is missing or damaged (`napari_gfsam.api.archive.ArchiveError`), or its decisions do not fit it.
        """
        with self._lock:
            entry = self._entries.get(plane)
            if entry is None:
                return None
            version = entry.now
            if version.prediction is not None:
                self._recent.move_to_end(version)
                return version.prediction
            stored = self._waiting.get(version.file)
        return self._read(entry, version, stored or self._archive.load(self._folder() / version.file))

    def has_previous(self, plane: PlaneKey) -> bool:
        """Tell whether `swap` would give the prediction of the run before."""
        entry = self._entries.get(plane)
        return entry is not None and entry.before is not None

    def swap(self, plane: PlaneKey) -> bool:
        """Exchange a plane's prediction with that of the run before (and back); tell whether there was one."""
        with self._lock:
            entry = self._entries.get(plane)
            if entry is None or entry.before is None:
                return False
            self._let_go(entry.now)
            entry.now, entry.before = entry.before, entry.now
        self.changed.emit()
        return True

    def drop(self, planes: Iterable[PlaneKey]) -> None:
        """Forget planes and delete their files."""
        with self._lock:
            for plane in planes:
                self.refuse(plane)
                entry = self._entries.pop(plane, None)
                for version in entry.versions if entry else ():
                    self._delete(version)
        self.changed.emit()

    def clear(self) -> None:
        """Forget everything and delete all files."""
        self.drop((*self._entries, *self._put))

    def saved(self, plane: PlaneKey) -> tuple[str, tuple[DecisionRecord, ...]] | None:
        """Return what a description names: the file, which `flush` writes if it is not there, and the decisions."""
        with self._lock:
            entry = self._entries.get(plane)
            if entry is None:
                return None
            self._set_aside(entry.now)
            self._named.add(entry.now.file)
            return entry.now.file, entry.now.decisions

    def flush(self) -> None:
        """Write what `saved` named and is not on disk yet.

        Raises
        ------
        napari_gfsam.io.writers.OutputError
            If a file cannot be written; what is not written stays in memory for the next time.
        """
        with self._writing:
            with self._lock:
                waiting = list(self._waiting.items())
            for file, prediction in waiting:
                self._write(file, prediction)
                with self._lock:
                    self._waiting.pop(file, None)
        if waiting:
            with self._lock:
                self._fit_disk()
            self.changed.emit()

    def sweep(self, used: Iterable[str]) -> None:
        """Delete files that neither the store, nor a description just written, nor one yet to be written needs."""
        written = set(used)
        with self._writing:
            with self._lock:
                self._named -= written
                kept = {*written, *self._named, *self._files(), *self._waiting}
            for path in self._folder().glob("*.safetensors"):
                if NAME.fullmatch(path.name) and path.name not in kept:
                    self._unlink(path.name)
            if self._deleted:
                self._deleted = False
                with suppress(OSError):
                    self._archive.remove_unused_references(self._folder())

    def adopt(
        self,
        plane: PlaneKey,
        file: str,
        decisions: tuple[DecisionRecord, ...],
        *,
        read_otherwise: bool = False,
        as_run: GFSAMConfig | None = None,
    ) -> bool:
        """Take in a file of an earlier process, read otherwise than it was run; tell whether it is there."""
        if not is_stored(self._folder(), file):
            return False
        with self._lock:
            self._sizes[file] = self._archive.nbytes(self._folder() / file)
            self._entries[plane] = Entry(Version(file, decisions, read_otherwise=read_otherwise, as_run=as_run))
        self.changed.emit()
        return True

    def release(self) -> None:
        """Let go of all memory but what waits for `flush`."""
        with self._lock:
            for version in list(self._recent):
                self._let_go(version)

    def _files(self) -> Iterator[str]:
        yield from (version.file for entry in self._entries.values() for version in entry.versions)
        yield from (version.file for version in self._put.values())

    def _write(self, file: str, prediction: AnyPrediction) -> None:
        path = self._folder() / file
        with self._writing:
            self._archive.save(path, prediction)
        with self._lock:
            self._sizes[file] = self._archive.nbytes(path)

    def _read(self, entry: Entry, version: Version, stored: AnyPrediction) -> AnyPrediction:
        """Bring what was stored up to the decisions of now; another thread may have been quicker."""
        found = stored if stored.decisions == version.decisions else stored.decided(version.decisions)
        with self._lock:
            if version.prediction is None and version in entry.versions:
                version.is_written_as(stored)
                self._remember(version, found)
            return version.prediction or found

    def _remember(self, version: Version, prediction: AnyPrediction) -> None:
        """Hold a prediction in memory and let go of those used longest ago."""
        version.hold(prediction)
        self._recent[version] = None
        self._recent.move_to_end(version)
        while len(self._recent) > 1 and self.nbytes > self._memory_bytes:
            self._let_go(next(iter(self._recent)))

    def _let_go(self, version: Version) -> None:
        """Free memory; what the file cannot give back waits to be written."""
        self._set_aside(version)
        self._recent.pop(version, None)
        version.prediction, version.memory = None, 0

    def _set_aside(self, version: Version) -> None:
        """Give a prediction that its file cannot give back another file: the old one may be named on disk."""
        if version.prediction is not None and not version.file_suffices:
            version.file = new_name()
            version.is_written_as(version.prediction)
            self._waiting[version.file] = version.prediction

    def _fit_disk(self) -> None:
        """Delete until the rest fits."""
        for plane, version in list(self._expendable()):
            if self.disk_bytes <= self._capacity_bytes:
                return
            entry = self._entries[plane]
            if version is entry.before:
                entry.before = None
            else:
                del self._entries[plane]
            self._delete(version)

    def _expendable(self) -> Iterator[tuple[PlaneKey, Version]]:
        """Walk what may go, first to last: earlier runs, then what was accepted, then the rest.

        Of each what nobody corrected goes first, and of that the oldest.
        """
        earlier = [(plane, entry.before) for plane, entry in self._entries.items() if entry.before]
        yield from sorted(earlier, key=lambda pair: pair[1].decided)
        older = [(plane, entry.now) for plane, entry in self._entries.items()][:-1]
        yield from sorted(older, key=lambda pair: (not self._is_accepted(pair[0]), pair[1].decided))

    def _delete(self, version: Version) -> None:
        self._recent.pop(version, None)
        self._waiting.pop(version.file, None)
        self._unlink(version.file)

    def _unlink(self, file: str) -> None:
        self._sizes.pop(file, None)
        self._deleted = True
        with suppress(OSError):  # in use on Windows: the next sweep takes it
            self._archive.remove(self._folder() / file)
