"""Any label layer of the user as the paint of a plane, wherever the layer lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_gfsam.bridge.align import lies_over, shape_of, viewer_grid
from napari_gfsam.bridge.planes import layer_of
from napari_gfsam.session.types import PlaneKey

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer
    from numpy.typing import NDArray

    from napari_gfsam.bridge.align import Shape
    from napari_gfsam.bridge.sources import LayerSource
    from napari_gfsam.core.arrays import FloatArray

#: Where a plane's first pixel lies among a label layer's pixels, and the steps of a row and of a column: (n,) each.
_Path: TypeAlias = "tuple[FloatArray, FloatArray, FloatArray]"
#: A step along rows or columns that moves by less than this is none, pixels.
_NO_STEP = 1e-9


def paint_on(viewer: ViewerModel, labels: Labels, source: LayerSource, plane: PlaneKey) -> NDArray[np.integer[Any]]:
    """Return what is painted on a plane.

    A label layer with the source's own pixels is read as it is. Any other (of another size, of one plane only, moved,
    rotated, with more axes than the image) is read where it lies: the label at each pixel's centre. One that lacks
    nothing but the channel axis is read by its shape: napari lays it over the wrong slider.

    Parameters
    ----------
    viewer
        Its sliders say the place along axes that only the label layer has.
    labels
        Of the user.
    source, plane
        The painted picture.

    Returns
    -------
    (H, W) integers of the layer's type, a copy; 0 where the label layer does not reach.

    Raises
    ------
    napari_gfsam.imaging.ImageError
        If the image layer is gone.
    """
    layer = layer_of(viewer, source)
    data = labels.data[0] if labels.multiscale else labels.data
    if lies_over(labels, layer, source.shape):
        return np.array(plane.take(data))
    if source.channel_axis is not None and shape_of(labels) == _without(source.shape, source.channel_axis):
        return np.array(_without_channels(plane, source.channel_axis).take(data))
    path = _path(viewer, labels, layer, source, plane)
    return _sampled(data, shape_of(labels), path, source.plane_shape(plane))


def labels_painted(changes: Any) -> set[int]:
    """Return the labels that a stroke painted, from the value of the ``paint`` event of a Labels layer."""
    try:
        return {int(label) for change in changes for label in np.unique(change[-1])}
    except (TypeError, IndexError, ValueError):  # another napari
        return set()


def _without(entries: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*entries[:axis], *entries[axis + 1 :])


def _without_channels(plane: PlaneKey, axis: int) -> PlaneKey:
    rows, columns = (place - (place > axis) for place in plane.axes_yx)
    return PlaneKey(plane.source, _without(plane.index, axis), (rows, columns))


def _sampled(data: Any, shape: Shape, path: _Path, size: tuple[int, int]) -> NDArray[np.integer[Any]]:
    """Return the (H, W) labels at a plane's pixels; only the label layer's own plane is read where it is one."""
    start, down, across = path
    held = (np.abs(down) < _NO_STEP) & (np.abs(across) < _NO_STEP)
    places = [int(np.round(place)) if still else None for place, still in zip(start, held, strict=True)]
    found = np.zeros(size, data.dtype)
    if any(place is not None and not 0 <= place < length for place, length in zip(places, shape, strict=True)):
        return found
    part = np.asarray(data[tuple(slice(None) if place is None else place for place in places)])
    moving = [_positions(start[axis], down[axis], across[axis], size) for axis in np.flatnonzero(~held)]
    inside = np.ones(size, bool)
    for position, length in zip(moving, part.shape, strict=True):
        inside &= (position >= 0) & (position < length)
    nearest = tuple(position.clip(0, length - 1) for position, length in zip(moving, part.shape, strict=True))
    np.copyto(found, part[nearest], where=inside)
    return found


def _path(viewer: ViewerModel, labels: Layer, layer: Layer, source: LayerSource, plane: PlaneKey) -> _Path:
    """Return how a plane runs through the label layer's pixels."""
    own, grid = viewer_grid(viewer, labels), viewer_grid(viewer, layer, source.shape)
    rows, columns = plane.axes_yx
    corner = np.maximum(np.asarray(plane.index, dtype=np.float64), 0)
    corners = np.stack([corner, corner + np.eye(layer.ndim)[rows], corner + np.eye(layer.ndim)[columns]])
    world = np.tile(np.asarray(viewer.dims.point, dtype=np.float64), (3, 1))
    world[:, -layer.ndim :] = grid.to_world(corners)
    first, below, beside = own.from_world(world[:, -labels.ndim :])
    return first, below - first, beside - first


def _positions(start: float, down: float, across: float, size: tuple[int, int]) -> NDArray[np.int64]:
    """Return the nearest pixel along one axis: (H, W), or (H, 1) or (1, W) where only rows or columns move it."""
    place = np.full((1, 1), start)
    if abs(down) >= _NO_STEP:
        place = place + down * np.arange(size[0])[:, None]
    if abs(across) >= _NO_STEP:
        place = place + across * np.arange(size[1])[None, :]
    return np.round(place).astype(np.int64)
