"""SAM as this package uses it: an image becomes an embedding once, then any number of point prompts become masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_gfsam.models.checkpoints import State, build_prompt_modules, fold_mobile_sam
from napari_gfsam.models.decoder import PreparedImage, PromptDecoder
from napari_gfsam.models.pictures import as_pictures
from napari_gfsam.models.registry import ModelSpec, model_spec
from napari_gfsam.models.tiny_vit import build_mobile_sam_image_encoder
from napari_gfsam.models.weights import read_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


class SamSegmenter:
    """An image encoder and a prompt decoder; make it with `load_segmenter`.

    Parameters
    ----------
    image_encoder
        Module from (B, 1024, 1024, 3) uint8 to (B, 256, 64, 64) float.
    decoder
        The prompt decoder, on the same device.
    spec
        The model they are of.
    weights_hash
        sha256 of the weights file.
    """

    precision = "float32"

    def __init__(self, image_encoder: nn.Module, decoder: PromptDecoder, spec: ModelSpec, weights_hash: str) -> None:
        self._encoder, self._decoder = image_encoder, decoder
        self.spec, self.weights_hash = spec, weights_hash

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self._decoder.device

    @torch.no_grad()
    def embed(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Make the embeddings of pictures.

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
        embedding: Tensor = self._encoder(as_pictures(images, self.device))
        return embedding.to(torch.float32)

    def prepare(self, embedding: Tensor) -> PreparedImage:
        """Read an embedding once for all prompts on its picture.

        Parameters
        ----------
        embedding
            (256, 64, 64), one row of what `embed` returns.

        Returns
        -------
        What `decode` takes.

        Raises
        ------
        ValueError
            If the embedding has another shape.
        """
        return self._decoder.prepare(embedding)

    def decode(self, prepared: PreparedImage, model_xy: Tensor, labels: Tensor) -> Tensor:
        """Decode N prompts of K points.

        Parameters
        ----------
        prepared
            The picture, from `prepare`.
        model_xy
            (N, K, 2) int64 pixels (x, y) of the 1024 frame.
        labels
            (N, K) int64, 1 positive, 0 negative, -1 padding.

        Returns
        -------
        (N, 256, 256) float32 logits of mask token 0.

        Raises
        ------
        ValueError
            If shapes or labels are others.
        """
        return self._decoder.decode(prepared, model_xy, labels)


def load_segmenter(
    model: str | ModelSpec = "mobile_sam",
    *,
    path: str | Path | None = None,
    device: str | torch.device = "cpu",
) -> SamSegmenter:
    """Load a segmenter; no network is used.

    Parameters
    ----------
    model
        Id or description of a segmenter.
    path
        A weights file to use instead of the model's own.
    device
        Where it will work.

    Returns
    -------
    The segmenter.

    Raises
    ------
    WeightsError
        If the file is missing, damaged or of another model.
    ValueError
        If there is no such segmenter.
    """
    spec = model_spec(model, "segmenter")
    weights = read_weights(spec, path)
    state = fold_mobile_sam(weights.state) if spec.layout == "mobile_sam" else weights.state
    prompt_encoder, mask_decoder = (module.to(device) for module in build_prompt_modules(state))
    encoder = _ENCODERS[spec.architecture](state).to(device)
    return SamSegmenter(encoder, PromptDecoder(prompt_encoder, mask_decoder), spec, weights.sha256)


_ENCODERS: Mapping[str, Callable[[State], Any]] = {"mobile_sam": build_mobile_sam_image_encoder}
