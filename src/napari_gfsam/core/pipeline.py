"""The stages chained: a generator that yields an event per stage and per prompt batch.

One generator serves API, command line and viewer, so progress and cancelling (closing it) share one path.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.core.consistency import consistency_gate
from napari_gfsam.core.gating import positive_gate
from napari_gfsam.core.graph import build_graph
from napari_gfsam.core.masks import mask_stack
from napari_gfsam.core.merge import merge_classes, merge_status
from napari_gfsam.core.points import select_points
from napari_gfsam.core.reciprocity import found_both_ways, turn_down_strangers
from napari_gfsam.core.roundtrip import found_again
from napari_gfsam.core.sampling import cell_weights, sample_masks
from napari_gfsam.core.similarity import similarity_maps, unit_tokens
from napari_gfsam.core.types import ClassTrace, Gates, Status

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from torch import Tensor

    from napari_gfsam.core.arrays import BoolArray, FloatArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.masks import MaskBank
    from napari_gfsam.core.types import (
        Answer,
        ClassSpec,
        EncodedClass,
        ImageFeatures,
        MaskGraph,
        MaskSamples,
        PointPrompts,
        SimilarityMaps,
        UnitTokens,
    )


@dataclass(frozen=True, slots=True)
class StageDone:
    """A stage of one class (or of the image, class 0) is done.

    Parameters
    ----------
    stage
        ``points``, ``masks``, ``gates`` or ``merge``; `Segmenter` adds ``load``, ``reference`` and ``target``.
    class_id
        The class, 0 for the whole image.
    seconds
        How long it took.
    """

    stage: str
    class_id: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PromptsDecoded:
    """A batch of prompts is decoded: `done` of `total` of this class."""

    class_id: int
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class TilesDone:
    """Tiles of a picture are ``encoded`` or ``read``: `done` of `total`."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """The image is done: its answer, and per class id what re-merging needs."""

    answer: Answer
    traces: Mapping[int, ClassTrace]


Event = StageDone | PromptsDecoded | TilesDone | Finished


def segment_image(
    target: ImageFeatures, classes: Sequence[EncodedClass], config: GFSAMConfig, bank: MaskBank
) -> Iterator[Event]:
    """Segment every class in one encoded target.

    Parameters
    ----------
    target
        The target's features.
    classes
        Classes with their encoded references.
    config
        The settings.
    bank
        The target's masks; what it holds already is not decoded again.

    Yields
    ------
    `StageDone` after every stage, `PromptsDecoded` after every batch of prompts, at last `Finished`.
    """
    traces = {}
    for encoded in classes:
        traces[encoded.spec.id] = yield from _segment_class(target, encoded, config, bank)
    start = time.perf_counter()
    answer = merge_classes(list(traces.values()), target.frame, config)
    yield StageDone("merge", 0, time.perf_counter() - start)
    yield Finished(answer, traces)


def judge(
    samples: MaskSamples,
    graph: MaskGraph,
    prompts: PointPrompts,
    maps: SimilarityMaps,
    target: Tensor,
    *,
    config: GFSAMConfig,
) -> Gates:
    """Put every prompt through both gates (paper 4.3); `target` holds the (n, C) unit rows of the target."""
    positive = positive_gate(samples, graph, maps, config)
    consistent = consistency_gate(samples, graph, prompts.grid_xy, target, config)
    status = merge_status(positive.passed, consistent)
    return Gates(positive.passed, consistent, positive.cluster_score, status)


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """What the stages up to the gates make of a class, and how well it finds the references again."""

    maps: SimilarityMaps
    prompts: PointPrompts
    logits: FloatArray
    graph: MaskGraph
    gates: Gates
    covered: FloatArray
    found_again: float
    background_removed: bool

    def trace(self, spec: ClassSpec, maps: SimilarityMaps) -> ClassTrace:
        """Return what re-merging needs; `maps` give the masks their values."""
        masks = mask_stack(self.logits, maps)
        gates, again, removed = self.gates, self.found_again, self.background_removed
        return ClassTrace(spec, maps, self.prompts, masks, self.graph, gates, gates.status, again, removed)


@dataclass(frozen=True, slots=True, eq=False)
class TileView:
    """One class in one tile of a picture, in one reading.

    Parameters
    ----------
    units
        Unit rows.
    maps
        Similarity maps of the tile.
    plain, values
        Unit rows and maps without any projection: they score the answer and give masks their confidence.
    painted
        (grid, grid) bool: cells whose nearest token of the references is painted.
    """

    units: UnitTokens
    maps: SimilarityMaps
    plain: UnitTokens
    values: SimilarityMaps
    painted: BoolArray

    @property
    def may_hold_it(self) -> bool:
        """Whether any cell may get a prompt."""
        return bool(self.maps.allowed.any())


@dataclass(frozen=True, slots=True, eq=False)
class TileReading:
    """What a tile makes of a class in one reading."""

    _reading: _Reading
    _spec: ClassSpec
    _values: SimilarityMaps

    @property
    def covered(self) -> FloatArray:
        """(grid, grid) share of every cell that the answer covers."""
        return self._reading.covered

    @property
    def found_again(self) -> float:
        """What `found_both_ways` gives."""
        return self._reading.found_again

    def trace(self) -> ClassTrace:
        """Return what re-merging needs, made now."""
        return self._reading.trace(self._spec, self._values)


def read_tile(
    target: ImageFeatures, encoded: EncodedClass, config: GFSAMConfig, bank: MaskBank, view: TileView
) -> Generator[Event, None, TileReading]:
    """Read one class in one tile of a picture; ``background_projection`` is ``on`` or ``off`` here.

    Yields
    ------
    As `segment_image`. Returns the reading.
    """
    reading = yield from _read(target, encoded, config, bank, view)
    return TileReading(reading, encoded.spec, view.values)


def _segment_class(
    target: ImageFeatures, encoded: EncodedClass, config: GFSAMConfig, bank: MaskBank
) -> Generator[Event, None, ClassTrace]:
    auto = config.background_projection == "auto"
    plain = replace(config, background_projection="off") if auto else config
    first = yield from _read(target, encoded, plain, bank)
    best = first
    # An empty first answer stays empty: a second reading must not talk it into something.
    if auto and first.found_again > 0:
        second = yield from _read(target, encoded, replace(config, background_projection="on"), bank)
        best = max(first, second, key=lambda reading: reading.found_again)
    watch = Watch()
    trace = best.trace(encoded.spec, first.maps)
    yield StageDone("merge", encoded.spec.id, watch.lap())
    return trace


def _read(
    target: ImageFeatures, encoded: EncodedClass, config: GFSAMConfig, bank: MaskBank, view: TileView | None = None
) -> Generator[Event, None, _Reading]:
    class_id, watch = encoded.spec.id, Watch()
    if view is None:
        weights = [reference.weights for reference in encoded.references]
        units = unit_tokens(target.tokens, encoded.references, config)
        maps = similarity_maps(units, weights, config)
    else:
        units, maps = view.units, view.maps
    prompts = select_points(maps, target.frame, config)
    yield StageDone("points", class_id, watch.lap())
    for done in bank.decode(prompts.model_xy):
        yield PromptsDecoded(class_id, done, len(prompts))
    logits = bank.logits(prompts.model_xy)
    yield StageDone("masks", class_id, watch.lap())
    samples = sample_masks(logits, prompts.model_xy, target.frame.grid)
    graph = build_graph(samples, prompts, config)
    gates = judge(samples, graph, prompts, maps, units.target, config=config)
    if view is not None:
        gates = replace(gates, status=turn_down_strangers(samples, graph, gates.status, view.painted))
    covered = cell_weights(np.any(samples.at_cells[gates.status == Status.KEPT], axis=0))
    score = _score(target, encoded, covered, config) if view is None else _tile_score(encoded, covered, view)
    yield StageDone("gates", class_id, watch.lap())
    return _Reading(maps, prompts, logits, graph, gates, covered, score, config.background_projection == "on")


def _score(target: ImageFeatures, encoded: EncodedClass, covered: FloatArray, config: GFSAMConfig) -> float:
    """Score an answer on the tokens as they are, background included, so that readings can be compared."""
    units = unit_tokens(target.tokens, encoded.references, replace(config, background_projection="off"))
    return found_again(units, [reference.weights for reference in encoded.references], covered)


def _tile_score(encoded: EncodedClass, covered: FloatArray, view: TileView) -> float:
    return found_both_ways(view.plain, [reference.weights for reference in encoded.references], covered, view.painted)


class Watch:
    """Seconds between laps."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last lap and start the next."""
        now = time.perf_counter()
        seconds, self._start = now - self._start, now
        return seconds
