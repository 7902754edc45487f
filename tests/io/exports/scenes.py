"""Label images with everything that formats may lose: holes, touching objects, odd names, scores, a record, a place."""

from __future__ import annotations

import warnings

import numpy as np
import rasterio

from napari_gfsam.io.exports import ExportClass, Georeference, label_sheet
from napari_gfsam.io.records import (
    ClassRecord,
    ClassResult,
    DecisionRecord,
    InputRecord,
    ModelRecord,
    ReferenceRecord,
    RunRecord,
    labels_hash,
)

#: A class name that breaks formats that quote badly.
ODD = "näive <\"cell\"> & 'co': # 1, 2"
CLASSES = (ExportClass(1, "nucleus", (86, 180, 233), 0.9), ExportClass(7, ODD, (230, 159, 0)))
#: Metres, half of one a pixel, rows to the south; a kilometre east of the middle of zone 32.
UTM = (0.5, 0.0, 501_000.0, 0.0, -0.5, 5_500_000.0)


def labels(shape=(48, 60)):
    """Class 1: a ring, an L and a square that meets it at a corner; class 7: a square in the ring, one at the edge."""
    ids = np.zeros(shape, np.uint8)
    ids[4:20, 5:25] = 1
    ids[8:16, 10:20] = 0
    ids[10:13, 12:15] = 7
    ids[30:40, 4:8] = 1
    ids[36:40, 8:20] = 1
    ids[28:36, 8:12] = 0
    ids[24:30, 8:14] = 1
    ids[40:, 50:] = 7
    return ids


def touching():
    """Instances over `labels`: the ring in two halves, and one instance over both classes that lie apart."""
    ids, numbers = labels(), np.zeros((48, 60), np.int32)
    numbers[:20, :15][ids[:20, :15] == 1] = 11
    numbers[:20, 15:][ids[:20, 15:] == 1] = 12
    numbers[36:, :][ids[36:, :] > 0] = 40
    return numbers


def record(ids, **changes):
    reference = ReferenceRecord(
        InputRecord("ref.tif", "aa", (9, 9), "/home/somebody/ref.tif", "../ref.tif"),
        InputRecord("ref_labels.tif", "bb", (9, 9), "/home/somebody/ref_labels.tif", "../ref_labels.tif"),
        (ClassRecord(1, "nucleus"), ClassRecord(2, "debris", negative=True), ClassRecord(7, ODD)),
    )
    known = {
        "version": "0.1.0",
        "models": (ModelRecord("dinov2", "c0ffee"), ModelRecord("sam", None)),
        "settings": {"max_prompts": 16},
        "references": (reference,),
        "target": InputRecord("plate.tif", "dd", ids.shape, "/home/somebody/plate.tif", "../plate.tif"),
        "decisions": (DecisionRecord("status", 1, 3, 4),),
        "results": (ClassResult(1, 4, 2, 3, 10, 0.9), ClassResult(7, 0, 0, 0, 0, float("nan"), "nothing")),
        "labels_hash": labels_hash(ids),
        "labels_file": "plate_labels.tif",
    }
    return RunRecord(**{**known, **changes})


def place(shape=(48, 60), epsg=32632, transform=UTM):
    return Georeference(rasterio.crs.CRS.from_epsg(epsg).to_wkt(), transform, shape, "scene.tif")


def sheet(**changes):
    ids = changes.pop("labels", labels())
    known = {"picture": "plate.tif", "record": record(ids), "classes": CLASSES}
    return label_sheet(ids, changes.pop("name", "plate"), **{**known, **changes})


def geotiff(path, shape=(48, 60), epsg=32632, transform=UTM):
    """Write a picture with a place on the earth."""
    crs = None if epsg is None else rasterio.crs.CRS.from_epsg(epsg)
    profile = {"driver": "GTiff", "height": shape[0], "width": shape[1], "count": 1, "dtype": "uint8"}
    known = {"transform": rasterio.Affine(*transform)} if transform else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile, crs=crs, **known) as opened:
            opened.write(np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8), 1)
    return path
