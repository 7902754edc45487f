"""From tensors by name to loaded modules, and from official file layouts to the ones used here."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer
from torch import Tensor, nn

from napari_gfsam.models.weights import WeightsError

State = Mapping[str, Tensor]

_RENAMES = (
    (r"^layers\.(\d+)\.downsample\.", lambda match: f"stages.{int(match[1]) + 1}.downsample."),
    (r"^layers\.", "stages."),
    (r"^patch_embed\.seq\.0\.", "patch_embed.conv1."),
    (r"^patch_embed\.seq\.2\.", "patch_embed.conv2."),
)
_NOT_LOADED = re.compile(r"^(norm_head|head)\.|attention_bias_idxs$|\.ab$|num_batches_tracked$")


def load_module(module: nn.Module, state: State, prefix: str = "") -> nn.Module:
    """Give a module built on the meta device its parameters, in float32, and set it up for inference.

    Parameters
    ----------
    module
        The module; its parameters and buffers are replaced.
    state
        Tensors by name.
    prefix
        Only names that begin so are used, without it.

    Returns
    -------
    The module, in evaluation mode, without gradients.

    Raises
    ------
    WeightsError
        If tensors are missing, too many or of another shape.
    """
    given = {name[len(prefix) :]: tensor for name, tensor in state.items() if name.startswith(prefix)}
    _check_fit(module.state_dict(), given, prefix)
    module.load_state_dict({name: tensor.to(torch.float32) for name, tensor in given.items()}, assign=True)
    return module.eval().requires_grad_(False)


def _check_fit(wanted: State, given: State, prefix: str) -> None:
    missing, extra = wanted.keys() - given.keys(), given.keys() - wanted.keys()
    if missing or extra:
        what, names = ("lack", missing) if missing else ("have unknown", extra)
        raise WeightsError(
            f"The weights are of another kind of model: they {what} {len(names)} tensors, "
            f"among them {prefix}{min(names)}; choose a file of the model that was asked for."
        )
    for name in sorted(wanted):
        found, expected = tuple(given[name].shape), tuple(wanted[name].shape)
        if found != expected:
            raise WeightsError(
                f"The weights are of a model of another size: {prefix}{name} is {found}, expected {expected}; "
                "choose a file of the model that was asked for."
            )


def build_prompt_modules(state: State) -> tuple[PromptEncoder, MaskDecoder]:
    """Build SAM's prompt encoder and mask decoder.

    Parameters
    ----------
    state
        Tensors named as in segment-anything: ``prompt_encoder.*`` and ``mask_decoder.*``; others are left alone.

    Returns
    -------
    prompt_encoder
        segment-anything's `PromptEncoder` for the 1024 frame and 64 x 64 embeddings.
    mask_decoder
        segment-anything's `MaskDecoder` with 1 + 3 mask tokens.

    Raises
    ------
    WeightsError
        If the tensors do not fit.
    """
    with torch.device("meta"):
        prompt_encoder = PromptEncoder(
            embed_dim=256, image_embedding_size=(64, 64), input_image_size=(1024, 1024), mask_in_chans=16
        )
        mask_decoder = MaskDecoder(
            transformer_dim=256,
            transformer=TwoWayTransformer(depth=2, embedding_dim=256, num_heads=8, mlp_dim=2048),
            num_multimask_outputs=3,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        )
    load_module(prompt_encoder, state, "prompt_encoder.")
    load_module(mask_decoder, state, "mask_decoder.")
    return prompt_encoder, mask_decoder


def fold_mobile_sam(state: State) -> dict[str, Tensor]:
    """Bring an official ``mobile_sam.pt`` into the layout of the bundled file.

    Its image encoder has a BatchNorm after every convolution: each pair becomes one convolution with a bias. The
    classification head is left out.

    Parameters
    ----------
    state
        Tensors as in the official file.

    Returns
    -------
    Tensors in the layout ``mobile_sam_folded``, float32 where they were folded.

    Raises
    ------
    WeightsError
        If a convolution has no BatchNorm.
    """
    prefix = "image_encoder."
    folded = {name: tensor for name, tensor in state.items() if not name.startswith(prefix)}
    for name, tensor in state.items():
        inner = name.removeprefix(prefix)
        if inner == name or _NOT_LOADED.search(inner) or ".bn." in inner:
            continue
        target = prefix + _renamed(inner)
        if inner.endswith(".c.weight"):
            base = target.removesuffix(".c.weight")
            norm = name.removesuffix("c.weight") + "bn."
            folded[f"{base}.weight"], folded[f"{base}.bias"] = _fold(tensor, state, norm)
        else:
            folded[target] = tensor
    return folded


def _renamed(name: str) -> str:
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def _fold(weight: Tensor, state: State, norm: str, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Fold the BatchNorm named ``norm`` (its tensors' common prefix) into a convolution without a bias."""
    missing = [part for part in ("weight", "bias", "running_mean", "running_var") if norm + part not in state]
    if missing:
        lost = norm + missing[0]
        raise WeightsError(f"The weights are no MobileSAM checkpoint ({lost} is missing): choose another file.")
    gamma, beta, mean, variance = (
        state[norm + part].to(torch.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / torch.sqrt(variance + eps)
    return (weight.to(torch.float64) * scale[:, None, None, None]).float(), (beta - mean * scale).float()
