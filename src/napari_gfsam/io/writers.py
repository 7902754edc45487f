"""Files out, each whole or not at all: written beside its place under another name, then moved there.

tifffile is imported where it is used: it takes a while, and a window opens without it.
"""

from __future__ import annotations

import json
import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.imaging.overlay import draw_overlay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_gfsam.imaging.overlay import OverlayPoints

#: Written into label images (TIFF tag Software, PNG text Software), so that our files are told from a user's.
SOFTWARE = "napari-gfsam"


#: Side of the parts in which large label images are written, and bytes above which a TIFF needs 64-bit offsets.
PART_SIDE, BIG_BYTES = 512, 2**31


class OutputError(OSError):
    """A file that cannot be written; the message is one sentence for the user."""


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write a file atomically, making its folder if need be.

    Raises
    ------
    OutputError
        If the folder cannot be made or the file cannot be written; no half file is left.
    """
    path = Path(path)
    hidden = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with hidden.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(hidden, path)
        finally:
            hidden.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror or error}); choose another folder.") from error


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text atomically (see `write_bytes`)."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path | str, data: Any) -> None:
    """Write a JSON file atomically (see `write_bytes`).

    Raises
    ------
    ValueError
        If a value is NaN or infinite, which JSON does not have.
    """
    write_text(path, json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def write_labels(path: Path | str, labels: NDArray[np.integer[Any]]) -> None:
    """Write a label image: TIFF (deflate) or PNG by the suffix.

    Parameters
    ----------
    path
        Ends in .tif, .tiff or .png.
    labels
        (H, W) integer ids, 0 or more; stored as uint8, or uint16 or uint32 where the ids need it.

    Raises
    ------
    OutputError
        If the file cannot be written.
    ValueError
        If the suffix is another one, the array is no label image or PNG cannot hold its ids.
    """
    path = Path(path)
    ids = _smallest_type(labels)
    if path.suffix.lower() in (".tif", ".tiff"):
        write_bytes(path, _tiff(ids))
    elif path.suffix.lower() == ".png":
        write_bytes(path, _png(_check_png(ids)))
    else:
        raise ValueError(f"Label images are written as .tif or .png, not as {path.name!r}.")


def write_labels_by_part(
    path: Path | str, shape: tuple[int, int], dtype: Any, read: Callable[[tuple[slice, slice]], NDArray[Any]]
) -> None:
    """Write a label image that need not be in memory as a tiled TIFF (deflate; BigTIFF where it is large), atomically.

    Parameters
    ----------
    path
        Ends in .tif or .tiff.
    shape, dtype
        Of the label image.
    read
        Gives the ids of rows and columns.

    Raises
    ------
    OutputError
        If the file cannot be written; no half file is left.
    """
    import tifffile

    path = Path(path)
    hidden = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    layout = {"tile": (PART_SIDE, PART_SIDE), "compression": "zlib", "photometric": "minisblack", "software": SOFTWARE}
    big = shape[0] * shape[1] * np.dtype(dtype).itemsize > BIG_BYTES
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            tifffile.imwrite(hidden, _parts(shape, read), shape=shape, dtype=dtype, bigtiff=big, **layout)
            os.replace(hidden, path)
        finally:
            hidden.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror or error}); choose another folder.") from error


def _parts(shape: tuple[int, int], read: Callable[[tuple[slice, slice]], NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Yield parts row by row; tifffile fills up those at the border."""
    for top in range(0, shape[0], PART_SIDE):
        for left in range(0, shape[1], PART_SIDE):
            rows, columns = slice(top, min(top + PART_SIDE, shape[0])), slice(left, min(left + PART_SIDE, shape[1]))
            yield read((rows, columns))


def write_picture(path: Path | str, pixels: NDArray[Any]) -> None:
    """Write (H, W) grey of any type or (H, W, 3) uint8 colour as TIFF (deflate); errors as `write_labels`."""
    write_bytes(path, _tiff(pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack"))


def write_overlay(
    path: Path | str,
    rgb: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]],
    *,
    truth: NDArray[np.integer[Any]] | None = None,
    points: OverlayPoints | None = None,
) -> None:
    """Write a PNG of the picture with its labels, the outline of the truth and the prompts.

    Parameters
    ----------
    path
        Where.
    rgb
        (H, W, 3) uint8.
    labels, truth
        (H, W) integer ids.
    points
        Prompts with their status.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_bytes(path, _png(draw_overlay(rgb, labels, truth=truth, points=points)))


def _smallest_type(labels: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    if labels.ndim != 2 or labels.dtype.kind not in "bui" or labels.size == 0:
        raise ValueError(f"A label image is (H, W) integers, not {labels.dtype} of shape {labels.shape}.")
    if int(labels.min()) < 0 or int(labels.max()) > np.iinfo(np.uint32).max:
        raise ValueError(f"Label ids run from 0 to {np.iinfo(np.uint32).max}, not {labels.min()} to {labels.max()}.")
    top = int(labels.max())
    return labels.astype(np.uint8 if top < 256 else np.uint16 if top < 65536 else np.uint32)


def _check_png(ids: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    from napari_gfsam.io.decode import LARGEST_PICTURE

    if ids.dtype.itemsize > 2:
        raise ValueError(f"PNG holds label ids up to 65535, not {ids.max()}; write a TIFF instead.")
    if ids.size > LARGEST_PICTURE:
        raise ValueError(f"A PNG of {ids.size} pixels could not be read again; write a TIFF instead.")
    return ids


def _tiff(array: NDArray[Any], photometric: str = "minisblack") -> bytes:
    import tifffile

    buffer = BytesIO()
    tifffile.imwrite(buffer, array, compression="zlib", photometric=photometric, software=SOFTWARE)
    return buffer.getvalue()


def _png(array: NDArray[Any]) -> bytes:
    from PIL import Image, PngImagePlugin  # a window opens without them

    buffer = BytesIO()
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", SOFTWARE)
    Image.fromarray(array).save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()


def is_ours(path: Path | str) -> bool:
    """Tell whether an image bears the mark of this module; a file saved again by another program does not."""
    from napari_gfsam.io.decode import read_software

    return read_software(Path(path)) == SOFTWARE
