"""Pictures of what the models see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.imaging import to_model_input, to_rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.session.types import PictureSource, PlaneKey


def picture_of(source: PictureSource, plane: PlaneKey, side: int = 160) -> NDArray[np.uint8]:
    """Return a thumbnail of the exact picture that the models see, squashed to a square as they see it.

    Reads the plane, so for large or remote data call it on a worker thread.

    Parameters
    ----------
    source, plane
        Which.
    side
        Of the thumbnail, pixels.

    Returns
    -------
    (side, side, 3) uint8.

    Raises
    ------
    napari_gfsam.imaging.ImageError
        If the plane is no picture.
    """
    from PIL import Image  # a window opens without it

    seen = Image.fromarray(to_model_input(to_rgb(source.read(plane), source.recipe)))
    return np.array(seen.resize((side, side), Image.Resampling.BILINEAR))
