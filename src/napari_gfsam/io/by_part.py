"""Label images that need not be in memory: written and read part by part, each whole or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.imaging import ArraySource
from napari_gfsam.imaging.source import whole_of
from napari_gfsam.io.large import large_source, open_picture
from napari_gfsam.io.parts import ROWS, row_bands
from napari_gfsam.io.readers import ImageFileError, check_file, read_labels, whole_numbers
from napari_gfsam.io.writers import SOFTWARE, beside, no_room, write_labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_gfsam.imaging import PictureSource
    from napari_gfsam.io.geotags import TiffTag

#: Side of the parts in which label images are written, and bytes above which a TIFF gets 64-bit offsets (BigTIFF).
PART_SIDE, BIG_BYTES = ROWS, 2**31
#: Key of the attribute of a Zarr array that names its maker.
_MADE_BY = "software"


def write_label_source(path: Path, labels: PictureSource, tags: Sequence[TiffTag] = ()) -> None:
    """Write a label image.

    Parameters
    ----------
    path
        Ends in .tif, .tiff (tiled, deflate), .zarr (version 2) or .png, for which all labels are read at once.
    labels
        (H, W) ids.
    tags
        More tags of a TIFF, such as `io.geotags.geo_tags` of the picture.

    Raises
    ------
    napari_gfsam.io.writers.OutputError
        If it cannot be written; no half file is left.
    ValueError
        If the suffix is another one, zarr is not installed or PNG cannot hold the ids.
    """
    suffix = path.suffix.lower()
    if suffix == ".zarr":
        zarr = _zarr(path)
        with beside(path) as hidden:
            _write_zarr(zarr, hidden, labels)
    elif suffix in (".tif", ".tiff"):
        with beside(path) as hidden:
            _write_tiff(hidden, labels, tags)
    else:
        write_labels(path, whole_of(labels))


def open_labels(path: Path) -> PictureSource:
    """Open a label image; one that is large is read in parts, any other is in memory.

    Raises
    ------
    ImageFileError
        If it cannot be read or is no label image.
    """
    if not path.is_dir():
        check_file(path)
    large = large_source(path, palette=False)
    if large is None:
        return ArraySource(_small_zarr(path) if path.is_dir() else read_labels(path))
    if len(large.shape) != 2 or large.dtype.kind not in "bu":
        raise ImageFileError(f"{path} is no label image: it has the shape {large.shape} and the type {large.dtype}.")
    return large


def _small_zarr(path: Path) -> NDArray[np.integer[Any]]:
    pixels = whole_of(open_picture(path))
    if pixels.ndim != 2 or not pixels.size:
        raise ImageFileError(f"{path} is no label image: it has the shape {pixels.shape}.")
    return whole_numbers(pixels, path)


def on_disk(labels: PictureSource) -> NDArray[Any]:
    """Return labels as an array that lies in a temporary file, unless they are in memory.

    Its pages count as memory of the process only as long as nobody else needs it.

    Raises
    ------
    napari_gfsam.io.writers.OutputError
        If there is no room for the file.
    """
    if isinstance(labels, ArraySource) and isinstance(labels.array, np.ndarray):
        return labels.array
    with tempfile.TemporaryFile(prefix="napari-gfsam-") as file:
        try:
            for band in row_bands(labels):
                file.write(np.ascontiguousarray(band).data)
            file.flush()
        except OSError as error:
            raise no_room(Path(tempfile.gettempdir()), error) from error
        return np.memmap(file, labels.dtype, "r", 0, labels.size_yx)


def zarr_software(path: Path) -> str | None:
    """Return the program that a Zarr array names as its maker."""
    try:
        import zarr

        return str(zarr.open_array(path, mode="r").attrs.get(_MADE_BY))
    except (ImportError, KeyError, ValueError, OSError):
        return None


def _write_tiff(path: Path, labels: PictureSource, tags: Sequence[TiffTag]) -> None:
    import tifffile

    layout = {"tile": (PART_SIDE, PART_SIDE), "compression": "zlib", "photometric": "minisblack", "software": SOFTWARE}
    shape, dtype = labels.size_yx, labels.dtype
    big = shape[0] * shape[1] * dtype.itemsize > BIG_BYTES
    tifffile.imwrite(path, _tiles(labels), shape=shape, dtype=dtype, bigtiff=big, extratags=tags, **layout)


def _tiles(labels: PictureSource) -> Iterator[NDArray[Any]]:
    """Yield parts row by row; tifffile fills up those at the border."""
    height, width = labels.size_yx
    for top in range(0, height, PART_SIDE):
        for left in range(0, width, PART_SIDE):
            yield labels.read(slice(top, min(top + PART_SIDE, height)), slice(left, min(left + PART_SIDE, width)))


def _zarr(path: Path) -> Any:
    try:
        import zarr
    except ImportError as error:
        raise ImageFileError(f'{path} needs the package zarr; pip install "napari-gfsam[exports]".') from error
    return zarr


def _write_zarr(zarr: Any, folder: Path, labels: PictureSource) -> None:
    chunks = tuple(min(PART_SIDE, size) for size in labels.size_yx)
    layout = {"chunks": chunks, "fill_value": 0, "attributes": {_MADE_BY: SOFTWARE}, "zarr_format": 2}
    array = zarr.create_array(folder, shape=labels.size_yx, dtype=labels.dtype, **layout)
    top = 0
    for band in row_bands(labels):
        array[top : top + len(band)] = band
        top += len(band)
