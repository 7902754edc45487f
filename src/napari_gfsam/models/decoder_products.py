"""The products that take most of the decoder's time, by the fastest exact route there is on a device.

On CPUs PyTorch's float32 products go to MKL, which is about half as fast as oneDNN on processors that are not Intel's.
oneDNN is reachable by the operator that `torch.compile` emits; as it is not a public name, it is tried once on small
numbers, and where it is missing or wrong the plain operators do the same work.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Products:
    """Batched products of a group of prompts.

    Parameters
    ----------
    fused
        oneDNN's linear operator, used for groups of one prompt; None for the plain operators.
    """

    fused: Any = None

    def product(self, mix: Tensor, columns: Tensor) -> Tensor:
        """Return ``mix @ columns``.

        Parameters
        ----------
        mix
            (c, M, R) tensor.
        columns
            (c, R, L) tensor.

        Returns
        -------
        (c, M, L) tensor.
        """
        if self.fused is not None and len(mix) == 1:
            made: Tensor = self.fused(mix[0], columns[0].t(), None, "none", [], "")
            return made[None]
        return torch.bmm(mix, columns)

    def add_product(self, base: Tensor, mix: Tensor, columns: Tensor) -> Tensor:
        """Return ``base + mix @ columns``.

        Parameters
        ----------
        base
            (c, M, L) tensor; may be overwritten.
        mix
            (c, M, R) tensor.
        columns
            (c, R, L) tensor.

        Returns
        -------
        (c, M, L) tensor.
        """
        if self.fused is not None and len(base) == 1:
            summed: Tensor = self.fused.binary(mix[0], base[0], columns[0].t(), None, "add")
            return summed[None]
        return base.baddbmm_(mix, columns)

    def product_transposed(self, left: Tensor, right: Tensor) -> Tensor:
        """Return ``left @ right.T``.

        Parameters
        ----------
        left
            (c, M, L) tensor.
        right
            (c, R, L) tensor.

        Returns
        -------
        (c, M, R) tensor.
        """
        if self.fused is not None and len(left) == 1:
            made: Tensor = self.fused(left[0], right[0], None, "none", [], "")
            return made[None]
        return torch.bmm(left, right.transpose(1, 2))

    def add_rows(self, base: Tensor, columns: Tensor, weights: Tensor) -> Tensor:
        """Return ``base + columns.T @ weights``.

        Parameters
        ----------
        base
            (c, L, X) tensor; may be overwritten.
        columns
            (c, R, L) tensor.
        weights
            (c, R, X) tensor.

        Returns
        -------
        (c, L, X) tensor.
        """
        if self.fused is not None and len(base) == 1:
            # columns lie a power of two apart, which transposing them pays for in cache misses: move them off it
            spaced = columns.new_empty(columns.shape[1], columns.shape[2] + 16)[:, : columns.shape[2]].copy_(columns[0])
            summed: Tensor = self.fused.binary(spaced.t(), base[0], weights[0].t(), None, "add")
            return summed[None]
        return base.baddbmm_(columns.transpose(1, 2), weights)

    def linear_gelu(self, rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return ``gelu(rows @ weight.T + bias)`` with the exact (erf) GELU.

        Parameters
        ----------
        rows
            (..., I) tensor.
        weight
            (O, I) tensor.
        bias
            (O,) tensor.

        Returns
        -------
        (..., O) tensor.
        """
        if self.fused is not None:
            activated: Tensor = self.fused(rows, weight, bias, "gelu", [], "none")
            return activated
        return F.gelu(F.linear(rows, weight, bias))

    def dot(self, rows: Tensor, vector: Tensor) -> Tensor:
        """Return the dot product of every row with its prompt's vector.

        Parameters
        ----------
        rows
            (c, M, I) tensor.
        vector
            (c, I) tensor.

        Returns
        -------
        (c, M) tensor.
        """
        if len(rows) == 1:  # a matrix-vector product, which the batched product is not clever enough to see
            return torch.mv(rows[0], vector[0])[None]
        return torch.matmul(rows, vector[:, :, None]).squeeze(2)


def products_for(device: torch.device) -> Products:
    """Return the fastest products for a device.

    Parameters
    ----------
    device
        Where the decoder's weights are.

    Returns
    -------
    The products.
    """
    return Products(onednn_linear()) if device.type == "cpu" else Products()


@cache
def onednn_linear() -> Callable[..., Tensor] | None:
    """Return oneDNN's linear operator, or None where it is missing or does not do what is expected of it."""
    backend: Any = torch.backends.mkldnn
    if not backend.is_available():
        return None
    ramp = torch.linspace(-2.0, 2.0, 96)
    rows, weight, bias = ramp.view(12, 8), ramp.flip(0)[:40].view(5, 8), ramp[:5]
    try:
        operator: Any = torch.ops.mkldnn._linear_pointwise
        gelu = operator(rows, weight, bias, "gelu", [], "none")
        added = operator.binary(rows, gelu, weight, None, "add")
    except (AttributeError, RuntimeError, TypeError):
        return None
    linear = F.linear(rows, weight)
    right = torch.allclose(gelu, F.gelu(linear + bias), atol=1e-4) and torch.allclose(added, linear + gelu, atol=1e-4)
    fused: Callable[..., Tensor] | None = operator if right else None
    return fused
