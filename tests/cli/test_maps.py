"""A GeoTIFF of 4,000 x 4,000 through `segment` in tiles and `export`: known polygons land where they are."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.features import rasterize

from napari_gfsam.io.exports.places import read_georeference
from napari_gfsam.io.records import read_record
from napari_gfsam.io.writers import write_labels, write_picture

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("fake_models")]
SIDE, TILE = 4000, 1000
TRANSFORM = rasterio.Affine(0.5, 0, 512_345, 0, -0.5, 5_432_100)
#: Pixels by which a border of the stand-in's masks (256 a side of a tile) may lie off, and a bit.
OFF = 2 * TILE / 256


def polygons():
    """Discs, triangles and boxes of 160 to 240 pixels, in pixels; some lie across the borders of tiles."""
    centres = [
        (400, 300),
        (1700, 760),
        (3000, 500),
        (800, 1650),
        (2370, 1900),
        (3600, 2420),
        (1180, 3300),
        (2900, 3640),
    ]
    shapes = []
    for number, (x, y) in enumerate(centres):
        half = 80 + 5 * number
        triangle = shapely.Polygon([(x - half, y + half), (x + half, y + half), (x, y - half)])
        shapes.append(
            [shapely.Point(x, y).buffer(half), triangle, shapely.box(x - half, y - half, x + half, y + half)][
                number % 3
            ]
        )
    return shapes


def painted(shapes, side):
    labels = rasterize(shapes, (side, side), dtype="uint8")
    ground = np.linspace(0, 12, side)[None, :, None] + np.array([30, 40, 90])
    return np.where(labels[..., None] > 0, (210, 190, 60), ground).astype(np.uint8), labels


def on_earth(polygon):
    a, b, c, d, e, f = TRANSFORM[:6]
    return shapely.affinity.affine_transform(polygon, [a, b, d, e, c, f])


def check(frame):
    """Every polygon is there once, and its border where it is, within the stand-in's pixels."""
    truth = [on_earth(one) for one in polygons()]
    assert len(frame) == len(truth)
    for one in truth:
        found = frame.geometry.iloc[frame.geometry.distance(one.centroid).argmin()]
        assert found.symmetric_difference(one).area < OFF * 0.5 * one.length
        assert found.centroid.distance(one.centroid) < OFF * 0.5


def test_polygons_land_on_the_right_coordinates(desk, monkeypatch):
    monkeypatch.setattr("napari_gfsam.io.large.LARGE_BYTES", 2**20)
    picture, _ = painted(polygons(), SIDE)
    layout = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate", "photometric": "rgb"}
    place = {"crs": "EPSG:32633", "transform": TRANSFORM}
    with rasterio.open(desk / "scene.tif", "w", "GTiff", SIDE, SIDE, 3, dtype="uint8", **layout, **place) as file:
        file.write(np.moveaxis(picture, 2, 0))
    picture, labels = painted([shapely.Point(300, 350).buffer(100), shapely.box(600, 500, 800, 700)], TILE)
    write_picture(desk / "ref.tif", picture)
    write_labels(desk / "ref_labels.tif", labels)
    quick = ("--set", "max_prompts=8", "--set", "background_projection=off")
    result = desk.segment(desk / "scene.tif", "--tile", TILE, *quick)
    assert result.exit_code == 0, result.output
    assert f"in tiles of {TILE} x {TILE} pixels" in result.stdout
    assert desk.outputs == ["scene_labels.tif", "scene_record.json"]
    assert read_record(desk / "out" / "scene_record.json").target.pixel_size.height == 0.5
    assert read_georeference(desk / "out" / "scene_labels.tif").transform == tuple(TRANSFORM)[:6]
    words = ("--to", "geopackage", "--to", "geojson", "--to", "geotiff", "-o", desk / "maps")
    exported = desk.run("export", desk / "out", *words)
    assert exported.exit_code == 0, exported.output
    check(geopandas.read_file(desk / "maps" / "scene_labels.gpkg"))
    world = geopandas.read_file(desk / "maps" / "scene_labels.geojson")
    assert world.crs.to_epsg() == 4326
    check(world.to_crs(32633))
    assert read_georeference(desk / "maps" / "scene_labels_geo.tif").transform == tuple(TRANSFORM)[:6]
