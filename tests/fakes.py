"""Deterministic stand-ins for the two models: colour instead of meaning, flood fill instead of SAM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from skimage.draw import disk
from skimage.segmentation import flood
from torch.nn import functional

from napari_gfsam.core.config import TUNED

if TYPE_CHECKING:
    import pytest


#: Few prompts, for tests that are not about prompts: most of the time goes into their masks.
QUICK = TUNED.with_settings(max_prompts=24)


@dataclass(frozen=True)
class FakePrepared:
    picture: np.ndarray

    @property
    def nbytes(self) -> int:
        return self.picture.nbytes


class FakeEncoder:
    grid = 37
    dim = 16
    weights_hash = "fake-encoder"
    precision = "float32"

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, images: np.ndarray) -> torch.Tensor:
        self.calls += len(images)
        pixels = torch.from_numpy(np.asarray(images)).float().permute(0, 3, 1, 2) / 255
        cells = functional.interpolate(pixels, (self.grid, self.grid), mode="area").flatten(2).transpose(1, 2)
        mixing = torch.from_numpy(np.random.default_rng(0).normal(size=(6, self.dim))).float()
        return torch.cat([cells, 1 - cells], dim=2) @ mixing


class FakeSegmenter:
    weights_hash = "fake-segmenter"
    precision = "float32"

    def __init__(self) -> None:
        self.embeds = 0
        self.decodes = 0

    def embed(self, images: np.ndarray) -> torch.Tensor:
        self.embeds += len(images)
        pixels = torch.from_numpy(np.asarray(images)).float().permute(0, 3, 1, 2)
        return functional.interpolate(pixels, (256, 256), mode="area")

    def prepare(self, embedding: torch.Tensor) -> FakePrepared:
        return FakePrepared(embedding.mean(dim=0).numpy())

    def decode(self, prepared: FakePrepared, model_xy: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.decodes += len(model_xy)
        masks = [self._mask(prepared.picture, xy, label) for xy, label in zip(model_xy, labels, strict=True)]
        return torch.from_numpy(np.stack(masks).astype(np.float32) * 20 - 10) if masks else torch.zeros(0, 256, 256)

    @staticmethod
    def _mask(picture: np.ndarray, model_xy: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
        mask = np.zeros((256, 256), dtype=bool)
        for (x, y), label in zip(model_xy.tolist(), labels.tolist(), strict=True):
            filled = flood(picture, (y // 4, x // 4), tolerance=40)
            mask = mask | filled if label == 1 else mask & ~filled
        return mask


def use_fakes(patch: pytest.MonkeyPatch) -> tuple[FakeEncoder, FakeSegmenter]:
    """Let every Segmenter load quick stand-ins for both models."""
    encoder, segmenter = FakeEncoder(), FakeSegmenter()
    patch.setattr("napari_gfsam.models.encoders.load_encoder", lambda spec, **options: encoder)
    patch.setattr("napari_gfsam.models.segmenters.load_segmenter", lambda spec, **options: segmenter)
    return encoder, segmenter


def disc_picture(seed: int, shape: tuple[int, int] = (180, 240), count: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Bright discs on a dark, slightly noisy ground: (H, W, 3) uint8 and (H, W) uint8 labels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, dtype=np.uint8)
    for _ in range(count):
        radius = rng.uniform(14, 24)
        centre = rng.uniform(radius, np.array(shape) - radius)
        labels[disk(centre, radius, shape=shape)] = 1
    picture = np.where(labels[..., None] > 0, (210, 190, 60), (30, 40, 90)) + rng.normal(0, 4, (*shape, 3))
    return picture.clip(0, 255).astype(np.uint8), labels
