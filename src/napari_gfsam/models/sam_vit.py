"""SAM's image encoder (ViT-B, L, H) on segment-anything's modules, with its attention replaced.

segment-anything writes out every head's attention matrix, adds two relative positions to it and keeps several copies:
gigabytes a picture where all 4096 cells see each other. Here the relative positions ride along as channels: with h, w
the row and column of a query and k, l those of a key,

    q . k + q . Rh[h - k] + q . Rw[w - l]  =  [q, q . Rh[h - :], q . Rw[w - :]] . [k, onehot(k), onehot(l)],

so that scaled-dot-product attention does it all in one pass and no matrix is ever written. Exact up to rounding.
Windows of all pictures go through together; the cells that fill up a window at the border are not projected: what a
linear layer makes of zeros is its bias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from segment_anything.modeling import ImageEncoderViT
from torch import Tensor, nn

from napari_gfsam.models.checkpoints import State, load_module
from napari_gfsam.models.fused import fuse
from napari_gfsam.models.pictures import sam_input

WINDOW = 14


@dataclass(frozen=True, slots=True)
class VitSize:
    """One of SAM's vision transformers.

    Parameters
    ----------
    width
        Channels.
    depth
        Blocks.
    heads
        Heads of every attention.
    seeing_all
        Blocks whose attention reaches over the whole picture; the others' stays in windows.
    """

    width: int
    depth: int
    heads: int
    seeing_all: tuple[int, ...]


SIZES = {
    "sam_vit_b": VitSize(768, 12, 12, (2, 5, 8, 11)),
    "sam_vit_l": VitSize(1024, 24, 16, (5, 11, 17, 23)),
    "sam_vit_h": VitSize(1280, 32, 16, (7, 15, 23, 31)),
}


class RelativeAttention(nn.Module):
    """Attention with decomposed relative positions, inside windows or over the whole picture.

    Parameters
    ----------
    attention
        segment-anything's module, whose parameters are taken over under their names.
    window
        Side of the windows in cells, 0 for the whole picture.
    """

    rows: Tensor
    columns: Tensor
    places: Tensor

    def __init__(self, attention: Any, window: int) -> None:
        super().__init__()
        self.qkv, self.proj = attention.qkv, attention.proj
        self.rel_pos_h, self.rel_pos_w = attention.rel_pos_h, attention.rel_pos_w
        self.heads, self.window = int(attention.num_heads), window
        for name in ("rows", "columns", "places"):
            self.register_buffer(name, None, persistent=False)

    def expand(self) -> None:
        """Write out the relative positions of all pairs of rows and of columns, and every cell's place."""
        self.rows, self.columns = (_offsets(table.detach()) for table in (self.rel_pos_h, self.rel_pos_w))
        self.places = _places(len(self.rows), len(self.columns), self.rows)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, H, W, C) to the same shape."""
        height, width = x.shape[1:3]
        qkv = self.qkv(x)
        if self.window:
            windows = _into_windows(qkv, self.qkv.bias, self.window)
            mixed = _out_of_windows(self._mix(windows), height, width)
        else:
            mixed = self._mix(qkv)
        out: Tensor = self.proj(mixed)
        return out

    def _mix(self, qkv: Tensor) -> Tensor:
        """Let cells see each other: (B, H, W, 3 C) to (B, H, W, C)."""
        batch, height, width, _ = qkv.shape
        split = qkv.view(batch, height, width, 3, self.heads, -1).permute(3, 0, 4, 1, 2, 5)
        query, key, value = split.unbind(0)
        rows, columns, places = self._places(height, width)
        lift = (
            torch.einsum("bnhwc,hkc->bnhwk", query, rows),
            torch.einsum("bnhwc,wkc->bnhwk", query, columns),
        )
        depth = query.shape[-1]
        mixed = F.scaled_dot_product_attention(
            torch.cat([query, *lift], 4).flatten(2, 3),
            torch.cat([key.flatten(2, 3), places.expand(batch, self.heads, -1, -1)], 3),
            F.pad(value.flatten(2, 3), (0, places.shape[1])),
            scale=1.0 / math.sqrt(depth),
        )
        return mixed[..., :depth].transpose(1, 2).reshape(batch, height, width, -1)

    def _places(self, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return relative positions and places of a picture of this size, at most the one that SAM takes."""
        if (height, width) == (len(self.rows), len(self.columns)):
            return self.rows, self.columns, self.places
        rows, columns = self.rows[:height, :height], self.columns[:width, :width]
        return rows, columns, _places(height, width, rows)


class Block(nn.Module):
    """A block of the transformer; sums and norms are float32, whatever the precision of the products.

    Parameters
    ----------
    block
        segment-anything's module, whose layers are taken over under their names.
    """

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.norm1, self.norm2, self.mlp = block.norm1, block.norm2, block.mlp
        self.attn = RelativeAttention(block.attn, int(block.window_size))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, H, W, C) float32 to the same shape."""
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class SamVitImageEncoder(nn.Module):
    """SAM's image encoder; make it with `build_sam_vit_image_encoder`.

    Parameters
    ----------
    size
        Which one.
    """

    def __init__(self, size: VitSize) -> None:
        super().__init__()
        plain = ImageEncoderViT(
            embed_dim=size.width,
            depth=size.depth,
            num_heads=size.heads,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=WINDOW,
            global_attn_indexes=size.seeing_all,
        )
        self.patch_embed, self.neck, self.pos_embed = plain.patch_embed, plain.neck, plain.pos_embed
        self.blocks = nn.ModuleList(Block(block) for block in plain.blocks)

    @property
    def narrow_parts(self) -> list[nn.Module]:
        """What may work in 16 bits: all but patches, norms, sums and the neck."""
        blocks: Any = self.blocks
        return [part for block in blocks for part in (block.attn, block.mlp)]

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
        return self.embed(sam_input(images, self.pos_embed.device))

    def embed(self, normalised: Tensor) -> Tensor:
        """Make the embedding of normalised pictures, channels last.

        Parameters
        ----------
        normalised
            (B, H, W, 3) float32; H and W are multiples of 16, at most 1024.

        Returns
        -------
        (B, 256, H / 16, W / 16) float32.
        """
        x = self.patch_embed(normalised.permute(0, 3, 1, 2))
        x = x + self.pos_embed[:, : x.shape[1], : x.shape[2]]
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.neck(x.permute(0, 3, 1, 2))
        return out


def build_sam_vit_image_encoder(name: str, state: State) -> SamVitImageEncoder:
    """Build and load one of SAM's image encoders.

    Parameters
    ----------
    name
        A key of `SIZES`.
    state
        Tensors named as in segment-anything, of which ``image_encoder.*`` are used.

    Returns
    -------
    The encoder, ready for inference.

    Raises
    ------
    WeightsError
        If the tensors do not fit.
    """
    with torch.device("meta"):
        encoder = SamVitImageEncoder(SIZES[name])
    load_module(encoder, state, "image_encoder.")
    blocks: Any = encoder.blocks
    for block in blocks:
        block.attn.expand()
    fuse(encoder)
    return encoder.to(memory_format=torch.channels_last)


def _offsets(table: Tensor) -> Tensor:
    """Turn (2 S - 1, D) positions by offset into (S, S, D) by pair, times the root of D, which attention divides by."""
    size, place = (len(table) + 1) // 2, torch.arange((len(table) + 1) // 2, device=table.device)
    return table[place[:, None] - place + size - 1] * math.sqrt(table.shape[1])


def _places(height: int, width: int, like: Tensor) -> Tensor:
    """Return (H * W, H + W): a one in the column of every cell's row, and one in that of its column."""
    rows = torch.eye(height, dtype=like.dtype, device=like.device).repeat_interleave(width, 0)
    columns = torch.eye(width, dtype=like.dtype, device=like.device).repeat(height, 1)
    return torch.cat([rows, columns], 1)


def _into_windows(x: Tensor, filling: Tensor, window: int) -> Tensor:
    """Cut (B, H, W, C) into (B * windows, window, window, C), filled up at the border."""
    batch, height, width, channels = x.shape
    down, across = -(-height // window), -(-width // window)
    padded = filling.to(x.dtype).expand(batch, down * window, across * window, channels).clone()
    padded[:, :height, :width] = x
    cut = padded.view(batch, down, window, across, window, channels).transpose(2, 3)
    return cut.reshape(-1, window, window, channels)


def _out_of_windows(windows: Tensor, height: int, width: int) -> Tensor:
    """Put (B * windows, window, window, C) together to (B, H, W, C), without what filled up the border."""
    window, channels = windows.shape[2:]
    down, across = -(-height // window), -(-width // window)
    whole = windows.view(-1, down, across, window, window, channels).transpose(2, 3)
    return whole.reshape(-1, down * window, across * window, channels)[:, :height, :width]
