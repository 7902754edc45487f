"""The stages chained: a generator that yields an event per stage and per prompt batch.

One generator serves API, command line and viewer, so progress and cancelling (closing it) share one path.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.core.compact import fold, unfold_logits
from napari_gfsam.core.consistency import consistency_gate
from napari_gfsam.core.gating import positive_gate
from napari_gfsam.core.graph import build_graph
from napari_gfsam.core.masks import mask_stack
from napari_gfsam.core.merge import merge_classes, merge_status
from napari_gfsam.core.points import select_points
from napari_gfsam.core.reciprocity import cluster_shares, found_both_ways, turn_down_strangers
from napari_gfsam.core.roundtrip import found_again
from napari_gfsam.core.sampling import cell_weights, sample_masks
from napari_gfsam.core.similarity import similarity_maps, unit_tokens
from napari_gfsam.core.types import ClassTrace, Gates, Status

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from torch import Tensor

    from napari_gfsam.core.arrays import BoolArray, FloatArray, IntArray
    from napari_gfsam.core.compact import CompactMasks
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.masks import MaskBank
    from napari_gfsam.core.reciprocity import TileLook
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
class _Judged:
    """The stages up to the gates."""

    prompts: PointPrompts
    logits: FloatArray
    samples: MaskSamples
    graph: MaskGraph
    gates: Gates


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """A class in a whole picture, in one reading, and how well it finds the references again."""

    maps: SimilarityMaps
    found: _Judged
    found_again: float
    background_removed: bool

    def trace(self, spec: ClassSpec, maps: SimilarityMaps) -> ClassTrace:
        """Return what re-merging needs; `maps` give the masks their values."""
        found, gates = self.found, self.found.gates
        masks = mask_stack(found.logits, maps)
        again, removed = self.found_again, self.background_removed
        return ClassTrace(spec, maps, found.prompts, masks, found.graph, gates, gates.status, again, removed)


@dataclass(frozen=True, slots=True, eq=False)
class TileView:
    """One class in one tile of a picture, in one reading.

    Parameters
    ----------
    units
        Unit rows.
    maps
        Similarity maps of the tile.
    values
        Maps without any projection: they give masks their confidence.
    look
        What is nearest to what.
    looks
        The same in every reading, to score the answer.
    """

    units: UnitTokens
    maps: SimilarityMaps
    values: SimilarityMaps
    look: TileLook
    looks: tuple[TileLook, ...]

    @property
    def may_hold_it(self) -> bool:
        """Whether any cell may get a prompt."""
        return bool(self.maps.allowed.any())


@dataclass(frozen=True, slots=True, eq=False)
class TileReading:
    """What a tile makes of a class in one reading; which of its clusters are strangers is left open.

    Parameters
    ----------
    values
        As in `TileView`.
    prompts, masks, graph, gates
        N prompts, their masks, folded since most readings are only compared, their clusters and the gates' answers.
    shares
        What `cluster_shares` gives.
    painted
        As in `TileLook`.
    found_again
        What `found_both_ways` gives of the answer, without what is found elsewhere.
    background_removed
        Whether the references' background was projected out.
    """

    values: SimilarityMaps
    prompts: PointPrompts
    masks: CompactMasks
    graph: MaskGraph
    gates: Gates
    shares: FloatArray
    painted: BoolArray
    found_again: float
    background_removed: bool

    def status(self, elsewhere: FloatArray | None = None) -> IntArray:
        """Return the (N,) statuses, strangers turned down; `elsewhere` as in `turn_down_strangers`."""
        return turn_down_strangers(self.shares, self.graph, self.gates.status, self.painted, elsewhere)

    def covered(self, elsewhere: FloatArray | None = None) -> FloatArray:
        """Return the (grid, grid) share of every cell that the answer covers."""
        return _covered(self.shares, self.graph, self.status(elsewhere))

    def trace(self, spec: ClassSpec, elsewhere: FloatArray | None = None) -> ClassTrace:
        """Return what re-merging needs, made now."""
        masks = mask_stack(unfold_logits(self.masks), self.values)
        gates = replace(self.gates, status=self.status(elsewhere))
        again, removed = self.found_again, self.background_removed
        return ClassTrace(spec, self.values, self.prompts, masks, self.graph, gates, gates.status, again, removed)


def read_tile(
    target: ImageFeatures, encoded: EncodedClass, config: GFSAMConfig, bank: MaskBank, view: TileView
) -> Generator[Event, None, TileReading]:
    """Read one class in one tile of a picture; ``background_projection`` is ``on`` or ``off`` here.

    Yields
    ------
    As `segment_image`. Returns the reading.
    """
    watch = Watch()
    found = yield from _judged(target, encoded, config, bank, view.units, view.maps, watch)
    shares, painted = cluster_shares(found.samples, found.graph, found.gates.status), view.look.painted
    status = turn_down_strangers(shares, found.graph, found.gates.status, painted)
    weights = [reference.weights for reference in encoded.references]
    score = found_both_ways(view.looks, weights, _covered(shares, found.graph, status))
    removed = config.background_projection == "on"
    yield StageDone("gates", encoded.spec.id, watch.lap())
    masks = fold(found.logits)
    return TileReading(view.values, found.prompts, masks, found.graph, found.gates, shares, painted, score, removed)


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


def _judged(
    target: ImageFeatures,
    encoded: EncodedClass,
    config: GFSAMConfig,
    bank: MaskBank,
    units: UnitTokens,
    maps: SimilarityMaps,
    watch: Watch,
) -> Generator[Event, None, _Judged]:
    """Yield the events of all these stages but the last, for its scores are not made yet."""
    class_id = encoded.spec.id
    prompts = select_points(maps, target.frame, config)
    yield StageDone("points", class_id, watch.lap())
    for done in bank.decode(prompts.model_xy):
        yield PromptsDecoded(class_id, done, len(prompts))
    logits = bank.logits(prompts.model_xy)
    yield StageDone("masks", class_id, watch.lap())
    samples = sample_masks(logits, prompts.model_xy, target.frame.grid)
    graph = build_graph(samples, prompts, config)
    gates = judge(samples, graph, prompts, maps, units.target, config=config)
    return _Judged(prompts, logits, samples, graph, gates)


def _read(
    target: ImageFeatures, encoded: EncodedClass, config: GFSAMConfig, bank: MaskBank
) -> Generator[Event, None, _Reading]:
    watch = Watch()
    weights = [reference.weights for reference in encoded.references]
    units = unit_tokens(target.tokens, encoded.references, config)
    maps = similarity_maps(units, weights, config)
    found = yield from _judged(target, encoded, config, bank, units, maps, watch)
    covered = cell_weights(np.any(found.samples.at_cells[found.gates.status == Status.KEPT], axis=0))
    score = _score(target, encoded, covered, config)
    yield StageDone("gates", encoded.spec.id, watch.lap())
    return _Reading(maps, found, score, config.background_projection == "on")


def _covered(shares: FloatArray, graph: MaskGraph, status: IntArray) -> FloatArray:
    """(grid, grid) share of every cell that the clusters cover that are accepted."""
    accepted = np.unique(graph.cluster[status == Status.KEPT])
    return np.asarray(shares[accepted].max(axis=0, initial=0))


def _score(target: ImageFeatures, encoded: EncodedClass, covered: FloatArray, config: GFSAMConfig) -> float:
    """Score an answer on the tokens as they are, background included, so that readings can be compared."""
    units = unit_tokens(target.tokens, encoded.references, replace(config, background_projection="off"))
    return found_again(units, [reference.weights for reference in encoded.references], covered)


class Watch:
    """Seconds between laps."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last lap and start the next."""
        now = time.perf_counter()
        seconds, self._start = now - self._start, now
        return seconds
