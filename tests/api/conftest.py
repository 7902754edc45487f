from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import disk

from napari_gfsam.api import Segmenter
from tests.fakes import QUICK

COLORS = {1: (210, 190, 60), 2: (70, 200, 220)}


def two_colors(seed: int, shape: tuple[int, int] = (160, 220)) -> tuple[np.ndarray, np.ndarray]:
    """Discs of two colours on a dark ground: (H, W, 3) uint8 and (H, W) uint8 labels, 1 and 2."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, dtype=np.uint8)
    for number, corner in enumerate([(40, 40), (40, 110), (40, 180), (115, 60), (115, 150)]):
        centre = np.array(corner) + rng.uniform(-8, 8, 2)
        labels[disk(centre, rng.uniform(18, 24), shape=shape)] = 1 + (number + seed) % 2
    picture = np.full((*shape, 3), (30.0, 40.0, 90.0))
    for class_id, color in COLORS.items():
        picture[labels == class_id] = color
    return (picture + rng.normal(0, 4, picture.shape)).clip(0, 255).astype(np.uint8), labels


@pytest.fixture
def two_classes(fake_models):
    """A segmenter that was shown discs of two colours."""
    segmenter = Segmenter(settings=QUICK)
    segmenter.add_reference(*two_colors(1), classes={1: "yellow", 2: "blue"})
    return segmenter


@pytest.fixture
def answer(two_classes):
    """A prediction of two classes."""
    return two_classes.segment(two_colors(2)[0])
