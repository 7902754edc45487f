"""Image layers as instruments and people leave them: any number of axes, any transforms, any order of axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

ANGLES = st.sampled_from([0.0, 90.0, 180.0]) | st.floats(-180, 180)
#: napari says so of every layer whose rotation or shear mixes sliced axes with shown ones; it draws them all the same.
MIXED = "ignore:Non-orthogonal slicing:UserWarning"


@dataclass(frozen=True)
class Placed:
    """What an image layer is made of, and in which order the viewer shows its axes."""

    shape: tuple[int, ...]
    order: tuple[int, ...]
    kwargs: dict[str, Any]

    @property
    def data(self) -> np.ndarray:
        """Every value another one."""
        return np.arange(np.prod(self.shape), dtype=np.uint16).reshape(self.shape)


@st.composite
def placed(draw: st.DrawFn, *, mixed: bool = False, ndim: st.SearchStrategy[int] | None = None) -> Placed:
    """Layers rotated, sheared and moved within the shown axes, or (mixed) across all."""
    n = draw(ndim if ndim is not None else st.integers(2, 4))
    shape = tuple(draw(st.integers(2, 5)) for _ in range(n))
    order = tuple(draw(st.permutations(range(n))))
    pair = sorted(order[-2:])
    axes = list(range(n)) if mixed else pair
    kwargs: dict[str, Any] = {
        "scale": [draw(st.floats(0.2, 5)) for _ in range(n)],
        "translate": [draw(st.floats(-50, 50)) for _ in range(n)],
        "rotate": _embedded(n, axes, _rotation(draw, len(axes))),
        "shear": _embedded(n, axes, _shear(draw, len(axes))),
        "affine": _affine(draw, n, axes),
        "units": [draw(st.sampled_from(["pixel", "second"])), *["micrometer"] * (n - 1)],
        "axis_labels": list("tzyx"[-n:]),
    }
    left_out = draw(st.sets(st.sampled_from(sorted(kwargs))))
    return Placed(shape, order, {name: value for name, value in kwargs.items() if name not in left_out})


def _rotation(draw: st.DrawFn, n: int) -> np.ndarray:
    full = np.eye(n)
    for i in range(n - 1):
        angle = np.radians(draw(ANGLES))
        turn = np.eye(n)
        turn[i : i + 2, i : i + 2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        full = full @ turn
    return full


def _shear(draw: st.DrawFn, n: int) -> np.ndarray:
    upper = np.eye(n)
    for place in zip(*np.triu_indices(n, 1), strict=True):
        upper[place] = draw(st.integers(-64, 64)) / 64  # napari takes a shear below 1e-8 for none
    return upper if draw(st.booleans()) else upper.T


def _affine(draw: st.DrawFn, n: int, axes: list[int]) -> np.ndarray:
    full = np.eye(n + 1)
    linear = _rotation(draw, len(axes)) * draw(st.floats(0.3, 3))
    full[:-1, :-1] = _embedded(n, axes, linear)
    full[:-1, -1] = [draw(st.floats(-20, 20)) for _ in range(n)]
    return full


def _embedded(n: int, axes: list[int], small: np.ndarray) -> np.ndarray:
    full = np.eye(n)
    full[np.ix_(axes, axes)] = small
    return full
