"""Positive gating with mask growth (paper 4.3, Eq. 4 and Algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.core.sampling import cell_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_gfsam.core.arrays import BoolArray, FloatArray, IntArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.types import MaskGraph, MaskSamples, SimilarityMaps

AREA_EPSILON = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class PositiveGate:
    """Which prompts passed mask growth.

    Parameters
    ----------
    passed
        (N,) bool.
    cluster_score
        (N,) float32: positive minus negative area of the last new part judged in the prompt's cluster.
    """

    passed: BoolArray
    cluster_score: FloatArray


def positive_gate(samples: MaskSamples, graph: MaskGraph, maps: SimilarityMaps, config: GFSAMConfig) -> PositiveGate:
    """Judge each cluster's masks by what they add (Algorithm 1), or each cluster's union at once (Table 15).

    Parameters
    ----------
    samples
        N sampled masks.
    graph
        Their clusters.
    maps
        The target's similarity maps.
    config
        Uses ``granularity``, ``polarity`` and ``polarity_measure``.
    """
    value = polarity(maps, config).ravel()
    gain = value if config.polarity_measure == "value" else np.where(value > 0, 1.0, -1.0).astype(np.float32)
    passed = np.zeros(len(graph.cluster), dtype=bool)
    score = np.zeros(len(graph.cluster), dtype=np.float32)
    masks = cell_weights(samples.at_cells).reshape(len(passed), value.size)
    for members in cluster_members(graph.cluster):
        if config.granularity == "growth":
            order = members[_best_first(masks[members], value)]
            passed[order], score[members] = _grow(masks[order], gain)
        else:
            union = cell_weights(np.any(samples.at_cells[members], axis=0)).ravel()
            score[members] = _surplus(union, gain)
            passed[members] = score[members] > 0
    return PositiveGate(passed, score)


def polarity(maps: SimilarityMaps, config: GFSAMConfig) -> FloatArray:
    """Return the value v of every cell, (grid, grid) float32: positive where the class is likely (paper, Eq. 4).

    With pivots smid (the middle of S+mean's range) and S-mean: product S+mean^2 - smid S-mean; middle
    S+mean - smid; negative S+mean - S-mean; sum 2 S+mean - smid - S-mean.
    """
    positive, negative = (values.cpu().numpy() for values in (maps.positive_mean, maps.negative_mean))
    middle = np.float32(positive.max() + positive.min()) / np.float32(2)
    if config.polarity == "product":
        return np.asarray(positive * positive - negative * middle)
    terms = {"middle": [positive - middle], "negative": [positive - negative]}
    terms["sum"] = [*terms["middle"], *terms["negative"]]
    return np.asarray(np.sum(terms[config.polarity], axis=0, dtype=np.float32))


def cluster_members(cluster: IntArray) -> Iterator[IntArray]:
    """Yield the indices of every cluster's prompts, cluster by cluster, in prompt order."""
    order = np.argsort(cluster, kind="stable")
    if len(order):
        yield from np.split(order, np.cumsum(np.bincount(cluster))[:-1])


def _best_first(masks: FloatArray, value: FloatArray) -> IntArray:
    scores = (masks * value).sum(axis=1) / (masks.sum(axis=1) + np.float32(AREA_EPSILON))
    return np.argsort(-scores, kind="stable")


def _grow(masks: FloatArray, gain: FloatArray) -> tuple[list[bool], float]:
    """Visit masks in order; a part joins the union where more of it is positive than negative."""
    union = np.zeros_like(gain)
    passed, surplus = [], 0.0
    for mask in masks:
        new = mask * (1 - union)
        surplus = _surplus(new, gain)
        passed.append(surplus > 0)
        if surplus > 0:
            union += new
    return passed, surplus


def _surplus(mask: FloatArray, gain: FloatArray) -> float:
    return float(mask @ gain)
