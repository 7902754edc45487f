"""Lazy readers of pictures and masks: small frozen values that read a file when called."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_gfsam.io.decode import PILLOW_FORMATS
from napari_gfsam.io.readers import ImageFileError, read_image, read_labels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""Rows and columns (y0, x0, y1, x1), the last ones left out."""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture of a file, or a box of it.

    Parameters
    ----------
    path
        The file.
    box
        Part to keep, pixels; ``None`` keeps all.
    """

    path: Path
    box: Box | None = None

    def __call__(self) -> NDArray[Any]:
        """Read the picture, any shape and dtype that `read_image` gives."""
        image = read_image(self.path)
        return image if self.box is None else crop(image, self.box, self.path)


@dataclass(frozen=True, slots=True)
class LabelFile:
    """The pixels of a label image (TIFF or PNG; of a palette, the indices) that hold one value.

    Parameters
    ----------
    path
        The file.
    value
        The label.
    """

    path: Path
    value: int

    def __call__(self) -> NDArray[np.bool_]:
        """Read the mask, (H, W) bool."""
        return np.asarray(read_labels(self.path) == self.value)


@dataclass(frozen=True, slots=True)
class BrightFile:
    """The bright pixels of a picture file turned to grey.

    Parameters
    ----------
    path
        The file, any format Pillow reads.
    threshold
        Lowest grey level (0..255) that counts.
    """

    path: Path
    threshold: int = 128

    def __call__(self) -> NDArray[np.bool_]:
        """Read the mask, (H, W) bool."""
        with _opened(self.path) as image:
            return np.asarray(image.convert("L")) >= self.threshold


def picture_size(path: Path) -> tuple[int, int]:
    """Return a picture file's (height, width) without decoding it.

    Raises
    ------
    ValueError
        If the file is missing or no picture.
    """
    with _opened(path) as image:
        return image.height, image.width


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    if not path.is_file():
        raise ImageFileError(f"{path} does not exist.")
    try:
        with Image.open(path, formats=PILLOW_FORMATS) as image:
            yield image
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageFileError(f"{path} cannot be read as a picture; it may be damaged ({error}).") from error


def crop(array: NDArray[Any], box: Box, path: Path) -> NDArray[Any]:
    """Return rows and columns of a box.

    Raises
    ------
    ValueError
        If nothing of the box lies in the array.
    """
    top, left, bottom, right = (max(edge, 0) for edge in box)
    part = array[top:bottom, left:right]
    if 0 in part.shape[:2]:
        raise ValueError(f"The box {box} (y0, x0, y1, x1) holds no pixel of {path}, which is {array.shape[:2]}.")
    return part
