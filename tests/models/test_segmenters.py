"""The bundled MobileSAM from a picture to masks, against segment-anything's own modules with the same weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file
from skimage.data import chelsea
from torch import Tensor

from napari_gfsam.imaging import to_model_input
from napari_gfsam.models import MODELS, sam_vit
from napari_gfsam.models.checkpoints import build_prompt_modules
from napari_gfsam.models.decoder import PromptDecoder
from napari_gfsam.models.device import Batches, Device, DeviceMemoryError, SelfTestError
from napari_gfsam.models.segmenters import SamSegmenter, load_segmenter
from napari_gfsam.models.weights import WeightsError, read_weights
from tests.models.official_mobile_sam import official_state, random_plain
from tests.models.plain_sam import assert_same_masks, plain_logits
from tests.models.pretend_gpu import OnGpu, pretended_gpu
from tests.models.random_sam import SMALL, random_encoder, state_of

if TYPE_CHECKING:
    from napari_gfsam.models.decoder import PreparedImage


@pytest.fixture(scope="module")
def segmenter() -> SamSegmenter:
    return load_segmenter()


@pytest.fixture(scope="module")
def embedding(segmenter: SamSegmenter) -> Tensor:
    return segmenter.embed(to_model_input(chelsea())[None])[0]


@pytest.fixture(scope="module")
def prepared(segmenter: SamSegmenter, embedding: Tensor) -> PreparedImage:
    return segmenter.prepare(embedding)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_masks_of_a_photograph(segmenter: SamSegmenter, embedding: Tensor, prepared: PreparedImage, k: int) -> None:
    generator = torch.Generator().manual_seed(k)
    model_xy = torch.randint(0, 1024, (4, k, 2), generator=generator)
    labels = torch.ones(4, k, dtype=torch.int64)
    labels[:, 1:] = torch.randint(0, 2, (4, k - 1), generator=generator)
    expected = plain_logits(build_prompt_modules(read_weights("mobile_sam").state), embedding, model_xy, labels)
    assert expected.max() > 1
    assert_same_masks(segmenter.decode(prepared, model_xy, labels), expected)


def test_the_cats_eye(segmenter: SamSegmenter, prepared: PreparedImage) -> None:
    """A point in the pupil at (row 122, column 182) of 300 x 451 gives a small mask around it."""
    model_xy = torch.tensor([[[182 * 1024 // 451, 122 * 1024 // 300]]])
    mask = segmenter.decode(prepared, model_xy, torch.ones(1, 1, dtype=torch.int64))[0] > 0
    x, y = (model_xy[0, 0] // 4).tolist()
    assert mask[y, x]
    assert 0.0005 < mask.float().mean() < 0.05


def test_embedding(segmenter: SamSegmenter, embedding: Tensor) -> None:
    assert embedding.shape == (256, 64, 64)
    assert embedding.dtype == torch.float32
    assert not embedding.requires_grad
    with pytest.raises(ValueError, match="expected"):
        segmenter.embed(torch.zeros(1, 1024, 1024, 3))


def test_prepared_image_says_its_size(prepared: PreparedImage) -> None:
    assert 20e6 < prepared.nbytes < 40e6


def test_segmenter_says_what_it_is(segmenter: SamSegmenter) -> None:
    assert segmenter.spec == MODELS["mobile_sam"]
    assert segmenter.weights_hash == MODELS["mobile_sam"].sha256
    assert segmenter.precision == "float32"
    assert segmenter.device == torch.device("cpu")


def test_official_layout(tmp_path) -> None:
    """A file in the layout of ``mobile_sam.pt`` loads and decodes; the hash is the file's."""
    state = official_state(random_plain(seed=4))
    state |= {n: t.float() for n, t in read_weights("mobile_sam").state.items() if not n.startswith("image_encoder.")}
    path = tmp_path / "mobile_sam.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    spec = replace(MODELS["mobile_sam"], layout="mobile_sam", sha256=None, size_bytes=None)
    segmenter = load_segmenter(spec, path=path)
    embedding = torch.randn(256, 64, 64, generator=torch.Generator().manual_seed(0))
    prompt = torch.tensor([[[512, 512]]]), torch.ones(1, 1, dtype=torch.int64)
    assert segmenter.decode(segmenter.prepare(embedding), *prompt).isfinite().all()
    assert len(segmenter.weights_hash) == 64
    assert segmenter.weights_hash != MODELS["mobile_sam"].sha256


def test_other_models_are_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="not a segmenter"):
        load_segmenter("dinov2_vits14_bundled")
    with pytest.raises(ValueError, match="There is no model"):
        load_segmenter("sam_2")
    with pytest.raises(WeightsError, match="is missing"):
        load_segmenter(path=tmp_path / "nothing.safetensors")


@pytest.fixture
def small_sam(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """A SAM of vision transformers, small and random but for the bundled decoder, as a file."""
    monkeypatch.setitem(sam_vit.SIZES, "sam_vit_b", SMALL)
    monkeypatch.setattr("napari_gfsam.models.layouts.recognise", lambda state: None)
    decoder = {n: t for n, t in read_weights("mobile_sam").state.items() if not n.startswith("image_encoder.")}
    save_file({**state_of(random_encoder()), **decoder}, tmp_path / "sam.safetensors")
    return MODELS["sam_vit_b"].with_file(tmp_path / "sam.safetensors")


def masks_of(segmenter: SamSegmenter, picture: Tensor) -> tuple[Tensor, Tensor]:
    """An embedding and the logits of three prompts on it."""
    embedding = segmenter.embed(picture)[0]
    model_xy = torch.tensor([[[500, 300]], [[200, 800]], [[900, 900]]])
    return embedding, segmenter.decode(segmenter.prepare(embedding), model_xy, torch.ones(3, 1, dtype=torch.int64))


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.02), ("float16", 0.005)])
def test_a_vision_transformer_on_a_gpu(small_sam, precision: str, tolerance: float) -> None:
    picture = torch.from_numpy(to_model_input(chelsea()))[None]
    embedding, logits = masks_of(load_segmenter(small_sam), picture)
    with pretended_gpu():
        there = load_segmenter(small_sam, device=Device("cuda:0", precision, ""))
        found = masks_of(there, picture)
        assert all(isinstance(tensor, OnGpu) for tensor in found)
    assert there.precision == precision
    for tensor, expected in zip(found, (embedding, logits), strict=True):
        assert (tensor.held - expected).norm() < tolerance * expected.norm()


def test_the_bundled_encoder_stays_in_float32_on_a_gpu() -> None:
    with pretended_gpu():
        segmenter = load_segmenter(device=Device("cuda:0", "bfloat16", ""))
    assert segmenter.precision == "float32"
    assert segmenter.device == torch.device("cuda:0")


def test_a_gpu_whose_decoder_is_wrong_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    decode = PromptDecoder.decode

    def wrong(self: PromptDecoder, *given: object) -> Tensor:
        logits = decode(self, *given)
        return logits.flip(1) if self.device.type == "cuda" else logits

    monkeypatch.setattr(PromptDecoder, "decode", wrong)
    with pretended_gpu(), pytest.raises(SelfTestError, match="off by"):
        load_segmenter(device=Device("cuda:0", "float32", ""))


def test_out_of_memory_halves_the_pictures(segmenter: SamSegmenter, embedding: Tensor, monkeypatch) -> None:
    run, sizes, most = segmenter._encoder, [], 1

    def small(pictures: Tensor) -> Tensor:
        sizes.append(len(pictures))
        if len(pictures) > most:
            raise RuntimeError("MPS backend out of memory")
        return run(pictures)

    monkeypatch.setattr(segmenter, "_encoder", small)
    monkeypatch.setattr(segmenter, "_batches", Batches(8))
    pictures = torch.from_numpy(to_model_input(chelsea()))[None].repeat(3, 1, 1, 1)
    found = segmenter.embed(pictures)
    assert sizes == [3, 1, 1, 1]
    assert torch.equal(found[2], embedding)
    most = 0
    with pytest.raises(DeviceMemoryError, match="Memory ran out"):
        segmenter.embed(pictures)
