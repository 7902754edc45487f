"""The outline of one thing under a click: SAM's mask for a few points, without references."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from napari_gfsam.api.backend import Backend
    from napari_gfsam.core.arrays import BoolArray, FloatArray
    from napari_gfsam.imaging import PixelRecipe


def outline(
    backend: Backend,
    picture: ArrayLike,
    points_yx: FloatArray,
    *,
    positive: BoolArray | None = None,
    recipe: PixelRecipe | None = None,
) -> BoolArray:
    """Return what SAM outlines at points of a picture (its embedding is kept for the next click).

    Parameters
    ----------
    backend
        The models.
    picture
        (H, W), (H, W, 3) or what `recipe` reads.
    points_yx
        (N, 2) float64 points (row, column) on one thing; outside the picture, the nearest pixel counts.
    positive
        (N,) bool: False where a point says "not this"; all True when not given.
    recipe
        How pixel values become RGB.

    Returns
    -------
    (H, W) bool.

    Raises
    ------
    napari_gfsam.imaging.ImageError
        If the picture is none.
    """
    import torch
    from torch.nn import functional

    from napari_gfsam.core.frames import Frame
    from napari_gfsam.imaging import to_model_input, to_rgb

    rgb = to_rgb(picture, recipe)
    frame = Frame(*rgb.shape[:2])
    model_xy = frame.image_yx_to_model_xy(points_yx)
    labels = np.ones(len(model_xy), dtype=np.int64) if positive is None else positive.astype(np.int64)
    logits = backend.bank(to_model_input(rgb)).refine(model_xy[None], labels[None])
    full = functional.interpolate(torch.from_numpy(logits)[None], frame.shape, mode="bilinear", align_corners=False)
    return np.asarray((full[0, 0] > 0).numpy())
