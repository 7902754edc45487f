"""What prompts do to the image tokens, without ever making these tokens (the algebra stands in `decoder_folding`).

Shapes: c prompts of a group, T tokens a prompt, H heads of D channels, R = H * T rows, L image tokens. Image tokens
come last everywhere, so that every softmax, scaling and sum runs along contiguous memory.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from napari_gfsam.models.decoder_folding import FoldedWeights
    from napari_gfsam.models.decoder_products import Products


@dataclass(frozen=True, slots=True, eq=False)
class PreparedImage:
    """The image side of the decoder that all prompts on one image share; float32, about 30 MB.

    Parameters
    ----------
    first_keys, first_values, first_queries
        (H, D, L) of the first layer.
    keys, queries, values
        (H, D, L) image part of the second layer.
    last_keys, last_values
        (H, D, L) image part of the last attention.
    first_cross, second_cross
        (1, H, D + 1, L) and (2, H, D + 1, L) products of the image part with the rows that prompts write.
    first_square, second_square
        (L,) squared lengths of the image part.
    upscale
        (L, Y) image part of the first transposed convolution.
    """

    first_keys: Tensor
    first_values: Tensor
    first_queries: Tensor
    keys: Tensor
    queries: Tensor
    values: Tensor
    last_keys: Tensor
    last_values: Tensor
    first_cross: Tensor
    second_cross: Tensor
    first_square: Tensor
    second_square: Tensor
    upscale: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(getattr(self, field.name).nbytes for field in fields(self))


@dataclass(frozen=True, slots=True, eq=False)
class ImageState:
    """Image tokens of c prompts after a norm: they read as ``scale * image part + mix @ rows + constant part``.

    Parameters
    ----------
    scale
        (c, 1, L) factor of the image part.
    rows
        (c, R, L) softmax weights times inverse standard deviations; 2 R rows after the second layer.
    """

    scale: Tensor
    rows: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What the tokens of c prompts ask the image.

    Parameters
    ----------
    queries
        (c, H, T, D) scaled queries.
    mix
        (c, H * T, R) products of the queries with what the rows written so far add to the keys.
    """

    queries: Tensor
    mix: Tensor

    def __getitem__(self, part: slice) -> Question:
        """Return some of the prompts."""
        return Question(self.queries[part], self.mix[part])


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """What the tokens of c prompts offer the image, which writes it into its own tokens.

    Parameters
    ----------
    keys
        (c, H, T, D) scaled keys.
    mix
        (c, R, R) products of the keys with what the rows written so far add to the queries; empty in the first layer.
    lift
        (c, layers, H, T, D + 1) twice the values, and two, of this layer and of the ones before.
    gram
        (c, layers * R, layers * R) a matrix whose symmetric part holds the products of all rows written.
    """

    keys: Tensor
    mix: Tensor
    lift: Tensor
    gram: Tensor

    def __getitem__(self, part: slice) -> Message:
        """Return some of the prompts."""
        return Message(self.keys[part], self.mix[part], self.lift[part], self.gram[part])


@dataclass(frozen=True, slots=True, eq=False)
class ImageSide:
    """The decoder as the image tokens see it.

    Parameters
    ----------
    folded
        The decoder's weights.
    first_norm, second_norm, upscale_norm
        The norms of the image tokens in both layers and of the upscaling.
    products
        How to multiply.
    tile
        Image tokens upscaled at a time: few enough for a processor's cache.
    """

    folded: FoldedWeights
    first_norm: Any
    second_norm: Any
    upscale_norm: Any
    products: Products
    tile: int

    def prepare(self, tokens: Tensor) -> PreparedImage:
        """Read an image once for all prompts.

        Parameters
        ----------
        tokens
            (C, L) float32 image tokens: embedding plus SAM's "no mask" embedding.

        Returns
        -------
        The shared image side.
        """
        folded, offset = self.folded, self.folded.image_offset
        size = len(offset) // 3
        read = self.products.product(folded.image_rows[None], tokens[None])[0]
        read[: len(offset)] += offset
        parts = read[: 8 * size].view(8, folded.heads, -1, tokens.shape[1])
        cross = read[8 * size :].view(3, folded.heads, -1, tokens.shape[1])
        centred = tokens - tokens.mean(0)
        scaled = centred * folded.scale[:, None]
        scaled -= scaled.mean(0)
        return PreparedImage(
            first_keys=parts[0],
            first_values=parts[1],
            first_queries=parts[2],
            keys=parts[3],
            queries=parts[4],
            values=parts[5],
            last_keys=parts[6],
            last_values=parts[7],
            first_cross=cross[:1],
            second_cross=cross[1:],
            first_square=centred.square_().sum(0),
            second_square=scaled.square_().sum(0),
            upscale=tokens.t() @ folded.upscale_rows.t(),
        )

    def read_first(self, image: PreparedImage, queries: Tensor) -> Tensor:
        """Let tokens attend to the image, which no prompt has changed yet.

        Parameters
        ----------
        image
            The shared image side.
        queries
            (c, H, T, D) scaled queries.

        Returns
        -------
        (c, H, T, D) values read.
        """
        attention = torch.softmax(torch.matmul(queries, image.first_keys), 3)
        return torch.matmul(attention, image.first_values.transpose(1, 2))

    def write_first(self, image: PreparedImage, message: Message, rows: Tensor) -> ImageState:
        """Let the image attend to tokens in the first layer.

        Parameters
        ----------
        image
            The shared image side.
        message
            What the tokens offer.
        rows
            (c, R, L) tensor that takes the rows of the state.

        Returns
        -------
        The image tokens after the first layer.
        """
        weights = torch.softmax(torch.matmul(message.keys, image.first_queries), 2).flatten(1, 2)
        cross = torch.matmul(message.lift, image.first_cross).flatten(1, 3)
        scale = self._inverse_std(cross, message.gram, weights, image.first_square, self.first_norm)
        return ImageState(scale, torch.mul(weights, scale, out=rows))

    def read_second(self, image: PreparedImage, question: Question, state: ImageState) -> tuple[Tensor, Tensor]:
        """Let tokens attend to the image in the second layer.

        Parameters
        ----------
        image
            The shared image side.
        question
            What the tokens ask.
        state
            The image tokens after the first layer.

        Returns
        -------
        read
            (c, H, T, D) image part of the values read.
        mixed
            (c, H, T, R) weights of the rows' values in it.
        """
        scores = self._scores(question.queries, question.mix, state, image.keys, self.folded.key_position)
        return self._read(scores, image.values, state)

    def write_second(self, image: PreparedImage, message: Message, state: ImageState, rows: Tensor) -> ImageState:
        """Let the image attend to tokens in the second layer.

        Parameters
        ----------
        image
            The shared image side.
        message
            What the tokens offer.
        state
            The image tokens after the first layer.
        rows
            (c, 2 R, L) tensor whose first half holds the rows of `state`; takes the rows of the new state.

        Returns
        -------
        The image tokens after the second layer.
        """
        heads, length = message.keys.shape[1:3]
        scores = self._scores(message.keys, message.mix, state, image.queries, self.folded.query_position)
        torch.softmax(scores, 2, out=rows.view(len(rows), 2, heads, length, -1)[:, 1])
        cross = torch.matmul(message.lift, image.second_cross).flatten(1, 3).mul_(state.scale)
        square = image.second_square * state.scale.square()[:, 0]
        inverse_std = self._inverse_std(cross, message.gram, rows, square, self.second_norm)
        return ImageState(state.scale * inverse_std, rows.mul_(inverse_std))

    def read_last(self, image: PreparedImage, question: Question, state: ImageState) -> tuple[Tensor, Tensor]:
        """Let one token a prompt attend to the image a last time; as `read_second`, with T = 1 and 2 R rows."""
        scores = self._scores(question.queries, question.mix, state, image.last_keys, self.folded.last_key_position)
        return self._read(scores, image.last_values, state)

    def upscale(self, image: PreparedImage, state: ImageState, mix: Tensor, hyper: Tensor, logits: Tensor) -> None:
        """Upscale the image tokens four times and compare every pixel with the mask token.

        Parameters
        ----------
        image
            The shared image side.
        state
            The image tokens after the second layer.
        mix
            (c, 2 R, Y) what the rows add to the first transposed convolution.
        hyper
            (c, 32) output of the mask token's hypernetwork.
        logits
            (c, 4 * grid, 4 * grid) tensor that takes the mask logits.
        """
        grid, count = self.folded.grid, len(hyper)
        dots = hyper.new_empty(count, grid * grid, 16)
        for start in range(0, grid * grid, self.tile):
            part = slice(start, start + self.tile)
            factor = state.scale[:, 0, part, None]
            base = torch.addcmul(self.folded.upscale_offset, image.upscale[part], factor)
            dots[:, part] = self._upscale_tile(base, state.rows[:, :, part], mix, hyper)
        # token row, token column, then row and column of the first and of the second sub-pixel
        pixels = dots.view(count, grid, grid, 2, 2, 2, 2).permute(0, 1, 3, 5, 2, 4, 6)
        logits.view(count, grid, 2, 2, grid, 2, 2).copy_(pixels)

    def _upscale_tile(self, base: Tensor, rows: Tensor, mix: Tensor, hyper: Tensor) -> Tensor:
        count, size, _ = base.shape
        wide = self.products.add_rows(base, rows, mix).view(count, 4 * size, -1)
        norm = self.upscale_norm
        fine = F.layer_norm(wide, wide.shape[2:], norm.weight, norm.bias, norm.eps)
        pixels = self.products.linear_gelu(F.gelu(fine), self.folded.last_weight, self.folded.last_bias)
        return self.products.dot(pixels.view(count, 16 * size, -1), hyper).view(count, size, 16)

    def _scores(self, tokens: Tensor, mix: Tensor, state: ImageState, image_part: Tensor, position: Tensor) -> Tensor:
        """Return the (c, H, T, L) scores of (c, H, T, D) tokens against the image."""
        count, heads, length, depth = tokens.shape
        scores = torch.matmul(tokens, image_part).mul_(state.scale[:, None]).flatten(1, 2)
        scores = self.products.add_product(scores, mix, state.rows).view(count * heads, length, -1)
        positions = position.expand(count, -1, -1, -1).reshape(count * heads, depth, -1)
        scores.baddbmm_(tokens.reshape(count * heads, length, depth), positions)
        return scores.view(count, heads, length, -1)

    def _read(self, scores: Tensor, values: Tensor, state: ImageState) -> tuple[Tensor, Tensor]:
        attention = torch.softmax(scores, 3)
        mixed = self.products.product_transposed(attention.flatten(1, 2), state.rows).view(*scores.shape[:3], -1)
        attention *= state.scale[:, None]
        return torch.matmul(attention, values.transpose(1, 2)), mixed

    def _inverse_std(self, cross: Tensor, gram: Tensor, rows: Tensor, square: Tensor, norm: Any) -> Tensor:
        """Return (c, 1, L) one over the standard deviation of image tokens; overwrites `cross`."""
        energy = self.products.add_product(cross, gram, rows).mul_(rows).sum(1).add_(square)
        # rounding can leave a constant token slightly below zero
        variance = energy.div_(norm.normalized_shape[0]).clamp_min_(0.0)
        return variance.add_(norm.eps).rsqrt_()[:, None]
