from __future__ import annotations

import pytest

from napari_gfsam.models import MODELS, PRESETS, model_preset, model_spec
from napari_gfsam.models.weights import BUNDLED


def test_bundled_rows_describe_their_files() -> None:
    bundled = [spec for spec in MODELS.values() if spec.bundled]
    assert {spec.file_name for spec in bundled} == {path.name for path in BUNDLED.glob("*.safetensors")}
    for spec in bundled:
        assert (BUNDLED / spec.file_name).stat().st_size == spec.size_bytes
        assert len(spec.sha256 or "") == 64
        assert spec.licence == "Apache-2.0"


def test_every_preset_pairs_an_encoder_with_a_segmenter() -> None:
    assert "bundled" in PRESETS
    for name, preset in PRESETS.items():
        assert (preset.id, preset.encoder.kind, preset.segmenter.kind) == (name, "encoder", "segmenter")


def test_model_by_name_or_description() -> None:
    spec = MODELS["mobile_sam"]
    assert model_spec("mobile_sam") is model_spec(spec, "segmenter") is spec


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no model 'resnet': choose one of dinov2_vits14_bundled, mobile_sam\."):
        model_spec("resnet")
    with pytest.raises(ValueError, match=r"'mobile_sam' is a segmenter, not a encoder|not an encoder"):
        model_spec("mobile_sam", "encoder")
    with pytest.raises(ValueError, match="no model preset 'paper2': choose one of bundled"):
        model_preset("paper2")
