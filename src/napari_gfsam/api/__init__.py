"""GF-SAM without a screen.

>>> from napari_gfsam import Segmenter
>>> segmenter = Segmenter(model="bundled")
>>> segmenter.add_reference(image, labels)          # as often as wanted
>>> prediction = segmenter.segment(target)           # .labels, .confidence, .points, .clusters, .reason
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gfsam.lazy import names_of

if TYPE_CHECKING:
    from napari_gfsam.api.choice import ModelChoice
    from napari_gfsam.api.correctable import Alternative, Correctable, PointTable
    from napari_gfsam.api.many import Outcome
    from napari_gfsam.api.prediction import Prediction
    from napari_gfsam.api.reference import PaintError, Painting, Reference
    from napari_gfsam.api.run import PredictionReady
    from napari_gfsam.api.scale import PixelSizes, Tiling
    from napari_gfsam.api.segmenter import Segmenter
    from napari_gfsam.api.stacks import PlaneOutcome, StackPlan, segment_stack, serving_planes
    from napari_gfsam.api.target import Target

__all__ = [
    "Alternative",
    "Correctable",
    "ModelChoice",
    "Outcome",
    "PaintError",
    "Painting",
    "PixelSizes",
    "PlaneOutcome",
    "PointTable",
    "Prediction",
    "PredictionReady",
    "Reference",
    "Segmenter",
    "StackPlan",
    "Target",
    "Tiling",
    "segment_stack",
    "serving_planes",
]

_MODULES = {
    "choice": ("ModelChoice",),
    "correctable": (
        "Alternative",
        "Correctable",
        "PointTable",
    ),
    "many": ("Outcome",),
    "prediction": ("Prediction",),
    "reference": (
        "PaintError",
        "Painting",
        "Reference",
    ),
    "run": ("PredictionReady",),
    "scale": (
        "PixelSizes",
        "Tiling",
    ),
    "segmenter": ("Segmenter",),
    "stacks": (
        "PlaneOutcome",
        "StackPlan",
        "segment_stack",
        "serving_planes",
    ),
    "target": ("Target",),
}

__getattr__ = names_of(__name__, {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names})
