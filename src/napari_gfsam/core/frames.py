"""The owner of coordinates: image (row, column), model (x, y in 0..1024) and grid (x, y in cells).

The whole image is squashed to a square of 1024 x 1024 pixels (aspect ratio not kept); the encoder sees that
square as a grid of tokens; the decoder answers with logits of 256 x 256 over it. A pixel's or a cell's area
is [i, i + 1), its centre i + 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_gfsam.core.arrays import FloatArray, IntArray
    from napari_gfsam.core.config import PromptPosition

MODEL_SIZE = 1024
LOGIT_SIZE = 256


@dataclass(frozen=True, slots=True)
class Frame:
    """An image's size and the grid its square version is seen on.

    Parameters
    ----------
    height, width
        Size of the image, pixels.
    grid
        Tokens a side (37 for patches of 14 in a picture of 518).
    """

    height: int
    width: int
    grid: int = 37

    def __post_init__(self) -> None:
        """Refuse a frame without pixels."""
        if min(self.height, self.width, self.grid) < 1:
            raise ValueError(f"A frame needs at least one pixel and one cell, not {self}.")

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width), pixels."""
        return self.height, self.width

    def grid_to_model_xy(self, grid_xy: IntArray, position: PromptPosition) -> IntArray:
        """Place prompts in their cells.

        Parameters
        ----------
        grid_xy
            (N, 2) integers, cells (x, y).
        position
            ``corner`` or ``centre`` of the cell.

        Returns
        -------
        (N, 2) int64, pixels (x, y) of the model frame: coordinates truncated to int.
        """
        offset = 0.5 if position == "centre" else 0.0
        return np.asarray((grid_xy + offset) * (MODEL_SIZE / self.grid)).astype(np.int64)

    def model_to_grid_xy(self, model_xy: IntArray) -> IntArray:
        """Return the (N, 2) cells that hold (N, 2) model pixels."""
        return np.asarray(np.minimum(((model_xy + 0.5) * (self.grid / MODEL_SIZE)).astype(np.int64), self.grid - 1))

    def image_yx_to_model_xy(self, points_yx: FloatArray) -> IntArray:
        """Map (N, 2) image points (row, column; pixel centres at integers, as in napari) to model pixels.

        Points outside the image are clipped to its border.
        """
        scale = np.array([MODEL_SIZE / self.height, MODEL_SIZE / self.width])
        model_yx = np.floor((np.asarray(points_yx, dtype=np.float64) + 0.5) * scale)
        return np.ascontiguousarray(np.clip(model_yx, 0, MODEL_SIZE - 1).astype(np.int64)[:, ::-1])

    def model_xy_to_image_yx(self, model_xy: IntArray) -> FloatArray:
        """Map (N, 2) model pixels (their centres) to float64 image points (row, column; pixel centres at integers)."""
        scale = np.array([self.height / MODEL_SIZE, self.width / MODEL_SIZE])
        return np.asarray((np.asarray(model_xy, dtype=np.float64)[:, ::-1] + 0.5) * scale - 0.5)


def nearest_rows(size_in: int, size_out: int) -> IntArray:
    """Return for each output pixel the input pixel that holds its centre, (size_out,) int64."""
    return (2 * np.arange(size_out, dtype=np.int64) + 1) * size_in // (2 * size_out)


def legacy_nearest_rows(size_in: int, size_out: int) -> IntArray:
    """Return torch's ``mode="nearest"`` rule, floor(i * in / out), (size_out,) int64: the official code's masks."""
    scale = np.float32(size_in) / np.float32(size_out)
    positions = np.floor(np.arange(size_out, dtype=np.float32) * scale).astype(np.int64)
    return np.asarray(np.minimum(positions, size_in - 1))


@dataclass(frozen=True, slots=True)
class Taps:
    """Two neighbours and a weight per output position: linear interpolation along one axis.

    Parameters
    ----------
    low, high
        (n,) int64 input positions.
    weight
        (n,) float32 weight of ``high`` in [0, 1].
    """

    low: IntArray
    high: IntArray
    weight: FloatArray

    def at(self, positions: IntArray | slice) -> Taps:
        """Return the taps of some output positions only."""
        return Taps(self.low[positions], self.high[positions], self.weight[positions])


def linear_taps(size_in: int, size_out: int) -> Taps:
    """Return the taps of torch's bilinear interpolation with ``align_corners=False`` along one axis."""
    scale = np.float32(size_in) / np.float32(size_out)
    source = np.maximum((np.arange(size_out, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5), 0)
    low = np.minimum(source.astype(np.int64), size_in - 1)
    return Taps(low, np.minimum(low + 1, size_in - 1), (source - low).astype(np.float32))


def aligned_taps(size_in: int, size_out: int) -> Taps:
    """Return the taps of torch's bilinear interpolation with ``align_corners=True`` along one axis."""
    scale = np.float32((size_in - 1) / (size_out - 1)) if size_out > 1 else np.float32(0)
    source = np.arange(size_out, dtype=np.float32) * scale
    low = np.minimum(source.astype(np.int64), size_in - 1)
    return Taps(low, np.minimum(low + 1, size_in - 1), (source - low).astype(np.float32))


def area_weights(size_in: int, size_out: int) -> FloatArray:
    """Return the share of each input pixel in each output cell, (size_out, size_in) float64; every row sums to 1."""
    edges = np.arange(size_out + 1) * (size_in / size_out)
    pixels = np.arange(size_in)
    upper = np.minimum(edges[1:, None], pixels[None, :] + 1)
    lower = np.maximum(edges[:-1, None], pixels[None, :])
    return np.asarray(np.maximum(upper - lower, 0.0) * (size_out / size_in))
