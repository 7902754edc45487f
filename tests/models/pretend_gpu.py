"""A GPU that is none: tensors that say ``cuda:0`` and compute on the CPU, so that the way through a GPU can be walked.

It is as strict as the real one: an operation on tensors of both places is an error, and reading a value off the device
(which makes a program wait for it) is counted.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

if TYPE_CHECKING:
    from collections.abc import Iterator

GPU = torch.device("cuda:0")
aten = torch.ops.aten


class OnGpu(Tensor):
    """A tensor on the pretended GPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> OnGpu:
        with no_dispatch():
            shape = torch.empty_strided(held.shape, held.stride(), dtype=held.dtype, device="meta")
        made = Tensor._make_subclass(cls, shape, False, dispatch_device=True, device_for_backend_keys=GPU)
        made.held = held
        return made

    def __repr__(self) -> str:
        return f"OnGpu({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, given: tuple[Any, ...] = (), named: Any = None) -> Any:
        return _run(function, given, named or {}, None)


class PretendGpu(TorchDispatchMode):
    """While it is on, tensors can be made on and moved to ``cuda:0``.

    `waits` counts how often a value was read off the GPU; `copies` the bytes that went from it to the CPU.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits = 0
        self.copies = 0

    def __torch_dispatch__(self, function: Any, types: Any, given: tuple[Any, ...] = (), named: Any = None) -> Any:
        return _run(function, given, named or {}, self)


def _run(function: Any, given: tuple[Any, ...], named: dict[str, Any], mode: PretendGpu | None) -> Any:
    if function is torch.ops.prim.device.default:
        return GPU if isinstance(given[0], OnGpu) else torch.device("cpu")
    flat = [leaf for leaf in tree_flatten((given, named))[0] if isinstance(leaf, Tensor)]
    there = [leaf for leaf in flat if isinstance(leaf, OnGpu)]
    wanted = named.get("device")
    if wanted is not None:
        named = {**named, "device": torch.device("cpu")}
    if function is aten._local_scalar_dense.default and there and mode is not None:
        mode.waits += 1
    moving = function in (aten._to_copy.default, aten.copy_.default)
    if there and not moving:
        strangers = [leaf for leaf in flat if not isinstance(leaf, OnGpu) and leaf.dim() > 0]
        if strangers:
            raise RuntimeError(f"Expected all tensors to be on the same device, but {function} got cuda:0 and cpu.")
    made = function(*tree_map(_inner, given), **tree_map(_inner, named))
    to_gpu = bool(there) if wanted is None else torch.device(wanted).type == "cuda"
    if function is aten.copy_.default:
        to_gpu = isinstance(given[0], OnGpu)
    if moving and there and not to_gpu and mode is not None:
        mode.copies += there[0].held.nbytes
    if function._schema.is_mutable and flat:
        return _written(function, given, named, made, to_gpu)
    return tree_map(lambda leaf: OnGpu(leaf) if isinstance(leaf, Tensor) and to_gpu else leaf, made)


def _written(function: Any, given: tuple[Any, ...], named: dict[str, Any], made: Any, to_gpu: bool) -> Any:
    """Return the very tensor that was written to, as operations in place do."""
    target = named.get("out", given[0] if given else None)
    if isinstance(made, Tensor) and isinstance(target, OnGpu):
        return target
    return tree_map(lambda leaf: OnGpu(leaf) if isinstance(leaf, Tensor) and to_gpu else leaf, made)


def _inner(leaf: Any) -> Any:
    return leaf.held if isinstance(leaf, OnGpu) else leaf


@contextmanager
def pretended_gpu() -> Iterator[PretendGpu]:
    """Pretend that there is a GPU; in this thread only."""
    torch._C._ensureCUDADeviceGuardSet()  # where there is no driver, torch then does without asking it
    before = torch._C._only_lift_cpu_tensors(), torch.__future__.get_overwrite_module_params_on_conversion()
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor makes its tensor on the CPU and moves it
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # modules take the moved tensors as they are
    try:
        with patch("torch.cuda._lazy_init"), PretendGpu() as gpu:
            yield gpu
    finally:
        torch._C._set_only_lift_cpu_tensors(before[0])
        torch.__future__.set_overwrite_module_params_on_conversion(before[1])
