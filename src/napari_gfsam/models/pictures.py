"""What the encoders accept: square RGB pictures in the model frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 1024
SAM_MEAN = (123.675, 116.28, 103.53)
SAM_STD = (58.395, 57.12, 57.375)


def as_pictures(images: NDArray[np.uint8] | Tensor, device: torch.device | str = "cpu") -> Tensor:
    """Check pictures and bring them to a device.

    Parameters
    ----------
    images
        (B, 1024, 1024, 3) uint8, RGB.
    device
        Where to.

    Returns
    -------
    The same as a tensor.

    Raises
    ------
    ValueError
        If the shape or the dtype is another.
    """
    given: Any = images
    shape, kind = tuple(given.shape), str(given.dtype).removeprefix("torch.")
    if len(shape) != 4 or shape[1:] != (SIDE, SIDE, 3) or kind != "uint8":
        raise ValueError(f"Pictures are {shape} {kind}, expected (B, {SIDE}, {SIDE}, 3) uint8: resize them first.")
    # torch.tensor copies, so a read-only array is fine and a later change of the array is not seen.
    return images.to(device) if isinstance(images, Tensor) else torch.tensor(images, device=device)


def sam_input(images: NDArray[np.uint8] | Tensor, device: torch.device | str = "cpu") -> Tensor:
    """Normalise pictures as SAM does.

    Parameters
    ----------
    images
        (B, 1024, 1024, 3) uint8, RGB.
    device
        Where to.

    Returns
    -------
    (B, 1024, 1024, 3) float32.

    Raises
    ------
    ValueError
        If the shape or the dtype is another.
    """
    pictures = as_pictures(images, device)
    mean, std = (pictures.new_tensor(values, dtype=torch.float32) for values in (SAM_MEAN, SAM_STD))
    return (pictures - mean) / std
