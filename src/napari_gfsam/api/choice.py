"""Which models work where: a preset, what of it is replaced, the device and the precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from napari_gfsam.models.registry import ModelSpec


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Models, device and precision.

    Parameters
    ----------
    preset
        Name of a model preset, such as ``bundled``, which needs no download, or two models, ``encoder+segmenter``.
    encoder, segmenter
        Id of a model (for an encoder the timm name of a vision transformer as well) in place of the preset's.
    encoder_weights, segmenter_weights
        A local weights file instead of the model's own.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    precision
        ``auto``, ``float32``, ``bfloat16``, ``float16``.
    compiled
        Whether the encoders go through ``torch.compile`` (they stay as they are where that fails).
    """

    preset: str = "bundled"
    encoder: str | None = None
    segmenter: str | None = None
    encoder_weights: str | Path | None = None
    segmenter_weights: str | Path | None = None
    device: str = "auto"
    precision: str = "auto"
    compiled: bool = False

    def specs(self) -> tuple[ModelSpec, ModelSpec]:
        """Return the descriptions of encoder and segmenter, those with a local file as `ModelSpec.with_file` has them.

        Raises
        ------
        ValueError
            If the preset or a model is unknown or of the other kind.
        """
        from napari_gfsam.models.registry import model_preset, model_spec

        encoder, segmenter = model_preset(self.preset).models
        if self.encoder is not None:
            encoder = model_spec(self.encoder, "encoder")
        if self.segmenter is not None:
            segmenter = model_spec(self.segmenter, "segmenter")
        if self.encoder_weights is not None:
            encoder = encoder.with_file(self.encoder_weights)
        if self.segmenter_weights is not None:
            segmenter = segmenter.with_file(self.segmenter_weights)
        return encoder, segmenter
