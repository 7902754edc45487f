"""The official GF-SAM code, run from a checkout that the user names, on the bundled weights.

Nothing of that code is part of this project. Its packages carry the names of installed ones (``segment_anything``),
so they are imported under a clean module table and live beside ours in one process.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from napari_gfsam.models.registry import model_preset
from napari_gfsam.models.tiny_vit import build_mobile_sam_image_encoder
from napari_gfsam.models.weights import read_weights

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGES = ("segment_anything", "dinov2", "matcher")


class SquareEncoder(torch.nn.Module):
    """Gives our image encoder what the official predictor asks of one: `img_size` and a plain forward.

    The official code thus gets our faster encoder: ratios err in its favour.
    """

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.img_size = 1024

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.encoder.embed(pixels.permute(0, 2, 3, 1))


class Official:
    """The official method on one reference class and one target at a time.

    Parameters
    ----------
    checkout
        Folder of the official repository.
    decoder_batch
        Prompts a decoder call; the official code uses 64.
    """

    def __init__(self, checkout: Path, decoder_batch: int = 64) -> None:
        with _packages_of(checkout):
            self._method = import_module("matcher.GFSAM")
            vits = import_module("dinov2.models.vision_transformer")
            sam = import_module("segment_anything")
            modeling = import_module("segment_anything.modeling")
        iterate = self._method.batch_iterator
        self._method.batch_iterator = lambda _, *arrays: iterate(decoder_batch, *arrays)
        specs = model_preset("bundled")
        encoder = _dino(vits, read_weights(specs.encoder).state)
        predictor = sam.SamPredictor(_sam(modeling, read_weights(specs.segmenter).state))
        self.model = self._method.GFSAM(encoder, predictor, device=torch.device("cpu"))

    @torch.no_grad()
    def predict(self, references: list[tuple[np.ndarray, np.ndarray]], target: np.ndarray) -> np.ndarray:
        """Return the (1024, 1024) bool answer.

        Parameters
        ----------
        references
            (1024, 1024, 3) uint8 pictures with (1024, 1024) masks.
        target
            (1024, 1024, 3) uint8.
        """
        pictures = torch.stack([_tensor(picture) for picture, _ in references])[None]
        masks = torch.stack([torch.from_numpy(mask.astype(np.float32)) for _, mask in references])[None]
        self.model.set_reference(pictures, masks)
        self.model.set_target(_tensor(target)[None])
        prediction, _ = self.model.predict()
        self.model.clear()
        return prediction[0].numpy() > 0


def squash_mask(mask: np.ndarray) -> np.ndarray:
    """Bring a mask to 1024 x 1024 as the official data sets do (torch's nearest)."""
    tensor = torch.from_numpy(mask.astype(np.float32))[None, None]
    return functional.interpolate(tensor, (1024, 1024), mode="nearest")[0, 0].numpy() > 0


@contextmanager
def _packages_of(checkout: Path) -> Iterator[None]:
    """Import from the checkout first; afterwards the installed packages are back under their names."""
    ours = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] in PACKAGES}
    sys.path.insert(0, str(checkout))
    try:
        yield
    finally:
        sys.path.remove(str(checkout))
        for name in [name for name in sys.modules if name.split(".")[0] in PACKAGES]:
            del sys.modules[name]
        sys.modules.update(ours)


def _dino(vits: Any, state: dict[str, torch.Tensor]) -> torch.nn.Module:
    encoder = vits.vit_small(
        img_size=518,
        patch_size=14,
        init_values=1e-5,
        ffn_layer="mlp",
        block_chunks=0,
        qkv_bias=True,
        proj_bias=True,
        ffn_bias=True,
    )
    encoder.load_state_dict({name: value.float() for name, value in state.items()}, strict=False)
    return encoder.eval()


def _sam(modeling: Any, state: dict[str, torch.Tensor]) -> torch.nn.Module:
    prompt_encoder = modeling.PromptEncoder(
        embed_dim=256, image_embedding_size=(64, 64), input_image_size=(1024, 1024), mask_in_chans=16
    )
    mask_decoder = modeling.MaskDecoder(
        num_multimask_outputs=3,
        transformer=modeling.TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8),
        transformer_dim=256,
        iou_head_depth=3,
        iou_head_hidden_dim=256,
    )
    for module, prefix in ((prompt_encoder, "prompt_encoder."), (mask_decoder, "mask_decoder.")):
        mine = {name.removeprefix(prefix): value.float() for name, value in state.items() if name.startswith(prefix)}
        module.load_state_dict(mine)
    encoder = SquareEncoder(build_mobile_sam_image_encoder(state))
    return modeling.Sam(image_encoder=encoder, prompt_encoder=prompt_encoder, mask_decoder=mask_decoder).eval()


def _tensor(picture: np.ndarray) -> torch.Tensor:
    """(H, W, 3) uint8 -> (3, H, W) float32 in 0..1, as torchvision's ToTensor does."""
    return torch.from_numpy(picture).permute(2, 0, 1).float().div(255)
