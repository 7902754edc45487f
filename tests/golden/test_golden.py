"""The core against stored stage outputs of the official GF-SAM code (see README.md here).

Every case starts from the stored tokens, reference masks and SAM masks. Maps agree within 1e-4 and integers are
identical, the final mask among them.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_gfsam.core.config import PUBLISHED
from napari_gfsam.core.consistency import consistency_gate
from napari_gfsam.core.frames import MODEL_SIZE, Frame
from napari_gfsam.core.gating import positive_gate
from napari_gfsam.core.graph import build_graph
from napari_gfsam.core.masks import mask_stack, unpack
from napari_gfsam.core.merge import merge_class, merge_status, model_mask
from napari_gfsam.core.points import point_map, select_points
from napari_gfsam.core.references import reference_weights
from napari_gfsam.core.sampling import sample_masks, samples_from_binary
from napari_gfsam.core.similarity import similarity_maps, unit_tokens
from napari_gfsam.core.types import (
    ClassSpec,
    ClassTrace,
    Gates,
    MaskGraph,
    MaskSamples,
    MaskStack,
    PointPrompts,
    ReferenceFeatures,
    SimilarityMaps,
)
from tests.core import plain

pytestmark = pytest.mark.parity

CASES = sorted(path.stem for path in Path(__file__).parent.glob("*.npz"))
GRID = 37
FRAME = Frame(MODEL_SIZE, MODEL_SIZE, GRID)


class Golden:
    """One case: the stored arrays, and the core's answers stage by stage."""

    def __init__(self, name: str) -> None:
        with np.load(Path(__file__).parent / f"{name}.npz", allow_pickle=False) as arrays:
            self.stored = dict(arrays)
        painted = unpack(self.stored["reference_masks_1024"]).astype(np.uint8)
        weights = [reference_weights(one, 1, grid=GRID, pooling=PUBLISHED.mask_pooling) for one in painted]
        tokens = [torch.from_numpy(one) for one in self.stored["reference_tokens"]]
        references = [ReferenceFeatures(*pair) for pair in zip(tokens, weights, strict=True)]
        self.units = unit_tokens(torch.from_numpy(self.stored["target_tokens"][0]), references, PUBLISHED)
        self.maps: SimilarityMaps = similarity_maps(self.units, weights, PUBLISHED)
        self.prompts: PointPrompts = select_points(self.maps, FRAME, PUBLISHED)
        binary = unpack(self.stored["masks_1024"])
        self.samples: MaskSamples = samples_from_binary(binary, self.prompts.model_xy, GRID)
        self.graph: MaskGraph = build_graph(self.samples, self.prompts, PUBLISHED)
        grown = positive_gate(self.samples, self.graph, self.maps, PUBLISHED)
        own = consistency_gate(self.samples, self.graph, self.prompts.grid_xy, self.units.target, PUBLISHED)
        self.gates = Gates(grown.passed, own, grown.cluster_score, merge_status(grown.passed, own))

    def trace(self, masks: MaskStack) -> ClassTrace:
        status = self.gates.status
        return ClassTrace(ClassSpec(1, "object"), self.maps, self.prompts, masks, self.graph, self.gates, status)


@lru_cache(maxsize=1)
def golden(name: str) -> Golden:
    return Golden(name)


@pytest.fixture(scope="module", params=CASES)
def case(request) -> Golden:
    return golden(request.param)


def test_all_twelve_cases_are_here():
    assert len(CASES) == 12


def test_similarity_maps(case):
    for name, found in (
        ("s_pos_mean", case.maps.positive_mean),
        ("s_pos_max", case.maps.positive_max),
        ("s_neg_mean", case.maps.negative_mean),
    ):
        np.testing.assert_allclose(found, case.stored[name], rtol=0, atol=1e-4, err_msg=name)
    assert case.maps.allowed.all()


def test_point_map(case):
    np.testing.assert_allclose(point_map(case.maps, PUBLISHED), case.stored["point_map"], rtol=0, atol=1e-4)


def test_points(case):
    np.testing.assert_array_equal(case.prompts.grid_xy, case.stored["points_grid_xy"])
    np.testing.assert_array_equal(case.prompts.model_xy, case.stored["points_model_xy"].astype(int))


def test_components(case):
    np.testing.assert_array_equal(case.graph.cluster, case.stored["cluster_weak"])
    assert case.graph.n_clusters == case.stored["n_weak"]
    strong = build_graph(case.samples, case.prompts, PUBLISHED.with_settings(components="strong"))
    np.testing.assert_array_equal(strong.cluster, case.stored["cluster_strong"])
    assert strong.n_clusters == case.stored["n_strong"]


def test_gates(case):
    np.testing.assert_array_equal(case.gates.positive, case.stored["positive_gate"] == 1)
    np.testing.assert_allclose(case.gates.cluster_score, case.stored["cluster_score"], rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(case.gates.status, case.stored["point_status"])


def test_prediction(case):
    wanted = unpack(case.stored["prediction_1024"])
    bits = case.stored["masks_1024"]
    everywhere = np.tile([0, 0, MODEL_SIZE, MODEL_SIZE], (len(bits), 1))
    means = np.zeros((2, len(bits)), dtype=np.float32)
    trace = case.trace(MaskStack(np.zeros((len(bits), 256, 256), np.float32), bits, everywhere, *means))
    np.testing.assert_array_equal(model_mask(trace, PUBLISHED), wanted)
    np.testing.assert_array_equal(merge_class(trace, FRAME, PUBLISHED).mask, wanted)


def test_real_logits_by_the_shortcut():
    """Sampled and cropped logits give the very bits that the official code got by upsampling everything."""
    case = golden("ihc_nuclei")
    logits = case.stored["mask_logits_256"].astype(np.float32)
    found = sample_masks(logits, case.prompts.model_xy, GRID)
    np.testing.assert_array_equal(found.at_points, case.samples.at_points)
    np.testing.assert_array_equal(found.at_cells, case.samples.at_cells)
    masks = mask_stack(logits, case.maps)
    np.testing.assert_array_equal(masks.bits, case.stored["masks_1024"])
    np.testing.assert_array_equal(model_mask(case.trace(masks), PUBLISHED), unpack(case.stored["prediction_1024"]))


def test_the_plain_implementation_agrees_too():
    """What the property tests hold the core against reproduces the official code as well (here: few prompts)."""
    case = golden("ihc_nuclei")
    stored, margin = case.stored, plain.Margin()
    painted = unpack(stored["reference_masks_1024"][0]).astype(int)
    weights = plain.grid_weights(painted, 1, GRID, "sampled")
    reference = plain.Reference(stored["reference_tokens"][0], *weights)
    maps = plain.similarity(stored["target_tokens"][0], [reference], PUBLISHED, margin)
    for name, found in (
        ("s_pos_mean", maps.positive_mean),
        ("s_pos_max", maps.positive_max),
        ("s_neg_mean", maps.negative_mean),
    ):
        np.testing.assert_allclose(found, stored[name], rtol=0, atol=1e-4, err_msg=name)
    points = plain.select(plain.point_map(maps, PUBLISHED, margin), PUBLISHED, margin)
    np.testing.assert_array_equal(points.grid_xy, stored["points_grid_xy"])
    binary = plain.binary_masks(stored["mask_logits_256"])
    np.testing.assert_array_equal(binary, unpack(stored["masks_1024"]))
    covers = plain.coverage(binary, points.model_xy)
    cluster = plain.components(covers, "weak")
    assert cluster == stored["cluster_weak"].tolist()
    assert max(plain.components(covers, "strong")) + 1 == stored["n_strong"]
    gates = plain.gate(maps, points, binary, cluster, PUBLISHED, margin)
    assert gates.status == stored["point_status"].tolist()
    np.testing.assert_allclose(gates.cluster_score, stored["cluster_score"], rtol=1e-5, atol=1e-3)
    accepted = [point for point, status in enumerate(gates.status) if status == 1]
    np.testing.assert_array_equal(binary[accepted].any(axis=0), unpack(stored["prediction_1024"]))
