"""segment-anything's own image encoder with random weights, norms and relative positions among them."""

from __future__ import annotations

from functools import partial

import torch
from segment_anything.modeling import ImageEncoderViT
from torch import Tensor, nn

from napari_gfsam.models.sam_vit import VitSize

#: As SAM's in everything but width and depth: windows, blocks that see all, a picture of 64 x 64 cells.
SMALL = VitSize(width=96, depth=4, heads=3, seeing_all=(1, 3))


def random_encoder(size: VitSize = SMALL, seed: int = 0) -> ImageEncoderViT:
    """Build segment-anything's module as its own builders do, with random weights."""
    torch.manual_seed(seed)
    encoder = ImageEncoderViT(
        embed_dim=size.width,
        depth=size.depth,
        num_heads=size.heads,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=14,
        global_attn_indexes=size.seeing_all,
    )
    for name, parameter in encoder.eval().requires_grad_(False).named_parameters():
        if "pos" in name or parameter.ndim == 1:
            parameter.normal_(0.0, 0.2)
        if "norm" in name or name in ("neck.1.weight", "neck.3.weight"):
            parameter.add_(1.0 if name.endswith("weight") else 0.0)
    return encoder


def state_of(encoder: ImageEncoderViT) -> dict[str, Tensor]:
    """Return its tensors as a SAM checkpoint names them."""
    return {f"image_encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
