from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from napari_gfsam.models.device import CPU, Device, DeviceMemoryError
from napari_gfsam.models.encoders import IMAGENET_MEAN, IMAGENET_STD, DinoEncoder, load_encoder, network_input
from napari_gfsam.models.registry import model_spec
from napari_gfsam.models.weights import read_weights
from tests.models.pretend_gpu import OnGpu, pretended_gpu


@pytest.fixture(scope="module")
def encoder() -> DinoEncoder:
    return load_encoder()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (2, 1024, 1024, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def tokens(encoder: DinoEncoder, images: np.ndarray) -> torch.Tensor:
    """What both pictures give, together."""
    return encoder.encode(images)


def test_input_is_resized_as_pillow_does(images: np.ndarray) -> None:
    """Pillow's bilinear filter on float channels is the same antialiased filter, written by others."""
    found = network_input(torch.from_numpy(images[:1]), 518)
    assert found.shape == (1, 3, 518, 518)
    for channel in range(3):
        plane = Image.fromarray(images[0, :, :, channel].astype(np.float32) / 255)
        small = np.asarray(plane.resize((518, 518), Image.Resampling.BILINEAR))
        expected = (small - IMAGENET_MEAN[channel]) / IMAGENET_STD[channel]
        assert np.abs(found[0, channel].numpy() - expected).max() < 1e-4


def test_tokens_are_those_of_timms_own_model(tokens: torch.Tensor, images: np.ndarray) -> None:
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
    assert tokens.shape == (2, 1369, 384)
    torch.testing.assert_close(tokens[:1], last[0][:, 1:], atol=5e-4, rtol=0)


def test_arrays_tensors_and_batches_give_the_same_tokens(
    encoder: DinoEncoder, tokens: torch.Tensor, images: np.ndarray
) -> None:
    frozen = images[1].copy()
    frozen.flags.writeable = False
    single = encoder.encode(frozen[None])
    torch.testing.assert_close(single, encoder.encode(torch.from_numpy(images[1:])), atol=0, rtol=0)
    torch.testing.assert_close(single[0], tokens[1], atol=5e-4, rtol=0)
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


def random_transformer(name: str, size: int) -> torch.nn.Module:
    torch.manual_seed(0)
    network = timm.create_model(name, pretrained=False, img_size=size, num_classes=0).eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.02)
    return network


@pytest.mark.parametrize(
    ("name", "size", "grid", "mean"),
    [
        ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", 224, 14, 0.5),
        ("vit_small_patch14_reg4_dinov2.lvd142m", 518, 37, 0.485),
        ("vit_dwee_patch16_reg1_gap_256.sbb_in1k", 256, 16, 0.5),
    ],
)
def test_any_vision_transformer_of_timms(name, size, grid, mean, images, tmp_path) -> None:
    """Statistics, size and prefix tokens from timm's own configuration; other kinds of attention as well."""
    network = random_transformer(name, size)
    save_file(network.state_dict(), tmp_path / "random.safetensors")
    spec = model_spec(name, "encoder").with_file(tmp_path / "random.safetensors")
    assert spec.mean[0] == mean
    images = images[:1]
    given = network_input(torch.from_numpy(images), spec.input_size, mean=spec.mean, std=spec.std)
    expected = network.forward_intermediates(given, indices=1, norm=False, intermediates_only=True, output_fmt="NLC")[0]
    for precision, tolerance in (("float32", 1e-4), ("bfloat16", 0.03)):
        encoder = load_encoder(spec, device=Device("cpu", precision, ""))
        found = encoder.encode(images)
        assert (encoder.grid, encoder.precision, found.dtype) == (grid, precision, torch.float32)
        assert (found - expected).norm() < tolerance * expected.norm()


def test_bundled_tokens_in_16_bits(tokens: torch.Tensor, images: np.ndarray) -> None:
    half = load_encoder(device=Device("cpu", "bfloat16", ""))
    found, expected = half.encode(images[:1]), tokens[:1]
    assert half.precision == "bfloat16"
    assert found.dtype == torch.float32
    cosine = torch.nn.functional.cosine_similarity(found, expected, dim=2)
    assert cosine.min() > 0.995


def test_on_a_gpu_tokens_stay_there_and_nothing_waits(tokens: torch.Tensor, images: np.ndarray) -> None:
    with pretended_gpu() as gpu:
        there = load_encoder(device=Device("cuda:0", "float32", ""))
        waits, copies = gpu.waits, gpu.copies
        found = there.encode(images)
        assert isinstance(found, OnGpu)
        assert (gpu.waits - waits, gpu.copies - copies) == (0, 0)
    torch.testing.assert_close(found.held, tokens, atol=5e-4, rtol=0)


def test_out_of_memory_halves_the_batch(images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load_encoder(device=CPU)
    run, sizes, most = encoder._tokens, [], 1

    def small(pictures: torch.Tensor) -> torch.Tensor:
        sizes.append(len(pictures))
        if len(pictures) > most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return run(pictures)

    monkeypatch.setattr(encoder, "_tokens", small)
    assert encoder.encode(images).shape == (2, 1369, 384)
    assert sizes == [2, 1, 1]
    most = 0
    with pytest.raises(DeviceMemoryError, match="--device cpu"):
        encoder.encode(images)


def test_a_compiled_encoder_takes_pictures_one_by_one(
    tokens: torch.Tensor, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = []

    def compiled(function, **options):
        return lambda pictures: (shapes.append(tuple(pictures.shape)), function(pictures))[1]

    monkeypatch.setattr("torch.compile", compiled)
    found = load_encoder(compiled=True).encode(images)
    assert shapes == [(1, 3, 518, 518)] * 2
    torch.testing.assert_close(found, tokens, atol=5e-4, rtol=0)
