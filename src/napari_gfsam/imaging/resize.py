"""The square picture every model sees, and the names of pixels by content."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.core.frames import MODEL_SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Part of every feature key: raise it when the pixels that `to_model_input` makes change.
RESIZE_VERSION = 1


def to_model_input(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Squash a picture to the square the models see, aspect ratio not kept (method, section 0).

    Parameters
    ----------
    rgb
        (H, W, 3) uint8.

    Returns
    -------
    (1024, 1024, 3) uint8: Pillow's bilinear resize, antialiased.

    Raises
    ------
    ValueError
        If the array is no such picture.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or rgb.size == 0:
        raise ValueError(f"Expected a uint8 picture of shape (H, W, 3), got {rgb.dtype} of shape {rgb.shape}.")
    if rgb.shape[:2] == (MODEL_SIZE, MODEL_SIZE):
        return np.array(rgb, order="C")
    from PIL import Image  # a window opens without it

    picture = Image.fromarray(np.ascontiguousarray(rgb))
    return np.array(picture.resize((MODEL_SIZE, MODEL_SIZE), Image.Resampling.BILINEAR))


def content_hash(model_input: NDArray[np.uint8]) -> str:
    """Name the pixels that the models see.

    Parameters
    ----------
    model_input
        (1024, 1024, 3) uint8.

    Returns
    -------
    40 hexadecimal digits (BLAKE2b), the same for equal pixels wherever they come from.
    """
    return array_hash(model_input)


def array_hash(array: NDArray[Any]) -> str:
    """Name an array by its shape, type and values: 40 hexadecimal digits (BLAKE2b), the same on every machine."""
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    digest = hashlib.blake2b(f"{little.dtype.str}{array.shape}".encode(), digest_size=20)
    digest.update(little.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
