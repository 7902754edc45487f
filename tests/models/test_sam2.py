"""SAM 2.1 against the library's own way from a picture to masks, with random weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import Sam2Config, Sam2Model

from napari_gfsam.imaging import to_model_input, to_rgb
from napari_gfsam.models import MODELS, sam2
from napari_gfsam.models.device import Device
from napari_gfsam.models.sam2 import BACKBONES, PROMPTS, SHARED, Sam2Segmenter, build_sam2
from napari_gfsam.models.segmenters import load_segmenter
from napari_gfsam.models.weights import WeightsError
from napari_gfsam.samples import load_pair
from tests.models.pretend_gpu import OnGpu, pretended_gpu

SPEC = MODELS["sam2.1_hiera_tiny"]


@pytest.fixture(scope="module")
def plain() -> Any:
    torch.manual_seed(0)
    model = Sam2Model(Sam2Config()).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if "mask_decoder" in name or "prompt_encoder" in name:
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    model.shared_image_embedding.load_state_dict(model.prompt_encoder.shared_embedding.state_dict())
    return model


@pytest.fixture(scope="module")
def segmenter(plain: Any) -> Sam2Segmenter:
    return Sam2Segmenter(build_sam2(SPEC.architecture, plain.state_dict()), SPEC, "hash")


@pytest.fixture(scope="module")
def picture() -> Tensor:
    return torch.from_numpy(to_model_input(to_rgb(load_pair("coins").targets[0].image)))[None]


@pytest.fixture(scope="module")
def embedding(segmenter: Sam2Segmenter, picture: Tensor) -> Tensor:
    return segmenter.embed(picture)[0]


@pytest.fixture(scope="module")
def library(plain: Any, picture: Tensor) -> list[Tensor]:
    """The library's own three maps of the picture."""
    scaled = (picture / 255 - torch.tensor(SPEC.mean)) / torch.tensor(SPEC.std)
    maps: list[Tensor] = plain.get_image_embeddings(scaled.permute(0, 3, 1, 2))
    return maps


def prompts(k: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(k)
    labels = torch.ones(5, k, dtype=torch.int64)
    labels[:, 1:] = torch.randint(0, 2, (5, k - 1), generator=generator)
    return torch.randint(0, 1024, (5, k, 2), generator=generator), labels


def test_the_embedding_holds_the_librarys_maps(segmenter, embedding, library):
    assert embedding.shape == (1024, 64, 64)
    prepared = segmenter.prepare(embedding)
    for found, expected in zip((prepared.fine, prepared.middle, prepared.embedding), library, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert prepared.nbytes == embedding.nbytes


@pytest.mark.parametrize("k", [1, 3])
def test_masks_are_those_of_token_0(plain, segmenter, embedding, library, k):
    model_xy, labels = prompts(k)
    found = segmenter.decode(segmenter.prepare(embedding), model_xy, labels)
    sparse, dense = plain.prompt_encoder(model_xy[None].float(), labels[None], None, None)
    chosen: list[Tensor] = []

    def watch(masks: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        chosen.append(masks)
        return masks, scores

    plain.mask_decoder._dynamic_multimask_via_stability = watch
    plain.mask_decoder(
        image_embeddings=library[2],
        image_positional_embeddings=plain.get_image_wide_positional_embeddings(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=False,
        high_resolution_features=library[:2],
    )
    assert found.shape == (5, 256, 256)
    expected = chosen[0][0, :, 0]
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


def test_embeddings_in_16_bits(segmenter, embedding, picture):
    half = Sam2Segmenter(segmenter.model, SPEC, "hash", precision="bfloat16")
    found = half.embed(picture)[0]
    assert found.dtype == torch.float32
    assert (found - embedding).norm() < 0.03 * embedding.norm()
    assert segmenter.model.no_memory_embedding.dtype == torch.float32


def test_loaded_from_a_file_onto_a_gpu(plain, tmp_path, segmenter, embedding, monkeypatch):
    """One of the two names of the position table is enough; the self-test runs on small input."""
    state = {name: tensor.contiguous() for name, tensor in plain.state_dict().items() if name != SHARED}
    save_file(state, tmp_path / "sam2.safetensors")
    with pretended_gpu():
        there = load_segmenter(SPEC.with_file(tmp_path / "sam2.safetensors"), device=Device("cuda:0", "float32", ""))
        logits = there.decode(there.prepare(embedding), *prompts(1))
        assert isinstance(logits, OnGpu)
    expected = segmenter.decode(segmenter.prepare(embedding), *prompts(1))
    assert (logits.held - expected).abs().max() < 1e-4 * expected.abs().max()
    assert there.device.type == "cuda"


@pytest.mark.parametrize("architecture", BACKBONES)
def test_every_size_can_be_built(architecture):
    with pytest.raises(WeightsError, match="lack"):
        build_sam2(architecture, {PROMPTS: torch.zeros(2, 128)})


def test_weights_of_another_size_are_refused(plain):
    with pytest.raises(WeightsError, match="lack"):
        build_sam2("sam2.1_hiera_large", plain.state_dict())


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(sam2, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"SAM 2.1 Hiera tiny needs.*napari-gfsam\[sam2\]"):
        load_segmenter(SPEC)


def test_other_embeddings_and_prompts_are_refused(segmenter, embedding):
    with pytest.raises(ValueError, match=r"\(256, 64, 64\), expected \(1024, 64, 64\)"):
        segmenter.prepare(embedding[:256])
    with pytest.raises(ValueError, match="Labels range"):
        segmenter.decode(segmenter.prepare(embedding), torch.zeros(1, 1, 2), torch.tensor([[2]]))
