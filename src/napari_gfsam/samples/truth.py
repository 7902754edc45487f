"""Truth painted by hand, as outlines in picture coordinates (``data/truth.json``).

The outlines were drawn on enlarged, gridded views of each picture and corrected over their overlays until they followed
the objects; no segmentation model took part. One outline, ``motorcycle_right``, is the hand-drawn ``motorcycle_left``
with each corner moved by the scene's measured disparity (it ships with the pictures), then checked in the same way.
``tools/paint_sample_truth.py`` draws such views, for whoever wants to check or correct one.

A shape is an ``ellipse_xy`` (x, y, two radii in pixels, degrees from x towards y, clockwise on the screen) or a
``polygon_xy`` (corners x, y). Whole numbers are pixel centres. Later shapes cover earlier ones; class 0 cuts a hole.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_ELLIPSE_CORNERS = 180


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """One painted shape: class id and the corners of its outline, (n, 2) float64, in picture (x, y)."""

    class_id: int
    points_xy: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Painting:
    """What was painted on one picture.

    Attributes
    ----------
    file
        Name of the picture in scikit-image's data folder.
    sha256
        Of that file, when it was painted.
    shape_yx
        Height and width of the picture in pixels.
    class_names
        Name of every class id.
    note
        What was taken as the object.
    outlines
        In the order of painting.
    """

    file: str
    sha256: str
    shape_yx: tuple[int, int]
    class_names: Mapping[int, str]
    note: str
    outlines: tuple[Outline, ...]


@cache
def paintings() -> Mapping[str, Painting]:
    """Return everything that was painted, by name."""
    text = files("napari_gfsam.samples").joinpath("data", "truth.json").read_text(encoding="utf-8")
    return {name: _painting(entry) for name, entry in json.loads(text).items()}


def rasterise(painting: Painting) -> NDArray[np.uint8]:
    """Return the class ids, (H, W) uint8, of the pixels whose centres lie inside the outlines."""
    from skimage.draw import polygon

    labels = np.zeros(painting.shape_yx, np.uint8)
    for outline in painting.outlines:
        x, y = outline.points_xy.T
        labels[polygon(y, x, shape=painting.shape_yx)] = outline.class_id
    return labels


def _painting(entry: Mapping[str, Any]) -> Painting:
    height, width = entry["shape_yx"]
    return Painting(
        file=entry["file"],
        sha256=entry["sha256"],
        shape_yx=(height, width),
        class_names={int(class_id): name for class_id, name in entry["class_names"].items()},
        note=entry["note"],
        outlines=tuple(_outline(shape) for shape in entry["shapes"]),
    )


def _outline(shape: Mapping[str, Any]) -> Outline:
    if "polygon_xy" in shape:
        return Outline(shape["class"], np.asarray(shape["polygon_xy"], np.float64))
    x, y, radius_x, radius_y, degrees = shape["ellipse_xy"]
    turn = np.linspace(0, 2 * np.pi, _ELLIPSE_CORNERS, endpoint=False)
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    along, across = radius_x * np.cos(turn), radius_y * np.sin(turn)
    return Outline(shape["class"], np.stack([x + along * cos - across * sin, y + along * sin + across * cos], axis=1))
