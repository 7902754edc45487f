"""The models of one segmenter: loaded at first use, every picture through each encoder once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from napari_gfsam.imaging import content_hash
from napari_gfsam.imaging.resize import RESIZE_VERSION
from napari_gfsam.io.records import ModelRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_gfsam.api.cache import FeatureCache
    from napari_gfsam.core.masks import MaskBank
    from napari_gfsam.models.encoders import DinoEncoder
    from napari_gfsam.models.segmenters import SamSegmenter


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """A picture's tokens, (grid * grid, C) float32, in the cache."""

    values: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.values.nbytes


class Backend:
    """Encoder and segmenter by the name of a model preset.

    Parameters
    ----------
    model
        Name of a model preset, such as ``bundled``.
    cache
        Where features are kept.

    Raises
    ------
    ValueError
        If there is no such preset.
    """

    def __init__(self, model: str, cache: FeatureCache) -> None:
        from napari_gfsam.models.registry import model_preset

        self._specs = model_preset(model)
        self._cache = cache

    @cached_property
    def encoder(self) -> DinoEncoder:
        """The encoder, loaded now if it was not."""
        from napari_gfsam.models.encoders import load_encoder

        return load_encoder(self._specs.encoder)

    @cached_property
    def segmenter(self) -> SamSegmenter:
        """The segmenter, loaded now if it was not."""
        from napari_gfsam.models.segmenters import load_segmenter

        return load_segmenter(self._specs.segmenter)

    def load(self) -> None:
        """Load both models now."""
        _ = self.encoder, self.segmenter

    def forget(self) -> None:
        """Drop all features and masks (the models stay loaded)."""
        self._cache.clear()

    @property
    def records(self) -> tuple[ModelRecord, ...]:
        """The models as run records name them."""
        specs = (self._specs.encoder, self._specs.segmenter)
        return tuple(ModelRecord(spec.id, spec.sha256) for spec in specs)

    def tokens(self, model_input: NDArray[np.uint8]) -> Tensor:
        """Return the (grid * grid, C) float32 tokens of a (1024, 1024, 3) picture."""
        encoder = self.encoder
        key = ("tokens", content_hash(model_input), encoder.weights_hash, encoder.precision, RESIZE_VERSION)
        return self._cache.get(key, lambda: Tokens(encoder.encode(model_input[None])[0])).values

    def bank(self, model_input: NDArray[np.uint8]) -> MaskBank:
        """Return the masks of a (1024, 1024, 3) picture, its embedding made now if it was not."""
        segmenter = self.segmenter
        key = ("masks", content_hash(model_input), segmenter.weights_hash, segmenter.precision, RESIZE_VERSION)
        return self._cache.get(key, lambda: self._make_bank(model_input))

    def bank_of(self, embedding: Tensor) -> MaskBank:
        """Return an empty bank of masks over a (256, 64, 64) embedding."""
        import torch

        from napari_gfsam.core.masks import MaskBank

        segmenter = self.segmenter
        prepared = segmenter.prepare(embedding)

        def decode(model_xy: NDArray[np.int64], labels: NDArray[np.int64]) -> Tensor:
            return segmenter.decode(prepared, torch.from_numpy(model_xy), torch.from_numpy(labels))

        return MaskBank(decode, held_bytes=prepared.nbytes + embedding.nbytes, embedding=embedding)

    def _make_bank(self, model_input: NDArray[np.uint8]) -> MaskBank:
        return self.bank_of(self.segmenter.embed(model_input[None])[0])
