"""The owner of where our layers lie: exactly over a layer of the user, whatever its transforms.

Label space has one axis an axis of the image layer (the RGB axis excluded). Along an axis it may be coarser than the
image: a coarser pyramid level, or a channel axis of length 1 that stands for all channels. An array of label space
covers exactly the extent of the image, so its shape says all.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_gfsam.core.arrays import FloatArray
    from napari_gfsam.session.types import PlaneKey

Shape = tuple[int, ...]
Kwargs = dict[str, Any]
#: Larger label arrays are kept in a file.
MEMORY_BYTES = 2**30
#: Parts of a matrix below this share of its largest are rounding.
TINY = 1e-9
#: Corners that lie this near to each other are the same, pixels.
SAME_PIXEL = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Label space in the world: ``world = linear @ position + offset``, in the units of the layer.

    Parameters
    ----------
    linear
        (n, n) float64.
    offset
        (n,) float64, where the centre of the first pixel lies.
    """

    linear: FloatArray
    offset: FloatArray

    def to_world(self, positions: FloatArray) -> FloatArray:
        """Map (..., n) positions of label space (pixel centres at integers) to (..., n) world points."""
        return np.asarray(positions @ self.linear.T + self.offset)

    def from_world(self, points: FloatArray) -> FloatArray:
        """Map (..., n) world points to (..., n) positions of label space."""
        inverse = self.inverse
        return np.asarray(points @ inverse.linear.T + inverse.offset)

    def drawn(self, axes: Sequence[int]) -> Grid:
        """Return how napari draws these axes: it leaves out what rotation and shear mix in from the others."""
        return Grid(self.linear[np.ix_(axes, axes)], self.offset[list(axes)])

    @property
    def sizes(self) -> FloatArray:
        """How long a pixel is along each axis: (n,)."""
        return np.asarray(np.linalg.norm(self.linear, axis=0))

    def corner(self, axes: Sequence[int]) -> tuple[float, ...]:
        """Return where the first pixel lies along some axes; nothing if they are mirrored, turned or sheared."""
        turned, where = np.abs(self.linear / self.sizes - np.eye(len(self.offset))), list(axes)
        plain = max(turned[:, where].max(), turned[where].max()) <= TINY
        return tuple(float(place) for place in self.offset[where]) if plain else ()

    @property
    def inverse(self) -> Grid:
        """From the world to label space, with the very rounding of napari, which decides ties between two planes."""
        full = np.eye(len(self.offset) + 1)
        full[:-1, :-1], full[:-1, -1] = self.linear, self.offset
        back = np.linalg.inv(full)
        return Grid(back[:-1, :-1], back[:-1, -1])


def shape_of(layer: Layer) -> Shape:
    """Return the shape of an image or label layer without its RGB axis; of a pyramid, that of the finest level."""
    return tuple(int(length) for length in layer.data.shape[: layer.ndim])


def grid_of(layer: Layer, shape: Shape | None = None) -> Grid:
    """Return where an array of a shape lies that covers the layer's extent; without a shape, the layer's own pixels."""
    linear, offset = _world_of(layer)
    factors = _factors(layer, shape)
    return Grid(linear * factors, offset + linear @ ((factors - 1) / 2))


def grid_like(facts: Mapping[str, Any]) -> Grid:
    """Return where the pixels of a layer lie that has this scale, translate, rotate, shear and affine."""
    scale, shear = np.asarray(facts["scale"], dtype=np.float64), np.asarray(facts["shear"], dtype=np.float64)
    if shear.ndim == 1:  # napari gives an upper triangle as a vector
        upper, shear = shear, np.eye(len(scale))
        shear[np.triu_indices(len(scale), k=1)] = upper
    own = np.eye(len(scale) + 1)
    own[:-1, :-1] = np.asarray(facts["rotate"], dtype=np.float64) @ shear @ np.diag(scale)
    own[:-1, -1] = facts["translate"]
    full = np.asarray(facts["affine"], dtype=np.float64) @ own
    return Grid(full[:-1, :-1], full[:-1, -1])


def viewer_grid(viewer: ViewerModel, layer: Layer, shape: Shape | None = None) -> Grid:
    """Return the same in the units of the viewer (of its last axes): what sliders, camera and pointer are in."""
    grid, sizes = grid_of(layer, shape), unit_sizes(viewer, layer)
    return Grid(grid.linear / sizes[:, None], grid.offset / sizes)


def unit_sizes(viewer: ViewerModel, layer: Layer) -> FloatArray:
    """Return how many of the layer's units make one of the viewer's, along each axis (1 in a napari without)."""
    units = getattr(viewer.dims, "units", None)
    if units is None or len(units) < layer.ndim:
        return np.ones(layer.ndim)
    pairs = zip(units[-layer.ndim :], layer.units, strict=True)
    return np.array([_in_base_units(shown) / _in_base_units(own) for shown, own in pairs])


def lies_over(other: Layer, layer: Layer, shape: Shape | None = None) -> bool:
    """Tell whether an image or label layer has the very pixels of label space of this shape over a layer."""
    if other.ndim != layer.ndim or shape_of(other) != (shape or shape_of(layer)) or other.units != layer.units:
        return False
    corners = np.vstack([np.zeros(layer.ndim), np.diag(shape_of(other))])
    seen = grid_of(layer, shape).from_world(grid_of(other).to_world(corners))
    return bool(np.abs(seen - corners).max() <= SAME_PIXEL)


def aligned(layer: Layer, *, name: str, shape: Shape | None = None) -> Kwargs:
    """Return what puts a new layer exactly over a layer, for the constructor of any napari layer.

    Parameters
    ----------
    layer
        Of the user, with any scale, translate, rotate, shear and affine.
    name
        For the new layer.
    shape
        Of the new layer's array (for points: of the label space they are given in); the layer's own if not given.

    Returns
    -------
    ``name``, ``scale``, ``translate``, ``rotate``, ``shear``, ``affine``, ``units`` and ``axis_labels``.

    Raises
    ------
    ValueError
        If the shape has another number of axes than the layer.
    """
    factors = _factors(layer, shape)
    shift = _world_of(layer)[0] @ ((factors - 1) / 2)
    return _placed(layer, name, factors, shift)


def labels_over(
    layer: Layer, *, name: str, shape: Shape | None = None, highest: int = 255, folder: Path | None = None
) -> Kwargs:
    """Return what makes an empty Labels layer exactly over a layer.

    Parameters
    ----------
    layer, name, shape
        As in `aligned`.
    highest
        Highest class id; the array is uint8 up to 255, uint16 up to 65535.
    folder
        Where an array above 1 GB becomes a file (``<32 hexadecimal digits>.npy``, mapped into memory); without a
        folder every array is in memory.

    Returns
    -------
    As `aligned`, with ``data``: zeros, which take memory or disk only where they are written.

    Raises
    ------
    ValueError
        If the shape does not fit the layer or a class id is above 65535.
    OSError
        If the file cannot be made.
    """
    kwargs = aligned(layer, name=name, shape=shape)
    kwargs["data"] = empty_labels(shape or shape_of(layer), highest=highest, folder=folder)
    return kwargs


def empty_labels(shape: Shape, *, highest: int = 255, folder: Path | None = None) -> NDArray[np.unsignedinteger[Any]]:
    """Return zeros for class ids; parameters and errors as in `labels_over`."""
    if not 0 <= highest <= np.iinfo(np.uint16).max:
        raise ValueError(f"Class ids run from 1 to 65535, not to {highest}.")
    dtype = np.dtype(np.uint8 if highest <= np.iinfo(np.uint8).max else np.uint16)
    if folder is None or int(np.prod(shape, dtype=object)) * dtype.itemsize <= MEMORY_BYTES:
        return np.zeros(shape, dtype)
    folder.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(folder / f"{uuid4().hex}.npy", mode="w+", dtype=dtype, shape=shape)


def widened(
    data: NDArray[np.unsignedinteger[Any]], highest: int, shape: Shape | None = None
) -> NDArray[np.unsignedinteger[Any]]:
    """Return class ids in an array that holds higher ones, or more planes; in a file of its own if they were in one.

    Parameters
    ----------
    data
        Made by `empty_labels`. Its file is deleted, if the system allows it.
    highest
        Highest class id; errors as in `empty_labels`.
    shape
        Of the array, nowhere shorter; that of the data if not given.
    """
    # An array mapped from no file (what numpy computes from a mapped one) is in memory.
    name = getattr(data, "filename", None)
    folder = None if name is None else Path(name).parent
    wide = empty_labels(data.shape if shape is None else shape, highest=highest, folder=folder)
    rows, columns = data.shape[-2:]
    for place in np.ndindex(data.shape[:-2]):  # planes with nothing in them take no room
        if data[place].any():
            wide[place][:rows, :columns] = data[place]
    if name is not None:
        with suppress(OSError):  # in use on Windows
            Path(name).unlink()
    return wide


def aligned_plane(
    layer: Layer, plane: PlaneKey, *, name: str, shape: Shape, size: tuple[int, int] | None = None
) -> Kwargs:
    """Return what puts a new layer exactly over one plane of a layer and shows it at that plane only.

    Parameters
    ----------
    layer
        Of the user.
    plane
        Which, in label space.
    name
        For the new layer.
    shape
        Of label space.
    size
        (rows, columns) of the new layer's picture as the plane shows it, when it is finer or coarser than the plane
        (a map of similarity, say): it is stretched over the whole plane.

    Returns
    -------
    As `aligned`; the data must have length 1 along all axes but the plane's (see `plane_array`). Where a rotation or
    shear mixes the plane's axes with others, napari draws a plane without the shift that this means; so does this.

    Raises
    ------
    ValueError
        If the shape has another number of axes than the layer.
    """
    pixels = list(shape)
    for axis, length in zip(plane.axes_yx, size or (), strict=False):
        pixels[axis] = length
    factors = _factors(layer, tuple(pixels))
    linear, _ = _world_of(layer)
    shift = linear @ ((factors - 1) / 2) + _step_to(plane, linear * factors)
    return _placed(layer, name, factors, shift)


def plane_array(plane: PlaneKey, pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the (H, W) picture of a plane as a view with all axes of label space: length 1 outside the plane."""
    upright = pixels if plane.axes_yx[0] < plane.axes_yx[1] else pixels.T
    return upright[tuple(slice(None) if place < 0 else None for place in plane.index)]


def points_nd(plane: PlaneKey, points_yx: FloatArray) -> FloatArray:
    """Return (N, n) positions of label space for (N, 2) points (row, column) of a plane."""
    points = np.asarray(points_yx, dtype=np.float64).reshape(-1, 2)
    full = np.tile(np.asarray(plane.index, dtype=np.float64), (len(points), 1))
    full[:, list(plane.axes_yx)] = points
    return full


def points_yx(plane: PlaneKey, points: FloatArray) -> FloatArray:
    """Return the (N, 2) points (row, column) of a plane for (N, n) positions of label space."""
    return np.asarray(points, dtype=np.float64).reshape(-1, len(plane.index))[:, list(plane.axes_yx)]


def on_plane(plane: PlaneKey, points: FloatArray) -> NDArray[np.bool_]:
    """Tell which of (N, n) positions of label space lie on a plane: (N,) bool."""
    other = [axis for axis, place in enumerate(plane.index) if place >= 0]
    places = np.asarray(points, dtype=np.float64).reshape(-1, len(plane.index))[:, other]
    return np.asarray((np.round(places) == np.asarray(plane.index)[other]).all(axis=1))


def _in_base_units(unit: Any) -> float:
    return float((1 * unit).to_base_units().magnitude)


def _world_of(layer: Layer) -> tuple[FloatArray, FloatArray]:
    """Return the (n, n) matrix and the (n,) offset that take the layer's pixels to the world."""
    facts = {name: getattr(layer, name) for name in ("scale", "translate", "rotate", "shear")}
    grid = grid_like({**facts, "affine": layer.affine.affine_matrix})
    return grid.linear, grid.offset


def _factors(layer: Layer, shape: Shape | None) -> FloatArray:
    """Return how many of the layer's pixels a pixel of an array of this shape covers, along each axis."""
    if shape is None:
        return np.ones(layer.ndim)
    if len(shape) != layer.ndim or min(shape) < 1:
        raise ValueError(f"An array over the layer {layer.name!r} has {layer.ndim} axes, not the shape {shape}.")
    return np.asarray(np.asarray(shape_of(layer)) / np.asarray(shape))


def _step_to(plane: PlaneKey, linear: FloatArray) -> FloatArray:
    """Return the step in the world from the first plane of label space to this one, without one within the plane."""
    step = np.zeros(len(plane.index))
    other = [axis for axis, place in enumerate(plane.index) if place >= 0]
    if other:
        # napari slices by this part of the inverse and draws by the plane's part of the matrix alone. A quarter turn
        # of a sliced axis into the plane leaves nothing to slice by: least squares then moves nothing.
        inverse = np.linalg.inv(linear)
        slicing = np.where(np.abs(inverse) > TINY * np.abs(inverse).max(), inverse, 0)[np.ix_(other, other)]
        step[other] = np.linalg.lstsq(slicing, np.asarray(plane.index, dtype=np.float64)[other], rcond=None)[0]
    return step


def _placed(layer: Layer, name: str, factors: FloatArray, shift: FloatArray) -> Kwargs:
    """Return the layer's transforms with pixels of other size, moved in the world."""
    affine = np.array(layer.affine.affine_matrix, dtype=np.float64)
    return {
        "name": name,
        "scale": np.asarray(layer.scale) * factors,
        "translate": np.asarray(layer.translate) + np.linalg.solve(affine[:-1, :-1], shift),
        "rotate": np.array(layer.rotate),
        "shear": np.array(layer.shear),
        "affine": affine,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }
