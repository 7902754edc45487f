"""MobileSAM's image encoder: timm's TinyViT without its head, then SAM's neck.

BatchNorm is folded into the convolutions (the layout of the bundled file). What is done for speed changes the answer by
rounding only: channels-last convolutions with the GELU fused in, scaled-dot-product attention in windows, and the first
stage in strips of rows, whose wide hidden maps then stay in the processor's cache instead of going through memory.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from segment_anything.modeling.common import LayerNorm2d
from timm.models.tiny_vit import TinyVit
from torch import Tensor, nn

from napari_gfsam.models.checkpoints import State, load_module
from napari_gfsam.models.fused import fuse
from napari_gfsam.models.pictures import sam_input

STRIP_ROWS = 16


class WindowAttention(nn.Module):
    """TinyViT's attention inside one window, with a learned bias per offset.

    Parameters
    ----------
    attention
        timm's module, whose layers are taken over.
    """

    bias: Tensor

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.norm: nn.Module = attention.norm
        self.qkv: nn.Module = attention.qkv
        self.proj: nn.Module = attention.proj
        self.attention_biases: nn.Parameter = attention.attention_biases
        self.num_heads = len(self.attention_biases)
        self.register_buffer("bias", None, persistent=False)

    def expand_bias(self) -> None:
        """Write out the bias of every pair of cells from the table over |row| and |column| offsets."""
        side = math.isqrt(self.attention_biases.shape[1])
        row, column = torch.arange(side * side) // side, torch.arange(side * side) % side
        offset = (row[:, None] - row).abs() * side + (column[:, None] - column).abs()
        self.bias = self.attention_biases.detach()[:, offset.to(self.attention_biases.device)][None]

    def forward(self, x: Tensor) -> Tensor:
        """Map (windows, cells, C) to the same shape."""
        count, cells, channels = x.shape
        split = self.qkv(self.norm(x)).view(count, cells, self.num_heads, 3, -1)
        query, key, value = split.permute(3, 0, 2, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=self.bias)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(count, cells, channels))
        return out


class InStrips(nn.Module):
    """A residual block of reach one, worked through in strips of rows.

    A strip takes one more row on each side, whose outputs are dropped; at the picture's border there is none, so that
    the block's own zero padding applies there and only there. Parameters keep the block's names.

    Parameters
    ----------
    block
        timm's MBConv: 1 x 1, 3 x 3 with padding 1, 1 x 1.
    """

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        if x.device.type != "cpu":
            whole: Tensor = self.block(x)
            return whole
        height, out = x.shape[2], torch.empty_like(x)
        for top in range(0, height, STRIP_ROWS):
            first, last = max(top - 1, 0), min(top + STRIP_ROWS + 1, height)
            bottom = min(top + STRIP_ROWS, height)
            out[:, :, top:bottom] = self.block(x[:, :, first:last])[:, :, top - first : bottom - first]
        return out


class MobileSamImageEncoder(nn.Module):
    """MobileSAM's image encoder with BatchNorm folded; make it with `build_mobile_sam_image_encoder`."""

    def __init__(self) -> None:
        super().__init__()
        backbone = TinyVit(
            num_classes=0,
            embed_dims=(64, 128, 160, 320),
            depths=(2, 2, 6, 2),
            num_heads=(2, 4, 5, 10),
            window_sizes=(7, 7, 14, 7),
        )
        # SAM wants 64 x 64 cells, so the last stage keeps the resolution.
        backbone.stages[3].downsample.conv2.conv.stride = (1, 1)
        _join_norms(backbone)
        self.patch_embed, self.stages = backbone.patch_embed, backbone.stages
        self.neck = nn.Sequential(
            nn.Conv2d(320, 256, kernel_size=1, bias=False),
            LayerNorm2d(256),
            nn.Conv2d(256, 256, kernel_size=3, padding=1, bias=False),
            LayerNorm2d(256),
        )

    @property
    def narrow_parts(self) -> list[nn.Module]:
        """What may work in 16 bits: nothing, the whole network takes a GPU a millisecond or two in float32."""
        return []

    def forward(self, images: Tensor) -> Tensor:
        """Make the image embedding.

        Parameters
        ----------
        images
            (B, 1024, 1024, 3) uint8, RGB.

        Returns
        -------
        (B, 256, 64, 64) float32.

        Raises
        ------
        ValueError
            If the pictures have another shape or dtype.
        """
        return self.embed(sam_input(images, next(self.parameters()).device))

    def embed(self, normalised: Tensor) -> Tensor:
        """Make the embedding of pictures of any size, normalised, channels last.

        Parameters
        ----------
        normalised
            (B, H, W, 3) float32; H and W are multiples of 16.

        Returns
        -------
        (B, 256, H / 16, W / 16) float32.
        """
        out: Tensor = self.neck(self.stages(self.patch_embed(normalised.permute(0, 3, 1, 2))))
        return out


def build_mobile_sam_image_encoder(state: State) -> MobileSamImageEncoder:
    """Build and load MobileSAM's image encoder.

    Parameters
    ----------
    state
        Tensors in the layout of the bundled file, of which ``image_encoder.*`` are used.

    Returns
    -------
    The encoder, ready for inference.

    Raises
    ------
    WeightsError
        If the tensors do not fit.
    """
    with torch.device("meta"):
        encoder = MobileSamImageEncoder().eval()
        windows = _use_window_attention(encoder)
    load_module(encoder, state, "image_encoder.")
    for attention in windows:
        attention.expand_bias()
    fuse(encoder)
    stage = encoder.stages[0]
    stage.blocks = nn.Sequential(*(InStrips(block) for block in stage.blocks))
    return encoder.to(memory_format=torch.channels_last)


def _join_norms(module: nn.Module) -> None:
    """Replace every convolution + BatchNorm by one convolution with a bias, in place."""
    for name, child in list(module.named_children()):
        conv = getattr(child, "conv", None)
        if isinstance(conv, nn.Conv2d) and hasattr(child, "bn"):
            conv.bias = nn.Parameter(torch.empty(conv.out_channels))
            setattr(module, name, conv)
        else:
            _join_norms(child)


def _use_window_attention(encoder: MobileSamImageEncoder) -> list[WindowAttention]:
    windows = []
    for stage in encoder.stages[1:]:
        for block in stage.blocks:
            block.attn = WindowAttention(block.attn)
            windows.append(block.attn)
    return windows
