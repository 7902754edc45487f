"""A random checkpoint in the layout of the official ``mobile_sam.pt``, and the plain network it belongs to."""

from __future__ import annotations

import re

import torch
from segment_anything.modeling.common import LayerNorm2d
from timm.models.tiny_vit import TinyVit
from torch import Tensor, nn


class PlainImageEncoder(nn.Module):
    """timm's TinyViT with its BatchNorms, then SAM's neck: no folding, no fusing, no strips."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = TinyVit(
            num_classes=0,
            embed_dims=(64, 128, 160, 320),
            depths=(2, 2, 6, 2),
            num_heads=(2, 4, 5, 10),
            window_sizes=(7, 7, 14, 7),
        )
        self.backbone.stages[3].downsample.conv2.conv.stride = (1, 1)
        self.neck = nn.Sequential(
            nn.Conv2d(320, 256, 1, bias=False),
            LayerNorm2d(256),
            nn.Conv2d(256, 256, 3, padding=1, bias=False),
            LayerNorm2d(256),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.neck(self.backbone.forward_features(x))


def random_plain(seed: int) -> PlainImageEncoder:
    """Every parameter and every running statistic random, so that nothing that is mixed up goes unseen."""
    generator = torch.Generator().manual_seed(seed)
    network = PlainImageEncoder().eval().requires_grad_(False)
    for name, tensor in network.state_dict().items():
        if tensor.dtype != torch.float32:
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("running_var"):
            tensor.copy_(0.5 + noise.abs())
        elif tensor.ndim == 1 and name.endswith("weight"):
            tensor.copy_(1 + 0.2 * noise)
        elif tensor.ndim == 1:
            tensor.copy_(0.1 * noise)
        else:
            tensor.copy_(noise / tensor[0].numel() ** 0.5)
    return network


def official_state(network: PlainImageEncoder) -> dict[str, Tensor]:
    """The network's tensors under their official names, with what the official file holds besides."""
    state = {}
    for name, tensor in network.state_dict().items():
        official = name.removeprefix("backbone.").replace(".conv.weight", ".c.weight")
        official = re.sub(r"^patch_embed\.conv1", "patch_embed.seq.0", official)
        official = re.sub(r"^patch_embed\.conv2", "patch_embed.seq.2", official)
        official = re.sub(
            r"^stages\.(\d)\.downsample", lambda match: f"layers.{int(match[1]) - 1}.downsample", official
        )
        official = re.sub(r"^stages\.", "layers.", official)
        if not official.startswith("head."):
            state[f"image_encoder.{official}"] = tensor
    state["image_encoder.norm_head.weight"] = torch.ones(320)
    state["image_encoder.norm_head.bias"] = torch.zeros(320)
    state["image_encoder.head.weight"] = torch.zeros(1000, 320)
    state["image_encoder.head.bias"] = torch.zeros(1000)
    state["image_encoder.layers.1.blocks.0.attn.attention_bias_idxs"] = torch.zeros(49, 49, dtype=torch.long)
    return state
