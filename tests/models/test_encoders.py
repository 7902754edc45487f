from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from napari_gfsam.models.encoders import IMAGENET_MEAN, IMAGENET_STD, DinoEncoder, load_encoder, network_input
from napari_gfsam.models.weights import read_weights


@pytest.fixture(scope="module")
def encoder() -> DinoEncoder:
    return load_encoder()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (2, 1024, 1024, 3), dtype=np.uint8)


def test_input_is_resized_as_pillow_does(images: np.ndarray) -> None:
    """Pillow's bilinear filter on float channels is the same antialiased filter, written by others."""
    found = network_input(torch.from_numpy(images[:1]), 518)
    assert found.shape == (1, 3, 518, 518)
    for channel in range(3):
        plane = Image.fromarray(images[0, :, :, channel].astype(np.float32) / 255)
        small = np.asarray(plane.resize((518, 518), Image.Resampling.BILINEAR))
        expected = (small - IMAGENET_MEAN[channel]) / IMAGENET_STD[channel]
        assert np.abs(found[0, channel].numpy() - expected).max() < 1e-4


def test_tokens_are_those_of_timms_own_model(encoder: DinoEncoder, images: np.ndarray) -> None:
    """The fused layers change nothing but rounding: tokens before the last norm, class token dropped."""
    state = {name: tensor.float() for name, tensor in read_weights("dinov2_vits14_bundled").state.items()}
    network = timm.create_model(
        "vit_small_patch14_dinov2.lvd142m", pretrained=False, img_size=518, num_classes=0
    ).eval()
    network.load_state_dict(state)
    last: list[torch.Tensor] = []
    network.blocks[-1].register_forward_hook(lambda block, given, made: last.append(made))
    with torch.no_grad():
        network(network_input(torch.from_numpy(images[:1]), 518))
    found = encoder.encode(images[:1])
    assert found.shape == (1, 1369, 384)
    torch.testing.assert_close(found, last[0][:, 1:], atol=5e-4, rtol=0)


def test_arrays_tensors_and_batches_give_the_same_tokens(encoder: DinoEncoder, images: np.ndarray) -> None:
    frozen = images[1].copy()
    frozen.flags.writeable = False
    single = encoder.encode(frozen[None])
    torch.testing.assert_close(single, encoder.encode(torch.from_numpy(images[1:])), atol=0, rtol=0)
    torch.testing.assert_close(single[0], encoder.encode(images)[1], atol=5e-4, rtol=0)
    assert not single.requires_grad


@pytest.mark.parametrize(
    ("shape", "dtype", "words"),
    [
        ((1024, 1024, 3), np.uint8, r"\(1024, 1024, 3\) uint8"),
        ((1, 3, 1024, 1024), np.uint8, r"\(1, 3, 1024, 1024\) uint8"),
        ((1, 1024, 1024, 3), np.float32, "float32"),
        ((1, 518, 518, 3), np.uint8, "518"),
    ],
)
def test_other_pictures_are_refused(encoder: DinoEncoder, shape: tuple[int, ...], dtype: type, words: str) -> None:
    with pytest.raises(ValueError, match=f"Pictures are .*{words}.*expected .*resize them first"):
        encoder.encode(np.zeros(shape, dtype))


def test_a_segmenter_is_no_encoder() -> None:
    with pytest.raises(ValueError, match="is a segmenter"):
        load_encoder("mobile_sam")
