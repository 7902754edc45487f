"""SAM's vision transformer against segment-anything's own module with the same weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_gfsam.imaging import to_model_input, to_rgb
from napari_gfsam.models import sam_vit
from napari_gfsam.models.pictures import sam_input
from napari_gfsam.models.placing import Compiled
from napari_gfsam.models.sam_vit import SIZES, SamVitImageEncoder, build_sam_vit_image_encoder
from napari_gfsam.models.segmenters import SamSegmenter, load_segmenter
from napari_gfsam.models.weights import WeightsError
from napari_gfsam.samples import load_pair
from tests.models.pretend_gpu import GPU, OnGpu, pretended_gpu
from tests.models.random_sam import SMALL, random_encoder, state_of


@pytest.fixture(scope="module", autouse=True)
def small_size():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sam_vit.SIZES, "small", SMALL)
        yield


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return state_of(random_encoder())


@pytest.fixture(scope="module")
def picture() -> Tensor:
    return torch.from_numpy(to_model_input(to_rgb(load_pair("coins").targets[0].image)))[None]


@pytest.fixture(scope="module")
def expected(picture: Tensor) -> Tensor:
    made: Tensor = random_encoder()(sam_input(picture).permute(0, 3, 1, 2))
    return made


@pytest.fixture(scope="module")
def segmenter() -> SamSegmenter:
    """Bundled weights: its decoder makes masks of any embedding."""
    return load_segmenter()


def masks(segmenter: SamSegmenter, embedding: Tensor) -> Tensor:
    """(49, 256, 256) bool masks of fixed prompts."""
    places = np.arange(80, 1024, 144)
    prompts = torch.from_numpy(np.stack(np.meshgrid(places, places), -1).reshape(-1, 1, 2))
    return segmenter.decode(segmenter.prepare(embedding), prompts, torch.ones(len(prompts), 1, dtype=torch.int64)) > 0


def mean_overlap(first: Tensor, second: Tensor) -> float:
    both, either = (first & second).sum((1, 2)), (first | second).sum((1, 2))
    return float(torch.where(either > 0, both / either, 1.0).mean())


def test_the_embedding_is_segment_anythings(state, picture, expected):
    found = build_sam_vit_image_encoder("small", state)(picture)
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() < 2e-5 * expected.abs().max()


def test_masks_at_fixed_prompts_in_every_precision(segmenter, state, picture, expected):
    """Mean IoU with float32: 0.999 in float32, 0.99 in 16 bits.

    Random weights make embeddings on which a trained decoder sees specks; so what a precision does to the embedding is
    done, in proportion, to one of the bundled encoder.
    """
    real = segmenter.embed(picture)[0]
    true = masks(segmenter, real)
    assert true.any((1, 2)).float().mean() > 0.9
    for dtype, least in ((torch.float32, 0.999), (torch.bfloat16, 0.99), (torch.float16, 0.99)):
        encoder = build_sam_vit_image_encoder("small", state)
        for part in encoder.narrow_parts:
            part.to(dtype)
        found = encoder(picture)
        assert found.dtype == torch.float32
        error = (found - expected)[0] * (real.norm() / expected.norm())
        assert mean_overlap(masks(segmenter, real + error), true) >= least, dtype


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SIZES if name == "sam_vit_b"])
def test_masks_of_a_full_size_model(segmenter, picture, name):
    plain = random_encoder(SIZES[name])
    true = masks(segmenter, plain(sam_input(picture).permute(0, 3, 1, 2))[0])
    encoder = build_sam_vit_image_encoder(name, state_of(plain))
    assert mean_overlap(masks(segmenter, encoder(picture)[0]), true) >= 0.999
    for part in encoder.narrow_parts:
        part.to(torch.bfloat16)
    assert mean_overlap(masks(segmenter, encoder(picture)[0]), true) >= 0.99


def test_a_batch_gives_what_its_pictures_give(state, picture):
    encoder = build_sam_vit_image_encoder("small", state)
    pair = torch.cat([picture, picture.flip(2)])
    together = encoder(pair)
    for found, alone in zip(together, pair, strict=True):
        torch.testing.assert_close(found, encoder(alone[None])[0], atol=1e-4, rtol=0)


def test_small_pictures_go_through_too(state):
    """As the self-test on a device takes them; where everything fits into the table, positions are a part of it."""
    encoder = build_sam_vit_image_encoder("small", state)
    wave = torch.sin(torch.arange(112 * 80 * 3.0)).view(1, 112, 80, 3)
    assert encoder.embed(wave).shape == (1, 256, 7, 5)


def test_padding_of_windows_is_the_bias(state):
    """A picture of one window and a bit: segment-anything pads with zeros before its linear layer."""
    block = random_encoder().blocks[0]
    attention = build_sam_vit_image_encoder("small", state).blocks[0].attn
    x = torch.randn(2, 17, 15, SMALL.width, generator=torch.Generator().manual_seed(0))
    block.norm1, block.norm2 = torch.nn.Identity(), torch.nn.Identity()
    block.mlp = torch.nn.Module()
    block.mlp.forward = torch.zeros_like
    torch.testing.assert_close(attention(x) + x, block(x), atol=1e-5, rtol=1e-5)


def test_parameters_keep_their_names(state):
    with torch.device("meta"):
        encoder = SamVitImageEncoder(SMALL)
    assert {f"image_encoder.{name}" for name in encoder.state_dict()} == set(state)


def test_weights_of_another_size_are_refused(state):
    with pytest.raises(WeightsError, match="another"):
        build_sam_vit_image_encoder("sam_vit_b", state)


def test_it_compiles_as_one_graph(state):
    encoder, graphs = build_sam_vit_image_encoder("small", state), []

    def backend(graph: torch.fx.GraphModule, given: list[Tensor]) -> object:
        graphs.append(graph)
        return graph.forward

    wave = torch.sin(torch.arange(112 * 112 * 3.0)).view(1, 112, 112, 3)
    compiled = Compiled(encoder.embed, wanted=True, backend=backend)
    torch.testing.assert_close(compiled(wave), encoder.embed(wave), atol=1e-5, rtol=0)
    assert (len(graphs), compiled.problem) == (1, "")


def test_on_a_gpu_nothing_waits(state, picture, expected):
    encoder = build_sam_vit_image_encoder("small", state)
    for part in encoder.narrow_parts:
        part.to(torch.bfloat16)
    with pretended_gpu() as gpu:
        encoder.to(GPU)
        found = encoder(picture)
        assert isinstance(found, OnGpu)
        assert (gpu.waits, gpu.copies) == (0, 0)
    assert (found.held - expected).norm() < 0.02 * expected.norm()
