"""A run as a generator: references and targets in, one event a step out. Neither Qt nor napari; any thread.

Closing the generator cancels the run: what was stored until then stays.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.api.reference import PaintError
from napari_gfsam.controller.files import path_of
from napari_gfsam.controller.nearest import Nearest
from napari_gfsam.controller.pace import Meter, Pace
from napari_gfsam.controller.run_types import (
    Looking,
    ReferenceInput,
    RunEvent,
    RunProgress,
    Store,
    TargetDone,
    TargetFailed,
)
from napari_gfsam.controller.warmup import import_models, models_imported, old_objects_at_rest
from napari_gfsam.imaging import ImageError, array_hash, content_hash
from napari_gfsam.io.records import InputRecord, labels_hash
from napari_gfsam.sentences import is_expected, sentence_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_gfsam.api import Segmenter
    from napari_gfsam.api.tiles.prediction import AnyPrediction
    from napari_gfsam.core.pipeline import Event
    from napari_gfsam.io.records import PixelSize
    from napari_gfsam.session.types import PictureSource, PlaneKey

    TargetPlane = tuple[PlaneKey, PictureSource]

__all__ = ["ReferenceInput", "RunEvent", "RunProgress", "Store", "TargetDone", "TargetFailed", "run_targets"]

# While a slow picture is read, a cancelled run is left after so long at most.
READ_POLL_SECONDS = 0.1
# Share of a class that is done when its prompts are decoded.
MOST_OF_A_CLASS = 0.9
# Share of a target in tiles that is done when its tiles are encoded.
ENCODING_TILES = 0.4
WHOLE = Looking()
logger = logging.getLogger(__name__)


def run_targets(
    segmenter: Segmenter,
    references: Sequence[ReferenceInput],
    targets: Sequence[TargetPlane],
    store: Store,
    *,
    run: int = 0,
    pace: Pace | None = None,
    looking: Looking = WHOLE,
) -> Generator[RunEvent, None, Pace]:
    """Segment targets with painted references.

    Parameters
    ----------
    segmenter
        Gives models and features; its own references are left alone.
    references
        What was painted.
    targets
        Planes with their sources, in the order in which they are segmented.
    store
        Takes every prediction before its `TargetDone`.
    run
        Number of the run, repeated in its events.
    pace
        What an earlier run returned, for the time left.
    looking
        With which settings and at which scale targets are looked at.

    Yields
    ------
    `RunProgress` at least once a step and a batch of prompts; for every target `TargetDone` or `TargetFailed`.

    Returns
    -------
    How long the parts took.

    Raises
    ------
    PaintError
        If there is no reference, or its paint cannot serve.
    napari_gfsam.imaging.ImageError
        If a reference is no picture.
    napari_gfsam.models.weights.WeightsError
        If the models cannot be loaded.
    OSError
        If a reference cannot be read or a prediction not be stored.
    """
    if not references:
        raise PaintError("There is no painted reference yet; paint at least one object in a picture first.")
    made = _Run(segmenter.sibling(looking.settings), references, targets, store, run, pace or Pace(), looking)
    return (yield from made.steps())


class _Run:
    """What the steps of a run share."""

    def __init__(
        self,
        segmenter: Segmenter,
        references: Sequence[ReferenceInput],
        targets: Sequence[TargetPlane],
        store: Store,
        run: int,
        pace: Pace,
        looking: Looking,
    ) -> None:
        self._segmenter, self._store, self._run = segmenter, store, run
        self._references, self._targets = tuple(references), tuple(targets)
        self._nearest = Nearest(self._references)
        self._serving: dict[tuple[int, ...], Segmenter] = {}
        self._k = 0
        n_classes = len(_painted_classes(self._references))
        views = [looking.tiles.get(plane, 1) for plane, _ in self._targets]
        self._looking, self._in_tiles = looking, False
        self._meter = Meter(pace, views, n_classes, len(self._references), loaded=models_imported())

    def steps(self) -> Generator[RunEvent, None, Pace]:
        yield from self._load()
        with old_objects_at_rest():
            yield from self._read_references()
            with closing(_read_ahead(self._targets)) as pictures:
                for target, picture in zip(self._targets, pictures, strict=True):
                    yield from self._segment(target, picture)
        return self._meter.pace

    def _load(self) -> Iterator[RunEvent]:
        """Import and load in small steps, between which a run can be cancelled."""
        yield self._progress("load")
        for _ in import_models():
            yield self._progress("load")
        _ = self._segmenter.backend.encoder
        yield self._progress("load")
        self._segmenter.backend.load()
        self._meter.models_loaded()

    def _read_references(self) -> Iterator[RunEvent]:
        for number, reference in enumerate(self._references, 1):
            yield self._progress("reference")
            try:
                add_reference(self._segmenter, reference, self._looking.pixel_sizes.get(reference.plane))
            except (PaintError, ImageError) as error:
                raise type(error)(f"{reference.title}: {error}") from error
            self._meter.reference_done(number)

    def _segment(self, target: TargetPlane, picture: Future[NDArray[Any]]) -> Iterator[RunEvent]:
        """Segment and store one target; if it fails the run goes on, if storing fails it would fail for all."""
        plane, _ = target
        try:
            prediction = yield from self._predict(target, picture)
        except Exception as error:
            if not is_expected(error):
                logger.exception("A target failed: %s", plane)
            yield TargetFailed(plane, sentence_of(error), self._run)
            return
        yield self._progress("store", plane)
        self._store.put(plane, prediction)
        self._meter.target_stored()
        view = _say_view(prediction)
        yield TargetDone(plane, prediction.labels, target_score(prediction), prediction.reason, self._run, view)

    def _predict(self, target: TargetPlane, picture: Future[NDArray[Any]]) -> Generator[RunEvent, None, AnyPrediction]:
        from napari_gfsam.api import PredictionReady

        plane, source = target
        self._k += 1
        self._meter.target_begins(self._k)
        self._in_tiles = False
        yield self._progress("read", plane)
        while not wait([picture], timeout=READ_POLL_SECONDS).done:
            yield self._progress("read", plane)
        pixels = picture.result()
        yield self._progress("encode", plane)
        record = _record(_name(target), pixels, self._pixel_size(plane))
        segmenter, scale = self._segmenter_of(plane), self._looking.scale
        for event in segmenter.segment_events(pixels, recipe=source.recipe, record=record, scale=scale):
            if isinstance(event, PredictionReady):
                self._meter.target_found()
                return event.prediction
            yield self._progress(self._count(event), plane)
        raise RuntimeError("A run ended without an answer; please report this.")

    def _pixel_size(self, plane: PlaneKey) -> PixelSize | None:
        from napari_gfsam.io.pixel_sizes import read_pixel_size

        path = path_of(plane.source)
        known = self._looking.pixel_sizes.get(plane)
        return read_pixel_size(path) if known is None and path is not None else known

    def _segmenter_of(self, plane: PlaneKey) -> Segmenter:
        """Return a segmenter with the references that serve a target."""
        serving = self._nearest.to(plane)
        if serving not in self._serving:
            references = self._segmenter.references
            self._serving[serving] = self._segmenter.sibling(references=[references[place] for place in serving])
        return self._serving[serving]

    def _count(self, event: Event) -> str:
        """Count what is done, and return what comes next."""
        from napari_gfsam.core.pipeline import PromptsDecoded, StageDone, TilesDone

        if isinstance(event, TilesDone):
            if not self._in_tiles:
                self._in_tiles = True
                self._meter.cut(event.total)
            done, share = event.done / event.total, ENCODING_TILES
            self._meter.share_done(share * done if event.stage == "encoded" else share + (1 - share) * done)
            return "encode" if event.stage == "encoded" else "find"
        if isinstance(event, StageDone) and event.stage in ("load", "reference"):
            return "encode"
        if isinstance(event, StageDone) and event.stage == "target":
            self._meter.classes_found(0)
        elif isinstance(event, PromptsDecoded) and not self._in_tiles:
            before = [spec.id for spec in self._segmenter.classes].index(event.class_id)
            self._meter.classes_found(before + MOST_OF_A_CLASS * event.done / event.total)
        return "find"

    def _progress(self, stage: str, plane: PlaneKey | None = None) -> RunProgress:
        meter = self._meter
        return RunProgress(stage, plane, self._k, len(self._targets), meter.fraction, meter.seconds_left, self._run)


def add_reference(segmenter: Segmenter, reference: ReferenceInput, pixel_size: PixelSize | None = None) -> None:
    """Read, check and encode a reference; errors as `run_targets`."""
    source = reference.source
    pixels = _read(reference.plane, source)
    labels = reference.labels
    added = segmenter.add_reference(
        pixels,
        labels,
        classes=reference.classes,
        ignore=reference.ignore,
        region_yx=reference.region_yx,
        recipe=source.recipe,
        records=(_record(reference.title, pixels, pixel_size), InputRecord("paint", labels_hash(labels), labels.shape)),
    )
    packed = reference.packed
    if packed is not None and content_hash(added.model_input) == packed.content:
        from napari_gfsam.api.packs import offer_features

        offer_features(segmenter.backend, [added], packed.features)
    segmenter.backend.tokens(added.model_input)


def target_score(prediction: AnyPrediction) -> float:
    """Return the score of the class that is worst off among those found, 0 where none is."""
    found = [one.score for one in prediction.classes.values() if not one.spec.negative and one.mask.any()]
    return min(found, default=0.0)


def _read_ahead(targets: Sequence[TargetPlane]) -> Generator[Future[NDArray[Any]], None, None]:
    """Yield every target's values as they are being read; meanwhile those of one more are read, never of two."""
    pool = ThreadPoolExecutor(1, "napari-gfsam read")
    try:
        ahead = [pool.submit(_read, *target) for target in targets[:1]]
        for following in (*targets[1:], None):
            now = ahead
            ahead = [pool.submit(_read, *following)] if following else []
            yield from now
    finally:
        # A read that has begun ends by itself: a cancelled run does not wait for a slow disk.
        pool.shutdown(wait=False, cancel_futures=True)


def _read(plane: PlaneKey, source: PictureSource) -> NDArray[Any]:
    """Read a plane; whatever a library that reads it raises becomes a sentence.

    Raises
    ------
    ImageError, ImageFileError, OSError, MemoryError
        If it cannot be read.
    """
    try:
        return source.read(plane)
    except Exception as error:
        if is_expected(error):
            raise
        raise ImageError(f"{source.name} cannot be read ({type(error).__name__}: {error}).") from error


def _painted_classes(references: Sequence[ReferenceInput]) -> set[int]:
    """Return the ids of the classes that are painted anywhere."""
    painted = {int(label) for reference in references for label in np.unique(reference.labels)}
    return painted & {spec.id for reference in references for spec in reference.classes}


def _name(target: TargetPlane) -> str:
    """Return the source's name and, in a stack, the plane's place."""
    plane, source = target
    places = ", ".join(":" if place < 0 else str(place) for place in plane.index)
    return f"{source.name} [{places}]" if max(plane.index) >= 0 else source.name


def _record(name: str, pixels: NDArray[Any], pixel_size: PixelSize | None = None) -> InputRecord:
    return InputRecord(name, array_hash(np.asarray(pixels)), np.shape(pixels), pixel_size=pixel_size)


def _say_view(prediction: AnyPrediction) -> str:
    """Say how a picture was cut; nothing where it was looked at whole."""
    from napari_gfsam.api import Prediction

    if isinstance(prediction, Prediction):
        return ""
    grid = prediction.answer.scene.grid
    return f"in {len(grid)} tiles of {grid.tile_shape[0]} x {grid.tile_shape[1]} pixels"
