"""One picture through the segmenter, with its progress shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_gfsam.api import Prediction, Segmenter
    from napari_gfsam.api.scale import Scale
    from napari_gfsam.api.tiles.prediction import TiledPrediction
    from napari_gfsam.cli.progress import TargetsProgress
    from napari_gfsam.datasets.pictures import ReadPicture


def predict(
    segmenter: Segmenter, picture: ReadPicture, progress: TargetsProgress, name: str, scale: Scale = "auto"
) -> Prediction | TiledPrediction:
    """Segment a picture that was read, at a scale, showing progress.

    Raises
    ------
    ValueError
        If there is nothing in the picture to see, or the models cannot be used.
    """
    events = segmenter.segment_events(picture.pixels, recipe=picture.recipe, record=picture.record, scale=scale)
    prediction: Prediction | TiledPrediction = progress.follow(name, events)
    return prediction
