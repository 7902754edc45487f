"""A picture for people: class colours over the image, their outlines, the truth and the prompts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_gfsam.imaging.colors import BLACK, WHITE, color_table, status_color
from napari_gfsam.imaging.pixels import ImageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_gfsam.imaging.colors import Rgb

LabelImage: TypeAlias = NDArray[np.integer[Any]]
RgbImage: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class OverlayPoints:
    """Prompts to draw.

    Parameters
    ----------
    points_yx
        (N, 2) float positions (row, column), pixel centres at integers.
    status
        (N,) integers, `core.types.Status` values.
    """

    points_yx: NDArray[np.floating[Any]]
    status: NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class OverlayStyle:
    """How strongly things are drawn.

    Parameters
    ----------
    opacity
        Share of the class colour in 0..1.
    line
        Width of outlines, pixels; ``None``: one for every 512 pixels of the shorter side, at least one.
    colors
        Of class ids that do not have their own of the palette (`colors.class_color`).
    """

    opacity: float = 0.4
    line: int | None = None
    colors: Mapping[int, Rgb] = field(default_factory=dict)

    def width(self, shape: tuple[int, ...]) -> int:
        """Return the width of lines for a picture of this shape, pixels."""
        return self.line if self.line is not None else max(1, round(min(shape[:2]) / 512))


def draw_overlay(
    rgb: RgbImage,
    labels: LabelImage,
    *,
    truth: LabelImage | None = None,
    points: OverlayPoints | None = None,
    style: OverlayStyle | None = None,
) -> RgbImage:
    """Blend class colours over a picture and outline them.

    Parameters
    ----------
    rgb
        (H, W, 3) uint8; not changed.
    labels
        (H, W) class ids, 0 = background.
    truth
        (H, W) class ids whose outline is drawn white with a black edge.
    points
        Prompts, drawn as dots in the colour of their status.
    style
        ``OverlayStyle()`` when not given.

    Returns
    -------
    (H, W, 3) uint8.

    Raises
    ------
    ImageError
        If a label image has another size than the picture.
    """
    style = style or OverlayStyle()
    for name, image in (("labels", labels), ("truth", truth)):
        if image is not None and image.shape != rgb.shape[:2]:
            raise ImageError(f"The {name} have the shape {image.shape}, the picture {rgb.shape[:2]}.")
    picture = rgb.copy()
    _paint(picture, labels, style)
    if truth is not None:
        from scipy import ndimage

        edge = outline(truth, style.width(rgb.shape))
        picture[ndimage.binary_dilation(edge) & ~edge] = BLACK
        picture[edge] = WHITE
    return picture if points is None else _dots(picture, points)


def outline(labels: LabelImage, width: int = 1) -> NDArray[np.bool_]:
    """Return the (H, W) bool inner border of every labelled region, ``width`` pixels thick."""
    padded = np.pad(labels, 1, mode="edge")
    centre = padded[1:-1, 1:-1]
    border = np.zeros(labels.shape, dtype=bool)
    for shifted in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        border |= centre != shifted
    if width > 1:
        from scipy import ndimage  # takes a while: a window opens without it

        border = ndimage.binary_dilation(border, iterations=width - 1)
    inner: NDArray[np.bool_] = border & (labels != 0)
    return inner


def _paint(picture: RgbImage, labels: LabelImage, style: OverlayStyle) -> None:
    present, index = np.unique(labels, return_inverse=True)
    table = color_table(present)
    for place, class_id in enumerate(present.tolist()):
        table[place] = style.colors.get(class_id, table[place])
    colors = table[index.reshape(labels.shape)]
    inside = labels != 0
    mixed = picture[inside] * (1 - style.opacity) + colors[inside] * style.opacity
    picture[inside] = np.rint(mixed).astype(np.uint8)
    edge = outline(labels, style.width(labels.shape))
    picture[edge] = colors[edge]


def _dots(picture: RgbImage, points: OverlayPoints) -> RgbImage:
    from PIL import Image, ImageDraw  # a window opens without them

    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    radius = max(1.0, min(picture.shape[:2]) / 170)
    for (row, column), status in zip(points.points_yx.tolist(), points.status.tolist(), strict=True):
        box = (column - radius, row - radius, column + radius, row + radius)
        draw.ellipse(box, fill=status_color(status), outline=BLACK)
    return np.array(canvas)
