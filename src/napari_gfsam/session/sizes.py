"""How much memory a value holds: arrays, tensors and whatever knows its ``nbytes``, each counted once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def bytes_held(value: Any) -> int:
    """Return the bytes of all arrays within a value of dataclasses, mappings and tuples."""
    return _count(value, set())


def _count(value: Any, seen: set[int]) -> int:
    if id(value) in seen:
        return 0
    seen.add(id(value))
    nbytes = getattr(value, "nbytes", None)
    if isinstance(nbytes, int):
        return nbytes
    if is_dataclass(value) and not isinstance(value, type):
        return sum(_count(getattr(value, field.name), seen) for field in fields(value))
    if isinstance(value, Mapping):
        return sum(_count(item, seen) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(_count(item, seen) for item in value)
    return 0
