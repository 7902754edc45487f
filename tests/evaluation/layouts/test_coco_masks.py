from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_gfsam.evaluation.layouts.coco_masks import counts_of, decode_runs, decode_segmentation, fill_polygon, union
from tests.evaluation.layouts.miniatures import compressed

# Polygons and the compressed run lengths that pycocotools 2.0.11 gives for them.
FILLED = json.loads(Path(__file__).with_name("polygons.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("filled", FILLED)
def test_polygons_are_filled_as_pycocotools_does(filled):
    polygon, size = filled["polygon"], tuple(filled["size"])
    wanted = decode_runs(filled)

    np.testing.assert_array_equal(fill_polygon(polygon, size), wanted)
    np.testing.assert_array_equal(decode_segmentation([polygon], size), wanted)


def test_whole_corners_cover_whole_pixels():
    mask = fill_polygon([2, 1, 5, 1, 5, 4, 2, 4], (6, 8))

    assert mask[1:4, 2:5].all()
    assert mask.sum() == 9


@given(arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_runs_come_back(mask):
    encoded = compressed(mask)
    plain = {"size": encoded["size"], "counts": counts_of(encoded["counts"])}

    np.testing.assert_array_equal(decode_runs(encoded), mask)
    np.testing.assert_array_equal(decode_runs(plain), mask)
    np.testing.assert_array_equal(decode_segmentation({**encoded, "counts": encoded["counts"].encode()}, (1, 1)), mask)


def test_an_array_is_itself():
    np.testing.assert_array_equal(decode_segmentation(np.array([[0, 2], [1, 0]]), (2, 2)), [[0, 1], [1, 0]])


def test_several_polygons_are_joined():
    two = decode_segmentation([[0, 0, 2, 0, 2, 2, 0, 2], [1, 1, 3, 1, 3, 3, 1, 3]], (4, 4))

    assert two.sum() == 7
    assert not decode_segmentation([], (4, 4)).any()


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ({"size": [2, 2], "counts": [1, 1]}, "does not fill its size of 2 x 2"),
        ({"size": [2, 2], "counts": [5, -1]}, "does not fill"),
        ({"size": [2, 2], "counts": "P"}, "cut short"),
        ({"counts": [4]}, "no size or no counts"),
        ({"size": 3, "counts": [4]}, "no size or no counts"),
        ([[1, 2, 3, 4]], "has 4 coordinates"),
        ([[1, 2, 3, 4, 5, 6, 7]], "has 7 coordinates"),
        ("0S3", "is a str"),
        (np.zeros(3), "is a ndarray"),
    ],
)
def test_damage_is_named(segmentation, words):
    with pytest.raises(ValueError, match=words):
        decode_segmentation(segmentation, (2, 2))


def test_masks_of_other_pictures_are_named():
    with pytest.raises(ValueError, match="do not fit"):
        union([np.zeros((2, 3), bool)], (3, 2))
