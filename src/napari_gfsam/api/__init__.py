"""GF-SAM without a screen.

>>> from napari_gfsam import Segmenter
>>> segmenter = Segmenter(model="bundled")
>>> segmenter.add_reference(image, labels)          # as often as wanted
>>> prediction = segmenter.segment(target)           # .labels, .confidence, .points, .clusters, .reason
"""

from napari_gfsam.api.prediction import Alternative, PointTable, Prediction
from napari_gfsam.api.reference import PaintError, Reference
from napari_gfsam.api.segmenter import PredictionReady, Segmenter

__all__ = ["Alternative", "PaintError", "PointTable", "Prediction", "PredictionReady", "Reference", "Segmenter"]
