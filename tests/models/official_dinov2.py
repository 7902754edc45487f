"""DINOv2 in the layout of Meta's files: names and shapes, and the network they belong to, written out plainly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import conv2d, gelu, layer_norm, linear, scaled_dot_product_attention, silu

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

# width, depth, heads
SIZES = {"s": (384, 12, 6), "b": (768, 12, 12), "l": (1024, 24, 16), "g": (1536, 40, 24)}


def shapes(
    width: int, depth: int, *, registers: int = 0, swiglu: bool = False, patches: int = 1369
) -> dict[str, tuple[int, ...]]:
    """The tensors of a file, in its order."""
    hidden = (8 * width // 3 + 7) // 8 * 8 if swiglu else 4 * width
    names: dict[str, tuple[int, ...]] = {"cls_token": (1, 1, width), "pos_embed": (1, patches + 1, width)}
    if registers:
        names["register_tokens"] = (1, registers, width)
    names |= {"mask_token": (1, width)}
    names |= {"patch_embed.proj.weight": (width, 3, 14, 14), "patch_embed.proj.bias": (width,)}
    layers = (
        {"w12": (2 * hidden, width), "w3": (width, hidden)}
        if swiglu
        else {"fc1": (hidden, width), "fc2": (width, hidden)}
    )
    block = {"norm1": (width,), "attn.qkv": (3 * width, width), "attn.proj": (width, width), "norm2": (width,)}
    block |= {f"mlp.{name}": shape for name, shape in layers.items()}
    for index in range(depth):
        for name, shape in block.items():
            names[f"blocks.{index}.{name}.weight"] = shape
            names[f"blocks.{index}.{name}.bias"] = shape[:1]
        names[f"blocks.{index}.ls1.gamma"] = names[f"blocks.{index}.ls2.gamma"] = (width,)
    return names | {"norm.weight": (width,), "norm.bias": (width,)}


def shapes_of(model: str) -> dict[str, tuple[int, ...]]:
    """The tensors of the file of a model such as ``dinov2_vitl14_reg4``."""
    letter = model[len("dinov2_vit")]
    width, depth, _ = SIZES[letter]
    return shapes(width, depth, registers=4 if model.endswith("reg4") else 0, swiglu=letter == "g")


def plain_tokens(state: Mapping[str, Tensor], pictures: Tensor, heads: int) -> Tensor:
    """(B, patches, width): the last block's output for the patches of (B, 3, H, W) normalised pictures."""

    def dense(x: Tensor, name: str) -> Tensor:
        return linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    def norm(x: Tensor, name: str) -> Tensor:
        return layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-6)

    def attention(x: Tensor, name: str) -> Tensor:
        query, key, value = dense(x, f"{name}.qkv").unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
        return dense(scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2), f"{name}.proj")

    def feed_forward(x: Tensor, name: str) -> Tensor:
        if f"{name}.w12.weight" not in state:
            return dense(gelu(dense(x, f"{name}.fc1")), f"{name}.fc2")
        gate, value = dense(x, f"{name}.w12").chunk(2, dim=-1)
        return dense(silu(gate) * value, f"{name}.w3")

    x = conv2d(pictures, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=14)
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([state["cls_token"].expand(len(x), -1, -1), x], dim=1) + state["pos_embed"]
    if "register_tokens" in state:
        x = torch.cat([x[:, :1], state["register_tokens"].expand(len(x), -1, -1), x[:, 1:]], dim=1)
    for index in range(sum(name.endswith("ls1.gamma") for name in state)):
        block = f"blocks.{index}"
        x = x + state[f"{block}.ls1.gamma"] * attention(norm(x, f"{block}.norm1"), f"{block}.attn")
        x = x + state[f"{block}.ls2.gamma"] * feed_forward(norm(x, f"{block}.norm2"), f"{block}.mlp")
    first = 1 + (state["register_tokens"].shape[1] if "register_tokens" in state else 0)
    return x[:, first:]
