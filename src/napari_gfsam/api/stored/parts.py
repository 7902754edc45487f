"""Dataclasses of arrays or tensors, field by field, to and from arrays by name."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_gfsam.api.stored.file import Arrays

Part = TypeVar("Part")


def put(arrays: Arrays, prefix: str, part: Any) -> None:
    """Add the fields of a dataclass, each under ``prefix.name``."""
    for field in fields(part):
        arrays[f"{prefix}.{field.name}"] = array_of(getattr(part, field.name))


def take(arrays: Arrays, prefix: str, kind: type[Part], convert: Callable[[NDArray[Any]], Any] = np.asarray) -> Part:
    """Build a dataclass from what `put` added.

    Raises
    ------
    KeyError
        If a field is missing.
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: convert(arrays[f"{prefix}.{name}"]) for name in names})


def array_of(value: NDArray[Any] | Tensor) -> NDArray[Any]:
    """Return an array or a tensor as a contiguous array; no copy where it is one."""
    return np.ascontiguousarray(value if isinstance(value, np.ndarray) else value.detach().cpu().numpy())


def tensor_of(array: NDArray[Any]) -> Tensor:
    """Return an array as a tensor on the same memory, where that can be written to."""
    import torch

    return torch.from_numpy(array if array.flags.writeable else array.copy())
