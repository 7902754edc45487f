"""Live correction of the target under review: no encoder runs; every step is undone by one history."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_gfsam.bridge.ours import Role
from napari_gfsam.bridge.proposals import object_at, read_plane, write_plane
from napari_gfsam.core.types import ACCEPTED, Status
from napari_gfsam.sentences import is_expected, sentence_of
from napari_gfsam.session import painting
from napari_gfsam.session.history import Command
from napari_gfsam.session.sizes import bytes_held

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from napari_gfsam.api.tiles.prediction import AnyPrediction
    from napari_gfsam.bridge.clusters import ClusterId, ClustersLayer
    from napari_gfsam.bridge.prompts import PointId, PromptsLayer
    from napari_gfsam.controller.sheets import Sheets
    from napari_gfsam.controller.sources import Sources
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.io.records import DecisionRecord
    from napari_gfsam.session import Session
    from napari_gfsam.session.packing import PackedPlane
    from napari_gfsam.session.painting import Stroke
    from napari_gfsam.session.types import PlaneKey
    from napari_gfsam.workers import JobRunner


#: What the reading is called that the run chose.
AS_FOUND = "as found"
NO_ROOM = "What correcting this target needs had to make room on the disk; run it again."
NOT_OPEN = "The picture of this target was taken out of the window; choose the target in the list again."
FORGOTTEN = "What you did there can no longer be taken back or done again."


class CorrectionError(ValueError):
    """A correction that cannot be made now; the message is one sentence for the user."""


class Correcting:
    """Decisions and strokes on the target under review. Main thread only.

    `reading_changed` carries the name of the reading that is shown, or what is going on, and "2 of 4", or nothing.
    `shown` carries the plane whose prediction is shown now, `failed` a sentence.

    Attributes
    ----------
    bring
        Takes a target under review that an undo is about.
    """

    reading_changed = Signal(str, str)
    shown = Signal(object)
    failed = Signal(str)

    def __init__(
        self,
        session: Session,
        sources: Sources,
        sheets: Sheets,
        prompts: PromptsLayer,
        clusters: ClustersLayer,
        jobs: JobRunner,
    ) -> None:
        self._session, self._sources, self._sheets = session, sources, sheets
        self._prompts, self._clusters, self._jobs = prompts, clusters, jobs
        jobs.finished.connect(self._on_readings)
        jobs.failed.connect(self._on_no_readings)
        self.bring: Callable[[PlaneKey], object] = lambda plane: None
        self._readings: dict[str, GFSAMConfig] = {}
        self._readings_of: PlaneKey | None = None

    @property
    def prediction(self) -> AnyPrediction | None:
        """The prediction under review, ``None`` if there is none or it had to make room on the disk."""
        plane = self._session.queue.current
        return None if plane is None else self._session.store.get(plane)

    def close(self) -> None:
        """Stop looking for other readings."""
        self._jobs.stop()

    def showing(self, plane: PlaneKey) -> Iterator[None]:
        """Show points and clusters of a target that comes under review, one after the other."""
        if plane != self._readings_of:
            self.reading_changed.emit("", "")
        prediction = self._session.store.get(plane)
        if prediction is None:
            self.hide()
        else:
            yield from self._following(plane, prediction, clusters=True)
        self.shown.emit(plane)

    def hide(self) -> None:
        """Take points and clusters away: there is nothing to review."""
        self._prompts.clear()
        self._clusters.clear()

    def toggle_point(self, point: PointId) -> None:
        """Switch a prompt on or off."""
        class_id, index = point
        prediction = self._required()
        off = Status(int(prediction.classes[class_id].status[index])).accepted
        status = Status.OFF_BY_HAND if off else Status.ON_BY_HAND
        words = f"switch point {index} {'off' if off else 'on'}"
        self._decide(words, lambda now: now.with_status(class_id, index, status))

    def switch_off(self, points: Iterable[PointId]) -> None:
        """Switch several prompts off (a person deleted them)."""
        gone = tuple(points)

        def change(now: AnyPrediction) -> AnyPrediction:
            for class_id, index in gone:
                now = now.with_status(class_id, index, Status.OFF_BY_HAND)
            return now

        self._decide(f"switch {len(gone)} point{'s' if len(gone) > 1 else ''} off", change)

    def toggle_cluster(self, cluster: ClusterId) -> None:
        """Switch all prompts of a cluster on, or, if all are on, off."""
        class_id, number = cluster
        found = self._required().classes[class_id]
        on = bool(np.isin(found.status[found.cluster == number], ACCEPTED).any())
        status = Status.OFF_BY_HAND if on else Status.ON_BY_HAND
        words = f"switch cluster {number} {'off' if on else 'on'}"
        self._decide(words, lambda now: now.with_cluster_status(class_id, number, status))

    def move_cluster(self, cluster: ClusterId, to_class: int) -> None:
        """Give a cluster to another class."""
        class_id, number = cluster
        self._check_searched(to_class)
        self._decide(f"move cluster {number}", lambda now: now.with_cluster_moved(class_id, number, to_class))

    def add_point(self, class_id: int, point_yx: tuple[float, float], *, positive: bool) -> None:
        """Add a point: "this belongs to the class", or "this does not"."""
        self._check_searched(class_id)
        words = "add a point" if positive else "add a point that says “not this”"
        plane = self._plane()
        source = self._sources.get(plane.source)

        def change(now: AnyPrediction) -> AnyPrediction:
            known = now if source is None else now.over(partial(source.read, plane))
            return known.with_point(class_id, point_yx, positive=positive)

        self._decide(words, change)

    def delete_object(self, point_yx: tuple[float, float]) -> None:
        """Erase the object under a point from the proposal, as a stroke of the brush would."""
        plane = self._plane()
        self.take_strokes()
        layer = self._sheets.layer(Role.PROPOSAL, plane)
        labels = read_plane(layer, plane)
        piece = object_at(labels, point_yx)
        if not piece.any():
            raise CorrectionError("There is no object under the pointer; point at one and press the key again.")
        labels[piece] = 0
        write_plane(layer, plane, labels)
        self.take_strokes("delete an object")

    def next_reading(self) -> None:
        """Show the next other reading of the target, after the last one the first again.

        They are made on a thread when they are first asked for: that may decode prompts in new places.
        """
        plane, prediction = self._plane(), self._required()
        as_run = self._session.store.as_run(plane)
        known = self._readings_of == plane and as_run in (None, self._readings.get(AS_FOUND))
        if known and prediction.settings in self._readings.values():
            self._show_next_reading(prediction)
        elif not self._jobs.running:
            self._readings, self._readings_of = {}, plane
            self.reading_changed.emit("looking for other readings", "")
            self._jobs.start(_read(prediction, as_run or prediction.settings))

    def _on_readings(self, found: dict[str, GFSAMConfig]) -> None:
        prediction = self.prediction
        plane = self._session.queue.current
        if prediction is None or plane is None or plane != self._readings_of or not self._sources.is_open(plane):
            self._readings_of = None
            return
        self._readings = found
        self._show_next_reading(prediction)

    def _on_no_readings(self, sentence: str) -> None:
        self._readings_of = None
        self.reading_changed.emit("", "")
        self.failed.emit(sentence)

    def _show_next_reading(self, prediction: AnyPrediction) -> None:
        names, known = list(self._readings), list(self._readings.values())
        if known == [prediction.settings]:
            self.reading_changed.emit("all other readings look the same", "")
            return
        place = (known.index(prediction.settings) + 1) % len(known) if prediction.settings in known else 0
        self._decide(f"show the reading “{names[place]}”", lambda now: now.read_as(known[place]))
        self.reading_changed.emit(names[place], f"{place + 1} of {len(known)}")

    def take_strokes(self, title: str = "paint", on: Iterable[PlaneKey] = ()) -> None:
        """Take a person's strokes on the proposal under review, or on other planes, into the history: one command."""
        current = self._session.queue.current
        planes = tuple(on) or (() if current is None else (current,))
        if self._session.history.busy:
            return
        found: dict[PlaneKey, Stroke] = {}
        for plane in planes:
            before, after = self._sheets.look(plane)
            if after is not before and after is not None:
                found[plane] = painting.stroke(before, after)
        if found:
            do, undo = (partial(self._paint, found, back=back) for back in (False, True))
            subject = next(iter(found)) if len(found) == 1 else None
            self._session.history.push(Command(title, do, undo, subject, bytes_held(found)))

    def undo(self) -> None:
        """Take back the last stroke or decision."""
        self.take_strokes()
        self._session.history.undo()

    def redo(self) -> None:
        """Do again what was taken back last."""
        self.take_strokes()
        self._session.history.redo()

    def _decide(self, title: str, change: Callable[[AnyPrediction], AnyPrediction]) -> None:
        plane, before = self._plane(), self._required()
        if not self._sources.is_open(plane):
            raise CorrectionError(NOT_OPEN)
        self.take_strokes()
        try:
            after = change(before)
        except ValueError as error:  # whose message is a sentence
            raise CorrectionError(str(error)) from error
        undo = self._restoring(plane, before)
        self._show_corrected(plane, after)
        do = self._restoring(plane, after)
        self._session.history.push(Command(title, do, undo, plane, bytes_held((do.args, undo.args))))

    def _restoring(self, plane: PlaneKey, prediction: AnyPrediction) -> partial[None]:
        """Return what brings back a prediction, and the answer that is shown now: smoothing may have changed that."""
        shown, _ = self._session.proposals.packed(plane) or (None, None)
        return partial(self._restore, plane, prediction.settings, prediction.decisions, shown)

    def _restore(
        self,
        plane: PlaneKey,
        settings: GFSAMConfig,
        decisions: tuple[DecisionRecord, ...],
        shown: PackedPlane | None,
    ) -> None:
        with self._or_forget(plane):
            prediction = self._session.store.get(plane)
            if prediction is None:
                raise CorrectionError(NO_ROOM)
            if prediction.settings != settings:
                prediction = prediction.read_as(settings)
            self.bring(plane)
            source = self._sources.get(plane.source)
            if source is not None:
                prediction = prediction.over(partial(source.read, plane))
            self._show_corrected(plane, prediction.decided(decisions), shown)

    @contextmanager
    def _or_forget(self, plane: PlaneKey) -> Iterator[None]:
        """Forget the steps on a target that cannot be taken back: earlier ones would never be reached."""
        try:
            yield
        except (ValueError, OSError) as error:
            if not is_expected(error):
                raise
            self._session.history.forget(plane)
            if isinstance(error, CorrectionError):
                raise
            raise CorrectionError(f"{sentence_of(error)} {FORGOTTEN}") from error

    def _paint(self, strokes: Mapping[PlaneKey, Stroke], *, back: bool) -> None:
        """Do strokes again, or take them back, on planes that are still there."""
        known = {plane: paint for plane in strokes if (paint := self._session.proposals.paint(plane)) is not None}
        queued = [plane for plane in known if plane in self._session.queue]
        if queued:
            first = min(queued, key=lambda plane: plane != self._session.queue.current)
            with self._or_forget(first):
                self.bring(first)
        for plane, paint in known.items():
            self._session.proposals.set_paint(plane, painting.with_stroke(paint, strokes[plane], back=back))
            self._sheets.show_answer(plane, draw=False)
        self._sheets.draw(Role.PROPOSAL, known)

    def _show_corrected(self, plane: PlaneKey, prediction: AnyPrediction, shown: PackedPlane | None = None) -> None:
        known = self._session.store.get(plane)
        self._session.store.correct(plane, prediction)
        self._sheets.show_answer(plane, prediction.labels if shown is None else shown.unpack())
        clusters = known is None or _masks(known) != _masks(prediction)
        deque(self._following(plane, prediction, clusters=clusters), maxlen=0)
        self.shown.emit(plane)

    def _following(self, plane: PlaneKey, prediction: AnyPrediction, *, clusters: bool) -> Iterator[None]:
        """Show points and clusters; cluster outlines anew only when there are other masks."""
        source, over, table = self._sources.of(plane), self._sources.layer(plane), prediction.points
        self._prompts.show(over, plane, source.shape, table)
        yield
        if clusters or self._clusters.plane != plane:
            image = prediction.clusters
            yield
            if self.prediction is prediction:  # not corrected meanwhile, and still under review
                yield from self._clusters.showing(over, plane, source.shape, image, table)
        else:
            self._clusters.recolor(table)

    def _plane(self) -> PlaneKey:
        plane = self._session.queue.current
        if plane is None:
            raise CorrectionError("No target is under review; choose one in the list first.")
        return plane

    def _check_searched(self, class_id: int) -> None:
        """Refuse a class that came into the table after the run."""
        row = self._session.classes.get(class_id)
        if row is not None and class_id not in self._required().classes:
            raise CorrectionError(
                f"This target was not searched for “{row.name}”; run again to search for it, or choose another class."
            )

    def _required(self) -> AnyPrediction:
        self._plane()
        prediction = self.prediction
        if prediction is None:
            raise CorrectionError(NO_ROOM)
        return prediction


def _read(prediction: AnyPrediction, as_run: GFSAMConfig) -> Generator[None, None, dict[str, GFSAMConfig]]:
    """Return the readings of a picture by name: that of the run, and others that look different."""
    yield
    try:
        found = prediction if prediction.settings == as_run else prediction.read_as(as_run)
        return {AS_FOUND: as_run} | {other.name: other.prediction.settings for other in found.alternatives()}
    except ValueError as error:  # whose message is a sentence
        raise CorrectionError(str(error)) from error


def _masks(prediction: AnyPrediction) -> tuple[Any, ...]:
    """Return what tells whether two predictions of a target hold the same masks."""
    return prediction.settings, tuple(np.bincount(prediction.points.class_id).tolist())
