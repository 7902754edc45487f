"""Checkpoints in the official key layouts: full-size random files, and the larger models' names and shapes."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
import timm
import torch
from safetensors.torch import save_file
from segment_anything import sam_model_registry
from torch import Tensor, nn

from napari_gfsam.models import MODELS, ModelSpec, model_spec
from napari_gfsam.models.checkpoints import build_prompt_modules, load_module
from napari_gfsam.models.encoders import load_encoder, network_input
from napari_gfsam.models.layouts import adapt, recognise
from napari_gfsam.models.storage import FOLDER_VARIABLE
from napari_gfsam.models.weights import WeightsError, read_weights
from tests.models.official_dinov2 import plain_tokens, shapes, shapes_of
from tests.models.official_mobile_sam import official_state, random_plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ENCODERS = [name for name, spec in MODELS.items() if spec.layout == "dinov2" and not spec.bundled]
SAMS = [name for name, spec in MODELS.items() if spec.layout == "sam"]
MOBILE = [name for name, spec in MODELS.items() if spec.layout == "mobile_sam"]


def sam_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """The names that segment-anything's own builder gives."""
    with torch.device("meta"):
        model = sam_model_registry[spec.architecture.removeprefix("sam_")]()
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def official_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    return shapes_of(spec.id) if spec.kind == "encoder" else sam_shapes(spec)


def random_state(wanted: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Numbers that differ from tensor to tensor, quickly made: pieces of one long random row."""
    row = torch.randn(2**22 + 4099, generator=torch.Generator().manual_seed(0))
    state = {}
    for number, (name, shape) in enumerate(wanted.items()):
        tensor = torch.empty(shape)
        flat, start = tensor.view(-1), number * 17 % 4099
        for first in range(0, len(flat), 2**22):
            piece = flat[first : first + 2**22]
            piece.copy_(row[start : start + len(piece)])
        state[name] = tensor
    return state


def meta_state(wanted: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in wanted.items()}


def timm_network(spec: ModelSpec) -> nn.Module:
    with torch.device("meta"):
        return timm.create_model(spec.architecture, pretrained=False, img_size=spec.input_size, num_classes=0)


def sam_image_encoder(spec: ModelSpec) -> nn.Module:
    with torch.device("meta"):
        return sam_model_registry[spec.architecture.removeprefix("sam_")]().image_encoder


def check_loads(spec: ModelSpec, state: Mapping[str, Tensor]) -> None:
    """The tensors fit timm's and segment-anything's own modules, none missing, none left."""
    if spec.kind == "encoder":
        load_module(timm_network(spec), state)
        return
    load_module(sam_image_encoder(spec), state, "image_encoder.")
    build_prompt_modules(state)
    assert {name.partition(".")[0] for name in state} == {"image_encoder", "prompt_encoder", "mask_decoder"}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Iterator[Path]:
    """A place for a large file, which is deleted at once: pytest keeps its folders."""
    path = tmp_path / "checkpoint.pth"
    yield path
    path.unlink(missing_ok=True)
    gc.collect()


def check_full_size(spec: ModelSpec, path: Path) -> None:
    """Write, read, load; the values are those written."""
    wanted = official_shapes(spec)
    state = random_state(wanted)
    ends = {name: tensor.flatten()[[0, -1]].clone() for name, tensor in state.items()}
    torch.save(state, path)
    size = spec.size_bytes or 0
    assert abs(path.stat().st_size - size) < 1e-3 * size
    del state
    found = read_weights(spec.with_file(path))
    kept = set(wanted) & set(found.state) - {"cls_token", "pos_embed"}
    assert len(wanted) - len(kept) <= 4 + 4 * 40
    for name in kept:
        assert torch.equal(found.state[name].flatten()[[0, -1]], ends[name]), name
    check_loads(spec, found.state)


@pytest.mark.parametrize("model", ["dinov2_vitb14_reg4", "sam_vit_b"])
def test_full_size_files(model: str, checkpoint: Path) -> None:
    check_full_size(MODELS[model], checkpoint)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["dinov2_vitl14", "sam_vit_h"])
def test_full_size_files_of_the_papers_pair(model: str, checkpoint: Path) -> None:
    check_full_size(MODELS[model], checkpoint)


def test_full_size_training_checkpoint_of_micro_sam(checkpoint: Path) -> None:
    """torch-em's dict: the model under a prefix, beside an optimizer, a decoder and notes that are plain data."""
    spec = MODELS["vit_b_lm"]
    state = random_state(sam_shapes(spec))
    extras = {
        "optimizer_state": {
            "state": {0: {"step": torch.tensor(1.0)}},
            "param_groups": [{"lr": 1e-5, "betas": (0.9, 0.99)}],
        },
        "decoder_state": {"base.0.weight": torch.ones(3)},
        "epoch": 7,
        "timestamp": "then",
    }
    torch.save({**extras, "model_state": {f"sam.{name}": tensor for name, tensor in state.items()}}, checkpoint)
    found = read_weights(spec.with_file(checkpoint)).state
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


def test_full_size_mobile_sam(checkpoint: Path) -> None:
    """The official file and micro-sam's ViT-T have BatchNorms; both come out in the bundled file's layout."""
    bundled = read_weights("mobile_sam").state
    official = official_state(random_plain(seed=1))
    official |= {name: tensor for name, tensor in bundled.items() if not name.startswith("image_encoder.")}
    for model, content in (("mobile_sam_official", official), ("vit_t_lm", {"model_state": official})):
        torch.save(content, checkpoint)
        found = read_weights(MODELS[model].with_file(checkpoint)).state
        assert {name: tensor.shape for name, tensor in found.items()} == {n: t.shape for n, t in bundled.items()}


def test_old_files_are_read_too(tmp_path: Path) -> None:
    state = {f"blocks.{n}.x": torch.randn(3, 4) for n in range(5)}
    path = tmp_path / "old.pth"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    found = read_weights(MODELS["dinov2_vits14"].with_file(path)).state
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("model", [*ENCODERS, *SAMS])
def test_names_and_shapes_of_every_size(model: str) -> None:
    spec = MODELS[model]
    wanted = official_shapes(spec)
    check_loads(spec, adapt(spec, meta_state(wanted)))
    published = spec.expected_bytes
    assert published is not None
    assert abs(published - 4 * sum(torch.Size(shape).numel() for shape in wanted.values())) < 2e-3 * published


@pytest.mark.parametrize("swiglu", [False, True])
@pytest.mark.parametrize("registers", [0, 4])
def test_tokens_are_those_of_the_official_network(registers: int, swiglu: bool) -> None:
    """A small DINOv2 through timm's modules with adapted tensors, against the network written out plainly."""
    model = (
        f"vit_giant_patch14{'_reg4' if registers else ''}_dinov2"
        if swiglu
        else (f"vit_small_patch14{'_reg4' if registers else ''}_dinov2")
    )
    network = timm.create_model(
        model,
        pretrained=False,
        img_size=42,
        num_classes=0,
        embed_dim=96,
        depth=2,
        num_heads=3,
        **({"mlp_ratio": 2 * 256 / 96} if swiglu else {}),
    ).eval()
    generator = torch.Generator().manual_seed(registers + swiglu)
    wanted = shapes(96, 2, registers=registers, swiglu=swiglu, patches=9)
    state = {name: 0.2 * torch.randn(shape, generator=generator) for name, shape in wanted.items()}
    pictures = torch.randn(2, 3, 42, 42, generator=generator)
    network.load_state_dict(adapt(MODELS["dinov2_vits14"], state))
    with torch.no_grad():
        found = network.forward_intermediates(
            pictures, indices=1, norm=False, intermediates_only=True, output_fmt="NLC"
        )[0]
    torch.testing.assert_close(found, plain_tokens(state, pictures, heads=3), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("model", ENCODERS)
def test_timms_own_filter_agrees(model: str) -> None:
    """Names and values, class token and positions included, as timm converts Meta's files."""
    spec = MODELS[model]
    few = {name: shape for name, shape in shapes_of(model).items() if not name.startswith("blocks.") or ".0." in name}
    state = random_state(few)
    expected = timm.models.vision_transformer.checkpoint_filter_fn(dict(state), timm_network(spec))
    found = adapt(spec, state)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_adapting_leaves_the_given_tensors_alone() -> None:
    state = random_state(shapes(384, 1, registers=4))
    before = {name: tensor.clone() for name, tensor in state.items()}
    adapt(MODELS["dinov2_vits14_reg4"], state)
    assert state.keys() == before.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in before.items())


def sam2_state(width: int, blocks: int) -> dict[str, Tensor]:
    """A few of the names in transformers' file of SAM 2.1, with the tracker's."""
    names = [
        "shared_image_embedding.positional_embedding",
        "no_memory_embedding",
        "mask_decoder.iou_token.weight",
        "prompt_encoder.mask_embed.conv1.weight",
        "memory_attention.layers.0.linear1.weight",
        "no_object_pointer",
        "mask_downsample.weight",
        "object_pointer_proj.proj_in.weight",
    ]
    names += [f"vision_encoder.backbone.blocks.{n}.attn.qkv.weight" for n in range(blocks)]
    return {"vision_encoder.backbone.patch_embed.projection.weight": torch.ones(width, 3, 7, 7)} | {
        name: torch.ones(1) for name in names
    }


@pytest.mark.parametrize(
    ("size", "width", "blocks"), [("tiny", 96, 12), ("small", 96, 16), ("base_plus", 112, 24), ("large", 144, 48)]
)
def test_the_trackers_tensors_of_sam_2_are_left_out(size: str, width: int, blocks: int) -> None:
    state = sam2_state(width, blocks)
    assert recognise(state) == f"sam2.1_hiera_{size}"
    kept = adapt(MODELS[f"sam2.1_hiera_{size}"], state)
    assert {name.partition(".")[0] for name in kept} == {
        "vision_encoder",
        "prompt_encoder",
        "mask_decoder",
        "shared_image_embedding",
        "no_memory_embedding",
    }


def test_a_file_of_sam_2_holds_what_the_image_model_takes() -> None:
    from transformers import Sam2Config, Sam2Model, Sam2VideoConfig, Sam2VideoModel

    with torch.device("meta"):
        published, wanted = Sam2VideoModel(Sam2VideoConfig()).state_dict(), Sam2Model(Sam2Config()).state_dict()
    assert adapt(MODELS["sam2.1_hiera_tiny"], published).keys() == wanted.keys() < published.keys()


@pytest.mark.parametrize(
    ("asked", "given", "words"),
    [
        ("sam_vit_b", "sam_vit_h", "holds SAM ViT-H, expected SAM ViT-B"),
        ("vit_b_lm", "sam_vit_l", "holds SAM ViT-L, expected SAM ViT-B"),
        ("sam_vit_b", "dinov2_vitb14", "holds DINOv2 ViT-B/14, expected SAM ViT-B"),
        ("dinov2_vitl14", "dinov2_vitg14", "holds DINOv2 ViT-g/14, expected DINOv2 ViT-L/14"),
        ("dinov2_vitl14", "dinov2_vitl14_reg4", "holds DINOv2 ViT-L/14 with registers, expected DINOv2 ViT-L/14"),
        ("dinov2_vitl14_reg4", "dinov2_vitl14", "holds DINOv2 ViT-L/14, expected DINOv2 ViT-L/14 with registers"),
        ("dinov2_vits14_bundled", "sam_vit_b", "holds SAM ViT-B, expected DINOv2 ViT-S/14"),
        ("mobile_sam_official", "sam_vit_b", "holds SAM ViT-B, expected MobileSAM"),
        ("sam2.1_hiera_tiny", "sam_vit_b", "holds SAM ViT-B, expected SAM 2.1 Hiera tiny"),
    ],
)
def test_another_models_file_is_named(asked: str, given: str, words: str) -> None:
    with pytest.raises(WeightsError, match=f"The file for model {asked!r} {words}: choose a file of the model"):
        adapt(MODELS[asked], meta_state(official_shapes(MODELS[given])))


@pytest.mark.parametrize("model", MOBILE)
def test_mobile_sam_is_recognised(model: str) -> None:
    state = {"image_encoder.layers.0.blocks.0.conv1.c.weight": torch.ones(1)}
    assert recognise(state) == recognise({f"sam.{name}": tensor for name, tensor in state.items()}) == "mobile_sam"
    with pytest.raises(WeightsError, match="holds MobileSAM, expected SAM ViT-B"):
        adapt(MODELS["sam_vit_b"], state)


def test_a_vision_transformer_of_timm_loads_from_the_models_folder(tmp_path: Path, monkeypatch) -> None:
    """With a classification head, as timm publishes it, and statistics of its own."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    spec = model_spec("vit_tiny_patch16_224.augreg_in21k")
    network = timm.create_model(spec.architecture, pretrained=False).eval()
    save_file(network.state_dict(), tmp_path / spec.file_name)
    encoder = load_encoder(spec)
    assert (encoder.grid, encoder.dim) == (14, 192)
    picture = torch.randint(0, 256, (1, 1024, 1024, 3), dtype=torch.uint8)
    given = network_input(picture, 224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    with torch.no_grad():
        expected = network.forward_intermediates(
            given, indices=1, norm=False, intermediates_only=True, output_fmt="NLC"
        )[0]
    torch.testing.assert_close(encoder.encode(picture), expected, atol=1e-4, rtol=1e-4)


def test_strangers_are_not_guessed() -> None:
    """A file of no known kind is refused where the modules are filled, by the names it lacks."""
    assert recognise({"conv1.weight": torch.ones(64, 3, 7, 7)}) is None
    assert (
        recognise({"patch_embed.proj.weight": torch.ones(768, 3, 16, 16), "blocks.0.ls1.gamma": torch.ones(1)}) is None
    )
    with pytest.raises(WeightsError, match="they lack"):
        build_prompt_modules(adapt(MODELS["sam_vit_b"], {"conv1.weight": torch.ones(64, 3, 7, 7)}))
