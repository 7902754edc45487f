"""Parts of a picture without the class stay empty, though every tile's own extremes stretch to 0 and 1."""

from __future__ import annotations

import numpy as np

from napari_gfsam.api import Segmenter, Tiling
from tests.api.tiles.scenes import discs

TILING = Tiling((96, 96), (32, 32), (96, 96), 5.0)


def scene() -> np.ndarray:
    """Discs on the left; stones that hardly differ from the ground on the right; plain ground between."""
    picture, _ = discs((96, 480), [(30, 30), (66, 90)], 14)
    _, stones = discs((96, 480), [(30, 330), (66, 390), (40, 450)], 14)
    picture[stones > 0] += np.array([25, 20, 5], dtype=np.uint8)
    return picture


def test_tiles_without_the_class_stay_empty(fake_models):
    segmenter = Segmenter()
    picture, numbers = discs((96, 96), [(30, 30), (66, 60)], 13)
    segmenter.add_reference(picture, (numbers > 0).astype(np.uint8))
    quick = segmenter.settings.with_settings(max_prompts=32)
    prediction = segmenter.segment(scene(), settings=quick, scale=TILING)
    assert prediction.labels[30, 30] == prediction.labels[66, 90] == 1
    assert not prediction.labels[:, 160:].any()
    alone = segmenter.segment(scene()[:, 160:], settings=quick, scale=TILING)
    assert not alone.labels.any()
    assert alone.reason
