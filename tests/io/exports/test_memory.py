"""Large labels are exported without copies of the whole that are not needed."""

from __future__ import annotations

import hashlib
import tracemalloc

import numpy as np
import pytest

from napari_gfsam.io.exports import FORMATS, export, label_sheet
from napari_gfsam.io.exports.objects import objects_of
from napari_gfsam.io.records import labels_hash
from tests.io.exports import scenes

SIDE = 3000
#: Bytes a pixel beside labels of one byte a pixel: of formats of single objects one number, and pieces of one class.
MOST = {
    "tiff": 1,
    "png": 3,
    "geotiff": 1,
    "ome-zarr": 2,
    "npz": 11,
    "geopackage": 1,
    "geojson": 1,
    "yolo": 1,
    "coco": 11,
}


@pytest.fixture(scope="module")
def large():
    ids = np.zeros((SIDE, SIDE), np.uint8)
    for number, y in enumerate(range(10, SIDE - 200, 300)):
        ids[y : y + 150, 20 : SIDE - 20] = number % 3 + 1
    return ids


def peak(work):
    """Return the most bytes that were held at a time beside what was there before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("format_id", MOST)
def test_an_export_holds_few_copies(large, tmp_path, format_id):
    place = scenes.place(large.shape) if FORMATS[format_id].on_earth else None
    small = scenes.sheet(georeference=scenes.place())
    export(format_id, [small], tmp_path / "small")  # libraries are loaded
    record = scenes.record(large)

    def work():
        sheet = label_sheet(large, "a", scenes.CLASSES, georeference=place, record=record)
        export(format_id, [sheet], tmp_path / "large")

    assert peak(work) / large.size < MOST[format_id] + 2  # and two parts of a million values of eight bytes


def test_instances_are_matched_with_classes_in_parts(large):
    instances = large + np.arange(SIDE, dtype=np.int32)[:, None] // 100
    sheet = label_sheet(large, "a", instances=instances)
    assert peak(lambda: objects_of(sheet)) / large.size < 11 + 6  # and parts of a million pairs


def test_a_hash_is_the_same_in_parts_as_in_one(large):
    whole = hashlib.sha256(str(large.shape).encode() + large.astype("<i8").tobytes()).hexdigest()
    assert labels_hash(large) == whole
    assert labels_hash(large.T) != whole
    assert labels_hash(np.asfortranarray(large)) == whole


def test_pixels_of_objects_are_counted_in_parts(large):
    objects = objects_of(label_sheet(large, "a"))
    assert objects.pixels().tolist() == np.bincount(objects.numbers.reshape(-1))[1:].tolist()
    assert objects.pixels().sum() == (large > 0).sum()
