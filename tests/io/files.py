"""Files of every kind that people bring, made on the spot."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import tifffile
import zarr
from PIL import Image


def picture(shape: tuple[int, ...] = (30, 40, 3), kind: str = "uint8") -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(kind)


def tiff_bytes(array: np.ndarray, **options: object) -> bytes:
    buffer = BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def pillow_bytes(array: np.ndarray, kind: str, mode: str | None = None, **options: object) -> bytes:
    buffer = BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(buffer, kind, **options)
    return buffer.getvalue()


def png_16_bit_colour(array: np.ndarray) -> bytes:
    height, width, _ = array.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def ome_zarr(path, pixels: np.ndarray, axes: str, version: str = "0.4"):
    """Write an image of one level, and nothing under the name that such levels mostly have."""
    group = zarr.open_group(str(path), mode="w", zarr_format=3 if version == "0.5" else 2)
    group.create_array("full", data=pixels, chunks=tuple(min(size, 32) for size in pixels.shape))
    image = {"datasets": [{"path": "full"}], "axes": [{"name": name} for name in axes]}
    if version == "0.3":
        image["axes"] = list(axes)
    group.attrs.update({"ome": {"multiscales": [image]}} if version == "0.5" else {"multiscales": [image]})
    return path


KINDS = {
    "plain.tif": tiff_bytes(picture()),
    "strips.tif": tiff_bytes(picture(), compression="zlib", rowsperstrip=4),
    "tiles.tif": tiff_bytes(picture(), tile=(16, 16)),
    "lzw.tif": pillow_bytes(picture(), "TIFF", compression="tiff_lzw"),
    "colour.png": pillow_bytes(picture(), "PNG"),
    "palette.png": pillow_bytes(picture(), "PNG", "P"),
    "photo.jpg": pillow_bytes(picture(), "JPEG"),
    "screen.bmp": pillow_bytes(picture(), "BMP"),
}
