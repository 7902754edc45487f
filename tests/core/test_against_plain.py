"""The core against the plain implementation of the same method, stage by stage.

Merging and everything chained are in test_answers_against_plain.py.

Integers must be identical and maps agree within 1e-4. A case is discarded when one of its choices hangs on a
difference of at most 1e-5 (1e-3 cells between two areas, 1e-4 between two means over a mask) that is no tie on
purpose, see `plain.Margin`: there float32 rounding decides.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_gfsam.core.config import PUBLISHED, GFSAMConfig
from napari_gfsam.core.consistency import consistency_gate
from napari_gfsam.core.frames import MODEL_SIZE, Frame
from napari_gfsam.core.gating import positive_gate
from napari_gfsam.core.graph import build_graph
from napari_gfsam.core.masks import mask_stack, unpack
from napari_gfsam.core.merge import merge_status
from napari_gfsam.core.points import point_map, select_points
from napari_gfsam.core.references import reference_weights
from napari_gfsam.core.sampling import cell_weights, sample_masks, samples_from_binary
from napari_gfsam.core.similarity import similarity_maps, unit_tokens
from napari_gfsam.core.types import (
    MaskGraph,
    MaskSamples,
    PointPrompts,
)
from tests.core import plain
from tests.core.strategies import (
    TOLERANCE,
    GateCase,
    TokenCase,
    core_maps,
    core_units,
    disc_logits,
    gate_cases,
    label_cases,
    map_cases,
    quick,
    renumbered,
    settings_of,
    token_cases,
)

# --- references and maps ---------------------------------------------------------------------------------------------


@quick(60)
@given(label_cases(), st.integers(5, 8), st.sampled_from(["sampled", "area"]))
def test_reference_weights(case, grid, pooling):
    labels, ignore, region = case
    for class_id in (1, 2):
        wanted = plain.grid_weights(labels, class_id, grid, pooling, ignore, region)
        found = reference_weights(labels, class_id, grid=grid, pooling=pooling, ignore=ignore, region_yx=region)
        np.testing.assert_allclose(found.foreground, wanted[0], atol=TOLERANCE)
        np.testing.assert_allclose(found.background, wanted[1], atol=TOLERANCE)
        assert found.foreground.dtype == found.background.dtype == torch.float32


@quick(80)
@given(
    token_cases(),
    settings_of("feature_norm", "similarity_floor", "reference_fusion", "background_projection", "reciprocal_gate"),
)
def test_similarity_maps(case: TokenCase, config: GFSAMConfig):
    margin = plain.Margin()
    wanted = plain.similarity(case.target, case.references, config, margin)
    units = unit_tokens(case.core_target(), case.core_references(), config)
    found = similarity_maps(units, [r.weights for r in case.core_references()], config)
    if config.background_projection == "on":
        assume(margin.closest > 1e-3)
    for name in ("positive_mean", "positive_max", "negative_mean"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), atol=TOLERANCE, err_msg=name)
    assume(margin.clear)
    np.testing.assert_array_equal(found.allowed, wanted.allowed)


# --- points ----------------------------------------------------------------------------------------------------------


@quick(200)
@given(
    map_cases(),
    settings_of("point_maps", "point_filter", "point_count", "point_ties", "prompt_position", "max_prompts"),
    st.booleans(),
)
def test_point_map_and_points(maps: plain.Maps, config: GFSAMConfig, capped: bool):
    config = config if capped else config.with_settings(max_prompts=None)
    margin = plain.Margin()
    likely = plain.point_map(maps, config, margin)
    wanted = plain.select(likely, config, margin)
    assume(margin.clear)
    np.testing.assert_allclose(point_map(core_maps(maps), config), likely, atol=TOLERANCE)
    found = select_points(core_maps(maps), Frame(100, 100, len(likely)), config)
    assert [tuple(xy) for xy in found.grid_xy.tolist()] == wanted.grid_xy
    assert [tuple(xy) for xy in found.model_xy.tolist()] == wanted.model_xy
    np.testing.assert_allclose(found.score, wanted.score, atol=TOLERANCE)
    assert found.grid_xy.dtype == found.model_xy.dtype == np.int64


@pytest.mark.parametrize("maps", ["mean", "max"])
def test_a_cell_that_both_explain_alike_is_kept(maps):
    values = np.random.default_rng(0).random((6, 6))
    case = plain.Maps(values, values, values, np.ones((6, 6), dtype=bool), np.zeros((36, 3)))
    found = point_map(core_maps(case), GFSAMConfig(point_maps=maps))
    assert ((found > 0).numpy() == (values > values.min())).all()


@pytest.mark.parametrize("count", ["sum", "all"])
def test_no_point_where_the_map_is_zero(count):
    maps = plain.Maps(*(np.zeros((5, 5)) for _ in range(3)), np.zeros((5, 5), dtype=bool), np.zeros((25, 3)))
    found = select_points(core_maps(maps), Frame(10, 10, 5), GFSAMConfig(point_count=count))
    assert found.grid_xy.shape == found.model_xy.shape == (0, 2)
    assert found.score.shape == (0,)


# --- masks and graph -------------------------------------------------------------------------------------------------


@quick(25)
@given(gate_cases())
def test_sampled_logits_are_upsampled_thresholded_and_sampled_masks(case: GateCase):
    prompts = case.core_prompts()
    binary = plain.binary_masks(case.logits)
    found = sample_masks(case.logits, prompts.model_xy, case.grid)
    same = samples_from_binary(binary, prompts.model_xy, case.grid)
    np.testing.assert_array_equal(found.at_points, plain.coverage(binary, case.points.model_xy))
    np.testing.assert_array_equal(found.at_points, same.at_points)
    np.testing.assert_array_equal(found.at_cells, same.at_cells)
    soft = cell_weights(found.at_cells)
    assert soft.shape == (len(binary), case.grid, case.grid)
    for weights, mask in zip(soft, binary, strict=True):
        np.testing.assert_allclose(weights, plain.soften_by_hand(mask, case.grid), atol=TOLERANCE)
        np.testing.assert_allclose(weights, plain.soften(mask, case.grid), atol=TOLERANCE)


@quick(25)
@given(gate_cases(max_points=6))
def test_packed_masks(case: GateCase):
    binary = plain.binary_masks(case.logits)
    found = mask_stack(case.logits, core_maps(case.maps))
    np.testing.assert_array_equal(unpack(found.bits), binary)
    for name in ("positive_mean", "negative_mean"):
        large = plain.upsample(getattr(case.maps, name)[None], (MODEL_SIZE, MODEL_SIZE))[0].astype(np.float64)
        wanted = [large[mask].mean() if mask.any() else 0.0 for mask in binary]
        np.testing.assert_allclose(getattr(found, name), wanted, atol=TOLERANCE)


@quick(100)
@given(st.integers(0, 12), st.floats(0, 0.5), st.integers(0, 2**32 - 1), st.sampled_from(["weak", "strong"]))
def test_components(n, density, seed, kind):
    covers = np.random.default_rng(seed).random((n, n)) < density
    case = PointPrompts(np.zeros((n, 2), np.int64), np.zeros((n, 2), np.int64), np.zeros(n, np.float32))
    found = build_graph(samples_of(covers), case, GFSAMConfig(components=kind))
    assert renumbered(found.cluster) == plain.components(covers, kind)
    if kind == "weak":
        assert found.cluster.tolist() == plain.components(covers, kind)
    np.testing.assert_array_equal(found.coverage, covers)


@quick(50)
@given(st.integers(0, 30), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_kmeans(n, k, seed):
    rng = np.random.default_rng(seed)
    cells = rng.permutation(64)[:n]
    grid_xy = np.stack([cells % 8, cells // 8], axis=1).astype(np.int64)
    prompts = PointPrompts(grid_xy, grid_xy * 128, np.zeros(n, np.float32))
    config = GFSAMConfig(components="kmeans", kmeans_clusters=k)
    found = build_graph(samples_of(np.eye(n, dtype=bool)), prompts, config)
    again = build_graph(samples_of(np.eye(n, dtype=bool)), prompts, config)
    np.testing.assert_array_equal(found.cluster, again.cluster)
    assert sorted(set(found.cluster.tolist())) == list(range(found.n_clusters))
    assert found.n_clusters <= min(k, n)
    if k == 1 or n == 0:
        assert found.n_clusters == min(n, 1)


def samples_of(covers):
    return MaskSamples(covers, np.zeros((len(covers), 10, 10), dtype=bool))


# --- gates -----------------------------------------------------------------------------------------------------------

GATE_SETTINGS = (
    "granularity",
    "polarity",
    "polarity_measure",
    "consistency",
    "consistency_vote",
    "similarity_floor",
    "components",
)


@quick(100)
@given(gate_cases(), settings_of(*GATE_SETTINGS), st.sampled_from([None, None, 1, 2, 3]), st.integers(0, 1000))
def test_gates(case: GateCase, config: GFSAMConfig, clusters: int | None, seed: int):
    """By the graph's clusters, or by arbitrary ones, which tie more often and disagree with the masks."""
    prompts = case.core_prompts()
    binary = plain.binary_masks(case.logits)
    samples = sample_masks(case.logits, prompts.model_xy, case.grid)
    graph = build_graph(samples, prompts, config)
    if clusters is not None:
        some = np.random.default_rng(seed).integers(clusters, size=len(prompts))
        graph = MaskGraph(graph.coverage, np.array(renumbered(some), dtype=np.int64))
    margin = plain.Margin()
    wanted = plain.gate(case.maps, case.points, binary, graph.cluster.tolist(), config, margin)
    grown = positive_gate(samples, graph, core_maps(case.maps), config)
    own = consistency_gate(samples, graph, prompts.grid_xy, core_units(case.maps), config)
    assume(margin.clear)
    assert grown.passed.tolist() == wanted.positive
    assert own.tolist() == wanted.consistent
    np.testing.assert_allclose(grown.cluster_score, wanted.cluster_score, atol=1e-3)
    assert merge_status(grown.passed, own).tolist() == wanted.status


@pytest.mark.parametrize("granularity", ["growth", "union"])
@pytest.mark.parametrize("consistency", ["distance", "mean", "prototype", "point", "none"])
def test_gates_of_no_prompt(granularity, consistency):
    config = GFSAMConfig(granularity=granularity, consistency=consistency)
    maps = core_maps(plain.Maps(*(np.zeros((5, 5)) for _ in range(3)), np.ones((5, 5), dtype=bool), np.zeros((25, 3))))
    none = np.zeros((0, 2), dtype=np.int64)
    samples = sample_masks(np.zeros((0, 256, 256), dtype=np.float32), none, 5)
    graph = build_graph(samples, PointPrompts(none, none, np.zeros(0, np.float32)), config)
    assert positive_gate(samples, graph, maps, config).passed.shape == (0,)
    assert consistency_gate(samples, graph, none, torch.zeros(25, 3), config).shape == (0,)
    assert graph.n_clusters == 0


TIE_SEEDS = (0, 1, 2, 4)


@pytest.mark.parametrize("seed", TIE_SEEDS)
def test_equal_masks_are_visited_in_prompt_order(seed):
    """Sixty copies of three masks: every score is an exact tie within its kind, whatever the row in a product."""
    rng = np.random.default_rng(seed)
    grid, n = 8, 60
    kinds = [disc_logits(rng, tuple(rng.random(2) * MODEL_SIZE), "ragged") for _ in range(3)]
    logits = np.stack([kinds[i] for i in rng.integers(3, size=n)])
    maps = plain.Maps(*(rng.random((grid, grid)).astype(np.float32) for _ in range(3)), None, None)
    maps.allowed = np.ones((grid, grid), dtype=bool)
    cells = [(int(c // grid), int(c % grid)) for c in sorted(rng.permutation(grid * grid)[:n])]
    points = plain.Points(cells, [(x * 128, y * 128) for x, y in cells], [0.0] * n)
    case = GateCase(grid, maps, points, logits)
    samples = sample_masks(logits, case.core_prompts().model_xy, grid)
    graph = MaskGraph(samples.at_points, np.arange(n) % 2)
    margin = plain.Margin()
    passed, score = plain.positive(maps, plain.binary_masks(logits), graph.cluster.tolist(), PUBLISHED, margin)
    assert margin.clear
    found = positive_gate(samples, graph, core_maps(maps), PUBLISHED)
    assert found.passed.tolist() == passed
    np.testing.assert_allclose(found.cluster_score, score, atol=TOLERANCE)


@pytest.mark.parametrize(("split", "kept"), [(2, True), (1, False), (3, True)])
def test_half_of_a_cluster_keeps_it(split, kept):
    """Four points in one cluster; as many consistent as inconsistent is not fewer."""
    grid = 5
    cells = np.array([[0, 0], [1, 0], [2, 0], [3, 0], [4, 4]])
    tokens = torch.zeros(grid * grid, 2)
    tokens[:, 1] = 1  # like the second cluster's mask, the lower part of the picture
    tokens[cells[:split, 0]] = torch.tensor([1.0, 0.0])
    rows = np.arange(2 * grid)[:, None] * np.ones(2 * grid)
    upper, lower = rows < 2, rows >= 4
    upper[:, 2 * split :] = False
    samples = MaskSamples(np.eye(5, dtype=bool), np.stack([upper] * 4 + [lower]))
    graph = MaskGraph(samples.at_points, np.array([0, 0, 0, 0, 1]))
    config = GFSAMConfig(consistency="mean")
    free = consistency_gate(samples, graph, cells, tokens, config.with_settings(consistency_vote="off"))
    assert free.tolist() == [True] * split + [False] * (4 - split) + [True]
    voted = consistency_gate(samples, graph, cells, tokens, config)
    assert voted.tolist() == (free.tolist() if kept else [False] * 4 + [True])


@pytest.mark.parametrize("consistency", ["distance", "mean", "prototype", "point"])
@pytest.mark.parametrize("floor", ["none", "relu"])
def test_equal_clusters_tie_to_the_lowest(consistency, floor):
    """Clusters with the same union and equal distances: only points of the first are self-consistent."""
    rng = np.random.default_rng(3)
    grid, groups = 8, 37
    logits = np.repeat(disc_logits(rng, (500, 500), "ragged")[None], groups, axis=0)
    tokens = rng.normal(size=(grid * grid, 48))
    if consistency == "point":
        tokens[:] = tokens[0]
    maps = plain.Maps(*(rng.random((grid, grid)) for _ in range(3)), np.ones((grid, grid), dtype=bool), tokens)
    cells = np.stack([np.arange(groups) // grid, np.arange(groups) % grid], axis=1)
    config = GFSAMConfig(consistency=consistency, similarity_floor=floor, consistency_vote="off")
    samples = sample_masks(logits, cells * 128, grid)
    graph = MaskGraph(samples.at_points, np.arange(groups))
    grid_xy = [(int(x), int(y)) for x, y in cells]
    points = plain.Points(grid_xy, [(x * 128, y * 128) for x, y in grid_xy], [0.0] * groups)
    margin = plain.Margin()
    wanted = plain.consistency(maps, points, plain.binary_masks(logits), list(range(groups)), config, margin)
    found = consistency_gate(samples, graph, cells, core_units(maps), config)
    if consistency in ("mean", "prototype"):
        assert wanted == [True] + [False] * (groups - 1)
    assert found.tolist() == wanted
