"""Planes of label layers, in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.align import grid_of, widened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_gfsam.core.arrays import BoolArray, LabelArray
    from napari_gfsam.session.types import PlaneKey


def write_plane(layer: Labels, plane: PlaneKey, labels: NDArray[np.integer[Any]], *, draw: bool = True) -> None:
    """Write one plane of a class label layer of ours, in place, so that nothing else of the layer changes.

    Parameters
    ----------
    layer
        Of ours, as `OurLayers.labels` returns it.
    plane
        Which.
    labels
        (H, W) class ids; ids above 255 turn a uint8 layer into uint16.
    draw
        Draw the layer anew; of many planes it is enough to do so once.
    """
    write_planes(layer, [(plane, labels)], draw=draw)


def write_planes(
    layer: Labels, planes: Iterable[tuple[PlaneKey, NDArray[np.integer[Any]]]], *, draw: bool = True
) -> None:
    """Write planes as `write_plane` does, and draw once."""
    for plane, labels in planes:
        highest = int(labels.max(initial=0))
        if highest > np.iinfo(layer.data.dtype).max:
            layer.data = widened(layer.data, highest)
        plane.put(layer.data, labels)
    if draw:
        layer.refresh()


def takes(layer: Labels, plane: PlaneKey, shape: tuple[int, ...]) -> bool:
    """Tell whether a label layer has a plane, and (H, W) labels of this shape fit there."""
    whole = layer.data.shape
    if len(whole) != len(plane.index):
        return False
    there = all(place < length for place, length in zip(plane.index, whole, strict=True))
    return there and tuple(whole[axis] for axis in plane.axes_yx) == shape


def read_plane(layer: Labels, plane: PlaneKey) -> NDArray[np.integer[Any]]:
    """Return a copy of one plane of a label layer: (H, W), as the plane shows it."""
    return np.array(plane.take(layer.data))


def pixels_of(layer: Labels, plane: PlaneKey) -> dict[str, tuple[Any, ...]]:
    """Return scale, units (empty for pixels) and translation of the rows and columns of a plane.

    There is no translation where the plane is mirrored, turned or sheared.
    """
    axes, grid = plane.axes_yx, grid_of(layer)
    units = [str(layer.units[axis]) for axis in axes]
    return {
        "scale": tuple(float(grid.sizes[axis]) for axis in axes),
        "units": tuple("" if unit in ("pixel", "dimensionless") else unit for unit in units),
        "translate": grid.corner(axes),
    }


def paint_mask(layer: Labels, plane: PlaneKey, mask: BoolArray, value: int) -> None:
    """Paint a mask into a label layer, as one stroke that napari's own undo takes back.

    Parameters
    ----------
    layer
        May be the user's own, where the user asked for it (click-to-fill).
    plane
        Which.
    mask
        (H, W) what to paint.
    value
        The label.

    Raises
    ------
    ValueError
        If the layer's data type has no such label.
    """
    if value > np.iinfo(layer.data.dtype).max:
        raise ValueError(
            f"The layer {layer.name!r} holds labels up to {np.iinfo(layer.data.dtype).max}, not {value}; "
            "convert its data type (right click on it) or use a smaller class id."
        )
    upright = mask if plane.axes_yx[0] < plane.axes_yx[1] else mask.T
    within = iter(np.nonzero(upright))
    count = int(mask.sum())
    where = tuple(next(within) if place < 0 else np.full(count, place) for place in plane.index)
    with layer.block_history():  # else napari tells of the stroke before it is there
        layer.data_setitem(where, value)


def object_at(labels: LabelArray, yx: tuple[float, float]) -> BoolArray:
    """Return the object under a point: the (H, W) mask of the connected piece of its class, empty on background.

    Pieces hang together by edges, as those that napari's fill bucket fills.
    """
    from skimage.segmentation import flood

    y, x = (round(value) for value in yx)
    if not (0 <= y < labels.shape[0] and 0 <= x < labels.shape[1]) or labels[y, x] == 0:
        return np.zeros(labels.shape, dtype=bool)
    return np.asarray(flood(labels, (y, x), connectivity=1))
