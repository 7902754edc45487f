"""Files out, each whole or not at all: written beside its place under another name, then moved there.

tifffile is imported where it is used: it takes a while, and a window opens without it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.imaging.overlay import draw_overlay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_gfsam.imaging.overlay import OverlayPoints
    from napari_gfsam.io.geotags import TiffTag

#: Written into label images (TIFF tag Software, PNG text Software), so that our files are told from a user's.
SOFTWARE = "napari-gfsam"
#: Characters of a name that its hidden place keeps: `datasets.outputs` knows by them what a killed run left.
_KEPT = 32


class OutputError(OSError):
    """A file that cannot be written; the message is one sentence for the user."""


def no_room(folder: Path, error: OSError) -> OutputError:
    """Return what is said when temporary files cannot be written."""
    return OutputError(
        f"There is no room for temporary files in {folder} ({error.strerror or error}); "
        "free some, or set TMPDIR to another folder."
    )


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write a file atomically, making its folder if need be.

    Raises
    ------
    OutputError
        If the folder cannot be made or the file cannot be written; no half file is left.
    """
    with beside(Path(path)) as hidden, hidden.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Give a hidden place beside `path` for a file or a folder; what was put there is moved to `path` at the end.

    Raises
    ------
    OutputError
        If something cannot be written; nothing of it is left, and what was at `path` before is still there.
    """
    hidden = _hidden(path, "tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield hidden
            _move(hidden, path)
        finally:
            remove(hidden)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror or error}); choose another folder.") from error


def remove(path: Path) -> None:
    """Delete a file or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _hidden(path: Path, ending: str) -> Path:
    """Return a place beside `path` for this process alone, with a name that is short however long that of `path` is."""
    digest = hashlib.blake2b(os.fsencode(path.name), digest_size=8).hexdigest()
    return path.with_name(f".{digest}_{path.name[-_KEPT:]}.{os.getpid()}.{ending}")


def _move(hidden: Path, path: Path) -> None:
    """Put a file in the place of a file, or a folder in that of a folder, which comes back if that fails."""
    if not (hidden.is_dir() and path.is_dir()):
        os.replace(hidden, path)
        return
    before = _hidden(path, "old")
    os.replace(path, before)
    try:
        os.replace(hidden, path)
    except OSError:
        with suppress(OSError):
            os.replace(before, path)
        raise
    remove(before)


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


def write_labels(path: Path | str, labels: NDArray[np.integer[Any]], tags: Sequence[TiffTag] = ()) -> None:
    """Write a label image that is in memory: TIFF (deflate) or PNG by the suffix.

    Parameters
    ----------
    path
        Ends in .tif, .tiff or .png.
    labels
        (H, W) integer ids, 0 or more; stored as uint8, or uint16 or uint32 where the ids need it.
    tags
        More tags of a TIFF, such as `io.geotags.geo_tags` of the picture.

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
        write_bytes(path, _tiff(ids, tags=tags))
    elif path.suffix.lower() == ".png":
        write_bytes(path, _png(_check_png(ids)))
    else:
        raise ValueError(f"Label images are written as .tif or .png, not as {path.name!r}.")


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


def _tiff(array: NDArray[Any], photometric: str = "minisblack", tags: Sequence[TiffTag] = ()) -> bytes:
    import tifffile

    buffer = BytesIO()
    layout = {"compression": "zlib", "photometric": photometric, "software": SOFTWARE}
    tifffile.imwrite(buffer, array, extratags=tags, **layout)
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

    if Path(path).is_dir():
        from napari_gfsam.io.by_part import zarr_software

        return zarr_software(Path(path)) == SOFTWARE
    return read_software(Path(path)) == SOFTWARE
