"""SAM's mask decoder folded into products of its own weights, so that no prompt touches 4096 x 256 image tokens.

For one image every prompt starts from the same image tokens k (L x C), and each of the two image-to-token attentions
adds to them only a few rows: softmax weights P (R x L, R = heads x prompt tokens) times rows M (R x C), where
M = [v, 1] @ [W_out; b_out / heads] head by head (each head's softmax weights sum to one, so the bias fits in). With c
the matrix that subtracts the mean over channels, and norm n(x) = x c / std(x) * gamma + beta, the image tokens after

* the first layer are  keys1 = n0(k + P0' M0),
* the second layer are keys2 = n1(keys1 + P1' M1),

so whatever is read from them by a linear map A is, with s = 1 / std0, t = 1 / std1, g = diag(gamma), and exactly,

* keys1 A = s k (c g0 A) + (s P0)' (M0 c g0 A) + beta0 A,
* keys2 A = t s k (c g0 c g1 A) + (t s P0)' (M0 c g0 c g1 A) + (t P1)' ((M1 + beta0 / heads) c g1 A) + beta1 A.

The first product is the same for all prompts of an image, those with P have inner size R (56 for one point) instead of
256, and the last is a constant. The variances come from the same pieces: |y|^2 for y = a k B + z' N is
a^2 |k B|^2 + z . (N N' z + 2 a N B' k'). All that depends on weights alone is made here, once, in double precision.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, eq=False)
class FoldedWeights:
    """Products of the decoder's weights; float32. H heads of D channels, C channels, L image tokens.

    Parameters
    ----------
    heads
        H.
    grid
        Image tokens a side.
    image_rows
        (X, C): what an image is read with once. First layer: keys, values, queries; second layer: keys, queries,
        values; last attention: keys, values (H * D rows each); three cross terms (H * (D + 1) rows each).
    image_offset
        (3 * H * D, L) positions and biases of the first layer's keys, values, queries.
    scale
        (C,) gamma of the first layer's image norm.
    upscale_rows
        (Y, C) image part of the first transposed convolution, Y = 4 * its channels.
    key_position, query_position, last_key_position
        (H, D, L) parts of second-layer keys, second-layer queries, last keys that no prompt and no image changes.
    value_offset, last_value_offset
        (H * D,) the same of the values.
    first_rows, second_rows
        (H, D + 1, Z): everything that is read from M0 and M1, side by side (`decoder_tokens` has the order).
    upscale_offset
        (Y,) constant part of the first transposed convolution.
    last_weight, last_bias
        (4 * 32, Y / 4) and (4 * 32,): the second transposed convolution as a matrix.
    """

    heads: int
    grid: int
    image_rows: Tensor
    image_offset: Tensor
    scale: Tensor
    upscale_rows: Tensor
    key_position: Tensor
    query_position: Tensor
    last_key_position: Tensor
    value_offset: Tensor
    last_value_offset: Tensor
    first_rows: Tensor
    second_rows: Tensor
    upscale_offset: Tensor
    last_weight: Tensor
    last_bias: Tensor

    def to(self, device: torch.device) -> FoldedWeights:
        """Return a float32 copy on a device.

        Parameters
        ----------
        device
            Where to.

        Returns
        -------
        The copy.
        """
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("heads", "grid")}
        return replace(self, **{name: t.to(torch.float32).to(device).contiguous() for name, t in tensors.items()})


@dataclass(frozen=True, slots=True, eq=False)
class _Maps:
    """The linear maps of the module's docstring, (C, C) double: c, c g0, c g0 c, c g0 c g1, c g1."""

    centre: Tensor
    first: Tensor
    first_centred: Tensor
    both: Tensor
    second: Tensor


def check_supported(mask_decoder: Any) -> None:
    """Refuse a decoder that this algebra does not describe.

    Parameters
    ----------
    mask_decoder
        segment-anything's `MaskDecoder`.

    Raises
    ------
    ValueError
        When it has not two layers, not the exact GELU in its upscaling, or weights that are not float32.
    """
    layers = mask_decoder.transformer.layers
    if len(layers) != 2:
        raise ValueError(f"The mask decoder has {len(layers)} layers, expected 2: use a Segment Anything decoder.")
    for place in (2, 4):
        activation = mask_decoder.output_upscaling[place]
        if not isinstance(activation, nn.GELU) or activation.approximate != "none":
            raise ValueError(f"The mask decoder upscales with {activation}, expected GELU(): use a SAM decoder.")
    dtypes = {p.dtype for p in mask_decoder.parameters()}
    if dtypes != {torch.float32}:
        raise ValueError(f"The mask decoder's weights are {dtypes}, expected float32: convert them with .float().")


@torch.no_grad()
def fold(prompt_encoder: Any, mask_decoder: Any) -> FoldedWeights:
    """Fold a decoder's weights.

    Parameters
    ----------
    prompt_encoder, mask_decoder
        segment-anything's `PromptEncoder` and `MaskDecoder`.

    Returns
    -------
    Folded weights on the decoder's device.
    """
    first, second = mask_decoder.transformer.layers
    last = mask_decoder.transformer.final_attn_token_to_image
    heads = int(last.num_heads)
    maps = _maps(first.norm4, second.norm4)
    beta0, beta1 = _double(first.norm4.bias), _double(second.norm4.bias)
    rows0 = _output_rows(first.cross_attn_image_to_token.out_proj, heads)
    rows1 = _output_rows(second.cross_attn_image_to_token.out_proj, heads, beta0)
    position = _double(prompt_encoder.get_dense_pe()[0].flatten(1))
    enter = second.cross_attn_token_to_image
    ask = second.cross_attn_image_to_token.q_proj
    upscale, upscale_bias = _transposed(mask_decoder.output_upscaling[0])
    last_weight, last_bias = _transposed(mask_decoder.output_upscaling[3])
    readings1 = [_matrix(layer) for layer in (enter.k_proj, ask, enter.v_proj)]
    readings2 = [_matrix(layer) for layer in (last.k_proj, last.v_proj)]
    folded = FoldedWeights(
        heads=heads,
        grid=int(prompt_encoder.image_embedding_size[0]),
        image_rows=_image_rows(first, maps, (rows0, rows1), readings1, readings2),
        image_offset=_image_offset(first, position),
        scale=_double(first.norm4.weight),
        upscale_rows=(maps.both @ upscale).t(),
        # a key's constant part shifts all scores of a query alike, which a softmax over the keys does not see
        key_position=_by_head(readings1[0].t() @ position, heads),
        query_position=_by_head(readings1[1].t() @ (position + beta0[:, None]) + _column(ask), heads),
        last_key_position=_by_head(readings2[0].t() @ position, heads),
        value_offset=beta0 @ readings1[2] + _double(enter.v_proj.bias),
        last_value_offset=beta1 @ readings2[1] + _double(last.v_proj.bias),
        first_rows=_token_rows(rows0, maps, readings1, [*readings2, upscale]),
        second_rows=torch.cat([rows1 @ maps.centre, *(rows1 @ maps.second @ a for a in (*readings2, upscale))], 2),
        upscale_offset=beta1 @ upscale + upscale_bias,
        last_weight=last_weight.t(),
        last_bias=last_bias,
    )
    return folded.to(mask_decoder.iou_token.weight.device)


def _maps(norm0: nn.LayerNorm, norm1: nn.LayerNorm) -> _Maps:
    gamma0, gamma1 = _double(norm0.weight), _double(norm1.weight)
    centre = torch.eye(len(gamma0), dtype=torch.float64) - 1.0 / len(gamma0)
    first_centred = (centre * gamma0) @ centre
    return _Maps(centre, centre * gamma0, first_centred, first_centred * gamma1, centre * gamma1)


def _image_rows(
    first: Any, maps: _Maps, rows: tuple[Tensor, Tensor], readings1: list[Tensor], readings2: list[Tensor]
) -> Tensor:
    plain = (first.cross_attn_token_to_image, first.cross_attn_token_to_image, first.cross_attn_image_to_token)
    entry = [_matrix(getattr(a, name)) for a, name in zip(plain, ("k_proj", "v_proj", "q_proj"), strict=True)]
    flat0, flat1 = (r.flatten(0, 1).t() for r in rows)
    cross = [maps.centre @ flat0, maps.first_centred @ maps.first_centred @ flat0, maps.first_centred @ flat1]
    columns = [*entry, *(maps.first @ a for a in readings1), *(maps.both @ a for a in readings2), *cross]
    return torch.cat(columns, 1).t()


def _image_offset(first: Any, position: Tensor) -> Tensor:
    enter, leave = first.cross_attn_token_to_image, first.cross_attn_image_to_token
    keys = _double(enter.k_proj.weight) @ position + _column(enter.k_proj)
    values = _column(enter.v_proj).expand_as(keys)
    queries = _double(leave.q_proj.weight) @ position + _column(leave.q_proj)
    return torch.cat([keys, values, queries])


def _token_rows(rows: Tensor, maps: _Maps, readings1: list[Tensor], readings2: list[Tensor]) -> Tensor:
    parts = [rows @ maps.centre, rows @ maps.first_centred]
    parts += [rows @ (maps.first @ a) for a in readings1] + [rows @ (maps.both @ a) for a in readings2]
    return torch.cat(parts, 2)


def _output_rows(projection: nn.Linear, heads: int, extra: Tensor | float = 0.0) -> Tensor:
    """Return (H, D + 1, C): a head's output weights, then its share of the bias and of the image tokens' constant."""
    weight = _by_head(_double(projection.weight).t(), heads)
    share = ((_double(projection.bias) + extra) / heads).expand(heads, 1, -1)
    return torch.cat([weight, share], 1)


def _by_head(channels: Tensor, heads: int) -> Tensor:
    """(H * D, X) to (H, D, X)."""
    return channels.reshape(heads, -1, channels.shape[1])


def _transposed(convolution: nn.ConvTranspose2d) -> tuple[Tensor, Tensor]:
    """Return a 2 x 2, stride 2 transposed convolution as (I, 4 * O) and (4 * O,), sub-pixel row, column, channel."""
    if convolution.bias is None:
        raise ValueError("The mask decoder upscales without a bias, expected one: use a Segment Anything decoder.")
    return _double(convolution.weight).permute(0, 2, 3, 1).flatten(1), _double(convolution.bias).repeat(4)


def _double(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().to(torch.float64)


def _matrix(layer: nn.Linear) -> Tensor:
    return _double(layer.weight).t()


def _column(layer: nn.Linear) -> Tensor:
    return _double(layer.bias)[:, None]
