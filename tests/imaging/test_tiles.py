"""Tiles cover a picture, are equal, share the overlap and own every pixel once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gfsam.imaging.tiles import TileGrid


@st.composite
def grids(draw: st.DrawFn) -> TileGrid:
    sizes = st.integers(1, 60)
    shape, tile = (draw(sizes), draw(sizes)), (draw(sizes), draw(sizes))
    return TileGrid(shape, tile, tuple(draw(st.integers(0, side - 1)) for side in tile))


@settings(deadline=None, derandomize=True, database=None, max_examples=60)
@given(grids())
def test_tiles_are_equal_cover_all_and_own_every_pixel_once(grid):
    seen, owned = np.zeros(grid.shape, dtype=int), np.zeros(grid.shape, dtype=int)
    for tile in grid:
        assert grid[tile.number] == tile
        assert tile.shape == grid.tile_shape
        assert seen[tile.box].shape == tile.shape
        seen[tile.box] += 1
        core = grid.core(tile)
        owned[core] += 1
        rows, columns = core
        assert tile.top <= rows.start <= rows.stop <= tile.top + tile.height
        assert tile.left <= columns.start <= columns.stop <= tile.left + tile.width
    assert seen.min() >= 1
    assert (owned == 1).all()


@settings(deadline=None, derandomize=True, database=None, max_examples=60)
@given(grids(), st.randoms(use_true_random=False))
def test_anything_that_is_not_larger_than_the_overlap_lies_whole_in_a_tile(grid, random):
    height, width = (max(1, min(o, s)) for o, s in zip(grid.overlap, grid.shape, strict=True))
    top, left = random.randint(0, grid.shape[0] - height), random.randint(0, grid.shape[1] - width)
    assert any(
        tile.top <= top
        and top + height <= tile.top + tile.height
        and tile.left <= left
        and left + width <= tile.left + tile.width
        for tile in grid
    )


@settings(deadline=None, derandomize=True, database=None, max_examples=40)
@given(grids())
def test_neighbours_are_those_that_share_pixels(grid):
    for tile in list(grid)[:12]:
        sharing = [other for other in grid if other != tile and tile.overlap(other) is not None]
        assert list(grid.neighbours(tile)) == sharing
        for other in sharing[:2]:
            rows, columns = tile.within(tile.overlap(other))
            assert 0 <= rows.start < rows.stop <= tile.height
            assert 0 <= columns.start < columns.stop <= tile.width


@settings(deadline=None, derandomize=True, database=None, max_examples=40)
@given(grids(), st.randoms(use_true_random=False))
def test_points_go_to_the_owner_and_back(grid, random):
    point = (random.randint(0, grid.shape[0] - 1), random.randint(0, grid.shape[1] - 1))
    owner = grid.owner(point)
    rows, columns = owner.box
    assert rows.start <= point[0] < rows.stop
    assert columns.start <= point[1] < columns.stop
    there = owner.to_tile_yx(np.array([point], dtype=float))
    np.testing.assert_array_equal(owner.to_picture_yx(there), [point])


def test_a_tile_as_large_as_the_picture_is_the_picture():
    grid = TileGrid((30, 40), (50, 40), (10, 10))
    (tile,) = grid
    assert tile.shape == (30, 40)
    assert grid.inner_edges(tile) == (False, False, False, False)


@pytest.mark.parametrize(("tile", "overlap"), [((0, 5), (0, 0)), ((5, 5), (5, 0)), ((5, 5), (-1, 0))])
def test_impossible_grids_are_refused(tile, overlap):
    with pytest.raises(ValueError, match=r"pixel|overlap"):
        TileGrid((10, 10), tile, overlap)
