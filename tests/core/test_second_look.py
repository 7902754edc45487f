"""What other tiles found speaks for readings and clusters of a tile."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from napari_gfsam.core.compact import fold
from napari_gfsam.core.pipeline import TileReading
from napari_gfsam.core.second_look import (
    EVERY,
    MOST_WITNESSES,
    BestAnswers,
    TileBest,
    Witness,
    choose,
    found_elsewhere,
    is_open,
    likeness,
)
from napari_gfsam.core.types import Gates, MaskGraph, PointPrompts, SimilarityMaps, Status

HERE, THERE = np.array([[1.0, 0], [0, 0]], np.float32), np.array([[0, 0], [0, 1.0]], np.float32)


def reading(covered: np.ndarray, found_again: float, *, painted: np.ndarray | None = None) -> TileReading:
    """One cluster of one accepted prompt, by default like the paint."""
    one, flags = np.zeros(1, dtype=np.int64), np.ones(1, dtype=bool)
    return TileReading(
        values=SimilarityMaps(*(torch.zeros(2, 2) for _ in range(3)), torch.ones(2, 2, dtype=torch.bool)),
        prompts=PointPrompts(np.zeros((1, 2), np.int64), np.zeros((1, 2), np.int64), np.ones(1, np.float32)),
        masks=fold(np.ones((1, 256, 256), np.float32)),
        graph=MaskGraph(flags[None], one),
        gates=Gates(flags, flags, np.ones(1, np.float32), np.array([Status.KEPT])),
        shares=covered[None],
        painted=covered > 0 if painted is None else painted,
        found_again=found_again,
        background_removed=False,
    )


@st.composite
def pictures(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(0, MOST_WITNESSES + 2))
    rows = functional.normalize(torch.from_numpy(rng.normal(size=(count + 1, 9, 4))).float(), dim=2)
    best = BestAnswers()
    for tile in rng.permutation(count).tolist():
        best.take(TileBest(tile, float(rng.choice([0.0, 0.2, 0.5, 0.7])), rng.random((3, 3)).astype(np.float32)))
    return rows, [Witness(one, rows[one.tile]) for one in best.kept], draw(st.integers(0, count))


@settings(max_examples=60, deadline=None)
@given(pictures())
def test_it_is_the_mean_of_what_the_best_others_found_at_the_nearest_tokens(picture):
    rows, witnesses, tile = picture
    found = found_elsewhere(tile, rows[tile], witnesses)
    others = [one for one in witnesses if one.best.tile != tile][:MOST_WITNESSES]
    assert [one.best.score for one in others] == sorted((one.best.score for one in others), reverse=True)
    if not others:
        assert found is None
        return
    for cell in range(9):
        asks = 3 * (cell // 3 // EVERY * EVERY) + cell % 3 // EVERY * EVERY
        said = [
            one.best.covered.flat[max(range(9), key=lambda k, one=one: float(rows[tile, asks] @ one.rows[k]))]
            for one in others
        ]
        expected = np.average(said, weights=[one.best.score for one in others])
        assert found.flat[cell] == pytest.approx(expected, abs=1e-5)


def test_the_order_in_which_tiles_are_read_does_not_matter():
    every = [TileBest(tile, score, HERE) for tile, score in enumerate([0.5, 0, 0.1, 0.5, 0.9, 0.3, 0.3, 0.2, 0.4, 0.5])]
    forth, back = BestAnswers(), BestAnswers()
    for one in every:
        forth.take(one)
    for one in reversed(every):
        back.take(one)
    assert forth.kept == back.kept
    assert [one.tile for one in forth.kept] == [4, 0, 3, 9, 8, 5, 6]


@given(st.floats(0, 1), st.floats(0.01, 1))
def test_likeness_minds_neither_scale_nor_offset(offset, scale):
    assert likeness(HERE, offset + scale * HERE) == pytest.approx(1, abs=1e-2)
    assert likeness(HERE, offset - scale * HERE) == 0


def test_what_covers_all_or_nothing_is_like_nothing():
    assert likeness(np.zeros((2, 2), np.float32), HERE) == likeness(np.ones((2, 2), np.float32), HERE) == 0


def test_other_tiles_outweigh_a_slightly_better_score():
    first, second = reading(HERE, 0.4), reading(THERE, 0.3)
    assert choose([first, second], None) is first
    assert choose([first, second], HERE) is first
    assert choose([first, second], THERE) is second


def test_where_nothing_is_like_it_the_score_alone_decides():
    first, second = reading(HERE, 0.3), reading(HERE, 0.4)
    assert choose([first, second], THERE) is second
    assert choose([first, reading(HERE, 0.3)], THERE) is first


def test_a_cluster_like_no_paint_stays_where_other_tiles_found_its_like():
    stranger = reading(HERE, 0.0, painted=THERE > 0)
    assert not stranger.covered().any()
    assert not stranger.covered(0.4 * HERE).any()
    np.testing.assert_array_equal(stranger.covered(0.6 * HERE), HERE)
    assert stranger.status(HERE).tolist() == [Status.KEPT]
    assert stranger.status(THERE).tolist() == [Status.OUTLIER]


def test_other_tiles_are_asked_only_where_they_can_change_anything():
    found, empty = reading(HERE, 0.4), reading(np.zeros((2, 2), np.float32), 0.0)
    assert not is_open([found])
    assert not is_open([found, empty])
    assert is_open([found, reading(THERE, 0.3)])
    assert is_open([empty, reading(HERE, 0.0, painted=THERE > 0)])
