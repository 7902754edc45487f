"""Tiles of a picture: equal boxes that overlap and cover it. Pure geometry, in picture pixels (row, column)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

Size: TypeAlias = tuple[int, int]
Box: TypeAlias = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Tile:
    """A box of a picture.

    Parameters
    ----------
    number
        Its place in the order of tiles, row by row, from 0.
    top, left, height, width
        Picture pixels.
    """

    number: int
    top: int
    left: int
    height: int
    width: int

    @property
    def shape(self) -> Size:
        """(height, width), pixels."""
        return self.height, self.width

    @property
    def box(self) -> Box:
        """Rows and columns of the picture."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def to_tile_yx(self, points_yx: NDArray[Any]) -> NDArray[Any]:
        """Map (N, 2) points of the picture to points of the tile."""
        return np.asarray(np.asarray(points_yx, dtype=np.float64) - np.array([self.top, self.left]))

    def to_picture_yx(self, points_yx: NDArray[Any]) -> NDArray[Any]:
        """Map (N, 2) points of the tile to points of the picture."""
        return np.asarray(np.asarray(points_yx, dtype=np.float64) + np.array([self.top, self.left]))

    def overlap(self, other: Tile) -> Box | None:
        """Return the rows and columns of the picture that both hold, ``None`` where they share none."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom = min(self.top + self.height, other.top + other.height)
        right = min(self.left + self.width, other.left + other.width)
        return (slice(top, bottom), slice(left, right)) if top < bottom and left < right else None

    def within(self, box: Box) -> Box:
        """Return a box of the picture that lies in the tile as rows and columns of the tile."""
        rows, columns = box
        return (
            slice(rows.start - self.top, rows.stop - self.top),
            slice(columns.start - self.left, columns.stop - self.left),
        )


@dataclass(frozen=True)
class TileGrid:
    """Tiles that cover a picture: all of one size, neighbours share at least the overlap, evenly spread.

    Parameters
    ----------
    shape
        (height, width) of the picture, pixels.
    tile
        (height, width) of every tile; cut to the picture's where it is larger.
    overlap
        (rows, columns) that neighbours share at least; anything smaller lies whole in some tile.

    Raises
    ------
    ValueError
        If a size is below 1, or the overlap does not leave a tile at least one pixel of its own.
    """

    shape: Size
    tile: Size
    overlap: Size

    def __post_init__(self) -> None:
        """Refuse a grid that cannot be laid."""
        if min(*self.shape, *self.tile) < 1:
            raise ValueError(f"Picture and tiles need at least one pixel, not {self.shape} and {self.tile}.")
        if not all(0 <= share < side for share, side in zip(self.overlap, self.tile, strict=True)):
            raise ValueError(f"Tiles of {self.tile} cannot overlap by {self.overlap}; the overlap must be smaller.")

    @cached_property
    def rows(self) -> tuple[int, ...]:
        """First rows of the tiles."""
        return _starts(self.shape[0], self.tile[0], self.overlap[0])

    @cached_property
    def columns(self) -> tuple[int, ...]:
        """First columns of the tiles."""
        return _starts(self.shape[1], self.tile[1], self.overlap[1])

    @property
    def tile_shape(self) -> Size:
        """(height, width) of every tile, pixels."""
        return min(self.tile[0], self.shape[0]), min(self.tile[1], self.shape[1])

    def __len__(self) -> int:
        """Return the number of tiles."""
        return len(self.rows) * len(self.columns)

    def __getitem__(self, number: int) -> Tile:
        """Return a tile by its number."""
        row, column = divmod(number, len(self.columns))
        return Tile(number, self.rows[row], self.columns[column], *self.tile_shape)

    def __iter__(self) -> Iterator[Tile]:
        """Walk all tiles, row by row."""
        return (self[number] for number in range(len(self)))

    def neighbours(self, tile: Tile) -> tuple[Tile, ...]:
        """Return the other tiles that share pixels with a tile, by number."""
        return tuple(other for other in self.touching(tile.box) if other.number != tile.number)

    def touching(self, box: Box) -> tuple[Tile, ...]:
        """Return the tiles that share pixels with a box of the picture, by number."""
        height, width = self.tile_shape
        rows, columns = (
            [place for place, start in enumerate(starts) if part.start - side < start < part.stop]
            for starts, side, part in zip((self.rows, self.columns), (height, width), box, strict=True)
        )
        return tuple(self[row * len(self.columns) + column] for row in rows for column in columns)

    def owner(self, point_yx: tuple[float, float]) -> Tile:
        """Return the tile in which a point of the picture lies most central; the first of several."""
        height, width = self.tile_shape
        row = int(np.argmin([abs(top + height / 2 - 0.5 - point_yx[0]) for top in self.rows]))
        column = int(np.argmin([abs(left + width / 2 - 0.5 - point_yx[1]) for left in self.columns]))
        return self[row * len(self.columns) + column]

    def core(self, tile: Tile) -> Box:
        """Return the box of the picture whose pixels a tile owns: every pixel has one owner."""
        row, column = divmod(tile.number, len(self.columns))
        height, width = self.tile_shape
        return _core(self.rows, row, height, self.shape[0]), _core(self.columns, column, width, self.shape[1])

    def inner_edges(self, tile: Tile) -> tuple[bool, bool, bool, bool]:
        """Return whether top, left, bottom and right edge of a tile lie within the picture."""
        height, width = self.shape
        return tile.top > 0, tile.left > 0, tile.top + tile.height < height, tile.left + tile.width < width


def _starts(size: int, side: int, overlap: int) -> tuple[int, ...]:
    """Where tiles begin along one axis: as few as the overlap allows, spread evenly from border to border."""
    if side >= size:
        return (0,)
    count = -(-(size - overlap) // (side - overlap))
    return tuple(place * (size - side) // (count - 1) for place in range(count))


def _core(starts: tuple[int, ...], place: int, side: int, size: int) -> slice:
    """Pixels along one axis that lie nearer to a tile's centre than to any other's; a tie is the first one's."""
    low = 0 if place == 0 else (starts[place - 1] + starts[place] + side) // 2
    high = size if place == len(starts) - 1 else (starts[place] + starts[place + 1] + side) // 2
    return slice(low, high)
