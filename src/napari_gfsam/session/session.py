"""`Session`: all that is known about the work in one viewer."""

from __future__ import annotations

import time
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.core.config import GFSAMConfig
from napari_gfsam.session.books import AcceptedBook, ProposalBook
from napari_gfsam.session.classes import ClassTable
from napari_gfsam.session.folder import SessionFolder
from napari_gfsam.session.history import History
from napari_gfsam.session.queue import ReviewQueue
from napari_gfsam.session.references import ReferenceList
from napari_gfsam.session.resumed import Resumed, read_session
from napari_gfsam.session.saved import SavedPlane, SavedReference, SavedSession, SavedTarget, write_saved
from napari_gfsam.session.shelf import Shelf
from napari_gfsam.session.store import PredictionStore
from napari_gfsam.session.types import TargetState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from napari_gfsam.core.arrays import LabelArray
    from napari_gfsam.session.packing import PackedPlane
    from napari_gfsam.session.saved import SavedLayer, SavedSource
    from napari_gfsam.session.store import Archive
    from napari_gfsam.session.types import PlaneKey, Target


class Session:
    """The state of one viewer. Used on the main thread but for `store`, `queue.get` and `write`.

    Parameters
    ----------
    archive
        Writes and reads predictions: `napari_gfsam.api.archive.Archive`.
    root
        Where session folders are made; `folder.default_root` when not given.
    """

    def __init__(self, archive: Archive, root: Path | None = None) -> None:
        self.classes = ClassTable()
        self.references = ReferenceList()
        self.queue = ReviewQueue()
        self.history = History()
        self.proposals = ProposalBook()
        self.accepted = AcceptedBook()
        self.store = PredictionStore(lambda: self.folder.predictions, archive, self.queue.is_accepted)
        self.generation = 0
        self._root = root
        self._folder: SessionFolder | None = None
        self._shelf: Shelf | None = None
        self._paint: dict[str, str] = {}
        self._labels: dict[PlaneKey, str] = {}
        self._lock, self._writing = RLock(), RLock()
        self._dirty, self._saved_at = False, 0.0
        for part in (self.classes, self.references, self.queue, self.proposals, self.accepted, self.store):
            part.changed.connect(self.touch)
        self.queue.current_changed.connect(self.touch)

    @property
    def folder(self) -> SessionFolder:
        """The session folder, made when it is first needed.

        Raises
        ------
        napari_gfsam.io.writers.OutputError
            If it cannot be made.
        """
        with self._lock:
            if self._folder is None:
                self._folder = SessionFolder.create(self._root)
            return self._folder

    @property
    def root(self) -> Path | None:
        """Where session folders are made; ``None`` for `folder.default_root`."""
        return self._root

    @property
    def size_bytes(self) -> int:
        """Bytes of the session folder, 0 before there is one."""
        return self._folder.size_bytes if self._folder else 0

    @property
    def dirty(self) -> bool:
        """Whether something changed since the last `snapshot`."""
        return self._dirty

    def touch(self) -> None:
        """Say that something changed that only the caller knows of, such as a stroke in a reference."""
        self._dirty = True

    def next_generation(self) -> int:
        """Return the number of a new run; answers of earlier runs are stale from now on."""
        self.generation += 1
        return self.generation

    def forget(self, planes: Iterable[PlaneKey]) -> None:
        """Take targets out of the queue with their proposals; what was accepted stays."""
        planes = tuple(planes)
        self.queue.remove(planes)
        self.proposals.forget(planes)
        self.store.drop(planes)

    def forget_source(self, source: str) -> None:
        """Forget all that belongs to pictures that are gone: references, targets, what was accepted."""
        self.references.forget_source(source)
        known = {target.plane for target in self.queue} | {*self.proposals, *self.accepted}
        planes = [plane for plane in known if plane.source == source]
        self.forget(planes)
        self.accepted.forget(planes)

    def clear(self) -> None:
        """Forget everything but the folder: classes, references, targets, corrections, history."""
        self.history.clear()
        self.forget({target.plane for target in self.queue} | {*self.proposals})
        self.accepted.forget(tuple(self.accepted))
        self.references.restore(())
        self.classes.restore(())
        self._paint, self._labels = {}, {}

    def keep_array(self, array: Any) -> str:
        """Keep a copy of a picture that came from no file; return its name for `SavedLayer.array`.

        Raises
        ------
        ValueError
            If the array holds Python objects.
        napari_gfsam.io.writers.OutputError
            If there can be no session folder.
        """
        return self._the_shelf.keep_array(np.asarray(array))

    def snapshot(
        self,
        *,
        layers: Iterable[SavedLayer] = (),
        sources: Iterable[SavedSource] = (),
        choices: Mapping[str, Any] | None = None,
        paint: Mapping[str, LabelArray | PackedPlane] | None = None,
        labels: Mapping[PlaneKey, LabelArray | PackedPlane] | None = None,
    ) -> SavedSession:
        """Describe the session as it is now; `write` puts it on disk, from any thread.

        Parameters
        ----------
        layers, sources, choices
            What only the viewer knows.
        paint
            (H, W) ids of references by the id of their row, packed or not; those not given are as at the last snapshot.
        labels
            (H, W) accepted labels by plane, packed or not; those not given are as at the last snapshot.

        Raises
        ------
        ValueError
            If an array is no label plane.
        napari_gfsam.io.writers.OutputError
            If there can be no session folder.
        """
        from napari_gfsam import __version__

        self._dirty = False
        self._paint.update({row_id: self._the_shelf.keep(ids) for row_id, ids in (paint or {}).items()})
        self._labels.update({plane: self._the_shelf.keep(ids) for plane, ids in (labels or {}).items()})
        return SavedSession(
            version=__version__,
            saved_at=time.time(),
            generation=self.generation,
            layers=tuple(layers),
            sources=tuple(sources),
            classes=tuple(self.classes),
            references=(
                *(SavedReference(row, self._paint.get(row.id, "")) for row in self.references),
                *(SavedReference(row, self._paint.get(row.id, ""), listed=False) for row in self.references.removed),
            ),
            targets=tuple(self._saved_target(target) for target in self.queue),
            beside=tuple(self._saved_beside()),
            current=self.queue.current,
            choices=dict(choices or {}),
        )

    def write(self, saved: SavedSession) -> None:
        """Put a snapshot on disk: arrays first, the description last, then what is needed no more is deleted.

        Raises
        ------
        napari_gfsam.io.writers.OutputError
            If something cannot be written; the session on disk stays as it was.
        ValueError
            If a fact or choice is nothing that JSON has.
        """
        with self._writing:
            if saved.saved_at < self._saved_at:  # a later one was quicker
                return
            try:
                self.store.flush()
                self._the_shelf.flush()
                write_saved(self.folder, saved)
            except (OSError, ValueError):
                self.touch()
                raise
            self._saved_at = saved.saved_at
            self._the_shelf.sweep(saved.planes | saved.pictures)
            self.store.sweep(saved.predictions)

    def resume(self, folder: SessionFolder) -> Resumed:
        """Read an earlier session and go on in its folder; from any thread, before `restore` on the main one.

        Returns
        -------
        What was read, with the ids of layers and sources of that time.

        Raises
        ------
        SessionError
            If its description is damaged, or another process uses it; nothing has changed then.
        napari_gfsam.io.writers.OutputError
            If it cannot be written to.
        """
        resumed = read_session(folder)
        folder.take_over()
        with self._lock:
            if self._folder is not None:
                self._folder.close()
            self._folder, self._shelf = folder, resumed.shelf
        return resumed

    def restore(self, resumed: Resumed) -> None:
        """Put what `resume` gave, with the ids of now, in the place of all state; the history starts anew."""
        saved, planes = resumed.saved, resumed.planes
        self.clear()
        self.generation = saved.generation
        self._paint = {found.row.id: found.paint for found in saved.references if found.paint in planes}
        self._labels = {plane: name for plane, name in saved.labels.items() if name in planes}
        self.classes.restore(saved.classes)
        self.references.restore(
            [found.row for found in saved.references if found.listed],
            [found.row for found in saved.references if not found.listed],
        )
        for found in saved.targets:
            plane = found.target.plane
            self.proposals.restore(plane, planes.get(found.merged), planes.get(found.paint))
            self.accepted.restore(plane, planes.get(found.written))
            self.store.adopt(
                plane,
                found.prediction,
                found.decisions,
                read_otherwise=found.read_otherwise,
                as_run=_settings(found.as_run),
            )
        for other in saved.beside:
            self.proposals.restore(other.plane, None, planes.get(other.paint))
        self.queue.restore([_settled(found) for found in saved.targets], saved.current)

    def close(self) -> None:
        """Let go of memory and of the folder, which can be gone on with later."""
        self.store.release()
        with self._lock:
            if self._folder is not None:
                self._folder.close()

    @property
    def _the_shelf(self) -> Shelf:
        with self._lock:
            if self._shelf is None:
                self._shelf = Shelf(self.folder.labels)
            return self._shelf

    def _saved_beside(self) -> Iterator[SavedPlane]:
        """Describe planes of the targets' pictures that are no targets but painted on."""
        pictures = {target.plane.source for target in self.queue}
        for plane in dict.fromkeys((*self.proposals, *self._labels)):
            if plane in self.queue or plane.source not in pictures:
                continue
            _, paint = self.proposals.packed(plane) or (None, None)
            saved = SavedPlane(plane, self._the_shelf.keep(paint) if paint else "", self._labels.get(plane, ""))
            if saved.paint or saved.labels:
                yield saved

    def _saved_target(self, target: Target) -> SavedTarget:
        plane, keep = target.plane, self._the_shelf.keep
        merged, paint = self.proposals.packed(plane) or (None, None)
        written = self.accepted.packed(plane)
        file, decisions = self.store.saved(plane) or ("", ())
        read_otherwise, as_run = self.store.is_read_otherwise(plane), self.store.as_run(plane)
        return SavedTarget(
            target=self.queue.beneath(plane) or target,
            merged=keep(merged) if merged else "",
            paint=keep(paint) if paint else "",
            labels=self._labels.get(plane, ""),
            written=keep(written) if written else "",
            prediction=file,
            decisions=decisions,
            read_otherwise=read_otherwise,
            as_run=as_run.as_dict() if read_otherwise and as_run is not None else {},
        )


def _settings(saved: Mapping[str, Any]) -> GFSAMConfig | None:
    """Return saved settings; ``None`` where there are none, or this version does not know them."""
    try:
        return GFSAMConfig(**saved) if saved else None
    except (TypeError, ValueError):
        return None


def _settled(found: SavedTarget) -> Target:
    """Return a target as it stands once the run that was to reach it is gone: what it had before counts again."""
    if found.target.state not in (TargetState.RUNNING, TargetState.WAITING):
        return found.target
    return replace(found.target, state=TargetState.PROPOSED if found.merged else TargetState.WAITING)
