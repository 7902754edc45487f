"""Click-to-fill: a click in the reference paints what SAM outlines there."""

from __future__ import annotations

from collections import deque
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
    from napari_gfsam.slices import Steps
    from napari_gfsam.workers import JobRunner

#: So many clicks wait for their masks at most.
MOST_WAITING = 32


class Filling:
    """Paints SAM's mask where a person clicks, one click after the other. Main thread only.

    `filled` comes after each mask, `failed` with a sentence.
    """

    filled = Signal()
    failed = Signal(str)

    def __init__(self, ours: OurLayers, references: References, models: Models, jobs: JobRunner) -> None:
        self._ours, self._references, self._models, self._jobs = ours, references, models, jobs
        self._stop: Callable[[], None] | None = None
        self._layer: Any = None
        self._paint: Callable[[BoolArray], None] | None = None
        self._waiting: deque[tuple[Steps, Callable[[BoolArray], None]]] = deque()
        jobs.finished.connect(self._on_mask)
        jobs.failed.connect(self._on_failed)

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
        """Let clicks be clicks again; those that still wait for their masks are forgotten."""
        self._waiting.clear()
        self._jobs.stop(0)
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
        if len(self._waiting) >= MOST_WAITING:
            self.failed.emit(f"{MOST_WAITING} clicks are waiting for their masks; wait until some are painted.")
            return
        paint = partial(paint_mask, layer, plane, value=int(layer.selected_label) or 1)
        self._waiting.append((_outlined(self._models, source, plane, yx), paint))
        if not self._jobs.running:
            self._next()

    def _next(self) -> None:
        """Begin with the click that waits longest."""
        if self._waiting:
            steps, self._paint = self._waiting.popleft()
            self._jobs.start(steps)

    def _on_mask(self, mask: BoolArray) -> None:
        paint, self._paint = self._paint, None
        if paint is None or not self.on:  # the layer was deleted meanwhile
            self._waiting.clear()
            return
        try:
            paint(mask)
        except ValueError as error:  # whose message is a sentence
            self.failed.emit(str(error))
        else:
            self.filled.emit()
        self._next()

    def _on_failed(self, sentence: str) -> None:
        """Say it once: what failed for one click would for those that wait."""
        self._waiting.clear()
        self.failed.emit(sentence)


def _outlined(models: Models, source: LayerSource, plane: PlaneKey, yx: FloatArray) -> Generator[str, None, BoolArray]:
    from napari_gfsam.api.outline import outline

    yield from import_models()
    pixels = source.read(plane)
    yield "read"
    return outline(models.segmenter.backend, pixels, yx[None], recipe=source.recipe)
