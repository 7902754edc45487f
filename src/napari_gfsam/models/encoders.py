"""Vision transformers by timm, DINOv2 above all: pictures in the model frame to tokens before the last norm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_gfsam.models.checkpoints import State, load_module
from napari_gfsam.models.device import CPU, Batches, Device
from napari_gfsam.models.fused import fuse
from napari_gfsam.models.pictures import as_pictures
from napari_gfsam.models.placing import Compiled, place
from napari_gfsam.models.registry import ModelSpec, model_spec
from napari_gfsam.models.specs import IMAGENET_MEAN, IMAGENET_STD, Triple
from napari_gfsam.models.weights import read_weights

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

MOST_PICTURES = 16
PROBE_TOKENS = 50


class DinoEncoder:
    """A vision transformer that turns pictures into tokens; make it with `load_encoder`.

    Parameters
    ----------
    model
        timm's vision transformer, loaded, on its device.
    spec
        The model it is.
    weights_hash
        sha256 of the weights file.
    precision
        Of its matrix products.
    compiled
        Whether it goes through ``torch.compile``, one picture at a time: other batches would be compiled anew.
    """

    def __init__(
        self, model: Any, spec: ModelSpec, weights_hash: str, *, precision: str = "float32", compiled: bool = False
    ) -> None:
        self._model, self.spec, self.weights_hash, self.precision = model, spec, weights_hash, precision
        self.grid = int(model.patch_embed.grid_size[0])
        self.dim = int(model.embed_dim)
        self._tokens = Compiled(self._run, wanted=compiled)
        self._batches = Batches(1 if compiled else MOST_PICTURES)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self._model.patch_embed.proj.weight.device
        return device

    @torch.no_grad()
    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Make the tokens of pictures.

        Parameters
        ----------
        images
            (B, 1024, 1024, 3) uint8, RGB.

        Returns
        -------
        (B, grid * grid, dim) float32, row by row: output of the last block before the final LayerNorm, without the
        class (and register) tokens.

        Raises
        ------
        ValueError
            If the pictures have another shape or dtype.
        DeviceMemoryError
            If memory does not even take one picture.
        """
        # Not every device other than the CPU and CUDA's has the antialiased resize.
        pictures = as_pictures(images, self.device if self.device.type == "cuda" else "cpu")
        tokens = torch.empty(len(pictures), self.grid**2, self.dim, device=self.device)

        def work(part: slice) -> None:
            spec = self.spec
            given = network_input(pictures[part], spec.input_size, mean=spec.mean, std=spec.std)
            tokens[part] = self._tokens(given.to(self.device))

        self._batches.run(len(pictures), work)
        # What follows needs operators that Apple's GPUs lack.
        return tokens.cpu() if self.device.type == "mps" else tokens

    def _run(self, pictures: Tensor) -> Tensor:
        tokens: Tensor = self._model.forward_intermediates(
            pictures, indices=1, norm=False, intermediates_only=True, output_fmt="NLC"
        )[0]
        return tokens


def network_input(pictures: Tensor, size: int, *, mean: Triple = IMAGENET_MEAN, std: Triple = IMAGENET_STD) -> Tensor:
    """Resize and normalise as the official code does: float in [0, 1], bilinear with antialias, the model's statistics.

    Parameters
    ----------
    pictures
        (B, H, W, 3) uint8.
    size
        Side of the result.
    mean, std
        By channel.

    Returns
    -------
    (B, 3, size, size) float32.
    """
    scaled = pictures.permute(0, 3, 1, 2).to(torch.float32) / 255.0
    small = F.interpolate(scaled, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    centre, spread = (small.new_tensor(values)[:, None, None] for values in (mean, std))
    return (small - centre) / spread


def load_encoder(
    model: str | ModelSpec = "dinov2_vits14_bundled",
    *,
    path: str | Path | None = None,
    device: Device = CPU,
    compiled: bool = False,
) -> DinoEncoder:
    """Load an encoder; no network is used.

    Parameters
    ----------
    model
        Id or description of an encoder, or the timm name of a vision transformer.
    path
        A weights file to use instead of the model's own.
    device
        Where it will work, and in which precision.
    compiled
        Whether it goes through ``torch.compile``.

    Returns
    -------
    The encoder.

    Raises
    ------
    WeightsError
        If the file is missing, damaged or of another model.
    ValueError
        If there is no such encoder.
    DeviceError
        If the model does not fit into the device's memory or the device answers wrongly.
    """
    spec = model_spec(model, "encoder")
    weights = read_weights(spec, path)
    network = build_transformer(spec, weights.state)
    precision = place(network, device, narrow_parts(network), _probe)
    return DinoEncoder(network, spec, weights.sha256, precision=precision, compiled=compiled)


def build_transformer(spec: ModelSpec, state: State) -> Any:
    """Build and load the vision transformer of an encoder.

    Parameters
    ----------
    spec
        The encoder.
    state
        Tensors in timm's layout.

    Returns
    -------
    timm's `VisionTransformer`, ready for inference.

    Raises
    ------
    WeightsError
        If the tensors do not fit.
    """
    with torch.device("meta"):  # no time is lost on random numbers that the weights replace
        network = timm.create_model(spec.architecture, pretrained=False, img_size=spec.input_size, num_classes=0)
    load_module(network, state)
    fuse(network)
    return cast("nn.Module", network)


def narrow_parts(network: Any) -> list[nn.Module]:
    """Return what of a transformer may work in 16 bits: attentions and MLPs, not patches, norms and sums."""
    return [getattr(block, name) for block in network.blocks for name in ("attn", "mlp") if hasattr(block, name)]


def _probe(network: Any) -> Tensor:
    """Put a few made-up tokens through all blocks."""
    wave = torch.sin(torch.arange(PROBE_TOKENS * network.embed_dim, dtype=torch.float32))
    tokens: Tensor = network.blocks(wave.view(1, PROBE_TOKENS, -1).to(network.patch_embed.proj.weight.device))
    return tokens
