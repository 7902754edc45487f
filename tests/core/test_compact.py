"""Folded masks: whatever looks at logits sees the same after unfolding, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gfsam.core.compact import fold, unfold, unfold_logits
from napari_gfsam.core.config import GFSAMConfig
from napari_gfsam.core.frames import Frame
from napari_gfsam.core.masks import mask_stack
from napari_gfsam.core.merge import merge_class
from napari_gfsam.core.sampling import sample_masks
from napari_gfsam.core.types import ClassSpec, ClassTrace, Gates, MaskGraph
from tests.core.strategies import GateCase, core_maps, gate_cases, quick


@quick(40)
@given(gate_cases(max_points=6), st.tuples(st.integers(1, 700), st.integers(1, 700)))
def test_nothing_sees_a_difference(case: GateCase, shape):
    maps = core_maps(case.maps)
    masks = mask_stack(case.logits, maps)
    logits, bits = unfold(fold(case.logits, masks.bits))
    np.testing.assert_array_equal(bits, masks.bits)
    np.testing.assert_array_equal(unfold_logits(fold(case.logits)), logits)
    np.testing.assert_array_equal(logits > 0, case.logits > 0)
    again = mask_stack(logits, maps)
    for name in ("bits", "box_yx", "positive_mean", "negative_mean"):
        np.testing.assert_array_equal(getattr(again, name), getattr(masks, name))
    before, after = (sample_masks(one, case.core_prompts().model_xy, case.grid) for one in (case.logits, logits))
    np.testing.assert_array_equal(after.at_points, before.at_points)
    np.testing.assert_array_equal(after.at_cells, before.at_cells)
    ones = np.ones(len(logits), dtype=np.int64)
    gates, graph = Gates(ones > 0, ones > 0, np.ones(len(ones), np.float32), ones), MaskGraph(np.eye(len(ones)), ones)
    trace = ClassTrace(ClassSpec(1, "one"), maps, case.core_prompts(), masks, graph, gates, ones)
    native = GFSAMConfig(output_frame="native", fallback="none")
    was = merge_class(trace, Frame(*shape, case.grid), native)
    now = merge_class(replace(trace, masks=replace(masks, logits=logits)), Frame(*shape, case.grid), native)
    np.testing.assert_array_equal(now.mask, was.mask)
    np.testing.assert_array_equal(now.confidence, was.confidence)


def test_a_disc_takes_little_room():
    y, x = np.mgrid[:256, :256].astype(np.float32)
    logits = (60 - np.hypot(x - 120, y - 120))[None]
    folded = fold(logits)
    assert folded.signs.nbytes + folded.logits.nbytes < logits.nbytes / 20


def test_numbers_that_do_not_belong_to_the_signs_are_refused():
    rng = np.random.default_rng(0)
    folded = fold(rng.normal(size=(1, 256, 256)).astype(np.float32), np.zeros((1, 1024, 128), np.uint8))
    with pytest.raises(ValueError, match="ask for"):
        unfold(replace(folded, logits=folded.logits[:-1]))
    with pytest.raises(ValueError, match="ask for"):
        unfold(replace(folded, pixels=folded.pixels[:-1]))
