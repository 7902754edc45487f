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
from napari_gfsam.models import MODELS
from napari_gfsam.models.checkpoints import build_prompt_modules
from napari_gfsam.models.segmenters import SamSegmenter, load_segmenter
from napari_gfsam.models.weights import WeightsError, read_weights
from tests.models.official_mobile_sam import official_state, random_plain
from tests.models.plain_sam import assert_same_masks, plain_logits

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
