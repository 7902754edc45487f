"""segment-anything's prompt encoder and mask decoder, used as its own predictor uses them."""

from __future__ import annotations

import torch
from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer
from torch import Tensor


def random_modules(seed: int = 0) -> tuple[PromptEncoder, MaskDecoder]:
    """Every parameter random, norms and biases too, so that nothing that is mixed up goes unseen."""
    generator = torch.Generator().manual_seed(seed)
    prompt_encoder = PromptEncoder(
        embed_dim=256, image_embedding_size=(64, 64), input_image_size=(1024, 1024), mask_in_chans=16
    )
    mask_decoder = MaskDecoder(
        transformer_dim=256, transformer=TwoWayTransformer(depth=2, embedding_dim=256, num_heads=8, mlp_dim=2048)
    )
    for module in (prompt_encoder, mask_decoder):
        for name, tensor in module.eval().requires_grad_(False).state_dict().items():
            noise = torch.randn(tensor.shape, generator=generator)
            if "norm" in name or name.startswith("output_upscaling.1."):
                tensor.copy_(noise * 0.3 + name.endswith("weight"))
            elif tensor.ndim == 1:
                tensor.copy_(0.1 * noise)
            elif "embed" in name or "token.weight" in name or "tokens.weight" in name or "gaussian" in name:
                tensor.copy_(noise)
            else:
                tensor.copy_(1.5 * noise / tensor[0].numel() ** 0.5)
    return prompt_encoder, mask_decoder


@torch.no_grad()
def plain_logits(
    modules: tuple[PromptEncoder, MaskDecoder], embedding: Tensor, model_xy: Tensor, labels: Tensor
) -> Tensor:
    """(N, 256, 256) logits of mask token 0, one prompt at a time."""
    prompt_encoder, mask_decoder = modules
    logits = []
    for xy, label in zip(model_xy, labels, strict=True):
        sparse, dense = prompt_encoder(points=(xy[None], label[None]), boxes=None, masks=None)
        masks, _ = mask_decoder(
            image_embeddings=embedding[None],
            image_pe=prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
        logits.append(masks[0, 0])
    return torch.stack(logits)


def assert_same_masks(found: Tensor, expected: Tensor) -> None:
    """Logits equal up to rounding, binary masks equal wherever the sign is not a matter of rounding."""
    assert found.shape == expected.shape
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
    assert not ((found > 0) != (expected > 0))[expected.abs() >= 1e-3].any()
