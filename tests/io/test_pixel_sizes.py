"""Pixel sizes are read where files say them, and never guessed."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import tifffile
import zarr

from napari_gfsam.io.pixel_sizes import metres, read_pixel_size
from napari_gfsam.io.records import PixelSize

PIXELS = np.zeros((20, 30), np.uint8)
GREY = {"photometric": "minisblack"}


def geotiff(path, crs, transform):
    with rasterio.open(path, "w", "GTiff", 30, 20, 1, dtype="uint8", crs=crs, transform=transform) as file:
        file.write(PIXELS, 1)


def ome_zarr(path, unit="micrometer"):
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    group.create_array("0", data=PIXELS[None])
    axes = [{"name": "c", "type": "channel"}, *({"name": name, "type": "space", "unit": unit} for name in "yx")]
    scale = [{"type": "scale", "scale": [1.0, 0.5, 0.25]}]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}]


OME = {"axes": "YX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm"}
IMAGEJ = {"imagej": True, "resolution": (4, 2), "metadata": {"unit": "um", "axes": "YX"}}
NORTH, TURNED = rasterio.Affine(0.25, 0, 7, 0, -0.5, 50), rasterio.Affine(0, 0.5, 5e5, 0.25, 0, 5e6)
KINDS = {
    "ome.tif": lambda path: tifffile.imwrite(path, PIXELS, metadata=OME, **GREY),
    "imagej.tif": lambda path: tifffile.imwrite(path, PIXELS, **IMAGEJ, **GREY),
    "centimetres.tif": lambda path: tifffile.imwrite(path, PIXELS, resolution=(40000, 20000), resolutionunit=3, **GREY),
    "printed.tif": lambda path: tifffile.imwrite(path, PIXELS, resolution=(300, 300), resolutionunit=2, **GREY),
    "none.tif": lambda path: tifffile.imwrite(path, PIXELS, **GREY),
    "map.tif": lambda path: geotiff(path, "EPSG:32632", NORTH),
    "turned_map.tif": lambda path: geotiff(path, "EPSG:32632", TURNED),
    "degrees.tif": lambda path: geotiff(path, "EPSG:4326", NORTH),
    "feet.tif": lambda path: geotiff(path, "EPSG:2263", NORTH),
    "image.zarr": ome_zarr,
    "bare.zarr": lambda path: zarr.save_array(str(path), PIXELS),
    "damaged.tif": lambda path: path.write_bytes(b"II*\0nothing"),
}


def written(folder, name):
    path = folder / name.replace("ome.", "a.ome.")
    KINDS[name](path)
    return path


@pytest.mark.parametrize(
    ("kind", "unit"),
    [
        ("ome.tif", "µm"),
        ("imagej.tif", "um"),
        ("map.tif", "meter"),
        ("turned_map.tif", "meter"),
        ("degrees.tif", "degree"),
        ("feet.tif", "us survey foot"),
        ("image.zarr", "micrometer"),
    ],
)
def test_what_files_say(tmp_path, kind, unit):
    assert read_pixel_size(written(tmp_path, kind)) == PixelSize(0.5, 0.25, unit)


@pytest.mark.parametrize("kind", ["none.tif", "printed.tif", "bare.zarr", "damaged.tif"])
def test_what_they_do_not_say_is_not_known(tmp_path, kind):
    assert read_pixel_size(written(tmp_path, kind)) is None
    assert read_pixel_size(tmp_path / "gone.tif") is read_pixel_size(tmp_path / "a.png") is None


def test_a_resolution_finer_than_any_print_is_a_size(tmp_path):
    size = read_pixel_size(written(tmp_path, "centimetres.tif"))
    assert metres(size) == pytest.approx(1e-6 * 0.125**0.5)


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [
        ("µm", 1e-6),
        ("μm", 1e-6),
        ("Micron", 1e-6),
        ("mm", 1e-3),
        ("m", 1),
        ("pixel", None),
        ("degree", None),
        ("", None),
    ],
)
def test_units(unit, wanted):
    assert metres(PixelSize(2, 2, unit)) == (None if wanted is None else pytest.approx(2 * wanted))
