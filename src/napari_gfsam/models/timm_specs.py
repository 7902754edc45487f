"""Descriptions of timm's plain vision transformers, made from timm's own configuration; no weights are touched."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import timm
import torch
from timm.layers import PatchEmbed
from timm.models import get_pretrained_cfg, is_model
from timm.models.vision_transformer import VisionTransformer

from napari_gfsam.models.catalogue import MODELS
from napari_gfsam.models.specs import ModelSpec, licence_terms

if TYPE_CHECKING:
    from napari_gfsam.models.specs import Triple

HUB = "https://huggingface.co"
READABLE = (".safetensors", ".pth", ".pt", ".bin")


def timm_spec(name: str) -> ModelSpec:
    """Describe one of timm's vision transformers as an encoder.

    Parameters
    ----------
    name
        timm's name, with or without the tag of the weights, such as ``vit_base_patch16_clip_224.openai``.

    Returns
    -------
    The description; a model of the catalogue where it is the same.

    Raises
    ------
    ValueError
        If timm has no such model or tag, or it is no plain vision transformer on square pictures.
    """
    config = _config(name)
    full_name = f"{config.architecture}.{config.tag}" if config.tag else config.architecture
    for spec in MODELS.values():
        if spec.architecture == full_name and not spec.bundled:
            return spec
    network = _network(full_name)
    sides, source = set(config.input_size[1:]), _source(config)
    if len(sides) != 1:
        raise ValueError(f"timm's {full_name!r} takes pictures of {config.input_size[1:]}, expected square ones.")
    return ModelSpec(
        id=full_name,
        kind="encoder",
        title=full_name,
        architecture=full_name,
        layout="timm",
        file_name=full_name + (PurePosixPath(source).suffix or ".safetensors"),
        sha256=None,
        size_bytes=None,
        licence=licence_terms(config.license or "not stated").name,
        source=source,
        input_size=sides.pop(),
        prefix_tokens=network.num_prefix_tokens,
        patch_size=network.patch_embed.patch_size[0],
        mean=_triple(config.mean),
        std=_triple(config.std),
        about_bytes=4 * sum(parameter.numel() for parameter in network.parameters()),
    )


def _config(name: str) -> Any:
    if not is_model(name):
        raise ValueError(f"There is no model {name!r}, neither here nor in timm {timm.__version__}: check the name.")
    try:
        return get_pretrained_cfg(name)
    except RuntimeError as error:
        raise ValueError(f"timm {timm.__version__} has no weights {name!r}: check the part behind the dot.") from error


def _network(name: str) -> Any:
    with torch.device("meta"):
        network = timm.create_model(name, pretrained=False, num_classes=0)
    if not isinstance(network, VisionTransformer) or not isinstance(network.patch_embed, PatchEmbed):
        raise ValueError(
            f"timm's {name!r} is a {type(network).__name__} with {type(network.patch_embed).__name__}, "
            "expected a plain vision transformer: choose another one."
        )
    return network


def _source(config: Any) -> str:
    """Return the address of the weights, empty where timm names none that can be read."""
    if config.hf_hub_id:
        return f"{HUB}/{config.hf_hub_id}/resolve/main/{config.hf_hub_filename or 'model.safetensors'}"
    return config.url if str(config.url).endswith(READABLE) else ""


def _triple(values: tuple[float, ...]) -> Triple:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
