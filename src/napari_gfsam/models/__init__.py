"""Models: the registry and the weights files here; fetching, encoders and segmenters in modules that load more."""

from napari_gfsam.models.registry import MODELS, PRESETS, ModelPreset, ModelSpec, model_preset, model_spec
from napari_gfsam.models.storage import models_folder
from napari_gfsam.models.weights import (
    WeightsCheck,
    WeightsError,
    WeightsMissingError,
    is_present,
    verify,
    verify_all,
)

__all__ = [
    "MODELS",
    "PRESETS",
    "ModelPreset",
    "ModelSpec",
    "WeightsCheck",
    "WeightsError",
    "WeightsMissingError",
    "is_present",
    "model_preset",
    "model_spec",
    "models_folder",
    "verify",
    "verify_all",
]
