"""A picture to segment: as it is given, and as the models see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.imaging import ArraySource, PictureSource, PixelRecipe, require_content, to_model_input, to_rgb
from napari_gfsam.imaging.source import source_hash, whole_of
from napari_gfsam.io.records import InputRecord

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_gfsam.api.scale import PixelSizes, Scale


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A picture to segment.

    Parameters
    ----------
    image
        (H, W), (H, W, 3) or what `recipe` reads, of any size; a dask or zarr array or a `PictureSource` is read tile by
        tile where the picture is looked at in tiles.
    recipe
        How pixel values become RGB.
    record
        Name and hash for the run record, when it came from a file.
    scale, pixels
        Whether it is looked at in tiles (`napari_gfsam.api.scale`).
    """

    image: ArrayLike | PictureSource
    recipe: PixelRecipe = field(default_factory=PixelRecipe)
    record: InputRecord | None = None
    scale: Scale = "auto"
    pixels: PixelSizes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A target as the models see it.

    Parameters
    ----------
    model_input
        (1024, 1024, 3) uint8.
    shape
        (H, W) of the target itself.
    record
        What goes into the run record.
    recipe
        How it was read.
    """

    model_input: NDArray[np.uint8]
    shape: tuple[int, int]
    record: InputRecord
    recipe: PixelRecipe


def read_target(target: Target) -> Picture:
    """Bring a target to what the models see.

    Raises
    ------
    napari_gfsam.imaging.ImageError
        If it is no picture, or has one value everywhere.
    """
    image = target.image
    if isinstance(image, PictureSource):
        image = whole_of(image)
    rgb = to_rgb(image, target.recipe)
    require_content(rgb, "The target picture")
    record = record_of(target, ArraySource(np.asarray(image)))
    height, width = rgb.shape[:2]
    return Picture(to_model_input(rgb), (height, width), record, target.recipe)


def record_of(target: Target, source: PictureSource) -> InputRecord:
    """Return what a run record says of a target."""
    return target.record or InputRecord("target", source_hash(source), source.shape)
