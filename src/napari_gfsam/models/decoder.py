"""SAM's mask decoder for point prompts: many prompts on one image, fast and exact up to rounding.

segment-anything's `MaskDecoder` gives every prompt its own copy of the 4096 x 256 image tokens and projects, normalises
and copies it again and again. `PromptDecoder` shares the image side between prompts and keeps, instead of the tokens,
the few rows by which a prompt changes them (the algebra stands in `decoder_folding`, the image side in
`decoder_image`). The token side, seven tokens for one point, is batched over a few prompts (`decoder_tokens`). On a CPU
several threads decode prompts of their own (`decoder_workers`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from napari_gfsam.models.decoder_folding import check_supported, fold
from napari_gfsam.models.decoder_image import ImageSide, PreparedImage
from napari_gfsam.models.decoder_products import products_for
from napari_gfsam.models.decoder_tokens import TokenSide
from napari_gfsam.models.decoder_workers import Workers
from napari_gfsam.models.device import Batches

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PreparedImage", "PromptDecoder"]


@dataclass(frozen=True, slots=True)
class Batching:
    """How many prompts and image tokens are worked on at a time.

    Parameters
    ----------
    chunk
        Prompts whose tokens are batched.
    group
        Prompts whose image side is batched, at most `chunk`.
    tile
        Image tokens upscaled at a time.
    """

    chunk: int
    group: int
    tile: int

    def groups(self, count: int) -> Iterator[slice]:
        """Yield the groups of a chunk of `count` prompts."""
        for start in range(0, count, self.group):
            yield slice(start, min(start + self.group, count))


# One prompt's image side and a tile's upscaling fit a processor's cache; tokens gain from a few prompts at once.
CPU_BATCHING = Batching(chunk=4, group=1, tile=512)
# Elsewhere launching is what costs: about 7 MB a prompt, and 5 MB a prompt of the chunk while a tile is upscaled.
DEVICE_BATCHING = Batching(chunk=32, group=32, tile=1024)


class PromptDecoder:
    """segment-anything's `PromptEncoder` and `MaskDecoder` for points, mask token 0 (``multimask_output=False``).

    The token side uses the given modules as they are; the image side uses products of their weights that are made here,
    so make a new decoder after changing or moving the modules. Safe to use from several threads.

    Parameters
    ----------
    prompt_encoder, mask_decoder
        The modules, float32, on one device.
    batching
        How to cut the work; chosen by the device when None. It changes the logits by rounding only.

    Raises
    ------
    ValueError
        When the decoder is not built like SAM's.
    """

    def __init__(self, prompt_encoder: Any, mask_decoder: Any, batching: Batching | None = None) -> None:
        check_supported(mask_decoder)
        self.device: torch.device = mask_decoder.iou_token.weight.device
        self.batching = batching or (CPU_BATCHING if self.device.type == "cpu" else DEVICE_BATCHING)
        self._folded = fold(prompt_encoder, mask_decoder)
        first, second = mask_decoder.transformer.layers
        norms = (first.norm4, second.norm4, mask_decoder.output_upscaling[1])
        self._image_side = ImageSide(self._folded, *norms, products=products_for(self.device), tile=self.batching.tile)
        self._token_side = TokenSide(prompt_encoder, mask_decoder, self._folded)
        self._workers = Workers()
        self._chunks = Batches(self.batching.chunk)
        self._no_mask = prompt_encoder.no_mask_embed

    @torch.no_grad()
    def prepare(self, embedding: Tensor) -> PreparedImage:
        """Read an image embedding once for all prompts on it.

        Parameters
        ----------
        embedding
            (256, 64, 64) float image embedding.

        Returns
        -------
        What all prompts share.

        Raises
        ------
        ValueError
            When the shape is another one.
        """
        expected = (len(self._folded.scale), self._folded.grid, self._folded.grid)
        if tuple(embedding.shape) != expected:
            raise ValueError(f"The image embedding has shape {tuple(embedding.shape)}, expected {expected}.")
        with torch.autocast(self.device.type, enabled=False):
            tokens = embedding.to(self.device, torch.float32).flatten(1)
            return self._image_side.prepare(tokens + self._no_mask.weight[0][:, None])

    @torch.no_grad()
    def decode(self, prepared: PreparedImage, model_xy: Tensor, labels: Tensor) -> Tensor:
        """Decode prompts.

        Parameters
        ----------
        prepared
            The image, from `prepare`.
        model_xy
            (N, K, 2) pixels (x, y) of SAM's 1024 frame; half a pixel is added here, as SAM does.
        labels
            (N, K) 1 positive, 0 negative, -1 padding (its coordinates do not matter).

        Returns
        -------
        (N, 256, 256) float32 logits of mask token 0.

        Raises
        ------
        ValueError
            When shapes or labels are others.
        DeviceMemoryError
            When the device's memory does not even take one prompt.
        """
        check_prompts(model_xy, labels)
        grid = self._folded.grid
        with torch.autocast(self.device.type, enabled=False):
            tokens = self._token_side.embed(model_xy.to(self.device), labels.to(self.device))
        logits = tokens.new_empty(len(tokens), 4 * grid, 4 * grid)
        if len(tokens) == 0:
            return logits
        if self.device.type != "cpu":
            self._chunks.run(len(tokens), partial(self._decode_slice, prepared, tokens, logits))
            return logits
        workers = self._workers.count
        parts = _cut(len(tokens), min(self.batching.chunk, math.ceil(len(tokens) / workers)))
        work = partial(self._decode_parts, prepared, tokens, logits, parts)
        if workers == 1:
            work()
        else:
            # even for one prompt: one undisturbed core is quicker than several that wait for each other
            self._workers.run(work, min(workers, parts.qsize()))
        return logits

    def _decode_slice(self, prepared: PreparedImage, tokens: Tensor, logits: Tensor, part: slice) -> None:
        """Decode a chunk on a device other than the CPU; nothing in here waits for the device."""
        with torch.autocast(self.device.type, enabled=False):
            self._decode_chunk(prepared, tokens[part], self._room(tokens, part.stop - part.start), logits[part])

    def _decode_parts(self, prepared: PreparedImage, tokens: Tensor, logits: Tensor, parts: SimpleQueue[slice]) -> None:
        """Decode parts until none is left."""
        # grad mode and autocast belong to the thread
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            rows = self._room(tokens, min(self.batching.chunk, len(tokens)))
            while not parts.empty():
                try:
                    part = parts.get_nowait()
                except Empty:  # another thread was faster
                    return
                self._decode_chunk(prepared, tokens[part], rows[: part.stop - part.start], logits[part])

    def _room(self, tokens: Tensor, count: int) -> Tensor:
        """Return (count, 2 R, L) room for the state of the image tokens."""
        return tokens.new_empty(count, 2 * self._folded.heads * tokens.shape[1], self._folded.grid**2)

    def _decode_chunk(self, image: PreparedImage, tokens: Tensor, rows: Tensor, logits: Tensor) -> None:
        """Decode the prompts of a chunk into `logits`; `rows` (n, 2 R, L) is room for the state of the image tokens."""
        side, token_side, groups = self._image_side, self._token_side, list(self.batching.groups(len(tokens)))
        early = rows[:, : rows.shape[1] // 2]
        queries, asked = token_side.enter_first(tokens)
        read = torch.cat([side.read_first(image, asked[part]) for part in groups])
        queries, first, message = token_side.leave_first(queries, tokens, read)
        queries, question = token_side.enter_second(queries, tokens, first)
        states = [side.write_first(image, message[part], early[part]) for part in groups]
        answers = [side.read_second(image, question[part], state) for part, state in zip(groups, states, strict=True)]
        queries, second, message = token_side.leave_second(queries, tokens, _join(answers), first)
        question = token_side.enter_last(queries, tokens, first, second)
        for i, part in enumerate(groups):
            states[i] = side.write_second(image, message[part], states[i], rows[part])
            answers[i] = side.read_last(image, question[part], states[i])
        mix, hyper = token_side.leave_last(queries, _join(answers), first, second)
        for part, state in zip(groups, states, strict=True):
            side.upscale(image, state, mix[part], hyper[part], logits[part])


def _cut(count: int, size: int) -> SimpleQueue[slice]:
    """Cut so many prompts into parts."""
    parts: SimpleQueue[slice] = SimpleQueue()
    for start in range(0, count, size):
        parts.put(slice(start, min(start + size, count)))
    return parts


def _join(answers: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    return torch.cat([read for read, _ in answers]), torch.cat([mixed for _, mixed in answers])


def check_prompts(model_xy: Tensor, labels: Tensor) -> None:
    if labels.ndim != 2 or model_xy.shape != (*labels.shape, 2):
        shapes = f"{tuple(model_xy.shape)} and {tuple(labels.shape)}"
        raise ValueError(f"Prompts and labels have shapes {shapes}, expected (N, K, 2) and (N, K).")
    if labels.numel() and not -1 <= int(labels.min()) <= int(labels.max()) <= 1:
        raise ValueError(f"Labels range from {int(labels.min())} to {int(labels.max())}, expected 1, 0 or -1.")
