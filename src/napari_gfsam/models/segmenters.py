"""SAM as this package uses it: an image becomes an embedding once, then any number of point prompts become masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from napari_gfsam.models.checkpoints import State, build_prompt_modules
from napari_gfsam.models.decoder import PreparedImage, PromptDecoder
from napari_gfsam.models.device import CPU, Batches, Device
from napari_gfsam.models.pictures import as_pictures, sam_input
from napari_gfsam.models.placing import Compiled, place, trust
from napari_gfsam.models.registry import ModelSpec, model_spec
from napari_gfsam.models.sam_vit import SIZES, build_sam_vit_image_encoder
from napari_gfsam.models.tiny_vit import build_mobile_sam_image_encoder
from napari_gfsam.models.weights import read_weights

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

MOST_PICTURES = 8
PROBE_SIDE = 112


class MaskModel(Protocol):
    """What makes masks: an embedding a picture, then masks for points on it (`SamSegmenter` says more)."""

    spec: ModelSpec
    weights_hash: str
    precision: str

    def embed(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """(B, 1024, 1024, 3) uint8 to (B, C, 64, 64) float32."""
        ...

    def prepare(self, embedding: Tensor) -> Any:
        """(C, 64, 64) to what `decode` takes, which knows its `nbytes`."""
        ...

    def decode(self, prepared: Any, model_xy: Tensor, labels: Tensor) -> Tensor:
        """(N, K, 2) pixels and (N, K) labels to (N, 256, 256) float32 logits."""
        ...


class SamSegmenter:
    """An image encoder and a prompt decoder; make it with `load_segmenter`.

    Parameters
    ----------
    image_encoder
        Whose `embed` maps (B, 1024, 1024, 3) float32, normalised, to (B, 256, 64, 64) float32.
    decoder
        The prompt decoder, on the same device.
    spec
        The model they are of.
    weights_hash
        sha256 of the weights file.
    precision
        Of the image encoder's matrix products; the decoder's is float32.
    compiled
        Whether the encoder goes through ``torch.compile``, one picture at a time: other batches would be compiled anew.
    """

    def __init__(
        self,
        image_encoder: Any,
        decoder: PromptDecoder,
        spec: ModelSpec,
        weights_hash: str,
        *,
        precision: str = "float32",
        compiled: bool = False,
    ) -> None:
        self._decoder = decoder
        self.spec, self.weights_hash, self.precision = spec, weights_hash, precision
        self._encoder = Compiled(image_encoder.embed, wanted=compiled)
        self._batches = Batches(1 if compiled else MOST_PICTURES)

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
        DeviceMemoryError
            If memory does not even take one picture.
        """
        pictures = as_pictures(images, self.device)
        made: list[Tensor] = []

        def work(part: slice) -> None:
            made.append(self._encoder(sam_input(pictures[part], self.device)))

        self._batches.run(len(pictures), work)
        return torch.cat(made) if len(made) != 1 else made[0]

    def prepare(self, embedding: Tensor) -> PreparedImage:
        """Read an embedding once for all prompts on its picture.

        Parameters
        ----------
        embedding
            (256, 64, 64), one row of what `embed` returns, on any device.

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
        DeviceMemoryError
            If memory does not even take one prompt.
        """
        return self._decoder.decode(prepared, model_xy, labels)


def load_segmenter(
    model: str | ModelSpec = "mobile_sam",
    *,
    path: str | Path | None = None,
    device: Device = CPU,
    compiled: bool = False,
) -> MaskModel:
    """Load a segmenter; no network is used.

    Parameters
    ----------
    model
        Id or description of a segmenter.
    path
        A weights file to use instead of the model's own.
    device
        Where it will work, and in which precision.
    compiled
        Whether its image encoder goes through ``torch.compile``.

    Returns
    -------
    The segmenter.

    Raises
    ------
    WeightsError
        If the file is missing, damaged or of another model.
    ValueError
        If there is no such segmenter.
    DeviceError
        If the model does not fit into the device's memory or the device answers wrongly.
    """
    spec = model_spec(model, "segmenter")
    if spec.layout == "sam2":
        from napari_gfsam.models.sam2 import load_sam2  # needs the extra "sam2"

        return load_sam2(spec, path=path, device=device, compiled=compiled)
    weights = read_weights(spec, path)
    encoder = _build_encoder(spec.architecture, weights.state)
    precision = place(encoder, device, encoder.narrow_parts, _probe)
    decoder = _build_decoder(weights.state, device)
    return SamSegmenter(encoder, decoder, spec, weights.sha256, precision=precision, compiled=compiled)


def _build_encoder(architecture: str, state: State) -> Any:
    if architecture in SIZES:
        return build_sam_vit_image_encoder(architecture, state)
    return build_mobile_sam_image_encoder(state)


def _build_decoder(state: State, device: Device) -> PromptDecoder:
    modules = build_prompt_modules(state)
    decoder = PromptDecoder(*modules)
    if device.is_cpu:
        return decoder
    expected, moved = _one_mask(decoder), []

    def answer() -> Tensor:
        moved.append(PromptDecoder(*(module.to(device.name) for module in modules)))
        return _one_mask(moved[0])

    trust(device, "float32", expected, answer)
    return moved[0]


def _probe(encoder: Any) -> Tensor:
    """Put a small made-up picture through the encoder."""
    wave = torch.sin(torch.arange(PROBE_SIDE * PROBE_SIDE * 3, dtype=torch.float32))
    embedding: Tensor = encoder.embed(wave.view(1, PROBE_SIDE, PROBE_SIDE, 3).to(next(encoder.parameters()).device))
    return embedding


def _one_mask(decoder: PromptDecoder) -> Tensor:
    """Decode one point of a made-up embedding."""
    wave = torch.sin(torch.arange(256 * 64 * 64, dtype=torch.float32)).view(256, 64, 64)
    prompt = torch.tensor([[[500, 300]]]), torch.ones(1, 1, dtype=torch.int64)
    return decoder.decode(decoder.prepare(wave), *prompt)
