from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_gfsam.evaluation import Overlap, fb_iou, mean_iou, overlap, rank_correlation, specificity, squash

shapes = st.tuples(st.integers(1, 7), st.integers(1, 7))
masks = shapes.flatmap(lambda shape: st.tuples(*[arrays(bool, shape)] * 3))


def plain_counts(answer, truth, ignore):
    """Pixel by pixel, as the official evaluator defines it: ignored pixels take no part."""
    pairs = [(a, t) for a, t, i in zip(answer.ravel(), truth.ravel(), ignore.ravel(), strict=True) if not i]
    counted = []
    for wanted in (True, False):
        both = sum(a == t == wanted for a, t in pairs)
        counted += [both, sum(a == wanted for a, _ in pairs) + sum(t == wanted for _, t in pairs) - both]
    return Overlap(*counted)


@given(masks)
def test_counts_are_those_of_a_plain_loop(three):
    assert overlap(*three) == plain_counts(*three)
    assert overlap(*three[:2]) == plain_counts(*three[:2], np.zeros_like(three[0]))


@given(st.lists(st.tuples(st.integers(1, 3), masks), min_size=1, max_size=6))
def test_mean_and_fb_iou_follow_the_official_meter(episodes):
    counted = [(class_id, overlap(answer, truth)) for class_id, (answer, truth, _) in episodes]
    intersection, union = np.zeros((2, 4)), np.zeros((2, 4))
    for class_id, found in counted:
        intersection[:, class_id] += (found.bg_intersection, found.fg_intersection)
        union[:, class_id] += (found.bg_union, found.fg_union)
    of_interest = sorted({class_id for class_id, _ in counted})
    iou = (intersection / np.maximum(union, 1))[:, of_interest]

    assert mean_iou(counted) == pytest.approx(iou[1].mean())
    if (union.sum(axis=1) > 0).all():
        expected = (intersection.sum(axis=1) / union.sum(axis=1)).mean()
        assert fb_iou(found for _, found in counted) == pytest.approx(expected)


def test_classes_weigh_alike_whatever_their_episodes():
    counted = [(1, Overlap(1, 2)), (1, Overlap(3, 6)), (2, Overlap(1, 1))]

    assert mean_iou(counted) == pytest.approx((4 / 8 + 1) / 2)


def test_nothing_in_both_is_no_number():
    empty = overlap(np.zeros((3, 3), bool), np.zeros((3, 3), bool))

    assert math.isnan(empty.iou)
    assert empty.background_iou == 1
    assert math.isnan(mean_iou([]))
    assert mean_iou([(1, empty)]) == 0


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="same size"):
        overlap(np.zeros((2, 3), bool), np.zeros((3, 2), bool))
    with pytest.raises(ValueError, match="same size"):
        overlap(np.zeros((2, 3), bool), np.zeros((2, 3), bool), np.zeros((3, 2), bool))


@pytest.mark.parametrize("shape", [(1, 1), (3, 1500), (511, 512), (1024, 1024), (1371, 37), (2000, 1023)])
def test_squashing_is_nearest_as_torch_does(shape):
    mask = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    wanted = torch.nn.functional.interpolate(torch.from_numpy(mask)[None, None].float(), (1024, 1024), mode="nearest")

    np.testing.assert_array_equal(squash(mask), wanted[0, 0].numpy())


def test_specificity():
    nothing, blank = np.zeros((2, 5), bool), np.zeros((2, 5), bool)
    some = nothing.copy()
    some[0, :4] = True

    found = specificity([overlap(nothing, blank), overlap(some, blank)])

    assert found == (0.5, 0.8)
    assert all(map(math.isnan, specificity([])))


def test_rank_correlation():
    assert rank_correlation([0.1, 0.2, 0.3, 0.9], [0.0, 0.5, 0.6, 0.7]) == pytest.approx(1)
    assert rank_correlation([0.1, 0.2, 0.3, math.nan], [0.3, 0.2, 0.1, 9]) == pytest.approx(-1)
    # ranks 1 2.5 2.5 4 against 1 2 3 4
    assert rank_correlation([1, 2, 2, 4], [1, 2, 3, 4]) == pytest.approx(4.5 / math.sqrt(4.5 * 5))
    assert math.isnan(rank_correlation([0.1, 0.2], [0.3, 0.2]))
    assert math.isnan(rank_correlation([1, 1, 1], [0.3, 0.2, 0.1]))
    assert math.isnan(rank_correlation([], []))
