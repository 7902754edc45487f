"""The folded, fused image encoder against timm's modules used plainly."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_gfsam.models import fused
from napari_gfsam.models.checkpoints import fold_mobile_sam
from napari_gfsam.models.pictures import SAM_MEAN, SAM_STD
from napari_gfsam.models.tiny_vit import MobileSamImageEncoder, build_mobile_sam_image_encoder
from napari_gfsam.models.weights import WeightsError, read_weights
from tests.models.official_mobile_sam import PlainImageEncoder, official_state, random_plain


@pytest.fixture(scope="module")
def plain() -> PlainImageEncoder:
    return random_plain(seed=3)


@pytest.fixture(scope="module")
def folded(plain: PlainImageEncoder) -> MobileSamImageEncoder:
    return build_mobile_sam_image_encoder(fold_mobile_sam(official_state(plain)))


# 14 windows exactly, less than one window, several strips with a rest, not square.
@pytest.mark.parametrize("size", [(224, 224), (64, 64), (144, 80)])
def test_official_checkpoint_gives_the_plain_networks_embedding(
    plain: PlainImageEncoder, folded: MobileSamImageEncoder, size: tuple[int, int]
) -> None:
    picture = torch.randn(2, *size, 3, generator=torch.Generator().manual_seed(1))
    expected = plain(picture.permute(0, 3, 1, 2))
    found = folded.embed(picture)
    assert found.shape == (2, 256, size[0] // 16, size[1] // 16)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_without_onednn_the_answer_is_the_same(
    plain: PlainImageEncoder, folded: MobileSamImageEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused, "onednn_linear", lambda: None)
    monkeypatch.setattr(fused, "onednn_convolution", lambda: None)
    picture = torch.randn(1, 160, 160, 3, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(folded.embed(picture), plain(picture.permute(0, 3, 1, 2)), atol=1e-4, rtol=1e-4)


def test_pictures_are_normalised_as_sam_does(folded: MobileSamImageEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(folded, "embed", seen.append)
    picture = np.random.default_rng(0).integers(0, 256, (1, 1024, 1024, 3), dtype=np.uint8)
    folded(torch.from_numpy(picture))
    np.testing.assert_allclose(seen[0].numpy(), (picture - np.array(SAM_MEAN)) / np.array(SAM_STD), atol=1e-5)


def test_other_pictures_are_refused(folded: MobileSamImageEncoder) -> None:
    with pytest.raises(ValueError, match=r"Pictures are \(1, 64, 64, 3\) uint8, expected \(B, 1024, 1024, 3\) uint8"):
        folded(torch.zeros(1, 64, 64, 3, dtype=torch.uint8))


def test_folding_keeps_what_is_not_of_the_image_encoder(plain: PlainImageEncoder) -> None:
    other = torch.arange(3)
    made = fold_mobile_sam({**official_state(plain), "mask_decoder.x": other})
    assert made.pop("mask_decoder.x") is other
    bundled = {name for name in read_weights("mobile_sam").state if name.startswith("image_encoder.")}
    assert made.keys() == bundled


def test_convolution_without_its_norm_is_named(plain: PlainImageEncoder) -> None:
    state = official_state(plain)
    del state["image_encoder.layers.0.blocks.1.conv2.bn.running_var"]
    with pytest.raises(
        WeightsError, match=r"no MobileSAM checkpoint \(image_encoder\.layers\.0\.blocks\.1\.conv2\.bn\."
    ):
        fold_mobile_sam(state)


def test_official_checkpoint_that_was_not_folded_is_refused(plain: PlainImageEncoder) -> None:
    with pytest.raises(WeightsError, match="of another kind of model: they lack"):
        build_mobile_sam_image_encoder(official_state(plain))
