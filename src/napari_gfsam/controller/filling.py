"""Click-to-fill: a click in the reference paints what SAM outlines there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_gfsam.bridge.clicks import on_click, plane_yx
from napari_gfsam.bridge.identity import find_layer
from napari_gfsam.bridge.proposals import paint_mask
from napari_gfsam.controller.warmup import import_models
from napari_gfsam.imaging import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari.layers import Labels

    from napari_gfsam.bridge.ours import OurLayers
    from napari_gfsam.bridge.sources import LayerSource
    from napari_gfsam.controller.models import Models
    from napari_gfsam.controller.references import References
    from napari_gfsam.core.arrays import BoolArray, FloatArray
    from napari_gfsam.session.types import PlaneKey, ReferenceRow
    from napari_gfsam.workers import JobRunner


class Filling:
    """Paints SAM's mask where a person clicks. Main thread only.

    `filled` comes after each mask, `failed` with a sentence.
    """

    filled = Signal()
    failed = Signal(str)

    def __init__(self, ours: OurLayers, references: References, models: Models, jobs: JobRunner) -> None:
        self._ours, self._references, self._models, self._jobs = ours, references, models, jobs
        self._stop: Callable[[], None] | None = None
        self._layer: Any = None
        self._paint: Callable[[BoolArray], None] | None = None
        jobs.finished.connect(self._on_mask)
        jobs.failed.connect(self.failed.emit)

    @property
    def on(self) -> bool:
        """Whether clicks paint; not once the layer is gone."""
        return self._stop is not None and self._layer in self._ours.viewer.layers

    def start(self, row: ReferenceRow) -> None:
        """Let clicks in the reference's label layer paint; nothing is done if the layer is gone.

        Raises
        ------
        ImageError
            If the layer has other pixels than the picture, or several resolutions.
        """
        self.stop()
        layer = find_layer(self._ours.viewer, row.labels_layer)
        if layer is not None:
            self._references.require_same_pixels(row, layer)
            self._ours.viewer.layers.selection.active = layer
            layer.mode = "pan_zoom"
            self._layer = layer
            self._stop = on_click(layer, partial(self._click, layer, row))

    def stop(self) -> None:
        """Let clicks be clicks again."""
        if self._stop is not None:
            self._stop()
            self._stop = self._layer = None

    def close(self) -> None:
        """Stop, and wait a little for a mask on its way."""
        self.stop()
        self._jobs.stop()

    def _click(self, layer: Labels, row: ReferenceRow, world: tuple[float, ...]) -> None:
        at = self._references.shown_plane(row)
        if at is None:
            return
        source, plane = at
        yx = np.array(plane_yx(self._ours.viewer, layer, plane, world))
        if (yx < -0.5).any() or (yx > np.array(source.plane_shape(plane)) - 0.5).any():
            return  # beside the picture
        try:
            self._references.require_same_pixels(row, layer)  # the picture may have been moved since the start
        except ImageError as error:
            self.failed.emit(str(error))
            return
        value = int(layer.selected_label) or 1
        self._paint = partial(paint_mask, layer, plane, value=value)
        self._jobs.start(_outlined(self._models, source, plane, yx))

    def _on_mask(self, mask: BoolArray) -> None:
        paint, self._paint = self._paint, None
        if paint is None:
            return
        try:
            paint(mask)
        except ValueError as error:  # whose message is a sentence
            self.failed.emit(str(error))
        else:
            self.filled.emit()


def _outlined(models: Models, source: LayerSource, plane: PlaneKey, yx: FloatArray) -> Generator[str, None, BoolArray]:
    from napari_gfsam.api.outline import outline

    yield from import_models()
    pixels = source.read(plane)
    yield "read"
    return outline(models.segmenter.backend, pixels, yx[None], recipe=source.recipe)
