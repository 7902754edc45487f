"""Pictures of every size, type and kind that a microscope, a camera or an accident makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

if TYPE_CHECKING:
    import numpy as np

INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
FLOATS = ("float16", "float32", "float64")
REAL_TYPES = ("bool", *INTEGERS, *FLOATS)
SIDES = st.one_of(st.integers(1, 12), st.sampled_from([40, 300]))


def shapes(*, channels: bool = True) -> st.SearchStrategy[tuple[int, ...]]:
    flat = st.tuples(SIDES, st.integers(1, 12)).flatmap(lambda pair: st.sampled_from([pair, pair[::-1]]))
    if not channels:
        return flat
    return st.tuples(flat, st.sampled_from([(), (1,), (3,), (4,)])).map(lambda parts: parts[0] + parts[1])


def arrays(
    types: tuple[str, ...] = REAL_TYPES, shape: st.SearchStrategy[tuple[int, ...]] | None = None
) -> st.SearchStrategy[np.ndarray]:
    return st.sampled_from(types).flatmap(lambda kind: hnp.arrays(kind, shape if shape is not None else shapes()))
