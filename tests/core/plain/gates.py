"""Sections 4 and 5: mask growth and the overshooting gate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tests.core.plain.maps import cosine
from tests.core.plain.masks import soften

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.core.config import GFSAMConfig
    from tests.core.plain.maps import Maps
    from tests.core.plain.margin import Margin
    from tests.core.plain.points import Points


@dataclass
class GateResult:
    """Per point: passed mask growth, self-consistent, the cluster's score, the status."""

    positive: list[bool]
    consistent: list[bool]
    cluster_score: list[float]
    status: list[int]


def gate(
    maps: Maps, points: Points, masks: NDArray, cluster: list[int], settings: GFSAMConfig, margin: Margin
) -> GateResult:
    """Both gates and the status of section 6."""
    passed, score = positive(maps, masks, cluster, settings, margin)
    own = consistency(maps, points, masks, cluster, settings, margin)
    status = [1 if a and b else 2 if a or b else 0 for a, b in zip(passed, own, strict=True)]
    return GateResult(passed, own, score, status)


def value_map(maps: Maps, polarity: str) -> NDArray:
    """v of section 4; above 0 means foreground."""
    out = np.zeros_like(maps.positive_mean)
    middle = (float(maps.positive_mean.max()) + float(maps.positive_mean.min())) / 2
    for cell in np.ndindex(out.shape):
        ours, theirs = float(maps.positive_mean[cell]), float(maps.negative_mean[cell])
        out[cell] = {
            "product": ours * ours - middle * theirs,
            "middle": ours - middle,
            "negative": ours - theirs,
            "sum": (ours - middle) + (ours - theirs),
        }[polarity]
    return out


def _members(cluster: list[int]) -> list[list[int]]:
    return [[i for i, c in enumerate(cluster) if c == number] for number in range(max(cluster, default=-1) + 1)]


def _union(masks: NDArray, members: list[int]) -> NDArray:
    out = np.zeros(masks[0].shape, dtype=bool)
    for member in members:
        out = out | masks[member]
    return out


def _balance(value: NDArray, part: NDArray, measure: str) -> tuple[float, float]:
    """What speaks for and against a part: areas of positive and of other cells, or signed values."""
    good = bad = 0.0
    for cell in np.ndindex(part.shape):
        size = part[cell] if measure == "count" else part[cell] * abs(value[cell])
        if value[cell] > 0:
            good += size
        else:
            bad += size
    return good, bad


def positive(
    maps: Maps, masks: NDArray, cluster: list[int], settings: GFSAMConfig, margin: Margin
) -> tuple[list[bool], list[float]]:
    """Who passes the positive gate, and each point's cluster score."""
    grid = len(maps.positive_mean)
    value = value_map(maps, settings.polarity)
    for cell in np.ndindex(value.shape):
        margin.note(value[cell], 0.0)
    soft = [soften(mask, grid) for mask in masks]
    passed, scores = [False] * len(masks), [0.0] * len(masks)
    for members in _members(cluster):
        if settings.granularity == "union":
            good, bad = _balance(value, soften(_union(masks, members), grid), settings.polarity_measure)
            margin.note(good, bad, same=good == 0, slack=100)
            chosen, last = (members if good > bad else []), good - bad
        else:
            order = _best_first(value, soft, members, margin)
            chosen, last = _grow(value, [(m, soft[m]) for m in order], settings.polarity_measure, margin)
        for member in members:
            passed[member] = member in chosen
            scores[member] = last
    return passed, scores


def _best_first(value: NDArray, soft: list[NDArray], members: list[int], margin: Margin) -> list[int]:
    quality = {}
    for member in members:
        weighted = area = 0.0
        for cell in np.ndindex(value.shape):
            weighted += value[cell] * soft[member][cell]
            area += soft[member][cell]
        quality[member] = weighted / (area + 1e-6)
    order: list[int] = []
    while len(order) < len(members):
        left = [m for m in members if m not in order]
        best = left[0]
        for member in left[1:]:
            equal = bool((soft[member] == soft[best]).all())
            margin.note(quality[member], quality[best], same=equal, slack=10)
            if quality[member] > quality[best]:
                best = member
        order.append(best)
    return order


def _grow(value: NDArray, ordered: list[tuple[int, NDArray]], measure: str, margin: Margin) -> tuple[list[int], float]:
    union = np.zeros_like(value)
    chosen, last = [], 0.0
    for member, mask in ordered:
        new = mask * (1 - union)
        good, bad = _balance(value, new, measure)
        margin.note(good, bad, same=good == 0, slack=100)
        if good > bad:
            union = union + new
            chosen.append(member)
        last = good - bad
    return chosen, last


def consistency(
    maps: Maps, points: Points, masks: NDArray, cluster: list[int], settings: GFSAMConfig, margin: Margin
) -> list[bool]:
    """Who is self-consistent, after the vote if there is one."""
    n = len(cluster)
    groups = _members(cluster)
    if settings.consistency == "none":
        return [True] * n
    score = _scores(maps, points, masks, groups, settings)
    own = []
    for point in range(n):
        best = 0
        for group in range(1, len(groups)):
            margin.note(score[point][group], score[point][best], same=True, slack=10)
            if score[point][group] > score[point][best]:
                best = group
        own.append(best == cluster[point])
    if settings.consistency_vote == "majority":
        for members in groups:
            yes = sum(own[m] for m in members)
            if yes < len(members) - yes:
                for member in members:
                    own[member] = False
    return own


def _scores(
    maps: Maps, points: Points, masks: NDArray, groups: list[list[int]], settings: GFSAMConfig
) -> list[list[float]]:
    grid = len(maps.positive_mean)
    unions = [soften(_union(masks, members), grid).ravel() for members in groups]
    out = []
    for x, y in points.grid_xy:
        token = maps.target[y * grid + x]
        row = []
        for members, union in zip(groups, unions, strict=True):
            cells = [points.grid_xy[member] for member in members]
            score = _likeness(maps.target, token, union, [b * grid + a for a, b in cells], settings)
            if settings.consistency != "mean":
                nearest = min(math.dist((x, y), cell) for cell in cells)
                score /= nearest if nearest > 0 else 1.0
            row.append(score)
        out.append(row)
    return out


def _likeness(tokens: NDArray, token: NDArray, union: NDArray, prompt_cells: list[int], settings: GFSAMConfig) -> float:
    """Similarity of one token to one cluster, before any distance."""

    def alike(other: NDArray) -> float:
        value = cosine(token, other)
        return max(value, 0.0) if settings.similarity_floor == "relu" else value

    if settings.consistency == "prototype":
        prototype = np.zeros(tokens.shape[1])
        for other, weight in zip(tokens, union, strict=True):
            prototype += weight * other / max(math.sqrt(other @ other), 1e-12)
        return alike(prototype / (sum(union) + len(union) * 1e-7))
    if settings.consistency == "point":
        union = np.zeros(len(tokens))
        union[prompt_cells] = 1
    total = 0.0
    for other, weight in zip(tokens, union, strict=True):
        if weight > 0:
            total += alike(other) * weight
    return total / (sum(union) + len(union) * 1e-7)
