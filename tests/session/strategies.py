"""Small planes: everything that can happen to a pixel happens on a few of them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

SHAPE = (3, 4)
DTYPES = st.sampled_from(["uint8", "uint16", "int64"])


def planes(top: int = 3, shape: tuple[int, int] = SHAPE) -> st.SearchStrategy:
    return DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, shape, elements=st.integers(0, top)))


def any_planes() -> st.SearchStrategy:
    """Planes of any size, with ids up to the ends of the types."""
    ids = st.sampled_from([0, 1, 2, 254, 255, 256, 65534, 65535])
    shapes = st.tuples(st.integers(1, 5), st.integers(1, 5))
    return hnp.arrays("int64", shapes, elements=ids)
