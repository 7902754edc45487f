"""One rule for the scale: from the paint, the sizes and the pixel sizes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.api import PixelSizes, Segmenter, Tiling
from napari_gfsam.api.scale import GRID, cells_seen, decide, magnification, shown_by, shown_in, tiling_of, tiling_record
from tests.api.tiles.scenes import discs


def shown(radius: float, shape: tuple[int, int] = (370, 370)) -> Segmenter:
    segmenter = Segmenter()
    picture, numbers = discs(shape, [(60, 60), (150, 200), (250, 80)], radius)
    segmenter.add_reference(picture, (numbers > 0).astype(np.uint8))
    return segmenter


def test_nothing_is_cut_where_objects_are_large_enough_and_the_target_is_like_the_reference():
    segmenter = shown(30)
    assert segmenter.tiling((370, 370)) is None
    assert segmenter.tiling((540, 540)) is None


def test_a_large_target_is_cut_into_tiles_like_the_reference():
    tiling = shown(30).tiling((1110, 1110))
    assert tiling.tile == tiling.view == (370, 370)
    assert min(tiling.overlap) >= 60  # a disc


def test_small_objects_are_seen_closer():
    tiling = shown(15, (1480, 1480)).tiling((1480, 1480))
    assert tiling.span < 1.5
    assert 518 <= tiling.tile[0] < 1480 / 1.5
    seen = 15 * np.sqrt(np.pi) * GRID / tiling.view[0]
    assert 1.5 < seen < 12


def test_small_pictures_are_not_blown_up():
    segmenter = shown(5)
    assert GRID * shown_by(segmenter.references).spans[1] / 370 < 1.5
    assert segmenter.tiling((370, 370)) is None


def test_pixel_sizes_scale_the_tiles_but_not_the_references():
    tiling = shown(30).tiling((3000, 3000), pixels=PixelSizes(reference=1.0, target=0.5))
    assert tiling.tile == (740, 740)
    assert tiling.view == (370, 370)


def test_a_number_is_the_side_of_a_tile():
    tiling = shown(30).tiling((1000, 800), 200)
    assert tiling.tile == (200, 200)
    assert shown(30).tiling((1000, 800), "whole") is None
    assert decide(tiling, (), (10, 10)) is tiling


@pytest.mark.parametrize("scale", ["small", 3, True, 2.5])
def test_other_scales_are_refused(scale):
    with pytest.raises(ValueError, match="auto, whole or the side"):
        shown(30).tiling((1000, 800), scale)


def test_specks_do_not_count():
    segmenter = Segmenter()
    picture, numbers = discs((370, 370), [(60, 60)], 30)
    labels = (numbers > 0).astype(np.uint8)
    labels[300:360:4, 300:360:4] = 1
    segmenter.add_reference(picture, labels)
    assert shown_by(segmenter.references).spans[1] == pytest.approx(30 * np.sqrt(np.pi), rel=0.02)


def test_cells_are_counted_in_what_is_looked_at_at_once():
    small, large = (shown_in(shown(radius, (1480, 1480)).references[0]) for radius in (15, 30))
    whole = 15 * np.sqrt(np.pi) * GRID / 1480
    assert [cells[1] for cells in cells_seen("whole", [small, large])] == pytest.approx([whole, 2 * whole], rel=0.03)
    assert cells_seen("auto", [small])[0][1] == pytest.approx(whole * 1480 / 518, rel=0.03)
    assert cells_seen(370, [small])[0][1] == pytest.approx(4 * whole, rel=0.03)
    assert cells_seen("auto", []) == []


def test_a_large_class_keeps_a_small_one_from_being_blown_up_further():
    assert magnification({1: 1.0, 2: 8.0}, 2000) == 2
    assert magnification({1: 1.0, 2: 30.0}, 2000) == 1
    assert magnification({1: 5.0}, 1000) == 1


def test_the_record_keeps_the_tiling():
    tiling = Tiling((10, 20), (3, 4), (10, 20), 2.5)
    assert tiling_of(tiling_record(tiling)) == tiling
    assert tiling_of(None) is None


def test_pixel_sizes_are_above_0():
    with pytest.raises(ValueError, match="above 0"):
        PixelSizes(1, 0)
