"""Packs with everything that a pack can hold."""

from __future__ import annotations

import numpy as np

from napari_gfsam.imaging import PixelRecipe
from napari_gfsam.io.packs import Pack, PackAbout, PackClass, PackFeatures, PackReference, PixelSize
from napari_gfsam.io.records import ClassRecord, InputRecord, ReferenceRecord
from tests.fakes import disc_picture

CLASSES = (PackClass(1, 'näive, "cell"', (200, 10, 30), painted_fully=True), PackClass(300, "debris", (1, 2, 3), True))


def reference(seed=1, *, grey=False, record=None, **more) -> PackReference:
    picture, painted = disc_picture(seed, (60, 80), 2)
    labels = painted.astype(np.uint16)
    labels[:3, :3] = 300
    if grey:
        picture, labels = np.repeat(picture[:, :, :1], 3, axis=2), painted
    classes = tuple(ClassRecord(one.id, one.name, one.negative) for one in CLASSES if (labels == one.id).any())
    known = record or ReferenceRecord(
        InputRecord("C:\\plates\\a.tif", "aa", (60, 80), "/home/somebody/a.tif", "../a.tif"),
        InputRecord("a_labels.tif", "bb", (60, 80), "/home/somebody/a_labels.tif"),
        classes,
        ignore=255,
        region_yx=(0, 0, 50, 80),
        recipe=PixelRecipe("range", limits=((3.0, 4000.0),)).as_dict(),
    )
    return PackReference(picture, labels, known, **more)


def pack(**changes) -> Pack:
    references = (reference(1, pixel_size=PixelSize(0.5, 0.25, "micrometer")), reference(2, grey=True))
    tokens = tuple(np.random.default_rng(seed).normal(size=(16, 4)).astype(np.float32) for seed in range(2))
    known = {
        "references": references,
        "classes": CLASSES,
        "features": (PackFeatures("encoder", "c0ffee", "float32", 1, tokens),),
        "about": PackAbout("Nuclei", "Two fields.", "A. N. Author", "CC0-1.0"),
    }
    return Pack(**{**known, **changes})
