"""SAM 2.1 as a mask generator for pictures, through the transformers library (extra ``sam2``).

An embedding carries three maps: the image embedding and two finer ones that the decoder adds while it upscales. They
travel as one (1024, 64, 64) tensor, the finer ones folded from cells into channels, so that the rest of the program
need not know. Masks are those of token 0, as GF-SAM takes them: transformers' choice of a steadier mask is off.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_gfsam.models.checkpoints import load_module
from napari_gfsam.models.decoder import check_prompts
from napari_gfsam.models.device import CPU, Batches, Device
from napari_gfsam.models.pictures import as_pictures
from napari_gfsam.models.placing import Compiled, trust
from napari_gfsam.models.weights import WeightsError, read_weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_gfsam.models.specs import ModelSpec

SMALL = {"blocks_per_stage": [1, 2, 11, 2], "global_attention_blocks": [7, 10, 13]}
BASE_PLUS = {
    "hidden_size": 112,
    "num_attention_heads": 2,
    "embed_dim_per_stage": [112, 224, 448, 896],
    "num_attention_heads_per_stage": [2, 4, 8, 16],
    "blocks_per_stage": [2, 3, 16, 3],
    "global_attention_blocks": [12, 16, 20],
    "window_positional_embedding_background_size": [14, 14],
}
LARGE = {
    "hidden_size": 144,
    "num_attention_heads": 2,
    "embed_dim_per_stage": [144, 288, 576, 1152],
    "num_attention_heads_per_stage": [2, 4, 8, 16],
    "blocks_per_stage": [2, 6, 36, 4],
    "global_attention_blocks": [23, 33, 43],
    "window_size_per_stage": [8, 4, 16, 8],
}
#: What differs from the library's own settings, which are those of the tiny model.
BACKBONES: Mapping[str, Mapping[str, Any]] = {
    "sam2.1_hiera_tiny": {},
    "sam2.1_hiera_small": SMALL,
    "sam2.1_hiera_base_plus": BASE_PLUS,
    "sam2.1_hiera_large": LARGE,
}
WIDTH, MIDDLE, FINE = 256, 64, 32
CHANNELS = WIDTH + 4 * MIDDLE + 16 * FINE
MOST_PICTURES = 8
CPU_PROMPTS, DEVICE_PROMPTS = 2, 32
PROBE_SIDE = 256
SHARED = "shared_image_embedding.positional_embedding"
PROMPTS = "prompt_encoder.shared_embedding.positional_embedding"


@dataclass(frozen=True, slots=True, eq=False)
class Sam2Image:
    """A picture as the decoder takes it.

    Parameters
    ----------
    embedding
        (1, 256, 64, 64).
    fine, middle
        (1, 32, 256, 256) and (1, 64, 128, 128).
    """

    embedding: Tensor
    fine: Tensor
    middle: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.embedding.nbytes + self.fine.nbytes + self.middle.nbytes


class Sam2Segmenter:
    """SAM 2.1; make it with `load_sam2`. The interface is that of `SamSegmenter`.

    Parameters
    ----------
    model
        transformers' `Sam2Model`, loaded, on its device.
    spec
        The model it is.
    weights_hash
        sha256 of the weights file.
    precision
        Of the image encoder's matrix products, by autocast; the decoder's is float32.
    compiled
        Whether the image encoder goes through ``torch.compile``, one picture at a time.
    """

    def __init__(
        self,
        model: Any,
        spec: ModelSpec,
        weights_hash: str,
        *,
        precision: str = "float32",
        compiled: bool = False,
    ) -> None:
        self.model, self.spec, self.weights_hash, self.precision = model, spec, weights_hash, precision
        self._dtype: torch.dtype = getattr(torch, precision)
        self._encoder = Compiled(self._embed, wanted=compiled)
        self._pictures = Batches(1 if compiled else MOST_PICTURES)
        self._prompts = Batches(CPU_PROMPTS if self.device.type == "cpu" else DEVICE_PROMPTS)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self.model.no_memory_embedding.device
        return device

    @torch.no_grad()
    def embed(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Make the embeddings of pictures.

        Parameters
        ----------
        images
            (B, 1024, 1024, 3) uint8, RGB.

        Returns
        -------
        (B, 1024, 64, 64) float32.

        Raises
        ------
        ValueError
            If the pictures have another shape or dtype.
        DeviceMemoryError
            If memory does not even take one picture.
        """
        pictures = as_pictures(images, self.device)
        mean, std = (pictures.new_tensor(values, dtype=torch.float32) for values in (self.spec.mean, self.spec.std))
        made: list[Tensor] = []

        def work(part: slice) -> None:
            normalised = (pictures[part] / 255.0 - mean) / std
            made.append(self._encoder(normalised.permute(0, 3, 1, 2)))

        self._pictures.run(len(pictures), work)
        return torch.cat(made)

    def narrowed(self) -> torch.autocast:
        """Return the context in which the image encoder works."""
        narrow = self._dtype != torch.float32
        return torch.autocast(self.device.type, dtype=self._dtype if narrow else None, enabled=narrow)

    def _embed(self, normalised: Tensor) -> Tensor:
        """Map (B, 3, 1024, 1024) to (B, 1024, 64, 64)."""
        with self.narrowed():
            fine, middle, embedding = self.model.get_image_embeddings(normalised)
        folded = [embedding, F.pixel_unshuffle(middle, 2), F.pixel_unshuffle(fine, 4)]
        return torch.cat([part.to(torch.float32) for part in folded], 1)

    @torch.no_grad()
    def prepare(self, embedding: Tensor) -> Sam2Image:
        """Read an embedding once for all prompts on its picture.

        Parameters
        ----------
        embedding
            (1024, 64, 64), one row of what `embed` returns, on any device.

        Returns
        -------
        What `decode` takes.

        Raises
        ------
        ValueError
            If the embedding has another shape.
        """
        if tuple(embedding.shape) != (CHANNELS, 64, 64):
            raise ValueError(f"The image embedding has shape {tuple(embedding.shape)}, expected ({CHANNELS}, 64, 64).")
        whole = embedding.to(self.device, torch.float32)[None]
        coarse, middle, fine = torch.split(whole, [WIDTH, 4 * MIDDLE, 16 * FINE], 1)
        return Sam2Image(coarse, F.pixel_shuffle(fine, 4), F.pixel_shuffle(middle, 2))

    @torch.no_grad()
    def decode(self, prepared: Sam2Image, model_xy: Tensor, labels: Tensor) -> Tensor:
        """Decode N prompts of K points.

        Parameters
        ----------
        prepared
            The picture, from `prepare`.
        model_xy
            (N, K, 2) int64 pixels (x, y) of the 1024 frame; half a pixel is added here, as SAM does.
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
        check_prompts(model_xy, labels)
        points, kinds = model_xy.to(self.device, torch.float32), labels.to(self.device)
        logits = points.new_empty(len(points), 256, 256)

        def work(part: slice) -> None:
            logits[part] = self._masks(prepared, points[None, part], kinds[None, part])

        self._prompts.run(len(points), work)
        return logits

    def _masks(self, image: Sam2Image, points: Tensor, kinds: Tensor) -> Tensor:
        """(1, n, K, 2) points and (1, n, K) kinds to (n, 256, 256) logits."""
        with torch.autocast(self.device.type, enabled=False):
            sparse, dense = self.model.prompt_encoder(points, kinds, None, None)
            masks: Tensor = self.model.mask_decoder(
                image_embeddings=image.embedding,
                image_positional_embeddings=self.model.get_image_wide_positional_embeddings(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=False,
                high_resolution_features=[image.fine, image.middle],
            )[0]
        return masks[0, :, 0]


def load_sam2(
    spec: ModelSpec, *, path: str | Path | None = None, device: Device = CPU, compiled: bool = False
) -> Sam2Segmenter:
    """Load a SAM 2.1; no network is used.

    Parameters
    ----------
    spec
        Which one.
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
        If the library is not installed, or the file is missing, damaged or of another model.
    DeviceError
        If the model does not fit into the device's memory or the device answers wrongly.
    """
    if find_spec("transformers") is None:
        raise WeightsError(f'{spec.title} needs the transformers library: pip install "napari-gfsam[sam2]".')
    weights = read_weights(spec, path)
    model = build_sam2(spec.architecture, weights.state)
    if device.is_cpu and device.precision == "float32":
        return Sam2Segmenter(model, spec, weights.sha256, compiled=compiled)
    plain = Sam2Segmenter(model, spec, weights.sha256)
    features, mask = _features(plain), _one_mask(plain)

    def moved() -> Sam2Segmenter:
        there = model.to(device.name)
        return Sam2Segmenter(there, spec, weights.sha256, precision=device.precision, compiled=compiled)

    trust(device, device.precision, features, lambda: _features(moved()))
    trust(device, "float32", mask, lambda: _one_mask(moved()))
    return moved()


def build_sam2(architecture: str, state: Mapping[str, Tensor]) -> Any:
    """Build and load transformers' model.

    Parameters
    ----------
    architecture
        A key of `BACKBONES`.
    state
        Tensors named as in transformers' image model.

    Returns
    -------
    `Sam2Model`, ready for inference.

    Raises
    ------
    WeightsError
        If the tensors do not fit.
    """
    from transformers import Sam2Config, Sam2HieraDetConfig, Sam2MaskDecoderConfig, Sam2Model, Sam2VisionConfig

    backbone = Sam2HieraDetConfig(**BACKBONES[architecture])
    vision = Sam2VisionConfig(
        backbone_config=backbone, backbone_channel_list=list(reversed(backbone.embed_dim_per_stage))
    )
    decoder = Sam2MaskDecoderConfig(dynamic_multimask_via_stability=False)
    with torch.device("meta"):
        model = Sam2Model(Sam2Config(vision_config=vision, mask_decoder_config=decoder))
    # One table under two names, of which a file may hold either.
    one = state.get(SHARED, state.get(PROMPTS))
    whole = state if one is None else {SHARED: one, PROMPTS: one, **state}
    return load_module(model, whole)


@torch.no_grad()
def _features(segmenter: Sam2Segmenter) -> Tensor:
    """Put a small made-up picture through the image encoder."""
    wave = torch.sin(torch.arange(3 * PROBE_SIDE * PROBE_SIDE, dtype=torch.float32))
    with segmenter.narrowed():
        made = segmenter.model.vision_encoder(wave.view(1, 3, PROBE_SIDE, PROBE_SIDE).to(segmenter.device))
    features: Tensor = made.fpn_hidden_states[-1]
    return features


def _one_mask(segmenter: Sam2Segmenter) -> Tensor:
    """Decode one point of a made-up embedding."""
    wave = torch.sin(torch.arange(CHANNELS * 64 * 64, dtype=torch.float32)).view(CHANNELS, 64, 64)
    return segmenter.decode(segmenter.prepare(wave), torch.tensor([[[500, 300]]]), torch.ones(1, 1, dtype=torch.int64))
