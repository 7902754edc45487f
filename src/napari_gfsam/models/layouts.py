"""From the names that publishers give their tensors to the names that this package's builders take."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_gfsam.models.checkpoints import State, fold_mobile_sam
from napari_gfsam.models.weights import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    from napari_gfsam.models.specs import ModelSpec

# The parts of segment-anything's and of transformers' image model; statistics, training and video parts are not used.
_SAM_PARTS = ("image_encoder.", "prompt_encoder.", "mask_decoder.")
_SAM2_PARTS = ("vision_encoder.", "prompt_encoder.", "mask_decoder.", "shared_image_embedding.", "no_memory_embedding")

_DINO_WIDTHS = {384: ("small", "S"), 768: ("base", "B"), 1024: ("large", "L"), 1536: ("giant", "g")}
_SAM_WIDTHS = {768: "b", 1024: "l", 1280: "h"}
_SAM2_WIDTHS = {112: "base_plus", 144: "large"}  # tiny and small share theirs and differ in depth


def adapt(spec: ModelSpec, state: State) -> dict[str, Tensor]:
    """Bring tensors into the layout that the builder of a model takes.

    Encoders: timm's names, from Meta's or timm's files. SAM: segment-anything's names, from its own files or
    micro-sam's. MobileSAM: the bundled file's, BatchNorm folded. SAM 2.1: those of transformers' image model.

    Parameters
    ----------
    spec
        The model that was asked for.
    state
        Tensors by name, as in the file.

    Returns
    -------
    Tensors by name; values are the file's unless they were folded.

    Raises
    ------
    WeightsError
        If they are recognised as those of another model.
    """
    given = _without_prefix(state)
    found, titles = recognise(given), _titles()
    if found is not None and found != spec.architecture and spec.architecture in titles:
        raise WeightsError(
            f"The file for model {spec.id!r} holds {titles[found]}, expected {titles[spec.architecture]}: "
            "choose a file of the model that was asked for."
        )
    if spec.kind == "encoder":
        return timm_names(given)
    parts = _SAM2_PARTS if spec.layout == "sam2" else _SAM_PARTS
    kept = {name: tensor for name, tensor in given.items() if name.startswith(parts)}
    folds = spec.architecture == "mobile_sam" and any(".bn." in name for name in kept)
    return fold_mobile_sam(kept) if folds else kept


def timm_names(state: State) -> dict[str, Tensor]:
    """Bring a vision transformer's tensors under timm's names.

    Meta's DINOv2 files differ so: a ``mask_token`` for training; ``register_tokens``, which take no position, so that
    the class token's position is added to it here; SwiGLU's two layers as ``w12`` and ``w3`` (ViT-g).

    Parameters
    ----------
    state
        Tensors in Meta's or timm's layout.

    Returns
    -------
    Tensors in timm's, without a classification head.
    """
    made = {name: tensor for name, tensor in state.items() if name != "mask_token" and not name.startswith("head.")}
    registers = made.pop("register_tokens", None)
    if registers is not None and {"cls_token", "pos_embed"} <= made.keys():
        position = made["pos_embed"]
        made |= {
            "reg_token": registers,
            "cls_token": made["cls_token"] + position[:, :1],
            "pos_embed": position[:, 1:],
        }
    return {re.sub(r"\.mlp\.w12\.", ".mlp.fc1.", re.sub(r"\.mlp\.w3\.", ".mlp.fc2.", n)): t for n, t in made.items()}


def recognise(state: State) -> str | None:
    """Tell a model by names and shapes.

    Parameters
    ----------
    state
        Tensors by name, as in the file.

    Returns
    -------
    The architecture, as in `ModelSpec.architecture`, of DINOv2, SAM, MobileSAM and SAM 2.1; None for any other.
    """
    state = _without_prefix(state)
    if any(name.startswith(("image_encoder.layers.", "image_encoder.stages.")) for name in state):
        return "mobile_sam"
    if (patch := state.get("image_encoder.patch_embed.proj.weight")) is not None:
        letter = _SAM_WIDTHS.get(patch.shape[0])
        return f"sam_vit_{letter}" if letter else None
    if (patch := state.get("vision_encoder.backbone.patch_embed.projection.weight")) is not None:
        size = "small" if any("backbone.blocks.12." in name for name in state) else "tiny"
        return f"sam2.1_hiera_{_SAM2_WIDTHS.get(patch.shape[0], size)}"
    patch = state.get("patch_embed.proj.weight")
    if patch is None or patch.shape[-1] != 14 or "blocks.0.ls1.gamma" not in state:
        return None
    name, _ = _DINO_WIDTHS.get(patch.shape[0], ("", ""))
    return _dinov2(name, bool({"reg_token", "register_tokens"} & state.keys())) if name else None


def _without_prefix(state: State) -> dict[str, Tensor]:
    """Take away what torch-em puts before a SAM's names."""
    return {name.removeprefix("sam."): tensor for name, tensor in state.items()}


def _dinov2(name: str, registers: bool) -> str:
    return f"vit_{name}_patch14{'_reg4' if registers else ''}_dinov2.lvd142m"


def _titles() -> dict[str, str]:
    """Return what people call the architectures that `recognise` tells apart."""
    titles = {f"sam_vit_{letter}": f"SAM ViT-{letter.upper()}" for letter in _SAM_WIDTHS.values()}
    titles |= {f"sam2.1_hiera_{size}": f"SAM 2.1 Hiera {size}" for size in ("tiny", "small", "base_plus", "large")}
    for name, letter in _DINO_WIDTHS.values():
        titles[_dinov2(name, False)] = f"DINOv2 ViT-{letter}/14"
        titles[_dinov2(name, True)] = f"DINOv2 ViT-{letter}/14 with registers"
    return titles | {"mobile_sam": "MobileSAM"}
