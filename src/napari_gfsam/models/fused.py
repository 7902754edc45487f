"""Linear and convolution layers for inference with the GELU that follows them fused in.

On CPUs PyTorch's float32 linear layers go to MKL, about half as fast as oneDNN on processors that are not Intel's, and
a GELU is one more pass over memory. oneDNN does both at once. Its operators are those `torch.compile` emits, not public
names: they are tried once on small numbers, and where they are missing or wrong the plain operators do the same work.
Parameters keep their names and shapes, so state dicts fit as before.

A layer works in the dtype of its weights, whatever it is given: with 16-bit weights the sums and norms around it can
stay in float32, where they lose nothing.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_gfsam.models.decoder_products import onednn_linear

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Layer -> the activations that may follow it, by attribute name, in the modules used here.
FOLLOWED_BY: Mapping[str, tuple[str, ...]] = {
    "conv1": ("act", "act1"),
    "conv2": ("act2",),
    "fc1": ("act",),
    "lin1": ("act",),
}


class FusedLinear(nn.Module):
    """A linear layer, optionally with the exact (erf) GELU after it.

    Parameters
    ----------
    linear
        The layer whose parameters are taken over.
    gelu
        Whether a GELU follows.
    """

    def __init__(self, linear: nn.Linear, *, gelu: bool = False) -> None:
        super().__init__()
        self.weight, self.bias, self.gelu = linear.weight, linear.bias, gelu

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., I) to (..., O)."""
        x = x.to(self.weight.dtype)
        operator = onednn_linear() if _plain_cpu(x, self.weight) else None
        if operator is not None:
            return operator(x, self.weight, self.bias, *_activation(self.gelu))
        y = F.linear(x, self.weight, self.bias)
        return F.gelu(y) if self.gelu else y


class FusedConv2d(nn.Module):
    """A convolution with zero padding, optionally with the exact (erf) GELU after it.

    Parameters
    ----------
    conv
        The layer whose parameters are taken over.
    gelu
        Whether a GELU follows.
    """

    def __init__(self, conv: nn.Conv2d, *, gelu: bool = False) -> None:
        super().__init__()
        self.weight, self.bias, self.gelu = conv.weight, conv.bias, gelu
        self.stride, self.dilation, self.groups = list(conv.stride), list(conv.dilation), conv.groups
        self.padding = [int(pad) for pad in conv.padding]

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, I, H, W) to (B, O, H', W')."""
        x = x.to(self.weight.dtype)
        operator = onednn_convolution() if _plain_cpu(x, self.weight) else None
        if operator is not None:
            geometry = (self.padding, self.stride, self.dilation, self.groups)
            return operator(x, self.weight, self.bias, *geometry, *_activation(self.gelu))
        y = F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        return F.gelu(y) if self.gelu else y


def fuse(module: nn.Module) -> None:
    """Replace every linear and convolution layer below a module by its fused form, in place.

    Parameters
    ----------
    module
        A module in evaluation mode, built of timm's or segment-anything's blocks.
    """
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear):
            setattr(module, name, FusedLinear(child, gelu=_take_gelu(module, name)))
        elif isinstance(child, nn.Conv2d) and child.padding_mode == "zeros" and not isinstance(child.padding, str):
            setattr(module, name, FusedConv2d(child, gelu=_take_gelu(module, name)))
        else:
            fuse(child)


def _take_gelu(module: nn.Module, name: str) -> bool:
    for activation in FOLLOWED_BY.get(name, ()):
        found = getattr(module, activation, None)
        if isinstance(found, nn.GELU) and found.approximate == "none":
            setattr(module, activation, nn.Identity())
            return True
    return False


def _plain_cpu(x: Tensor, weight: Tensor) -> bool:
    """Say whether the operators apply: for float32 on a CPU, without a gradient, where no compiler does the same."""
    if torch.compiler.is_compiling():
        return False
    differentiable = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
    return x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32 and not differentiable


def _activation(gelu: bool) -> tuple[str, list[Any], str]:
    return ("gelu", [], "none") if gelu else ("none", [], "")


@cache
def onednn_convolution() -> Callable[..., Tensor] | None:
    """Return oneDNN's convolution operator, or None where it is missing or does not do what is expected of it."""
    picture = torch.linspace(-2.0, 2.0, 200).view(1, 2, 10, 10)
    weight, bias = torch.linspace(1.0, -1.0, 18).view(2, 1, 3, 3), torch.tensor([0.5, -0.5])
    plain = F.conv2d(picture, weight, bias, padding=1, groups=2)
    try:
        operator: Any = torch.ops.mkldnn._convolution_pointwise
        made = operator(picture, weight, bias, [1, 1], [1, 1], [1, 1], 2, *_activation(False))
        activated = operator(picture, weight, bias, [1, 1], [1, 1], [1, 1], 2, *_activation(True))
    except (AttributeError, RuntimeError, TypeError):
        return None
    right = torch.allclose(made, plain, atol=1e-4) and torch.allclose(activated, F.gelu(plain), atol=1e-4)
    fused: Callable[..., Tensor] | None = operator if right else None
    return fused
