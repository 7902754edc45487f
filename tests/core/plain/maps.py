"""Sections 1 and 2: masks on the grid, feature normalisation and the similarity maps."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.core.config import GFSAMConfig
    from tests.core.plain.margin import Margin

MODEL = 1024


@dataclass
class Reference:
    """Tokens (n, C) of one reference and its soft weights, (n,) each."""

    tokens: NDArray = field(repr=False)
    foreground: NDArray = field(repr=False)
    background: NDArray = field(repr=False)


@dataclass
class Maps:
    """The maps, (grid, grid) each, and the target's tokens as they are compared, (n, C)."""

    positive_mean: NDArray = field(repr=False)
    positive_max: NDArray = field(repr=False)
    negative_mean: NDArray = field(repr=False)
    allowed: NDArray = field(repr=False)
    target: NDArray = field(repr=False)


def grid_weights(
    labels: NDArray,
    class_id: int,
    grid: int,
    pooling: str,
    ignore: int | None = None,
    region_yx: tuple[int, int, int, int] | None = None,
) -> tuple[NDArray, NDArray]:
    """Foreground and background weights, (grid * grid,) each."""
    height, width = labels.shape
    wanted = np.zeros((height, width))
    others = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            if ignore is not None and labels[row, column] == ignore:
                continue
            if region_yx is not None:
                top, left, bottom, right = region_yx
                if not (top <= row < bottom and left <= column < right):
                    continue
            if labels[row, column] == class_id:
                wanted[row, column] = 1
            else:
                others[row, column] = 1
    reduce = _area if pooling == "area" else _sampled
    return reduce(wanted, grid), reduce(others, grid)


def _area(picture: NDArray, grid: int) -> NDArray:
    height, width = picture.shape
    out = np.zeros((grid, grid))
    for i in range(grid):
        for j in range(grid):
            top, bottom = i * height / grid, (i + 1) * height / grid
            left, right = j * width / grid, (j + 1) * width / grid
            total = 0.0
            for row in range(int(top), min(height, math.ceil(bottom))):
                for column in range(int(left), min(width, math.ceil(right))):
                    tall = max(0.0, min(bottom, row + 1) - max(top, row))
                    wide = max(0.0, min(right, column + 1) - max(left, column))
                    total += tall * wide * picture[row, column]
            out[i, j] = total / ((bottom - top) * (right - left))
    return out.ravel()


def _sampled(picture: NDArray, grid: int) -> NDArray:
    height, width = picture.shape

    def pixel(y: int, x: int) -> float:
        return picture[min(y * height // MODEL, height - 1), min(x * width // MODEL, width - 1)]

    def position(index: int) -> tuple[int, int, float]:
        at = index * (MODEL - 1) / (grid - 1) if grid > 1 else 0.0
        low = int(at)
        return low, min(low + 1, MODEL - 1), at - low

    out = np.zeros((grid, grid))
    for i in range(grid):
        top, bottom, down = position(i)
        for j in range(grid):
            left, right, along = position(j)
            upper = (1 - along) * pixel(top, left) + along * pixel(top, right)
            lower = (1 - along) * pixel(bottom, left) + along * pixel(bottom, right)
            out[i, j] = (1 - down) * upper + down * lower
    return out.ravel()


def cosine(left: NDArray, right: NDArray) -> float:
    """Cosine of two tokens with the official guard against a zero norm."""
    return float(left @ right) / (math.sqrt(left @ left) * math.sqrt(right @ right) + 1e-7)


def similarity(target: NDArray, references: list[Reference], settings: GFSAMConfig, margin: Margin) -> Maps:
    """All maps of section 2 for one class."""
    tokens = [np.asarray(t, dtype=np.float64) for t in (target, *(r.tokens for r in references))]
    if settings.background_projection == "on":
        tokens = _without_background(tokens, references, margin)
    if settings.feature_norm == "token":
        tokens = [_channels_over_tokens(t) for t in tokens]
    n = len(tokens[0])
    grid = math.isqrt(n)
    matrices = [_cosines(tokens[0], t) for t in tokens[1:]]
    allowed = [settings.reciprocal_gate == "off" or _reciprocal(matrices, references, i, margin) for i in range(n)]
    foregrounds = [np.asarray(r.foreground, dtype=np.float64) for r in references]
    backgrounds = [np.asarray(r.background, dtype=np.float64) for r in references]
    if settings.reference_fusion == "bank":
        matrices = [np.concatenate(matrices, axis=1)]
        foregrounds, backgrounds = [np.concatenate(foregrounds)], [np.concatenate(backgrounds)]
    if settings.similarity_floor == "relu":
        matrices = [np.where(matrix > 0, matrix, 0.0) for matrix in matrices]
    found = (
        _mean_map(matrices, foregrounds),
        _max_map(matrices, foregrounds),
        _mean_map(matrices, backgrounds),
        np.array(allowed),
    )
    return Maps(*(one.reshape(grid, grid) for one in found), tokens[0])


def _cosines(rows: NDArray, columns: NDArray) -> NDArray:
    """Every cosine of two sets of tokens: `cosine` with every norm taken once."""
    left, right = ([math.sqrt(token @ token) for token in tokens] for tokens in (rows, columns))
    out = np.zeros((len(rows), len(columns)))
    for i, token in enumerate(rows):
        for j, other in enumerate(columns):
            out[i, j] = (token @ other) / (left[i] * right[j] + 1e-7)
    return out


def _mean_map(matrices: list[NDArray], weights: list[NDArray]) -> NDArray:
    out = np.zeros(len(matrices[0]))
    for matrix, w in zip(matrices, weights, strict=True):
        for i, row in enumerate(matrix):
            total = 0.0
            for value, weight in zip(row, w, strict=True):
                total += value * weight
            out[i] += total / (sum(w) + len(w) * 1e-7)
    return out / len(matrices)


def _max_map(matrices: list[NDArray], weights: list[NDArray]) -> NDArray:
    out = np.zeros(len(matrices[0]))
    for matrix, w in zip(matrices, weights, strict=True):
        for i, row in enumerate(matrix):
            out[i] += max(value * weight for value, weight in zip(row, w, strict=True))
    return out / len(matrices)


def _channels_over_tokens(tokens: NDArray) -> NDArray:
    out = tokens.copy()
    for channel in range(tokens.shape[1]):
        norm = math.sqrt(sum(value * value for value in tokens[:, channel]))
        out[:, channel] /= max(norm, 1e-12)
    return out


def _reciprocal(matrices: list[NDArray], references: list[Reference], i: int, margin: Margin) -> bool:
    """Whether the nearest token of all references is more foreground than background."""
    best, best_inside = -math.inf, False
    runner_up = {True: -math.inf, False: -math.inf}
    for matrix, reference in zip(matrices, references, strict=True):
        for j, value in enumerate(matrix[i]):
            inside = bool(reference.foreground[j] > reference.background[j])
            runner_up[inside] = max(runner_up[inside], value)
            if value > best:
                best, best_inside = value, inside
    margin.note(runner_up[True], runner_up[False])
    return best_inside


def _without_background(tokens: list[NDArray], references: list[Reference], margin: Margin) -> list[NDArray]:
    rows = [
        token
        for one, reference in zip(tokens[1:], references, strict=True)
        for token, w in zip(one, reference.background, strict=True)
        if w > 0.5
    ]
    if not rows:
        return tokens
    matrix = np.array(rows)
    wanted = min(7, math.ceil(0.005 * len(rows)))
    _, values, directions = np.linalg.svd(matrix, full_matrices=False)
    if wanted < len(values):
        margin.note(values[wanted - 1], values[wanted])
    out = []
    for one in tokens:
        cleaned = one.copy()
        for direction in directions[:wanted]:
            for i in range(len(one)):
                cleaned[i] -= (one[i] @ direction) * direction
        for before, after in zip(one, cleaned, strict=True):
            if before.any():  # what is left of a token inside the span is rounding, and points anywhere
                margin.note(np.linalg.norm(after) / np.linalg.norm(before), 0.0)
        out.append(cleaned)
    return out
