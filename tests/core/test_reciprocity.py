"""Clusters that resemble the references' background are turned down; answers are scored from both sides."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_gfsam.core.reciprocity import (
    TileLook,
    cluster_shares,
    found_both_ways,
    is_ground_alone,
    look_both_ways,
    tells,
    turn_down_strangers,
)
from napari_gfsam.core.types import GridWeights, MaskGraph, MaskSamples, Status, UnitTokens

UNITS = UnitTokens(torch.eye(4), (torch.eye(4),))
WEIGHTS = [GridWeights(torch.tensor([1.0, 0, 0, 0]), torch.tensor([0.0, 1, 1, 1]))]
PAINTED = np.array([[True, False], [False, False]])


def cells(*on: tuple[int, int]) -> np.ndarray:
    answer = np.zeros((2, 2), dtype=np.float32)
    for cell in on:
        answer[cell] = 1
    return answer


def turned(masks: list[np.ndarray], cluster: list[int], status: list[Status]) -> list[int]:
    at_cells = np.stack([mask.repeat(2, axis=0).repeat(2, axis=1) > 0 for mask in masks])
    samples = MaskSamples(np.eye(len(masks), dtype=bool), at_cells)
    graph = MaskGraph(samples.at_points, np.array(cluster))
    gates = np.array(status, dtype=np.int64)
    return turn_down_strangers(cluster_shares(samples, graph, gates), graph, gates, PAINTED).tolist()


def test_cells_are_like_the_paint_by_their_nearest_token_that_counts():
    np.testing.assert_array_equal(look_both_ways(UNITS, WEIGHTS).painted, PAINTED)
    target = torch.tensor([[1.0, 0, 0, 0], [0.2, 0.9, 0, 0], [0.2, 0, 0.9, 0], [0, 0, 0, 1]])
    unpainted = [GridWeights(torch.tensor([1.0, 0, 0, 0]), torch.tensor([0.0, 0, 1, 1]))]  # the second is ignored
    found = look_both_ways(UnitTokens(target, UNITS.references), unpainted)
    np.testing.assert_array_equal(found.painted, [[True, True], [False, False]])


def test_a_tile_is_ground_alone_where_all_is_nearer_to_it_than_to_the_references():
    ground, other = torch.tensor([[0.8, 0.6, 0, 0]]), torch.tensor([[0.0, 0, 0, 1]])
    empty = UnitTokens(ground.expand(4, 4), UNITS.references)
    everywhere = look_both_ways(empty, WEIGHTS).painted
    assert everywhere.all()
    assert is_ground_alone(empty, (ground,), everywhere)
    assert not is_ground_alone(empty, (ground, other), everywhere)
    assert not is_ground_alone(empty, (), everywhere)
    assert not is_ground_alone(empty, (ground,), np.zeros((2, 2), dtype=bool))
    assert not is_ground_alone(UNITS, (ground,), PAINTED)  # the painted cell is the reference's own


def test_a_cluster_away_from_the_paint_is_turned_down_and_one_on_it_is_kept():
    masks = [cells((0, 0)), cells((1, 1)), cells((0, 1))]
    assert turned(masks, [0, 1, 1], [Status.KEPT] * 3) == [Status.KEPT, Status.OUTLIER, Status.OUTLIER]


def test_a_cluster_is_judged_by_the_union_of_what_is_accepted_of_it():
    masks = [cells((0, 0)), cells((0, 1)), cells((1, 0), (1, 1), (0, 1))]
    assert turned(masks, [0, 0, 0], [Status.KEPT] * 3) == [Status.KEPT] * 3  # a quarter is painted
    kept = turned(masks, [0, 0, 0], [Status.BACKGROUND, Status.OUTLIER, Status.KEPT])
    assert kept == [Status.BACKGROUND, Status.OUTLIER, Status.OUTLIER]


def test_nothing_accepted_stays_as_it_is():
    assert turned([cells((1, 1))], [0], [Status.BACKGROUND]) == [Status.BACKGROUND]
    assert turned([cells()], [0], [Status.KEPT]) == [Status.KEPT]


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (cells((0, 0)), 1.0),
        (cells(), 0.0),
        (cells((1, 1)), 0.0),
        (np.ones((2, 2), np.float32), 0.0),
        (cells((0, 0), (1, 1)), (0.5 - 0.25) / 0.75 * 0.5),
    ],
)
def test_the_score_from_both_sides(answer, score):
    assert found_both_ways([look_both_ways(UNITS, WEIGHTS)], WEIGHTS, answer) == pytest.approx(score, abs=1e-4)


def test_every_reading_has_a_say_in_the_score():
    look = look_both_ways(UNITS, WEIGHTS)
    other = TileLook((torch.tensor([3, 3, 3, 3]),), ~PAINTED)  # there the paint is found in the wrong cell
    answer = cells((0, 0))
    assert found_both_ways([look, other], WEIGHTS, answer) == pytest.approx(1 / 4, abs=1e-4)
    assert found_both_ways([other], WEIGHTS, answer) == 0


def painted_cells(count: int, of: int = 37**2) -> GridWeights:
    painted = (torch.arange(of) < count).float()
    return GridWeights(painted, 1 - painted)


def test_too_little_paint_tells_nothing_about_what_resembles_it():
    few, enough = [painted_cells(4)], [painted_cells(5)]
    assert not tells(few)
    assert tells(enough)
    assert tells([*few, painted_cells(100)])  # all references together
    rows = torch.nn.functional.normalize(torch.randn(37**2, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    look = look_both_ways(UnitTokens(rows, (rows,)), few)
    assert look.painted.all()  # nothing is a stranger
    answer = np.zeros((37, 37), dtype=np.float32)
    answer[0, :4] = 1
    assert found_both_ways([look], few, answer) == 0
    exact = look_both_ways(UnitTokens(rows, (rows,)), enough)
    assert exact.painted.sum() == 5
    assert found_both_ways([exact], enough, answer) > 0.5


def test_several_references_look_like_one_bank():
    generator = torch.Generator().manual_seed(0)
    rows = torch.nn.functional.normalize(torch.randn(3, 16, 5, generator=generator), dim=2)
    parts = [GridWeights(share, 1 - share) for share in torch.rand(2, 16, generator=generator).round()]
    joint = [
        GridWeights(*(torch.cat([getattr(part, name) for part in parts]) for name in ("foreground", "background")))
    ]
    apart = look_both_ways(UnitTokens(rows[0], (rows[1], rows[2])), parts)
    together = look_both_ways(UnitTokens(rows[0], (torch.cat([rows[1], rows[2]]),)), joint)
    np.testing.assert_array_equal(apart.painted, together.painted)
    assert torch.equal(torch.cat(apart.nearest), together.nearest[0])
