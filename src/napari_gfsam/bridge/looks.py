"""How our layers look: colours, symbols and words, from the one owner of colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.core.types import Status
from napari_gfsam.imaging.colors import CLASS_COLORS, class_color, status_color

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_gfsam.core.arrays import FloatArray, IntArray
    from napari_gfsam.imaging.colors import Rgb
    from napari_gfsam.session.types import ClassRow

#: By `Status` value: background, kept, outlier, off by hand, on by hand, eraser.
STATUS_WORDS = tuple(status.name.lower().replace("_", " ") for status in Status)
STATUS_SYMBOLS = ("triangle_down", "disc", "diamond", "square", "star", "hbar")
#: Of the full size of a point: what is part of the answer stands out.
STATUS_SIZES = (0.75, 1.0, 0.75, 0.75, 1.4, 1.2)
#: By how many of a cluster's prompts are part of the answer.
CLUSTER_WORDS = ("off", "partly on", "on")
GREY: Rgb = (150, 150, 150)


def rgba(color: Rgb, opacity: float = 1.0) -> tuple[float, float, float, float]:
    """Return a colour as four numbers in [0, 1]."""
    red, green, blue = (value / 255 for value in color)
    return red, green, blue, opacity


def status_colors(status: IntArray) -> NDArray[np.float64]:
    """Return the (N, 4) colours in [0, 1] of (N,) statuses."""
    table = np.array([rgba(status_color(value)) for value in Status])
    return table[status]


def status_symbols(status: IntArray) -> list[str]:
    """Return the symbols of (N,) statuses."""
    return [STATUS_SYMBOLS[value] for value in status]


def status_sizes(status: IntArray, full: float) -> FloatArray:
    """Return the sizes of (N,) statuses, for points of a full size."""
    return np.asarray(np.array(STATUS_SIZES)[status] * full)


def class_names(rows: Sequence[ClassRow]) -> dict[int, str]:
    """Return the names of the classes by id."""
    return {row.id: row.name for row in rows}


def class_colormap(rows: Sequence[ClassRow]) -> Any:
    """Return the colormap of layers that hold class ids: an id that is in no row is grey."""
    return _colormap({row.id: row.color for row in rows})


def cluster_colormap(on: NDArray[np.bool_]) -> Any:
    """Return the colormap of (n,) clusters, the first of which is label 1: what is off is grey.

    The colours are light ones, so that they are not taken for those of classes.
    """
    count = len(CLASS_COLORS)
    light = [class_color(count + 1 + place) for place in range(count)]
    return _colormap({place + 1: light[place % count] if one else GREY for place, one in enumerate(on)})


def contour_of(shape: tuple[int, ...]) -> int:
    """Return how many pixels wide an outline is, so that it shows when the whole picture is on the screen."""
    return max(1, round(max(shape[-2:]) / 500))


def _colormap(colors: Mapping[int, Rgb]) -> Any:
    from napari.utils.colormaps import DirectLabelColormap

    table: dict[int | None, tuple[float, ...]] = {value: rgba(color) for value, color in colors.items()}
    return DirectLabelColormap(color_dict={**table, None: rgba(GREY), 0: (0.0, 0.0, 0.0, 0.0)})
