"""The weights that a benchmark runs on: real ones where they are on this machine, else random ones of the right shape.

Time does not depend on weights but through the number of clusters, which tables name.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import timm
import torch
from safetensors.torch import save_file
from segment_anything.modeling import ImageEncoderViT
from torch import nn

from napari_gfsam.models import is_present
from napari_gfsam.models.sam_vit import SIZES, WINDOW
from napari_gfsam.models.weights import read_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_gfsam.api import ModelChoice
    from napari_gfsam.models import ModelSpec


@contextmanager
def weights_for(choice: ModelChoice) -> Iterator[tuple[ModelChoice, str]]:
    """Yield the choice, with files of random weights where its own are not here, and what was done in words."""
    encoder, segmenter = choice.specs()
    with tempfile.TemporaryDirectory(prefix="gfsam-random-") as folder:
        made = []
        if not is_present(encoder):
            choice = replace(choice, encoder_weights=random_encoder(encoder, Path(folder)))
            made.append(encoder.title)
        if not is_present(segmenter):
            choice = replace(choice, segmenter_weights=random_sam(segmenter, Path(folder)))
            made.append(segmenter.title)
        yield choice, f"random weights of {' and '.join(made)}" if made else "real weights"


def random_encoder(spec: ModelSpec, folder: Path) -> Path:
    """Write random weights of a vision transformer."""
    torch.manual_seed(0)
    network = timm.create_model(spec.architecture, pretrained=False, img_size=spec.input_size, num_classes=0)
    path = folder / f"{spec.id}.safetensors"
    save_file(network.state_dict(), path)
    return path


def random_sam(spec: ModelSpec, folder: Path) -> Path:
    """Write random weights of a SAM's image encoder; the decoder is the bundled model's, which masks anything."""
    torch.manual_seed(0)
    size = SIZES[spec.architecture]
    encoder = ImageEncoderViT(
        embed_dim=size.width,
        depth=size.depth,
        num_heads=size.heads,
        use_rel_pos=True,
        window_size=WINDOW,
        global_attn_indexes=size.seeing_all,
    )
    for name, parameter in encoder.named_parameters():
        if "rel_pos" in name:
            nn.init.normal_(parameter, std=0.02)
    state = {f"image_encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
    bundled = read_weights("mobile_sam").state
    state |= {name: tensor for name, tensor in bundled.items() if not name.startswith("image_encoder.")}
    path = folder / f"{spec.id}.safetensors"
    save_file(state, path)
    return path
