"""One picture through the segmenter, and what is said and drawn about the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_gfsam.cli.inputs import read_whole
from napari_gfsam.cli.outputs import Drawing

if TYPE_CHECKING:
    from napari_gfsam.api import Prediction, Segmenter
    from napari_gfsam.api.scale import Scale
    from napari_gfsam.api.tiles.prediction import TiledPrediction
    from napari_gfsam.cli.inputs import ReadPicture
    from napari_gfsam.cli.progress import TargetsProgress


def summary(prediction: Prediction | TiledPrediction) -> str:
    """Return seconds, prompts, clusters, score and, of a picture in tiles, their number as plain text."""
    record = prediction.record()
    results = record.results
    seconds = sum(prediction.seconds.values())
    prompts, clusters = sum(one.prompts for one in results), sum(one.clusters for one in results)
    names = {id_: found.spec.name for id_, found in prediction.classes.items()}
    scores = [f"{one.score:.3f}" if len(results) == 1 else f"{names[one.id]} {one.score:.3f}" for one in results]
    found = f"{_count(prompts, 'prompt')}, {_count(clusters, 'cluster')}"
    text = f"{seconds:.2f} s, {found}, score {', '.join(scores)}"
    if record.tiling is not None:
        height, width = record.tiling.tile
        text += f"; in tiles of {height} x {width} pixels (objects span {record.tiling.span:.1f} of 37 cells)"
    return f"{text} (empty: {prediction.reason})" if prediction.reason else text


def predict(
    segmenter: Segmenter, picture: ReadPicture, progress: TargetsProgress, name: str, scale: Scale = "whole"
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


def drawing_of(
    picture: ReadPicture, prediction: Prediction | TiledPrediction, *, points: bool, truth: Any = None
) -> Drawing:
    """Return what the overlay of a prediction shows."""
    from napari_gfsam.imaging import OverlayPoints, to_rgb

    table = prediction.points
    dots = OverlayPoints(table.points_yx, table.status) if points else None
    return Drawing(to_rgb(read_whole(picture), picture.recipe), truth, dots)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
