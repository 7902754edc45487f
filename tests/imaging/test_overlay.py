from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_gfsam.imaging import ImageError, OverlayPoints, OverlayStyle, class_color, draw_overlay
from napari_gfsam.imaging.colors import status_color
from napari_gfsam.imaging.overlay import outline

GREY = np.full((40, 60, 3), 100, np.uint8)


def box(value: int = 1) -> np.ndarray:
    labels = np.zeros((40, 60), np.uint8)
    labels[10:30, 20:50] = value
    return labels


def test_background_is_the_picture_inside_is_blended_and_the_border_is_pure():
    drawn, color = draw_overlay(GREY, box()), np.array(class_color(1))
    assert (drawn[box() == 0] == 100).all()
    assert drawn[20, 30].tolist() == np.rint(100 * 0.6 + color * 0.4).tolist()
    assert drawn[10, 30].tolist() == color.tolist()
    assert (GREY == 100).all()


def test_a_class_can_have_a_colour_of_its_own():
    drawn = draw_overlay(GREY, box(), style=OverlayStyle(colors={1: (10, 20, 30), 9: (1, 1, 1)}))
    assert drawn[10, 30].tolist() == [10, 20, 30]


def test_the_truth_is_a_white_line_with_a_black_edge():
    drawn = draw_overlay(GREY, np.zeros_like(box()), truth=box())
    assert drawn[10, 30].tolist() == [255] * 3
    assert drawn[9, 30].tolist() == [0] * 3
    assert drawn[20, 35].tolist() == [100] * 3


def test_prompts_have_the_colour_of_their_status():
    points = OverlayPoints(np.array([[20.0, 30.0], [5.0, 5.0]]), np.array([1, 2]))
    drawn = draw_overlay(np.full((400, 600, 3), 100, np.uint8), np.zeros((400, 600), int), points=points)
    assert tuple(drawn[20, 30]) == status_color(1)
    assert tuple(drawn[5, 5]) == status_color(2)


def test_lines_grow_with_the_picture():
    assert OverlayStyle().width((100, 5000)) == 1
    assert OverlayStyle().width((2048, 3000)) == 4
    assert outline(box(), 3).sum() > outline(box(), 1).sum()


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_size_and_any_ids(data):
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    kind = data.draw(st.sampled_from(["uint8", "uint16", "int64"]))
    labels = data.draw(hnp.arrays(kind, shape, elements=st.integers(0, 200)))
    rgb = data.draw(hnp.arrays("uint8", (*shape, 3)))
    points = OverlayPoints(np.array([[-3.0, 2.0]]), np.array([5]))
    drawn = draw_overlay(rgb, labels, truth=labels, points=points)
    assert drawn.shape == rgb.shape
    assert drawn.dtype == np.uint8
    assert not outline(labels)[labels == 0].any()


@pytest.mark.parametrize("name", ["labels", "truth"])
def test_another_size_is_named(name):
    given_ = {"labels": box(), "truth": box()} | {name: np.zeros((3, 3), int)}
    with pytest.raises(ImageError, match=rf"The {name} have the shape \(3, 3\)"):
        draw_overlay(GREY, given_["labels"], truth=given_["truth"])
