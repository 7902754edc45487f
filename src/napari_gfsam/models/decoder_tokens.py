"""The token side of SAM's mask decoder: the output tokens and the points of n prompts, batched.

Shapes: n prompts, T tokens a prompt, H heads of D channels, R = H * T rows, C channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from napari_gfsam.models.decoder_image import Message, Question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_gfsam.models.decoder_folding import FoldedWeights


@dataclass(frozen=True, slots=True, eq=False)
class FirstRows:
    """The rows that n prompts write into the image in the first layer, as everything that follows reads them.

    Parameters
    ----------
    lift
        (n, H, T, D + 1) values and ones.
    centred, scaled
        (n, R, C) the rows before, and after, the first layer's norm.
    key, query, value, last_key, last_value
        (n, R, H * D) what they add to the projections of the second layer and of the last attention.
    upscale
        (n, R, Y) what they add to the first transposed convolution.
    """

    lift: Tensor
    centred: Tensor
    scaled: Tensor
    key: Tensor
    query: Tensor
    value: Tensor
    last_key: Tensor
    last_value: Tensor
    upscale: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class SecondRows:
    """The same of the second layer; members as in `FirstRows`."""

    lift: Tensor
    centred: Tensor
    last_key: Tensor
    last_value: Tensor
    upscale: Tensor


class TokenSide:
    """The decoder as its tokens see it.

    Parameters
    ----------
    prompt_encoder, mask_decoder
        segment-anything's modules, used as they are.
    folded
        Products of their weights.
    """

    def __init__(self, prompt_encoder: Any, mask_decoder: Any, folded: FoldedWeights) -> None:
        self._encoder = prompt_encoder
        self._decoder = mask_decoder
        self._folded = folded
        self._first, self._second = mask_decoder.transformer.layers
        self._last = mask_decoder.transformer.final_attn_token_to_image

    def embed(self, model_xy: Tensor, labels: Tensor) -> Tensor:
        """Return the tokens of n prompts: IoU token, mask tokens, K points, SAM's padding point.

        Parameters
        ----------
        model_xy
            (n, K, 2) pixels.
        labels
            (n, K) 1, 0 or -1.

        Returns
        -------
        (n, T, C) float32 tensor, T = 5 + K + 1.
        """
        encoder, decoder, count = self._encoder, self._decoder, len(labels)
        points = torch.cat([model_xy.to(torch.float32) + 0.5, labels.new_zeros(count, 1, 2, dtype=torch.float32)], 1)
        kinds = torch.cat([labels.to(torch.int64), labels.new_full((count, 1), -1, dtype=torch.int64)], 1)
        by_kind = torch.cat([encoder.not_a_point_embed.weight, *(e.weight for e in encoder.point_embeddings[:2])])
        position = encoder.pe_layer.forward_with_coords(points, encoder.input_image_size)
        prompts = position * (kinds >= 0)[:, :, None] + by_kind[kinds + 1]
        output = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
        return torch.cat([output.expand(count, -1, -1), prompts], 1)

    def enter_first(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return queries (n, T, C) after the first self-attention and what they ask the image, (n, H, T, D)."""
        layer = self._first
        queries = layer.norm1(layer.self_attn(tokens, tokens, tokens))
        return queries, self._scaled(layer.cross_attn_token_to_image.q_proj, queries + tokens)

    def leave_first(self, queries: Tensor, tokens: Tensor, read: Tensor) -> tuple[Tensor, FirstRows, Message]:
        """Take in what was read from the image, (n, H, T, D), and say what the image is to write."""
        queries = _take_in(self._first, queries, read)
        attention = self._first.cross_attn_image_to_token
        lift = _lift(self._heads(attention.v_proj(queries)))
        rows = FirstRows(lift, *_apply(lift, self._folded.first_rows, self._sizes((2, 5, 1))))
        keys = self._scaled(attention.k_proj, queries + tokens)
        gram = torch.bmm(rows.centred, rows.centred.transpose(1, 2))
        return queries, rows, Message(keys, gram[:, :0], 2.0 * lift[:, None], gram)

    def enter_second(self, queries: Tensor, tokens: Tensor, first: FirstRows) -> tuple[Tensor, Question]:
        """Return queries (n, T, C) after the second self-attention and what they ask the image."""
        layer = self._second
        placed = queries + tokens
        queries = layer.norm1(queries + layer.self_attn(placed, placed, queries))
        asked = self._scaled(layer.cross_attn_token_to_image.q_proj, queries + tokens)
        return queries, Question(asked, self._mix(asked, first.key))

    def leave_second(
        self, queries: Tensor, tokens: Tensor, read: tuple[Tensor, Tensor], first: FirstRows
    ) -> tuple[Tensor, SecondRows, Message]:
        """Take in what was read from the image and say what the image is to write."""
        values = self._values(read, first.value, self._folded.value_offset)
        queries = _take_in(self._second, queries, values)
        attention = self._second.cross_attn_image_to_token
        lift = _lift(self._heads(attention.v_proj(queries)))
        rows = SecondRows(lift, *_apply(lift, self._folded.second_rows, self._sizes((1, 2, 1))))
        keys = self._scaled(attention.k_proj, queries + tokens)
        lifts = 2.0 * torch.stack([first.lift, lift], 1)
        return queries, rows, Message(keys, self._mix(keys, first.query), lifts, _gram(first.scaled, rows.centred))

    def enter_last(self, queries: Tensor, tokens: Tensor, first: FirstRows, second: SecondRows) -> Question:
        """Return what mask token 0 asks the image a last time."""
        asked = self._scaled(self._last.q_proj, (queries + tokens)[:, 1:2])
        return Question(asked, self._mix(asked, torch.cat([first.last_key, second.last_key], 1)))

    def leave_last(
        self, queries: Tensor, read: tuple[Tensor, Tensor], first: FirstRows, second: SecondRows
    ) -> tuple[Tensor, Tensor]:
        """Return what the rows add to the first transposed convolution, (n, 2 R, Y), and the hyper vector, (n, 32)."""
        rows = torch.cat([first.last_value, second.last_value], 1)
        values = self._values(read, rows, self._folded.last_value_offset)
        token = queries[:, 1:2] + self._last.out_proj(_merge(values))
        token = self._decoder.transformer.norm_final_attn(token)[:, 0]
        hyper = self._decoder.output_hypernetworks_mlps[0](token)
        return torch.cat([first.upscale, second.upscale], 1), hyper

    def _heads(self, x: Tensor) -> Tensor:
        """(n, T, H * D) to (n, H, T, D)."""
        return x.view(len(x), x.shape[1], self._folded.heads, -1).transpose(1, 2)

    def _scaled(self, projection: Any, x: Tensor) -> Tensor:
        heads = self._heads(projection(x))
        return (heads / math.sqrt(heads.shape[3])).contiguous()

    def _mix(self, tokens: Tensor, rows: Tensor) -> Tensor:
        """Multiply (n, H, T, D) with (n, R, H * D) head by head: (n, H * T, R)."""
        return torch.matmul(tokens, self._heads(rows).transpose(2, 3)).flatten(1, 2)

    def _values(self, read: tuple[Tensor, Tensor], rows: Tensor, offset: Tensor) -> Tensor:
        """Add up the image part, the rows' part and the constant part of the values read: (n, H, T, D)."""
        image_part, mixed = read
        return image_part + torch.matmul(mixed, self._heads(rows)) + offset.view(self._folded.heads, 1, -1)

    def _sizes(self, counts: Sequence[int]) -> list[int]:
        """Return the widths of rows of `C`, `H * D` and `Y` channels, so many of each."""
        folded = self._folded
        widths = (len(folded.scale), len(folded.value_offset), len(folded.upscale_offset))
        return [width for width, count in zip(widths, counts, strict=True) for _ in range(count)]


def _lift(values: Tensor) -> Tensor:
    return torch.cat([values, torch.ones_like(values[..., :1])], 3)


def _apply(lift: Tensor, maps: Tensor, sizes: list[int]) -> Sequence[Tensor]:
    """Multiply (n, H, T, D + 1) with (H, D + 1, Z) and cut the (n, R, Z) product."""
    count, heads, length, depth = lift.shape
    rows = torch.bmm(lift.transpose(0, 1).reshape(heads, count * length, depth), maps)
    return torch.split(rows.view(heads, count, length, -1).transpose(0, 1).reshape(count, heads * length, -1), sizes, 2)


def _gram(first: Tensor, second: Tensor) -> Tensor:
    """Return [[F F', 0], [2 S F', S S']]: its quadratic form is that of all products of the rows F and S."""
    corner = torch.bmm(first, first.transpose(1, 2))
    upper = torch.cat([corner, torch.zeros_like(corner)], 2)
    lower = torch.cat([2.0 * torch.bmm(second, first.transpose(1, 2)), torch.bmm(second, second.transpose(1, 2))], 2)
    return torch.cat([upper, lower], 1)


def _merge(heads: Tensor) -> Tensor:
    """(n, H, T, D) to (n, T, H * D)."""
    return heads.transpose(1, 2).flatten(2)


def _take_in(layer: Any, queries: Tensor, read: Tensor) -> Tensor:
    """Add what was read from the image and go through the MLP."""
    queries = layer.norm2(queries + layer.cross_attn_token_to_image.out_proj(_merge(read)))
    taken: Tensor = layer.norm3(queries + layer.mlp(queries))
    return taken
