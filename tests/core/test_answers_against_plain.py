"""The core against the plain implementation: merging, several classes, and everything chained.

Integers must be identical and maps agree within 1e-4. A case is discarded when one of its choices hangs on a
difference of at most 1e-5 (1e-3 cells between two areas, 1e-4 between two means over a mask) that is no tie on
purpose, see `plain.Margin`: there float32 rounding decides.
"""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_gfsam.core.config import PUBLISHED, TUNED, GFSAMConfig
from napari_gfsam.core.frames import Frame
from napari_gfsam.core.masks import MaskBank, mask_stack
from napari_gfsam.core.merge import merge_class, merge_classes
from napari_gfsam.core.pipeline import Finished, PromptsDecoded, StageDone, segment_image
from napari_gfsam.core.types import (
    ClassSpec,
    ClassTrace,
    EncodedClass,
    Gates,
    ImageFeatures,
    MaskGraph,
)
from tests.core import plain
from tests.core.strategies import (
    TOLERANCE,
    GateCase,
    TokenCase,
    core_maps,
    disc_logits,
    gate_cases,
    quick,
    renumbered,
    settings_of,
    token_cases,
)

# --- merging ---------------------------------------------------------------------------------------------------------

SCORE = 0.25  # of the round trip, which merging only passes on


@quick(60)
@given(
    gate_cases(max_points=6),
    settings_of("fallback", "output_frame"),
    st.tuples(st.integers(1, 24), st.integers(1, 24)),
    st.data(),
)
def test_merge_of_one_class(case: GateCase, config: GFSAMConfig, shape, data):
    trace, status, score = drawn_trace(case, ClassSpec(1, "one"), data)
    margin = plain.Margin()
    wanted = plain.merge(case.logits, status, score, case.maps, shape, config, margin)
    found = merge_class(trace, Frame(*shape, case.grid), config)
    np.testing.assert_array_equal(found.mask, wanted.mask)
    np.testing.assert_allclose(found.confidence, wanted.confidence, atol=TOLERANCE)
    assert found.score == (SCORE if wanted.mask.any() else 0)
    assert bool(found.reason) == (not wanted.mask.any())


def drawn_trace(case: GateCase, spec: ClassSpec, data) -> tuple[ClassTrace, list[int], list[float]]:
    n = len(case.logits)
    status = data.draw(st.lists(st.sampled_from([1, 1, 2, 0]), min_size=n, max_size=n))
    if data.draw(st.integers(0, 3)) == 0:
        status = [s * (s != 1) for s in status]
    score = data.draw(st.lists(st.sampled_from([-2.0, 0.0, 1.5, 3.0]), min_size=n, max_size=n))
    numbers, values = np.array(status, dtype=np.int64), np.array(score, dtype=np.float32)
    gates = Gates(numbers == 1, numbers >= 1, values, numbers)
    graph = MaskGraph(np.eye(n, dtype=bool), np.zeros(n, dtype=np.int64))
    maps = core_maps(case.maps)
    trace = ClassTrace(spec, maps, case.core_prompts(), mask_stack(case.logits, maps), graph, gates, numbers, SCORE)
    return trace, status, score


@quick(30)
@given(gate_cases(max_points=4), st.tuples(st.integers(1, 700), st.integers(1, 700)))
def test_native_masks_are_logits_upsampled_to_the_image(case: GateCase, shape):
    n = len(case.logits)
    ones = np.ones(n, dtype=np.int64)
    maps = core_maps(case.maps)
    gates = Gates(ones > 0, ones > 0, np.ones(n, np.float32), ones)
    graph = MaskGraph(np.eye(n, dtype=bool), np.arange(n))
    trace = ClassTrace(
        ClassSpec(1, "one"), maps, case.core_prompts(), mask_stack(case.logits, maps), graph, gates, ones
    )
    found = merge_class(trace, Frame(*shape, case.grid), GFSAMConfig(output_frame="native", fallback="none"))
    large = plain.upsample(case.logits, shape)
    certain = (np.abs(large) > 1e-4).all(axis=0)  # torch may fuse its multiply-adds
    np.testing.assert_array_equal(found.mask[certain], (large > 0).any(axis=0)[certain])
    assert certain.mean() > 0.9


@quick(25)
@given(
    st.lists(gate_cases(max_points=4), min_size=1, max_size=3),
    settings_of("fallback", "output_frame"),
    st.tuples(st.integers(1, 24), st.integers(1, 24)),
    st.data(),
)
def test_merge_of_several_classes(cases: list[GateCase], config: GFSAMConfig, shape, data):
    margin = plain.Margin()
    traces, results, negative = [], {}, set()
    ids = data.draw(st.permutations([1, 2, 300]))[: len(cases)]
    for class_id, case in zip(ids, cases, strict=True):
        spec = ClassSpec(class_id, str(class_id), negative=data.draw(st.booleans()))
        trace, status, score = drawn_trace(case, spec, data)
        traces.append(trace)
        negative |= {class_id} if spec.negative else set()
        results[class_id] = plain.merge(case.logits, status, score, case.maps, shape, config, margin)
    labels, confidence = plain.labels_of(results, negative, shape, margin)
    assume(margin.clear)
    found = merge_classes(traces, Frame(*shape, cases[0].grid), config)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_allclose(found.confidence, confidence, atol=TOLERANCE)
    assert set(found.classes) == set(ids)


def test_equal_claims_go_to_the_lower_id():
    rng = np.random.default_rng(0)
    maps = plain.Maps(*(rng.random((5, 5)) for _ in range(3)), np.ones((5, 5), dtype=bool), np.zeros((25, 3)))
    logits = disc_logits(rng, (500, 500), "disc")[None]
    case = GateCase(5, maps, plain.Points([(2, 2)], [(409, 409)], [1.0]), logits)
    one = np.ones(1, dtype=np.int64)
    gates = Gates(one > 0, one > 0, np.ones(1, np.float32), one)
    graph = MaskGraph(one[None] > 0, one * 0)
    stack = mask_stack(logits, core_maps(maps))
    traces = [
        ClassTrace(ClassSpec(i, str(i)), core_maps(maps), case.core_prompts(), stack, graph, gates, one) for i in (7, 4)
    ]
    found = merge_classes(traces, Frame(64, 64, 5), GFSAMConfig())
    assert set(np.unique(found.labels)) == {0, 4}
    negative = ClassTrace(
        ClassSpec(4, "no", negative=True),
        *(getattr(traces[1], f) for f in ("maps", "prompts", "masks", "graph", "gates", "status")),
    )
    found = merge_classes([traces[0], negative], Frame(64, 64, 5), GFSAMConfig())
    assert not found.labels.any()
    assert not found.confidence.any()
    assert found.classes[7].mask.any()


# --- everything chained ----------------------------------------------------------------------------------------------


def logits_at(seed: int, x: int, y: int):
    """What the fake decoder answers at a prompt pixel."""
    rng = np.random.default_rng([seed, x, y])
    kind = rng.choice(["disc", "ragged", "empty", "full", "elsewhere"], p=[0.6, 0.25, 0.05, 0.05, 0.05])
    return disc_logits(rng, (x, y), str(kind))


class FakeDecoder:
    def __init__(self, seed: int) -> None:
        self.seed, self.seen = seed, []

    def __call__(self, model_xy, labels):
        assert model_xy.shape[1:] == (1, 2)
        assert labels.tolist() == [[1]] * len(model_xy)
        pixels = [tuple(xy) for xy in model_xy[:, 0].tolist()]
        self.seen += pixels
        return torch.from_numpy(np.stack([logits_at(self.seed, x, y) for x, y in pixels]))


@quick(30)
@given(
    st.lists(token_cases(), min_size=1, max_size=2),
    st.one_of(settings_of(), st.sampled_from([PUBLISHED, TUNED.with_settings(background_projection="off")])),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.integers(0, 1000),
)
def test_segment_image(cases: list[TokenCase], config: GFSAMConfig, shape, seed):
    first = cases[0]
    cases = [c for c in cases if c.grid == first.grid and c.target.shape == first.target.shape]
    frame = Frame(*shape, first.grid)
    classes = [
        EncodedClass(ClassSpec(i + 1, f"class {i}"), tuple(case.core_references())) for i, case in enumerate(cases)
    ]
    decoder = FakeDecoder(seed)
    bank = MaskBank(decoder, batch=4)
    events = list(segment_image(ImageFeatures(first.core_target(), frame), classes, config, bank))
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert sum(isinstance(event, StageDone) for event in events) >= 4 * len(classes)
    assert len(decoder.seen) == len(set(decoder.seen))
    margin = plain.Margin()
    results = {}
    for i, case in enumerate(cases):
        trace = finished.traces[i + 1]
        maps = plain.similarity(first.target, case.references, config, margin)
        points = plain.select(plain.point_map(maps, config, margin), config, margin)
        assume(margin.clear)
        assert [tuple(xy) for xy in trace.prompts.grid_xy.tolist()] == points.grid_xy
        logits = np.array([logits_at(seed, x, y) for x, y in points.model_xy], np.float32).reshape(-1, 256, 256)
        binary = plain.binary_masks(logits)
        cluster = trace.graph.cluster.tolist()
        if config.components != "kmeans":
            assert renumbered(cluster) == plain.components(plain.coverage(binary, points.model_xy), config.components)
        gates = plain.gate(maps, points, binary, cluster, config, margin)
        assume(margin.clear)
        assert trace.status.tolist() == gates.status
        results[i + 1] = plain.merge(logits, gates.status, gates.cluster_score, maps, shape, config, margin)
        total = [event.total for event in events if isinstance(event, PromptsDecoded) and event.class_id == i + 1]
        assert set(total) <= {len(points.grid_xy)}
    labels, confidence = plain.labels_of(results, set(), shape, margin)
    assume(margin.clear)
    np.testing.assert_array_equal(finished.answer.labels, labels)
    np.testing.assert_allclose(finished.answer.confidence, confidence, atol=TOLERANCE)
