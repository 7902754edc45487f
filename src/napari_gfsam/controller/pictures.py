"""The pictures of the viewer: which layers are one picture, and how each is read."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_gfsam.bridge.align import lies_over
from napari_gfsam.bridge.identity import find_layer, is_ours, layer_id
from napari_gfsam.bridge.sources import levels_of
from napari_gfsam.controller.files import path_of
from napari_gfsam.imaging import ImageError, PixelRecipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_gfsam.bridge.recipes import Reading
    from napari_gfsam.bridge.sources import LayerSource
    from napari_gfsam.controller.sources import Sources
    from napari_gfsam.session.types import PlaneKey


@dataclass(frozen=True, slots=True)
class LayerReading:
    """How a picture is read.

    Parameters
    ----------
    together
        Whether layers in the same place that are added up are its channels.
    channel_axis
        Axis of the one layer that holds its channels.
    level
        Of a pyramid; ``None`` chooses.
    """

    together: bool = True
    channel_axis: int | None = None
    level: int | None = None


class Pictures:
    """Image layers as pictures. Main thread only.

    Parameters
    ----------
    viewer
        The viewer.
    sources
        Takes what is read.
    """

    def __init__(self, viewer: ViewerModel, sources: Sources) -> None:
        self._viewer, self.sources = viewer, sources
        self._readings: dict[str, LayerReading] = {}
        self._found: list[tuple[Image, ...]] | None = None
        self.intensity: Reading | PixelRecipe = "displayed"

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Look only once meanwhile which layers are one picture, which takes long with many: nothing may change it."""
        before, self._found = self._found, self.groups()
        try:
            yield
        finally:
            self._found = before

    def groups(self) -> list[tuple[Image, ...]]:
        """Return the pictures from the bottom up: one image layer each, or several that are shown as one."""
        if self._found is not None:
            return self._found
        from napari.layers import Image

        groups: list[list[Image]] = []
        for layer in self._viewer.layers:
            if not isinstance(layer, Image) or is_ours(layer):
                continue
            # Hidden together they are still one picture; one that is hidden alone is none of its channels.
            alike = (group for group in groups if group[0].visible == layer.visible)
            home = next((group for group in alike if self._joins(layer, group[0])), None)
            if home is None:
                groups.append([layer])
            else:
                home.append(layer)
        return [tuple(group) for group in groups]

    def hidden_channels(self) -> list[tuple[Image, ...]]:
        """Return the pictures that are hidden and would else be channels of one that is shown."""
        groups = self.groups()
        shown, hidden = ([group for group in groups if group[0].visible is on] for on in (True, False))
        return [group for group in hidden if any(self._joins(group[0], over[0]) for over in shown)]

    def group_of(self, image: Image) -> tuple[Image, ...]:
        """Return the picture that a layer is part of."""
        return next((group for group in self.groups() if image in group), (image,))

    def reading(self, image: Image) -> LayerReading:
        """Return how the picture of a layer is read: as was chosen, as far as its pixels of now can be."""
        group = self.group_of(image)
        return _possible(self._readings.get(layer_id(group[0]), LayerReading()), group)

    def read(self, image: Image, **changes: Any) -> None:
        """Read the picture of a layer otherwise, by the fields of a `LayerReading`."""
        for layer in self.group_of(image):
            self._readings[layer_id(layer)] = replace(self._readings.get(layer_id(layer), LayerReading()), **changes)

    def saved(self) -> dict[str, Any]:
        """Return how pictures are read as JSON-ready values, by layer."""
        intensity = self.intensity if isinstance(self.intensity, str) else self.intensity.as_dict()
        return {
            "intensity": intensity,
            "layers": {name: asdict(reading) for name, reading in self._readings.items()},
        }

    def restore(self, saved: Mapping[str, Any], ids: Mapping[str, str]) -> None:
        """Put what `saved` gave in the place of all, for layers opened again under other ids."""
        intensity = saved["intensity"]
        self.intensity = PixelRecipe.from_dict(intensity) if isinstance(intensity, dict) else intensity
        self._readings = {ids.get(name, name): LayerReading(**entry) for name, entry in saved["layers"].items()}

    def source_over(self, image: Image) -> LayerSource:
        """Return the picture of a layer as a source, as it is shown now.

        Raises
        ------
        ImageError
            If its layers cannot be read as one picture.
        """
        group, reading = self.group_of(image), self.reading(image)
        return self.sources.take(
            *group, channel_axis=reading.channel_axis, intensity=self.intensity, level=reading.level
        )

    def renewed(self, plane: PlaneKey) -> tuple[Any, PlaneKey]:
        """Return the source of a plane that is painted, as it is shown and read now, and the plane in it.

        Raises
        ------
        ImageError
            If its layers are not in the viewer any more, or not as they were when it was painted.
        """
        source = self.sources.of(plane)
        if path_of(source.id) is not None:  # a file is read as it was when it was taken
            return source, plane
        found = [find_layer(self._viewer, layer) for layer in source.layers]
        layers = [layer for layer in found if layer is not None]
        if len(layers) < len(found):
            raise ImageError(f"The image layer {source.name!r} is no longer in the viewer; choose another one.")
        axis = self.reading(layers[0]).channel_axis if len(layers) == 1 else None
        taken = self.sources.take(*layers, intensity=self.intensity, channel_axis=axis, level=source.level)
        same = None if source.channel_axis not in (None, axis) else next(source.same_in(taken, plane), None)
        if same is None:
            raise ImageError(
                f"{source.name!r} was painted when it had other pixels or channels; choose the channels that it had "
                "(Advanced > Channels), or take it off the references and paint it anew."
            )
        return taken, same

    def get(self, plane: PlaneKey) -> LayerSource | None:
        """Return the source of a plane while it is open."""
        return self.sources.get(plane.source) if self.sources.is_open(plane) else None

    def under(self, layer: Layer) -> Image:
        """Return the picture that a label layer belongs to: the nearest below it in the same place, else the nearest.

        Raises
        ------
        ImageError
            If there is no picture.
        """
        images = [group[0] for group in self.groups()]
        if not images:
            raise ImageError(f"There is no image layer that {layer.name!r} could belong to; open the picture first.")
        order = {id(image): place for place, image in enumerate(self._viewer.layers)}
        mine = order.get(id(layer), 0)
        images.sort(key=lambda image: (not _fits(layer, image), order[id(image)] > mine, abs(order[id(image)] - mine)))
        return images[0]

    def _joins(self, layer: Image, first: Image) -> bool:
        """Tell whether a layer is added up with another in the same place: one more channel, if both are shown."""
        if not all(self._readings.get(layer_id(part), LayerReading()).together for part in (first, layer)):
            return False
        added = str(layer.blending) == "additive" and str(first.blending) == "additive"
        grey = added and not layer.rgb and not first.rgb
        return grey and levels_of(layer) == levels_of(first) and lies_over(layer, first)


def _possible(chosen: LayerReading, group: tuple[Image, ...]) -> LayerReading:
    """Leave out what was chosen for other pixels: an axis or a level that is not there."""
    first, axis, level = group[0], chosen.channel_axis, chosen.level
    if axis is not None and (len(group) > 1 or first.rgb or first.ndim < 3 or axis >= first.ndim):
        axis = None
    if level is not None and level >= len(levels_of(first)):
        level = None
    return replace(chosen, channel_axis=axis, level=level)


def _fits(layer: Layer, image: Image) -> bool:
    return layer.ndim == image.ndim and bool(lies_over(layer, image))
