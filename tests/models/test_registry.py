from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path, PurePath
from urllib.parse import urlsplit

import pytest
import timm

from napari_gfsam.models import MODELS, PRESETS, model_preset, model_spec
from napari_gfsam.models.specs import licence_terms
from napari_gfsam.models.weights import BUNDLED

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
FETCHED = [spec for spec in MODELS.values() if not spec.bundled]


def test_bundled_rows_describe_their_files() -> None:
    bundled = [spec for spec in MODELS.values() if spec.bundled]
    assert {spec.file_name for spec in bundled} == {path.name for path in BUNDLED.glob("*.safetensors")}
    for spec in bundled:
        assert (BUNDLED / spec.file_name).stat().st_size == spec.size_bytes
        assert len(spec.sha256 or "") == 64
        assert spec.licence == "Apache-2.0"


@pytest.mark.parametrize("spec", FETCHED, ids=lambda spec: spec.id)
def test_rows_say_all_that_a_download_needs(spec) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", spec.sha256 or "") or re.fullmatch(r"[0-9a-f]{32}", spec.xxh128 or "")
    assert spec.expected_bytes > 10**7
    assert licence_terms(spec.licence).url.startswith("https://")
    assert spec.credit
    address = urlsplit(spec.source)
    assert (address.scheme, bool(address.netloc), address.query) == ("https", True, "")
    assert PurePath(spec.file_name).suffix == PurePath(address.path).suffix


def test_names_are_told_apart() -> None:
    for part in (lambda spec: spec.id, lambda spec: spec.file_name, lambda spec: spec.source):
        assert len({part(spec) for spec in MODELS.values()}) == len(MODELS)
    for spec in MODELS.values():
        assert PurePath(spec.file_name).name == spec.file_name
        assert "+" not in spec.id


@pytest.mark.parametrize("spec", [spec for spec in MODELS.values() if spec.kind == "encoder"], ids=lambda spec: spec.id)
def test_encoders_are_as_timm_has_them(spec) -> None:
    config = timm.models.get_pretrained_cfg(spec.architecture)
    assert config.input_size == (3, spec.input_size, spec.input_size)
    assert (config.mean, config.std) == (spec.mean, spec.std)
    assert config.license.lower() == spec.licence.lower()
    assert spec.bundled or config.url == spec.source
    assert spec.prefix_tokens == (5 if "reg4" in spec.architecture else 1)
    assert spec.patch_size == 14


def test_every_preset_pairs_an_encoder_with_a_segmenter() -> None:
    assert list(PRESETS) == ["bundled", "base", "large", "paper", "microscopy-lm", "microscopy-em"]
    for name, preset in PRESETS.items():
        assert (preset.id, preset.encoder.kind, preset.segmenter.kind) == (name, "encoder", "segmenter")
        assert preset.models == (preset.encoder, preset.segmenter)
    paper = PRESETS["paper"]
    assert (paper.encoder.id, paper.segmenter.id) == ("dinov2_vitl14", "sam_vit_h")


def test_model_by_name_or_description() -> None:
    spec = MODELS["mobile_sam"]
    assert model_spec("mobile_sam") is model_spec(spec, "segmenter") is spec
    assert model_preset("paper") is model_preset(PRESETS["paper"])


def test_any_two_models_are_a_pair() -> None:
    pair = model_preset("dinov2_vits14_reg4 + vit_b_lm")
    assert (pair.id, pair.encoder.id, pair.segmenter.id) == (
        "dinov2_vits14_reg4+vit_b_lm",
        "dinov2_vits14_reg4",
        "vit_b_lm",
    )
    assert model_preset(pair.id) == pair
    with pytest.raises(ValueError, match="'mobile_sam' is a segmenter, not an encoder"):
        model_preset("mobile_sam+dinov2_vits14")


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no model 'resnet': choose one of dinov2_vits14_bundled, mobile_sam, "):
        model_spec("resnet")
    with pytest.raises(ValueError, match=r"no model 'vit_base_x': choose one of mobile_sam, sam_vit_b, "):
        model_spec("vit_base_x", "segmenter")
    with pytest.raises(ValueError, match="'mobile_sam' is a segmenter, not an encoder"):
        model_spec("mobile_sam", "encoder")
    with pytest.raises(ValueError, match=r"no model preset 'paper2': choose one of bundled, .* or write encoder"):
        model_preset("paper2")


@pytest.mark.parametrize(
    ("name", "full", "size", "patch", "prefix", "mean"),
    [
        ("vit_base_patch16_224", "vit_base_patch16_224.augreg2_in21k_ft_in1k", 224, 16, 1, 0.5),
        ("vit_base_patch16_siglip_512.webli", "vit_base_patch16_siglip_512.webli", 512, 16, 0, 0.5),
        ("vit_base_patch16_clip_224.openai", "vit_base_patch16_clip_224.openai", 224, 16, 1, 0.48145466),
    ],
)
def test_any_vision_transformer_of_timm_is_an_encoder(name, full, size, patch, prefix, mean) -> None:
    spec = model_spec(name, "encoder")
    assert (spec.id, spec.architecture, spec.layout) == (full, full, "timm")
    assert (spec.input_size, spec.patch_size, spec.prefix_tokens, spec.mean[0]) == (size, patch, prefix, mean)
    assert spec.licence == "Apache-2.0"
    assert spec.source == f"https://huggingface.co/timm/{full}/resolve/main/model.safetensors"
    assert spec.file_name == f"{full}.safetensors"
    assert 3e8 < spec.expected_bytes < 4e8
    assert model_preset(f"{name}+mobile_sam").encoder == spec


def test_a_model_of_the_catalogue_is_found_by_timms_name() -> None:
    assert model_spec("vit_large_patch14_dinov2.lvd142m") is model_spec("dinov2_vitl14")
    assert model_spec("vit_small_patch14_dinov2") is model_spec("dinov2_vits14")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vit_nope", "no model 'vit_nope', neither here nor in timm"),
        ("vit_base_patch16_224.nope", "has no weights 'vit_base_patch16_224.nope'"),
        ("vit_small_patch16_dinov3", "is a Eva with PatchEmbed, expected a plain vision transformer"),
        ("vit_tiny_r_s16_p8_224", "with HybridEmbed, expected a plain vision transformer"),
        ("vit_base_patch16_18x2_224/../x", "no model"),
    ],
)
def test_what_timm_cannot_give_is_said(name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        model_spec(name, "encoder")


def test_a_local_file_has_no_published_hash() -> None:
    spec = model_spec("sam_vit_b").with_file("/tmp/own.pth")
    assert (spec.id, spec.path, spec.sha256, spec.size_bytes) == ("sam_vit_b", "/tmp/own.pth", None, None)
    preset = PRESETS["paper"].with_files(segmenter=Path("/tmp/own.pth"))
    assert (preset.encoder, preset.segmenter.path) == (PRESETS["paper"].encoder, "/tmp/own.pth")


def test_licences_are_shown_with_their_terms() -> None:
    assert licence_terms("cc-by-4.0").name == "CC-BY-4.0"
    assert "name the authors" in MODELS["vit_b_lm"].licence_terms.summary
    assert licence_terms("dinov3-license").summary == "read the publisher's terms before you use it"


def test_the_page_lists_every_model() -> None:
    rows = {
        line.split("|")[1].strip(" `"): line for line in PAGE.read_text(encoding="utf-8").splitlines() if "|" in line
    }
    for spec in MODELS.values():
        row = rows[spec.id]
        assert spec.licence in row
        assert f"{spec.expected_bytes / 1e6:.0f}" in row
        assert spec.bundled or spec.file_name in row
        assert spec.bundled or spec.source in row
    for name, preset in PRESETS.items():
        assert preset.encoder.id in rows[name]
        assert preset.segmenter.id in rows[name]


def test_the_registry_needs_neither_torch_nor_timm() -> None:
    code = (
        "import sys; from napari_gfsam.models import model_preset; model_preset('dinov2_vits14+sam_vit_b'); "
        "sys.exit(bool({'torch', 'timm', 'requests'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
