"""The official GF-SAM code, run from a checkout that the user names, on the weights that ours runs on.

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
from torch.utils._pytree import tree_map

from napari_gfsam.api import ModelChoice
from napari_gfsam.models.sam_vit import SIZES
from napari_gfsam.models.tiny_vit import build_mobile_sam_image_encoder
from napari_gfsam.models.weights import read_weights

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_gfsam.models import ModelSpec

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
    choice
        The models; bundled when None.
    device
        Where they work.
    narrow
        Whether the models work in bfloat16 autocast and everything in TF32 (what a user can switch on without changing
        the method, which would otherwise meet types that numpy lacks).
    decoder_batch
        Prompts a decoder call; the official code uses 64.
    """

    def __init__(
        self,
        checkout: Path,
        choice: ModelChoice | None = None,
        *,
        device: str = "cpu",
        narrow: bool = False,
        decoder_batch: int = 64,
    ) -> None:
        with _packages_of(checkout):
            self._method = import_module("matcher.GFSAM")
            vits = import_module("dinov2.models.vision_transformer")
            sam = import_module("segment_anything")
            modeling = import_module("segment_anything.modeling")
        iterate = self._method.batch_iterator
        self._method.batch_iterator = lambda _, *arrays: iterate(decoder_batch, *arrays)
        specs = (choice or ModelChoice()).specs()
        encoder = _dino(vits, specs[0]).to(device)
        predictor = sam.SamPredictor(_sam(sam, modeling, specs[1]).to(device))
        self._narrow = narrow
        if narrow:
            _autocast(encoder, "forward_features", device)
            _autocast(predictor.model.image_encoder, "forward", device)
            _autocast(predictor.model.mask_decoder, "forward", device)
        self.device = torch.device(device)
        self.model = self._method.GFSAM(encoder, predictor, device=self.device)

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
        with self.precision():
            self.model.set_reference(pictures.to(self.device), masks.to(self.device))
            self.model.set_target(_tensor(target)[None].to(self.device))
            prediction, _ = self.model.predict()
        self.model.clear()
        return prediction[0].cpu().numpy() > 0

    @contextmanager
    def precision(self) -> Iterator[None]:
        """TF32 products where they were asked for, for this code only."""
        matmul = torch.backends.cuda.matmul
        before = matmul.allow_tf32
        matmul.allow_tf32 = before or self._narrow
        try:
            yield
        finally:
            matmul.allow_tf32 = before


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


def _autocast(module: torch.nn.Module, name: str, device: str) -> None:
    """Let a method work in bfloat16 and give float32, as the method around it expects."""
    plain = getattr(module, name)

    def run(*given: Any, **named: Any) -> Any:
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            made = plain(*given, **named)
        return tree_map(lambda leaf: leaf.float() if isinstance(leaf, torch.Tensor) else leaf, made)

    setattr(module, name, run)


def _dino(vits: Any, spec: ModelSpec) -> torch.nn.Module:
    size = spec.architecture.split("_")[1]
    encoder = getattr(vits, f"vit_{'giant2' if size == 'giant' else size}")(
        img_size=518,
        patch_size=14,
        init_values=1e-5,
        ffn_layer="mlp",
        block_chunks=0,
        qkv_bias=True,
        proj_bias=True,
        ffn_bias=True,
    )
    state = {name: value.float() for name, value in read_weights(spec).state.items()}
    missing = set(encoder.load_state_dict(state, strict=False).missing_keys)
    if missing - {"mask_token"}:
        raise ValueError(f"The official encoder lacks {sorted(missing)}; choose a DINOv2 without registers.")
    return encoder.eval()


def _sam(sam: Any, modeling: Any, spec: ModelSpec) -> torch.nn.Module:
    state = {name: value.float() for name, value in read_weights(spec).state.items()}
    if spec.architecture in SIZES:
        whole = sam.sam_model_registry[spec.architecture.removeprefix("sam_")]()
        whole.load_state_dict(state, strict=False)
        return whole.eval()
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
        module.load_state_dict(
            {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        )
    encoder = SquareEncoder(build_mobile_sam_image_encoder(state))
    return modeling.Sam(image_encoder=encoder, prompt_encoder=prompt_encoder, mask_decoder=mask_decoder).eval()


def _tensor(picture: np.ndarray) -> torch.Tensor:
    """(H, W, 3) uint8 -> (3, H, W) float32 in 0..1, as torchvision's ToTensor does."""
    return torch.from_numpy(picture).permute(2, 0, 1).float().div(255)
