"""DINOv2 by timm: pictures in the model frame to tokens before the last norm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_gfsam.models.checkpoints import State, load_module
from napari_gfsam.models.fused import fuse
from napari_gfsam.models.pictures import as_pictures
from napari_gfsam.models.registry import ModelSpec, model_spec
from napari_gfsam.models.weights import read_weights

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class DinoEncoder:
    """A vision transformer that turns pictures into tokens; make it with `load_encoder`.

    Parameters
    ----------
    model
        timm's vision transformer, loaded.
    spec
        The model it is.
    weights_hash
        sha256 of the weights file.
    """

    precision = "float32"

    def __init__(self, model: Any, spec: ModelSpec, weights_hash: str) -> None:
        self._model, self.spec, self.weights_hash = model, spec, weights_hash
        self.grid = int(model.patch_embed.grid_size[0])
        self.dim = int(model.embed_dim)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self._model.pos_embed.device
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
        """
        pictures = network_input(as_pictures(images, self.device), self.spec.input_size)
        tokens: Tensor = self._model.forward_intermediates(
            pictures, indices=1, norm=False, intermediates_only=True, output_fmt="NLC"
        )[0]
        return tokens


def network_input(pictures: Tensor, size: int) -> Tensor:
    """Resize and normalise as the official code does: float in [0, 1], bilinear with antialias, ImageNet's statistics.

    Parameters
    ----------
    pictures
        (B, H, W, 3) uint8.
    size
        Side of the result.

    Returns
    -------
    (B, 3, size, size) float32.
    """
    scaled = pictures.permute(0, 3, 1, 2).to(torch.float32) / 255.0
    small = F.interpolate(scaled, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    mean, std = (small.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (small - mean) / std


def load_encoder(
    model: str | ModelSpec = "dinov2_vits14_bundled",
    *,
    path: str | Path | None = None,
    device: str | torch.device = "cpu",
) -> DinoEncoder:
    """Load an encoder; no network is used.

    Parameters
    ----------
    model
        Id or description of an encoder.
    path
        A weights file to use instead of the model's own.
    device
        Where it will work.

    Returns
    -------
    The encoder.

    Raises
    ------
    WeightsError
        If the file is missing, damaged or of another model.
    ValueError
        If there is no such encoder.
    """
    spec = model_spec(model, "encoder")
    weights = read_weights(spec, path)
    return DinoEncoder(build_transformer(spec, weights.state).to(device), spec, weights.sha256)


def build_transformer(spec: ModelSpec, state: State) -> nn.Module:
    """Build and load the vision transformer of an encoder.

    Parameters
    ----------
    spec
        The encoder.
    state
        Tensors in DINOv2's official layout, which is timm's as well.

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
