"""Batched prompting of one image: every prompt is decoded once, whatever the number of classes and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from napari_gfsam.core.frames import LOGIT_SIZE, MODEL_SIZE
from napari_gfsam.core.types import MaskStack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from napari_gfsam.core.arrays import BoolArray, FloatArray, IntArray
    from napari_gfsam.core.types import MaskDecoder, SimilarityMaps

SCALE = MODEL_SIZE // LOGIT_SIZE
DEFAULT_BATCH = 16


class MaskBank:
    """The masks already decoded for one image, by prompt pixel.

    Parameters
    ----------
    decoder
        The image's mask decoder.
    batch
        Prompts decoded between two events: the grain of progress and cancelling.
    held_bytes
        Memory that the decoder holds for this image.
    embedding
        (256, 64, 64) what the decoder was prepared from, for whoever keeps the image on disk.
    """

    def __init__(
        self,
        decoder: MaskDecoder,
        *,
        batch: int = DEFAULT_BATCH,
        held_bytes: int = 0,
        embedding: Tensor | None = None,
    ) -> None:
        self._decoder = decoder
        self._batch = batch
        self._held_bytes = held_bytes
        self._logits: dict[tuple[int, int], FloatArray] = {}
        self.embedding = embedding

    @property
    def nbytes(self) -> int:
        """Bytes held by the decoder's image and the masks decoded so far."""
        return self._held_bytes + sum(logits.nbytes for logits in self._logits.values())

    def decode(self, model_xy: IntArray) -> Iterator[int]:
        """Decode the prompts that are not there yet, batch by batch.

        Parameters
        ----------
        model_xy
            (N, 2) int64 pixels.

        Yields
        ------
        How many of the N are there so far.
        """
        wanted = [(int(x), int(y)) for x, y in model_xy]
        missing = [pixel for pixel in dict.fromkeys(wanted) if pixel not in self._logits]
        for start in range(0, len(missing), self._batch):
            pixels = missing[start : start + self._batch]
            self._logits.update(zip(pixels, self._single_points(pixels), strict=True))
            yield sum(pixel in self._logits for pixel in wanted)

    def logits(self, model_xy: IntArray) -> FloatArray:
        """Return the (N, 256, 256) float32 logits of N decoded prompts."""
        if len(model_xy) == 0:
            return np.zeros((0, LOGIT_SIZE, LOGIT_SIZE), dtype=np.float32)
        return np.stack([self._logits[int(x), int(y)] for x, y in model_xy])

    def keep(self, model_xy: IntArray, logits: FloatArray) -> None:
        """Take in the (N, 256, 256) float32 logits of N prompts decoded earlier."""
        self._logits.update(zip(((int(x), int(y)) for x, y in model_xy), logits, strict=True))

    @property
    def decoded_xy(self) -> IntArray:
        """(N, 2) int64 model pixels of the prompts decoded so far."""
        return np.array(list(self._logits), dtype=np.int64).reshape(-1, 2)

    def refine(self, model_xy: IntArray, labels: IntArray) -> FloatArray:
        """Decode prompts of several points each, not kept: (N, K, 2), (N, K) -> (N, 256, 256) float32."""
        return _on_host(self._decoder(model_xy, labels))

    def _single_points(self, pixels: list[tuple[int, int]]) -> FloatArray:
        model_xy = np.array(pixels, dtype=np.int64)[:, None, :]
        return self.refine(model_xy, np.ones(model_xy.shape[:2], dtype=np.int64))


def mask_stack(logits: FloatArray, maps: SimilarityMaps) -> MaskStack:
    """Turn N logits into packed binary masks of the model frame (threshold 0 after bilinear interpolation).

    Only the box around the positive logits is interpolated: outside it no output can be positive.
    """
    count = len(logits)
    bits = np.zeros((count, MODEL_SIZE, MODEL_SIZE // 8), dtype=np.uint8)
    means = np.zeros((2, count), dtype=np.float32)
    boxes = _boxes(logits > 0)
    similarity = _upsample(torch.stack([maps.positive_mean, maps.negative_mean]).cpu(), MODEL_SIZE)
    for index, (top, left, bottom, right) in enumerate(boxes):
        if bottom == top:
            continue
        crop = torch.from_numpy(logits[index, top:bottom, left:right])
        mask = _upsample(crop[None], (SCALE * (bottom - top), SCALE * (right - left)))[0] > 0
        rows, columns = slice(SCALE * top, SCALE * bottom), slice(SCALE * left, SCALE * right)
        bits[index, rows, SCALE * left // 8 : SCALE * right // 8] = np.packbits(mask.numpy(), axis=1)
        means[:, index] = _mean_over(similarity[:, rows, columns], mask).numpy()
    return MaskStack(logits, bits, boxes * SCALE, means[0], means[1])


def unpack(bits: IntArray | np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> BoolArray:
    """Unpack masks packed over their last axis, (..., W / 8) uint8 -> (..., W) bool."""
    return np.unpackbits(np.asarray(bits, dtype=np.uint8), axis=-1).view(bool)


def _boxes(positive: BoolArray) -> IntArray:
    """(N, 4) boxes with a margin of one logit; columns widened to even numbers, so that pixels fill whole bytes."""
    boxes = np.zeros((len(positive), 4), dtype=np.int64)
    for axis, columns in ((2, 0), (1, 1)):
        hit = np.any(positive, axis=axis)
        found = np.any(hit, axis=1)
        low = hit.argmax(axis=1) - 1
        high = hit.shape[1] - hit[:, ::-1].argmax(axis=1) + 1
        if columns:
            low, high = low - low % 2, high + high % 2
        boxes[:, columns] = np.where(found, np.clip(low, 0, LOGIT_SIZE), 0)
        boxes[:, columns + 2] = np.where(found, np.clip(high, 0, LOGIT_SIZE), 0)
    return boxes


def _upsample(values: Tensor, size: int | tuple[int, int]) -> Tensor:
    """(n, h, w) -> (n, *size) bilinear, ``align_corners=False``."""
    size = (size, size) if isinstance(size, int) else size
    return functional.interpolate(values[None], size, mode="bilinear", align_corners=False)[0]


def _mean_over(values: Tensor, mask: Tensor) -> Tensor:
    """(2,) mean of two maps over a mask, 0 for an empty one."""
    weight = mask.to(values.dtype)
    return (values * weight).sum(dim=(1, 2)) / weight.sum().clamp_min(1)


def _on_host(logits: Tensor) -> FloatArray:
    return np.asarray(logits.detach().to("cpu", torch.float32).numpy())
