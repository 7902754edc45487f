"""Pictures and labels as PNG members, decoded only where they have the promised size."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_gfsam.imaging.overlay import OverlayStyle, draw_overlay
from napari_gfsam.io.packs.types import PackError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_gfsam.imaging.colors import Rgb
    from napari_gfsam.io.packs.types import PackReference

#: Of all pictures of a pack together.
MOST_PIXELS = 2**27
THUMBNAIL_SIDE = 256
_COLOR_MODES, _LABEL_MODES = ("L", "RGB"), ("L", "I;16", "I")
#: What Pillow raises for damaged content.
_DAMAGED = (OSError, ValueError, SyntaxError, EOFError, TypeError, LookupError, ArithmeticError, RuntimeError)


def encode(pixels: NDArray[Any]) -> bytes:
    """Return a PNG of (H, W, 3) uint8, as grey where it is grey, or of (H, W) uint8 or uint16."""
    if pixels.ndim == 3 and (pixels[:, :, :1] == pixels[:, :, 1:]).all():
        pixels = pixels[:, :, 0]
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG")
    return buffer.getvalue()


def decode_picture(content: bytes, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8.

    Raises
    ------
    PackError
        If it is no such PNG or has another size.
    """
    pixels: NDArray[np.uint8] = _decode(content, shape, _COLOR_MODES)
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)


def decode_labels(content: bytes, shape: tuple[int, ...]) -> NDArray[np.unsignedinteger[Any]]:
    """Return (H, W) uint8 or uint16; errors as `decode_picture`."""
    ids: NDArray[np.unsignedinteger[Any]] = _decode(content, shape, _LABEL_MODES)
    return ids if ids.dtype == np.uint8 else ids.astype(np.uint16)


def thumbnail(reference: PackReference, colors: Mapping[int, Rgb]) -> bytes:
    """Return a PNG of a reference with its paint, no side longer than 256 pixels."""
    height, width = reference.labels.shape
    factor = min(1.0, THUMBNAIL_SIDE / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = Image.fromarray(reference.picture).resize(size, Image.Resampling.BILINEAR)
    ids = Image.fromarray(reference.labels.astype(np.int32)).resize(size, Image.Resampling.NEAREST)
    return encode(draw_overlay(np.array(small), np.array(ids), style=OverlayStyle(colors=colors)))


def _decode(content: bytes, shape: tuple[int, ...], modes: tuple[str, ...]) -> Any:
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(content), formats=("PNG",)) as picture:
            warnings.simplefilter("ignore")
            if (picture.height, picture.width) != shape or picture.mode not in modes:
                raise PackError(
                    f"a picture is {picture.mode} of {picture.height} x {picture.width}, and {shape} was promised"
                )
            return np.array(picture)
    except (Image.DecompressionBombError, *_DAMAGED) as error:
        if isinstance(error, PackError):
            raise
        raise PackError("a picture in it is damaged") from error
