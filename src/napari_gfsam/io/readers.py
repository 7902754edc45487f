"""Pictures and label images from TIFF, PNG, JPEG and BMP files; a bad file gives one clear sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.io.decode import decode

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Suffixes (lower case) of files that are looked for in folders.
IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp")
LABEL_SUFFIXES = (".tif", ".tiff", ".png", ".bmp")


class ImageFileError(ValueError):
    """A file that is no picture or no label image; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What a file holds.

    Parameters
    ----------
    pixels
        (H, W), (H, W, 3 or 4) colour, or three axes as stored with separate channels; the file's own type.
    channel_axis
        Axis of separate channels, else ``None``; for `imaging.PixelRecipe`.
    """

    pixels: NDArray[Any]
    channel_axis: int | None = None


def read_image(path: Path | str) -> NDArray[Any]:
    """Read the pixels of a picture (see `read_picture`)."""
    return read_picture(path).pixels


def read_picture(path: Path | str, *, channel_axis: int | None = None) -> Picture:
    """Read a picture as it is stored: no stretching, no rotation by EXIF (as napari does).

    Parameters
    ----------
    path
        TIFF (one plane, colour or channels), PNG, JPEG or BMP. Colours of a palette are looked up; a colour PNG
        of 16 bits comes with 8.
    channel_axis
        Axis of separate channels in files with three axes, when they do not say so themselves (axes of length 1
        not counted).

    Raises
    ------
    ImageFileError
        If the file is missing, empty, cut short, of an unknown kind or holds more than one plane.
    """
    path = check_file(path)
    stored = _decode(path, IMAGE_SUFFIXES)
    pixels, axes = _squeeze(stored.pixels, stored.axes)
    if channel_axis is not None and pixels.ndim == 3:
        if not -3 <= channel_axis < 3:
            raise ImageFileError(f"{path} has three axes {pixels.shape}, so the channel axis is 0, 1 or 2.")
        return Picture(pixels, channel_axis)
    if axes == "YX":
        return Picture(pixels)
    third = axes.replace("Y", "").replace("X", "")
    if len(axes) != 3 or third not in ("S", "C"):
        raise ImageFileError(
            f"{path} holds several planes (axes {axes}, shape {pixels.shape}); one picture a file is expected: "
            "name the channel axis if they are channels, the stack axis if they are planes of a stack."
        )
    if third == "C" or not stored.color:
        return Picture(pixels, axes.index(third))
    return Picture(np.moveaxis(pixels, axes.index("S"), 2)[:, :, :4])


def read_labels(path: Path | str) -> NDArray[np.integer[Any]]:
    """Read a label image.

    Parameters
    ----------
    path
        TIFF, PNG or BMP. Booleans become 0 and 1, floats that are whole numbers become integers, a palette's
        indices are the ids, and a colour picture whose channels are all equal is read as grey.

    Returns
    -------
    (H, W) integers, 0 or more.

    Raises
    ------
    ImageFileError
        If the file cannot be read (see `read_picture`), is a JPEG or is no label image.
    """
    path = check_file(path)
    if path.suffix.lower() in (".jpg", ".jpeg"):
        raise ImageFileError(f"{path} is a JPEG, which changes label ids; save the labels as TIFF or PNG.")
    stored = _decode(path, LABEL_SUFFIXES, palette=False)
    pixels, axes = _squeeze(stored.pixels, stored.axes)
    if len(axes) == 3 and "S" in axes:
        pixels = _one_channel(np.moveaxis(pixels, axes.index("S"), 2), path)
    if pixels.ndim != 2:
        raise ImageFileError(f"{path} is no label image: expected (height, width), found the shape {pixels.shape}.")
    return whole_numbers(pixels, path)


def check_file(path: Path | str) -> Path:
    """Return the path of a file that is there and not empty.

    Raises
    ------
    ImageFileError
        If it is not.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise ImageFileError(f"{path} is a folder, not a picture.")
        if not path.exists():
            raise ImageFileError(f"{path} does not exist.")
        if path.stat().st_size == 0:
            raise ImageFileError(f"{path} is empty (0 bytes).")
    except OSError as error:
        raise ImageFileError(f"{path} cannot be read ({error.strerror or error}).") from error
    return path


def _decode(path: Path, suffixes: tuple[str, ...], *, palette: bool = True) -> Any:
    if path.suffix.lower() not in suffixes:
        raise ImageFileError(f"{path} is of no known kind; use {', '.join(suffixes)}.")
    try:
        stored = decode(path, palette=palette)
    except MemoryError as error:
        raise ImageFileError(f"{path} says that it is larger than the memory; it may be damaged.") from error
    except ValueError as error:
        raise ImageFileError(f"{path} cannot be read: {error}") from error
    except OSError as error:
        raise ImageFileError(f"{path} cannot be read ({error.strerror or error}).") from error
    if stored.pixels.size == 0:
        raise ImageFileError(f"{path} has no pixel (its shape is {stored.pixels.shape}).")
    return stored


def _squeeze(pixels: NDArray[Any], axes: str) -> tuple[NDArray[Any], str]:
    """Drop axes of length 1 other than rows and columns."""
    extra = tuple(i for i, (axis, size) in enumerate(zip(axes, pixels.shape, strict=True)) if size == 1)
    extra = tuple(i for i in extra if axes[i] not in "YX")
    return np.squeeze(pixels, extra), "".join(axis for i, axis in enumerate(axes) if i not in extra)


def _one_channel(pixels: NDArray[Any], path: Path) -> NDArray[Any]:
    if pixels.shape[2] in (3, 4) and (pixels[:, :, :1] == pixels[:, :, 1:3]).all():
        return pixels[:, :, 0]
    raise ImageFileError(
        f"{path} is a colour picture; labels are one whole number a pixel, so save the ids, not colours."
    )


def whole_numbers(pixels: NDArray[Any], path: Path) -> NDArray[np.integer[Any]]:
    """Return the ids of a label image as integers.

    Raises
    ------
    ImageFileError
        If they are none: negative, or no whole numbers.
    """
    if pixels.dtype.kind == "b":
        return pixels.astype(np.uint8)
    if pixels.dtype.kind == "f":
        if not (np.isfinite(pixels).all() and (pixels == np.floor(pixels)).all() and abs(pixels).max() <= 2**53):
            raise ImageFileError(f"{path} holds values that are not whole numbers; labels are class ids 0, 1, 2 ...")
        pixels = pixels.astype(np.int64)
    if pixels.dtype.kind not in "ui":
        raise ImageFileError(f"{path} holds values of type {pixels.dtype}; labels are whole numbers.")
    if int(pixels.min()) < 0:
        raise ImageFileError(f"{path} holds negative ids (lowest {pixels.min()}); labels run from 0.")
    return pixels
