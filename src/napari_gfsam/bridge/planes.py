"""From sliders to planes and back: which plane the viewer shows, and showing one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.bridge.align import grid_of, unit_sizes, viewer_grid
from napari_gfsam.bridge.identity import find_layer
from napari_gfsam.bridge.sources import axis_word
from napari_gfsam.imaging import ImageError
from napari_gfsam.session.types import PlaneKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_gfsam.bridge.align import Shape
    from napari_gfsam.bridge.sources import LayerSource
    from napari_gfsam.core.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class StackAxis:
    """An axis with a slider.

    Parameters
    ----------
    axis
        Of label space.
    label
        For people.
    length
        How many planes.
    """

    axis: int
    label: str
    length: int


def layer_of(viewer: ViewerModel, source: LayerSource) -> Image:
    """Return the layer that says where a source's pictures lie.

    Raises
    ------
    ImageError
        If it is not in the viewer, or has another shape now than the source.
    """
    layer = find_layer(viewer, source.layers[0])
    if layer is None:
        raise ImageError(f"The image layer {source.name!r} is no longer in the viewer; choose another one.")
    if not source.covers([layer]):
        raise ImageError(changed_words(source.name))
    return layer


def changed_words(name: str) -> str:
    """Say that a picture has another shape now than when it was painted or run."""
    return f"{name!r} has another size now than when it was painted or run; paint or run it again as it is now."


def displayed_axes(viewer: ViewerModel, layer: Layer) -> tuple[int, int]:
    """Return the layer's axes that run down and across the canvas (in 3D: that would, in 2D)."""
    rows, columns = _displayed(viewer, layer, 2)
    return rows, columns


def shown_plane(viewer: ViewerModel, source: LayerSource) -> PlaneKey:
    """Return the plane of a source that the viewer shows; a view turned on its side shows the same plane.

    Raises
    ------
    ImageError
        If it shows none: the layer is gone, the view is 3D, the sliders stand outside the layer, or its channel axis is
        shown as rows or columns.
    """
    axes_yx, places = _shown_places(viewer, source)
    for axis, place in places.items():
        if not 0 <= place < source.shape[axis]:
            raise ImageError(f"The viewer shows no plane of {source.name!r}; move the sliders back to it.")
    return _plane(source, axes_yx, places)


def data_at(viewer: ViewerModel, layer: Layer, world: Sequence[float]) -> FloatArray:
    """Return the (n,) position in a layer's own pixels of a position in the viewer, such as that of the pointer.

    It is the pixel that is drawn there. (napari's own `Layer.world_to_data` is beside it where rotation or shear mix
    the axes that are shown with others.)
    """
    place, position = np.empty(layer.ndim), np.asarray(world, dtype=np.float64)
    shown = _displayed(viewer, layer, viewer.dims.ndisplay)
    drawn = viewer_grid(viewer, layer).drawn(shown)
    on_canvas = position[list(viewer.dims.order[-len(shown) :])]
    place[shown] = np.linalg.lstsq(drawn.linear, on_canvas - drawn.offset, rcond=None)[0]
    other = [axis for axis in range(layer.ndim) if axis not in shown]
    if other:
        slicing, base = _slicing(viewer, layer, None, other)
        place[other] = slicing @ position[-layer.ndim :][other] + base
    return place


def nearest_plane(viewer: ViewerModel, source: LayerSource) -> PlaneKey:
    """Return the plane of a source that the viewer shows, or the one nearest to where its sliders stand.

    Raises
    ------
    ImageError
        If the layer is gone, the view is 3D, or its channel axis is shown as rows or columns.
    """
    axes_yx, places = _shown_places(viewer, source)
    inside = {axis: min(max(place, 0), source.shape[axis] - 1) for axis, place in places.items()}
    return _plane(source, axes_yx, inside)


def stack_axes(viewer: ViewerModel, source: LayerSource) -> list[StackAxis]:
    """Return the axes along which a source has several planes as the viewer shows it.

    Raises
    ------
    ImageError
        If the layer is gone.
    """
    hidden = displayed_axes(viewer, layer_of(viewer, source))
    return [
        StackAxis(axis, axis_word(source, axis) or f"axis {axis}", length)
        for axis, length in enumerate(source.shape)
        if axis not in hidden and length > 1
    ]


def planes_of(
    source: LayerSource, axis: int, start: int = 0, stop: int | None = None, step: int = 1, *, at: PlaneKey
) -> list[PlaneKey]:
    """Return planes along one axis.

    Parameters
    ----------
    source
        Of the planes.
    axis
        Along which; neither rows nor columns of `at`.
    start, stop, step
        As in `range`: `stop` is not included; ``None`` for the end.
    at
        Says the place along all other axes, rows and columns.

    Raises
    ------
    ValueError
        If the axis is not one to go along, the step is below 1 or the range leaves the stack.
    """
    if not 0 <= axis < len(source.shape) or at.index[axis] < 0:
        raise ValueError(f"Planes of {source.name!r} lie along an axis that is neither rows nor columns, not {axis}.")
    end = source.shape[axis] if stop is None else stop
    if step < 1 or start < 0 or end > source.shape[axis]:
        raise ValueError(f"{source.name!r} has planes 0 to {source.shape[axis] - 1}, not {start} to {end - 1}.")
    return [replace(at, index=(*at.index[:axis], place, *at.index[axis + 1 :])) for place in range(start, end, step)]


def show_plane(viewer: ViewerModel, source: LayerSource, plane: PlaneKey) -> None:
    """Make the viewer show a plane: 2D, its two axes (turned as they are), and the sliders at its place.

    Raises
    ------
    ImageError
        If the layer is gone, or napari cannot show the plane because rotation or shear mix its axes.
    """
    layer = layer_of(viewer, source)
    if layer.ndim > 2 and viewer.dims.ndisplay == 3:
        viewer.dims.ndisplay = 2
    if set(displayed_axes(viewer, layer)) != set(plane.axes_yx):
        viewer.dims.order = _order_showing(viewer, layer, plane)
    wanted = _places(viewer, layer, source, plane.axes_yx)
    for axis, shown in wanted.items():
        # One label plane stands for all channels: the channel that is shown stays.
        at_channel = shown if abs(shown) <= 0.5 else 0.0
        wanted[axis] = at_channel if axis == source.channel_axis else float(plane.index[axis])
    if wanted:
        first = viewer.dims.ndim - layer.ndim
        viewer.dims.set_point([first + axis for axis in wanted], _point_at(viewer, layer, source, wanted))
    if shown_plane(viewer, source).index != plane.index:
        raise ImageError(f"napari cannot show this plane of {source.name!r}: its axes are rotated into each other.")


def give_slider(viewer: ViewerModel, layer: Layer, axis: int) -> None:
    """Turn the view where an axis of a layer, such as that of its channels, is shown as rows or columns."""
    if axis in displayed_axes(viewer, layer):
        moved = viewer.dims.ndim - layer.ndim + axis
        viewer.dims.order = (moved, *(other for other in viewer.dims.order if other != moved))


def _displayed(viewer: ViewerModel, layer: Layer, count: int) -> list[int]:
    # napari matches axes from the right: a layer with fewer axes than the viewer has its last ones.
    first = viewer.dims.ndim - layer.ndim
    return [int(axis) - first for axis in viewer.dims.order if axis >= first][-count:]


def _shown_places(viewer: ViewerModel, source: LayerSource) -> tuple[tuple[int, int], dict[int, int]]:
    """Return the axes that the viewer shows and the plane along each other axis, which may lie outside the source."""
    layer = layer_of(viewer, source)
    axes_yx = displayed_axes(viewer, layer)
    if viewer.dims.ndisplay == 3 and layer.ndim > 2:
        raise ImageError("The viewer is in 3D, so no single plane is shown; switch to 2D (the cube button, or Ctrl+Y).")
    if source.channel_axis in axes_yx:
        raise ImageError(f"The viewer shows the channels of {source.name!r} as rows or columns; show another axis.")
    return axes_yx, {axis: int(np.round(place)) for axis, place in _places(viewer, layer, source, axes_yx).items()}


def _plane(source: LayerSource, axes_yx: tuple[int, int], places: dict[int, int]) -> PlaneKey:
    return PlaneKey(source.id, tuple(places.get(axis, -1) for axis in range(len(source.shape))), axes_yx).upright


def _places(viewer: ViewerModel, layer: Layer, source: LayerSource, axes_yx: tuple[int, int]) -> dict[int, float]:
    """Return where the sliders stand along the other axes, in label space: what napari slices."""
    other = [axis for axis in range(layer.ndim) if axis not in axes_yx]
    if not other:
        return {}
    slicing, base = _slicing(viewer, layer, source.shape, other)
    point = np.asarray(viewer.dims.point[-layer.ndim :], dtype=np.float64)[other]
    return dict(zip(other, (slicing @ point + base).tolist(), strict=True))


def _point_at(viewer: ViewerModel, layer: Layer, source: LayerSource, places: dict[int, float]) -> list[float]:
    """Return where the sliders must stand for these places in label space."""
    slicing, base = _slicing(viewer, layer, source.shape, list(places))
    try:
        point = np.linalg.solve(slicing, np.asarray(list(places.values())) - base)
    except np.linalg.LinAlgError as error:
        raise ImageError(f"napari cannot slice {source.name!r}: its axes are rotated into each other.") from error
    return [float(place) for place in point]


def _slicing(viewer: ViewerModel, layer: Layer, shape: Shape | None, other: list[int]) -> tuple[FloatArray, FloatArray]:
    """Return matrix and offset that napari slices by: from slider positions to places in label space.

    napari takes this part of the inverse and leaves out what rotation and shear mix in from the displayed axes.
    """
    inverse = grid_of(layer, shape).inverse
    slicing = (inverse.linear * unit_sizes(viewer, layer))[np.ix_(other, other)]
    return slicing, inverse.offset[other]


def _order_showing(viewer: ViewerModel, layer: Layer, plane: PlaneKey) -> tuple[int, ...]:
    first = viewer.dims.ndim - layer.ndim
    last = [first + axis for axis in plane.axes_yx]
    return (*(axis for axis in viewer.dims.order if axis not in last), *last)
