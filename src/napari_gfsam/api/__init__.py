"""GF-SAM without a screen.

>>> from napari_gfsam import Segmenter
>>> segmenter = Segmenter(model="bundled")
>>> segmenter.add_reference(image, labels)          # as often as wanted
>>> prediction = segmenter.segment(target)           # .labels, .confidence, .points, .clusters, .reason
"""

from napari_gfsam.api.choice import ModelChoice
from napari_gfsam.api.many import Outcome
from napari_gfsam.api.prediction import Alternative, PointTable, Prediction
from napari_gfsam.api.reference import PaintError, Painting, Reference
from napari_gfsam.api.run import PredictionReady
from napari_gfsam.api.segmenter import Segmenter
from napari_gfsam.api.stacks import PlaneOutcome, StackPlan, segment_stack, serving_planes
from napari_gfsam.api.target import Target

__all__ = [
    "Alternative",
    "ModelChoice",
    "Outcome",
    "PaintError",
    "Painting",
    "PlaneOutcome",
    "PointTable",
    "Prediction",
    "PredictionReady",
    "Reference",
    "Segmenter",
    "StackPlan",
    "Target",
    "segment_stack",
    "serving_planes",
]
