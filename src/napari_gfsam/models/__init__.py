"""Models: the registry and the weights files here; encoders and segmenters in modules that import torch."""

from napari_gfsam.models.registry import MODELS, PRESETS, ModelPreset, ModelSpec, model_preset, model_spec
from napari_gfsam.models.weights import WeightsCheck, WeightsError, verify, verify_all

__all__ = [
    "MODELS",
    "PRESETS",
    "ModelPreset",
    "ModelSpec",
    "WeightsCheck",
    "WeightsError",
    "model_preset",
    "model_spec",
    "verify",
    "verify_all",
]
