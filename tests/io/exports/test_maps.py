"""GeoTIFF, GeoPackage and GeoJSON on a scene of known polygons, read back by rasterio, geopandas and pyproj."""

from __future__ import annotations

import json
import math

import geopandas
import numpy as np
import pyogrio
import pyproj
import pytest
import rasterio
import shapely
from rasterio.features import rasterize

from napari_gfsam.io.exports import ExportError, SheetSource, export, label_sheet, read_sheet
from napari_gfsam.io.exports.places import read_georeference
from napari_gfsam.io.readers import read_labels
from napari_gfsam.io.writers import is_ours, write_labels
from tests.io.exports import scenes
from tests.io.exports.test_rasters import check_provenance

#: Reference systems and transforms.
PLACES = {
    "UTM 32 north": (32632, scenes.UTM),
    "UTM 19 south, rows to the north": (32719, (10.0, 0.0, 300_000.0, 0.0, 10.0, 6_200_000.0)),
    "turned by 30 degrees": (32632, (0.433, 0.25, 600_000.0, 0.25, -0.433, 5_400_000.0)),
    "degrees": (4326, (1e-5, 0.0, -70.25, 0.0, -1e-5, -33.5)),
    "feet, northing first": (2263, (2.0, 0.0, 980_000.0, 0.0, -2.0, 200_000.0)),
    "Europe, northing first": (3035, (30.0, 0.0, 4_321_000.0, 0.0, -30.0, 3_210_000.0)),
}


def known_polygons(size):
    """Polygons (in pixels) by class: a rectangle with a hole, a triangle, a disc, and a square at the corner."""
    unit = size / 40
    ring = shapely.box(2, 3, 17, 12) - shapely.box(5, 5, 9, 8)
    triangle = shapely.Polygon([(20, 5), (38, 8), (25, 18)])
    shapes = {1: [ring, triangle], 2: [shapely.Point(12, 27).buffer(7), shapely.box(33, 33, 40, 40)]}
    return {key: [shapely.transform(one, lambda xy: xy * unit) for one in ones] for key, ones in shapes.items()}


def drawn(polygons, size):
    pairs = [(one, key) for key, ones in polygons.items() for one in ones]
    return rasterize(pairs, (size, size), dtype="uint8")


def laid(polygon, transform):
    """A polygon in pixels, on the earth: the same formula by another library."""
    a, b, c, d, e, f = transform
    return shapely.affinity.affine_transform(polygon, [a, b, d, e, c, f])


def check_places(frame, size, transform, forward=lambda x, y: (x, y)):
    """Compare every feature with its known polygon: all corners within a pixel, the area within an edge's."""
    expected = [(key, one) for key, ones in known_polygons(size).items() for one in ones]
    assert len(frame) == len(expected)
    for key, polygon in expected:
        truth = shapely.segmentize(laid(polygon, transform), 20 * abs(transform[0]) + abs(transform[1]))
        truth = shapely.transform(truth, lambda xy: np.column_stack(forward(*xy.T)))
        (a, b, _, d, e, _) = transform
        corner = laid(shapely.Point(size / 2, size / 2), transform)
        beside = [shapely.Point(corner.x + dx, corner.y + dy) for dx, dy in ((a, d), (b, e))]
        points = [shapely.transform(one, lambda xy: np.column_stack(forward(*xy.T))) for one in (corner, *beside)]
        pixel = max(points[0].distance(one) for one in points[1:])
        row = frame.iloc[np.argmax([one.intersection(truth).area for one in frame.geometry])]
        assert row["class_id"] == key
        union = row.geometry.union(truth).area
        assert row.geometry.intersection(truth).area / union > 1 - 0.6 * pixel * truth.length / truth.area
        assert row.geometry.hausdorff_distance(truth) < 1.5 * pixel
        assert len(row.geometry.interiors) == len(polygon.interiors)
        assert row.geometry.centroid.distance(truth.centroid) < 0.2 * pixel


@pytest.mark.parametrize("where", PLACES)
def test_known_polygons_land_on_their_coordinates(tmp_path, where):
    epsg, transform = PLACES[where]
    size = 200
    picture = scenes.geotiff(tmp_path / "scene.tif", (size, size), epsg, transform)
    place = read_georeference(picture)
    sheet = label_sheet(drawn(known_polygons(size), size), "scene", georeference=place)
    (package,) = export("geopackage", [sheet], tmp_path).paths
    frame = geopandas.read_file(package)
    assert frame.crs == pyproj.CRS.from_epsg(epsg)
    check_places(frame, size, transform)
    (text,) = export("geojson", [sheet], tmp_path).paths
    frame = geopandas.read_file(text)
    assert frame.crs == pyproj.CRS.from_epsg(4326)
    forward = pyproj.Transformer.from_crs(epsg, 4326, always_xy=True).transform
    check_places(frame, size, transform, forward)
    (raster,) = export("geotiff", [sheet], tmp_path).paths
    with rasterio.open(picture) as before, rasterio.open(raster) as after:
        assert after.crs == before.crs
        assert after.transform == before.transform


def test_boxes_are_exact(tmp_path):
    sheet = scenes.sheet(georeference=scenes.place())
    (package,) = export("geopackage", [sheet], tmp_path).paths
    frame = geopandas.read_file(package)
    square = frame[frame["pixels"] == 80].iloc[0]
    assert square.geometry.equals(shapely.box(501_025, 5_499_976, 501_030, 5_499_980))
    ring = frame[frame["pixels"] == 240].iloc[0]
    hole = shapely.box(501_005, 5_499_992, 501_010, 5_499_996)
    assert ring.geometry.equals(shapely.box(501_002.5, 5_499_990, 501_012.5, 5_499_998) - hole)
    (text,) = export("geojson", [sheet], tmp_path).paths
    forward = pyproj.Transformer.from_crs(32632, 4326, always_xy=True).transform
    corners = shapely.get_coordinates(geopandas.read_file(text).geometry)
    truth = np.column_stack(forward(*shapely.get_coordinates(frame.geometry).T))
    nearest = np.abs(corners[:, None] - truth).max(axis=2).min(axis=1)
    assert nearest.max() < 1e-8, "a millimetre"


def test_geopackage_attributes(tmp_path):
    sheet = scenes.sheet(georeference=scenes.place(), instances=scenes.touching(), scores={11: 0.25})
    (path,) = export("geopackage", [sheet], tmp_path).paths
    frame = geopandas.read_file(path)
    assert frame["class"].tolist().count(scenes.ODD) == (frame["class_id"] == 7).sum() == 2
    assert set(frame["color"]) == {"#56b4e9", "#e69f00"}
    assert sorted(frame["object"]) == list(range(1, len(frame) + 1))
    assert frame.loc[frame["score"] == 0.25, "pixels"].tolist() == [(scenes.touching() == 11).sum()]
    assert frame.loc[frame["class_id"] == 7, "score"].isna().all()
    assert frame["pixels"].sum() == (scenes.labels() > 0).sum()
    check_provenance(json.loads(pyogrio.read_info(path)["dataset_metadata"]["napari_gfsam"]))


def test_geojson_follows_rfc_7946(tmp_path):
    (path,) = export("geojson", [scenes.sheet(georeference=scenes.place())], tmp_path).paths
    data = json.loads(path.read_text(encoding="utf-8"))
    assert data["type"] == "FeatureCollection"
    assert "crs" not in data
    check_provenance(data["napari_gfsam"])
    for feature in data["features"]:
        polygon = shapely.geometry.shape(feature["geometry"])
        assert polygon.is_valid
        assert polygon.exterior.is_ccw
        assert not any(ring.is_ccw for ring in polygon.interiors)
        for ring in feature["geometry"]["coordinates"]:
            assert ring[0] == ring[-1]
            assert all(9 < lon < 9.1 and 49.6 < lat < 49.7 for lon, lat in ring), "longitude first"
    assert {one["properties"]["class"] for one in data["features"]} == {"nucleus", scenes.ODD}


def test_geojson_is_cut_at_the_antimeridian(tmp_path):
    transform = (0.001, 0.0, 179.99, 0.0, -0.001, 10.0)
    ids = np.ones((10, 20), np.uint8)
    sheet = label_sheet(ids, "date line", georeference=scenes.place((10, 20), 4326, transform))
    (path,) = export("geojson", [sheet], tmp_path).paths
    (feature,) = json.loads(path.read_text())["features"]
    assert feature["geometry"]["type"] == "MultiPolygon"
    parts = shapely.geometry.shape(feature["geometry"])
    assert parts.area == pytest.approx(20 * 10 * 1e-6)
    assert sorted(part.bounds[0] for part in parts.geoms) == [-180, pytest.approx(179.99)]


def test_long_edges_follow_the_earth(tmp_path):
    """One object of 40 km: its upper edge bends by 37 m on the way to WGS 84, by next to nothing with corners on it."""
    transform = (100.0, 0.0, 300_000.0, 0.0, -100.0, 5_500_000.0)
    sheet = label_sheet(np.ones((4, 400), np.uint8), "strip", georeference=scenes.place((4, 400), 32632, transform))
    (path,) = export("geojson", [sheet], tmp_path).paths
    forward = pyproj.Transformer.from_crs(32632, 4326, always_xy=True).transform
    middle = shapely.Point(*forward(319_999.0, 5_500_000.0))
    (outline,) = geopandas.read_file(path).geometry
    assert outline.exterior.distance(middle) * 111_320 < 1, "a hundredth of a pixel"


def test_objects_in_several_pieces_are_multipolygons(tmp_path):
    sheet = label_sheet(
        np.array([[1, 0, 1, 2]]), "x", instances=np.array([[3, 0, 3, 4]]), georeference=scenes.place((1, 4))
    )
    for format_id in ("geopackage", "geojson"):
        (path,) = export(format_id, [sheet], tmp_path).paths
        frame = geopandas.read_file(path).sort_values("class_id")
        assert [len(shapely.get_parts(one)) for one in frame.geometry] == [2, 1]


def test_a_scene_without_objects(tmp_path):
    sheet = label_sheet(np.zeros((4, 5), np.uint8), "none", georeference=scenes.place((4, 5)))
    for format_id in ("geopackage", "geojson"):
        (path,) = export(format_id, [sheet], tmp_path).paths
        assert len(geopandas.read_file(path)) == 0
    export("geotiff", [sheet], tmp_path)


def test_geotiff(tmp_path):
    (path,) = export("geotiff", [scenes.sheet(georeference=scenes.place())], tmp_path).paths
    with rasterio.open(path) as opened:
        assert np.array_equal(opened.read(1), scenes.labels())
        assert opened.crs == rasterio.crs.CRS.from_epsg(32632)
        assert tuple(opened.transform)[:6] == scenes.UTM
        assert opened.colormap(1)[7] == (230, 159, 0, 255)
        assert opened.colormap(1)[0] == (0, 0, 0, 0)
        check_provenance(json.loads(opened.tags()["NAPARI_GFSAM"]))
    assert np.array_equal(read_labels(path), scenes.labels())
    assert is_ours(path)


def test_geotiff_of_large_ids(tmp_path):
    ids = scenes.labels().astype(np.uint32) * 20000
    (path,) = export("geotiff", [scenes.sheet(labels=ids, georeference=scenes.place())], tmp_path).paths
    with rasterio.open(path) as opened:
        assert np.array_equal(opened.read(1), ids)


@pytest.mark.parametrize("format_id", ["geotiff", "geopackage", "geojson"])
def test_no_reference_system_is_invented(tmp_path, format_id):
    with pytest.raises(ExportError, match=r"^plate: .* no coordinate reference system is invented; name the") as found:
        export(format_id, [scenes.sheet()], tmp_path)
    assert "\n" not in str(found.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("epsg", "transform", "words"),
    [
        (None, None, "names no coordinate reference system, and none is invented"),
        (None, scenes.UTM, "names no coordinate reference system, and none is invented"),
        (32632, None, "not where it lies in it, and no place is invented"),
    ],
)
def test_a_picture_without_a_place_is_refused(tmp_path, epsg, transform, words):
    picture = scenes.geotiff(tmp_path / "plain.tif", epsg=epsg, transform=transform)
    with pytest.raises(ExportError, match=words):
        read_georeference(picture)


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "a.tif").write_text("no picture")
    (tmp_path / "a.vrt").write_text('<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>')
    for name in ("a.tif", "a.vrt", "none.tif"):
        with pytest.raises(ExportError, match="cannot be read as a georeferenced picture"):
            read_georeference(tmp_path / name)


def test_a_local_reference_system_stays_in_a_geopackage(tmp_path):
    wkt = 'LOCAL_CS["site",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'
    place = scenes.place()
    local = type(place)(rasterio.crs.CRS.from_wkt(wkt).to_wkt(), place.transform, place.shape, "site.tif")
    with pytest.raises(ExportError, match=r"^site.tif has a local coordinate reference system"):
        export("geojson", [scenes.sheet(georeference=local)], tmp_path)
    (path,) = export("geopackage", [scenes.sheet(georeference=local)], tmp_path).paths
    assert len(geopandas.read_file(path)) == 5


def test_digits_follow_the_pixel(tmp_path):
    fine = (0.0005, 0.0, 501_000.0, 0.0, -0.0005, 5_500_000.0)
    sheet = label_sheet(np.ones((2, 2), np.uint8), "fine", georeference=scenes.place((2, 2), 32632, fine))
    (path,) = export("geojson", [sheet], tmp_path).paths
    (outline,) = geopandas.read_file(path).geometry
    back = pyproj.Transformer.from_crs(4326, 32632, always_xy=True).transform
    corners = np.column_stack(back(*np.array(outline.exterior.coords).T))
    assert np.ptp(corners, axis=0) == pytest.approx([0.001, 0.001], abs=2e-5)


def check_large(size, folder):
    picture = scenes.geotiff(folder / "scene.tif", (size, size))
    write_labels(folder / "scene_labels.tif", drawn(known_polygons(size), size))
    source = SheetSource(folder / "scene_labels.tif", "scene", ((1, "house"), (2, "pond")), picture=picture)
    sheet = read_sheet(source, on_earth=True)
    forward = pyproj.Transformer.from_crs(32632, 4326, always_xy=True).transform
    for format_id, way in (("geopackage", lambda x, y: (x, y)), ("geojson", forward)):
        (path,) = export(format_id, [sheet], folder / "out").paths
        frame = geopandas.read_file(path)
        check_places(frame, size, scenes.UTM, way)
        assert set(frame["class"]) == {"house", "pond"}


def test_files_in_maps_out(tmp_path):
    check_large(400, tmp_path)


@pytest.mark.slow
def test_a_large_scene_lands_on_its_coordinates(tmp_path):
    check_large(4000, tmp_path)
    assert math.isclose(read_georeference(tmp_path / "scene.tif").transform[2], scenes.UTM[2])
