"""Section 3, second half: which mask covers which point, and the components."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def coverage(masks: NDArray, model_xy: list[tuple[int, int]]) -> NDArray:
    """(N, N) bool: mask l contains the prompt pixel of point m."""
    out = np.zeros((len(masks), len(model_xy)), dtype=bool)
    for mask in range(len(masks)):
        for point, (x, y) in enumerate(model_xy):
            out[mask, point] = masks[mask, y, x]
    return out


def components(covers: NDArray, kind: str) -> list[int]:
    """Weak or strong component of every point, numbered by first appearance."""
    reach = _reachable(covers if kind == "strong" else covers | covers.T)
    numbers = [-1] * len(covers)
    following = 0
    for point in range(len(covers)):
        if numbers[point] < 0:
            for other in range(len(covers)):
                if reach[point, other] and reach[other, point]:
                    numbers[other] = following
            following += 1
    return numbers


def _reachable(covers: NDArray) -> NDArray:
    n = len(covers)
    reach = covers | np.eye(n, dtype=bool)
    for middle in range(n):
        for start in range(n):
            if reach[start, middle]:
                for end in range(n):
                    reach[start, end] |= reach[middle, end]
    return reach
