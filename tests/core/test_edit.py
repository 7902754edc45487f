"""Decisions: whatever list a trace has now, another list gives what it gives from the start."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_gfsam.core.edit import AddPoint, MoveCluster, SetClusterStatus, SetStatus, edited
from napari_gfsam.core.frames import Frame
from napari_gfsam.core.masks import MaskBank, mask_stack
from napari_gfsam.core.types import ClassSpec, ClassTrace, Gates, MaskGraph, PointPrompts, Status
from tests.core.strategies import core_maps, disc_logits, quick, random_maps

GRID = 6
FRAME = Frame(60, 90, GRID)
PIXELS = st.sampled_from([(100, 900), (512, 512), (700, 30)])
CLASSES = st.sampled_from([1, 2])
EDITS = st.one_of(
    st.builds(SetStatus, CLASSES, st.integers(0, 3), st.sampled_from(Status)),
    st.builds(SetClusterStatus, CLASSES, st.integers(0, 3), st.sampled_from([Status.OFF_BY_HAND, Status.ON_BY_HAND])),
    st.builds(AddPoint, CLASSES, PIXELS, st.booleans()),
    st.sampled_from([(1, 2), (2, 1)]).flatmap(
        lambda pair: st.builds(MoveCluster, st.just(pair[0]), st.integers(0, 3), st.just(pair[1]))
    ),
)


class Decoder:
    """One disc a prompt, of a size that depends on all of its points."""

    def __init__(self) -> None:
        self.prompts: list[tuple[tuple[int, ...], ...]] = []

    def __call__(self, model_xy, labels):
        out = []
        for points, kinds in zip(model_xy, labels, strict=True):
            self.prompts.append(tuple((int(x), int(y), int(k)) for (x, y), k in zip(points, kinds, strict=True)))
            y, x = np.mgrid[:256, :256].astype(np.float32)
            radius = 20 + np.float32(points.sum() % 97)
            out.append(radius - np.hypot(x - points[0, 0] / 4, y - points[0, 1] / 4))
        return torch.from_numpy(np.stack(out).astype(np.float32))


def make_trace(class_id: int) -> ClassTrace:
    rng = np.random.default_rng(class_id)
    maps = core_maps(random_maps(rng, GRID, 8))
    grid_xy = np.array([[1, 1], [1, 2], [3, 4], [5, 0]])
    model_xy = FRAME.grid_to_model_xy(grid_xy, "centre")
    logits = np.stack([disc_logits(rng, (float(x), float(y)), "disc") for x, y in model_xy])
    status = np.array([1, 2, 1, 0])
    gates = Gates(status > 0, status == 1, np.ones(4, np.float32), status)
    cluster = np.array([0, 0, 1, 2])
    graph = MaskGraph(cluster[:, None] == cluster, cluster)
    prompts = PointPrompts(grid_xy, model_xy, np.ones(4, np.float32))
    return ClassTrace(ClassSpec(class_id, str(class_id)), maps, prompts, mask_stack(logits, maps), graph, gates, status)


TRACES = {1: make_trace(1), 2: make_trace(2)}


def valid(edits) -> tuple:
    """Those edits that do not fail after the ones before them."""
    kept: tuple = ()
    for edit in edits:
        try:
            edited(TRACES, (), (*kept, edit), MaskBank(Decoder()), FRAME)
        except ValueError:
            continue
        kept = (*kept, edit)
    return kept


def assert_same(found, wanted) -> None:
    for class_id, trace in wanted.items():
        other = found[class_id]
        np.testing.assert_array_equal(other.status, trace.status)
        for part in ("prompts", "masks", "graph", "gates"):
            for field in fields(getattr(trace, part)):
                one, two = (getattr(getattr(it, part), field.name) for it in (other, trace))
                np.testing.assert_array_equal(one, two, err_msg=f"{part}.{field.name}")


@quick(50)
@given(st.lists(EDITS, max_size=4), st.lists(EDITS, max_size=4), st.integers(0, 4))
def test_any_list_can_follow_any_other(first, second, shared):
    first = valid(first)
    second = valid([*first[:shared], *second])
    bank = MaskBank(Decoder())
    now = edited(TRACES, (), first, bank, FRAME)
    wanted = edited(TRACES, (), second, bank, FRAME)
    assert_same(edited(now, first, second, bank, FRAME), wanted)
    assert_same(edited(now, first, (), bank, FRAME), TRACES)
    step, made = dict(TRACES), ()
    for edit in second:
        step, made = edited(step, made, (*made, edit), bank, FRAME), (*made, edit)
    assert_same(step, wanted)


def test_points_that_stay_are_not_decoded_again():
    decoder = Decoder()
    bank = MaskBank(decoder)
    points = [AddPoint(1, (100, 900), True), AddPoint(1, (700, 30), False), AddPoint(2, (512, 512), True)]
    now = edited(TRACES, (), points, bank, FRAME)
    assert len(decoder.prompts) == 3
    off = SetStatus(1, 0, Status.OFF_BY_HAND)
    later = edited(now, points, [*points, off], bank, FRAME)
    back = edited(later, [*points, off], points[:2], bank, FRAME)
    edited(later, [*points, off], [points[2]], bank, FRAME)
    assert len(decoder.prompts) == 3
    assert back[1].masks.logits is now[1].masks.logits, "the masks of the class are not even copied"
    assert np.shares_memory(edited(now, points, points[:1], bank, FRAME)[1].masks.bits, now[1].masks.bits)


def test_what_stays_is_the_same_object():
    bank = MaskBank(Decoder())
    now = edited(TRACES, (), [SetStatus(2, 1, Status.ON_BY_HAND)], bank, FRAME)
    assert now[1] is TRACES[1]
    assert now[2] is not TRACES[2]
    again = edited(now, [SetStatus(2, 1, Status.ON_BY_HAND)], [SetStatus(2, 1, Status.ON_BY_HAND)] * 2, bank, FRAME)
    assert again[2] is now[2]


def test_an_eraser_spares_the_nearest_accepted_prompts_of_its_time():
    decoder = Decoder()
    bank = MaskBank(decoder)
    kept = TRACES[1].prompts.model_xy[[0, 2]].tolist()
    erase = AddPoint(1, (700, 30), False)
    now = edited(TRACES, (), [erase], bank, FRAME)
    assert sorted(decoder.prompts[0][1:]) == sorted((x, y, 0) for x, y in kept)
    assert now[1].status.tolist() == [1, 2, 1, 0, Status.ERASER]
    off = SetStatus(1, 0, Status.OFF_BY_HAND)
    edited(now, [erase], [off, erase], bank, FRAME)
    assert decoder.prompts[1] == ((700, 30, 1), (*kept[1], 0)), "other helpers, another mask"


def test_a_moved_cluster_takes_its_accepted_masks_along():
    bank = MaskBank(Decoder())
    now = edited(TRACES, (), [MoveCluster(1, 0, 2)], bank, FRAME)
    assert now[1].status.tolist() == [Status.OFF_BY_HAND, Status.OFF_BY_HAND, 1, 0]
    assert now[2].status.tolist() == [1, 2, 1, 0, Status.ON_BY_HAND]
    assert now[2].graph.cluster.tolist() == [0, 0, 1, 2, 3]
    np.testing.assert_array_equal(now[2].masks.bits[4], TRACES[1].masks.bits[0])
    wanted = mask_stack(TRACES[1].masks.logits[:1], TRACES[2].maps)
    assert now[2].masks.positive_mean[4] == wanted.positive_mean[0]
    hidden = edited(TRACES, (), [SetClusterStatus(1, 0, Status.OFF_BY_HAND), MoveCluster(1, 0, 2)], bank, FRAME)
    assert len(hidden[2].status) == 6, "all of a cluster that is off"
    back = edited(TRACES, (), [MoveCluster(1, 0, 2), MoveCluster(2, 3, 1)], bank, FRAME)
    assert back[2].status[4] == Status.OFF_BY_HAND
    np.testing.assert_array_equal(back[1].masks.bits[4], TRACES[1].masks.bits[0])


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([SetStatus(7, 0, Status.KEPT)], "no class 7 here; the classes are 1, 2"),
        ([SetStatus(1, 4, Status.KEPT)], "no prompt 4 in class 1; it has 4"),
        ([SetStatus(1, -1, Status.KEPT)], "no prompt -1"),
        ([SetClusterStatus(2, 3, Status.KEPT)], "no cluster 3 in class 2; it has 3"),
        ([MoveCluster(1, 9, 2)], "no cluster 9 in class 1"),
        ([MoveCluster(1, 0, 3)], "no class 3 here"),
        ([MoveCluster(1, 0, 1)], "in class 1 already"),
        ([AddPoint(1, (5, 5), False), MoveCluster(1, 3, 2)], "only erases"),
    ],
)
def test_what_is_not_there_is_named_before_anything_is_decoded(edits, words):
    decoder = Decoder()
    with pytest.raises(ValueError, match=words):
        edited(TRACES, (), edits, MaskBank(decoder), FRAME)
    assert decoder.prompts == []


def test_a_class_without_prompts_takes_a_point():
    trace = TRACES[1]
    nothing = np.zeros(0, np.int64)
    empty = ClassTrace(
        trace.spec,
        trace.maps,
        PointPrompts(nothing.reshape(0, 2), nothing.reshape(0, 2), nothing.astype(np.float32)),
        mask_stack(np.zeros((0, 256, 256), np.float32), trace.maps),
        MaskGraph(np.zeros((0, 0), bool), nothing),
        Gates(nothing > 0, nothing > 0, nothing.astype(np.float32), nothing),
        nothing,
    )
    found = edited({1: empty}, (), [AddPoint(1, (512, 512), True)], MaskBank(Decoder()), FRAME)[1]
    assert found.graph.coverage.tolist() == [[True]]
    assert found.graph.cluster.tolist() == [0]
    assert found.prompts.grid_xy.tolist() == [[3, 3]]
