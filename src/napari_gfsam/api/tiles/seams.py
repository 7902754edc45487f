"""Where tiles meet: one object that two tiles see is one cluster, and what a tile's border cuts yields to the whole.

Clusters are compared on a lattice of picture pixels that all tiles share, inside the strip that two tiles share. Only
the tiles of about one row are in memory at a time.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from napari_gfsam.core.frames import MODEL_SIZE
from napari_gfsam.core.masks import unpack
from napari_gfsam.core.types import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from napari_gfsam.core.arrays import BoolArray, FloatArray, IntArray
    from napari_gfsam.core.types import ClassTrace
    from napari_gfsam.imaging import Tile, TileGrid

#: Lattice points along the longer side of a tile, at most.
LATTICE = 256
#: Model pixels from a tile's border within which a mask is cut by it: SAM's masks end a little before it.
NEAR_BORDER = 8
#: Share of agreement inside the strip from which two clusters are one, and share of a cut one that the whole covers.
AGREE = 0.5

#: A tile and a cluster of one class in it.
Piece: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Seams:
    """What the tiles of a picture make of one class together.

    Parameters
    ----------
    numbers
        By piece, its cluster's number in the picture, from 0, in the order of tiles.
    hidden
        Pieces cut by a tile's border whose object another tile shows whole: they are no clusters of their own.
    """

    numbers: Mapping[Piece, int]
    hidden: frozenset[Piece]

    @property
    def count(self) -> int:
        """Number of clusters in the picture."""
        return max(self.numbers.values(), default=-1) + 1


NO_SEAMS = Seams({}, frozenset())


def find_seams(
    grid: TileGrid, tiles: Iterable[int], traces_of: Callable[[int], Mapping[int, ClassTrace]]
) -> dict[int, Seams]:
    """Join the clusters of all tiles, by class id.

    Parameters
    ----------
    grid
        The tiles.
    tiles
        Those that were read, by rising number.
    traces_of
        Gives a tile's traces by class id.
    """
    found: defaultdict[int, _Joining] = defaultdict(_Joining)
    recent: dict[int, dict[int, _Clusters]] = {}
    for number in tiles:
        tile = grid[number]
        mine = {class_id: _clusters(grid, tile, trace) for class_id, trace in traces_of(number).items()}
        before = {other.number: other for other in grid.neighbours(tile) if other.number in recent}
        for class_id, clusters in mine.items():
            found[class_id].add(number, len(clusters.area))
            for other in before.values():
                found[class_id].compare(grid, (tile, clusters), (other, recent[other.number][class_id]))
        recent = {old: recent[old] for old in recent if grid[old].top + tile.height > tile.top} | {number: mine}
    return {class_id: joining.seams() for class_id, joining in found.items()}


@dataclass(frozen=True, slots=True, eq=False)
class _Clusters:
    """The clusters of one class in one tile.

    Parameters
    ----------
    bits
        (P, h, w / 8) uint8 on the lattice, packed: those of a whole row of tiles are in memory.
    area
        (P,) lattice points that each covers.
    cut
        (P,) bool: reaches a border of the tile that lies within the picture.
    accepted
        (P,) bool: part of the answer.
    """

    bits: NDArray[np.uint8]
    area: IntArray
    cut: BoolArray
    accepted: BoolArray

    def inside(self, box: tuple[slice, slice]) -> FloatArray:
        """(P, points) which points of a box of the lattice each covers."""
        rows, columns = box
        found = unpack(self.bits[:, rows])[:, :, columns]
        return found.reshape(len(found), -1).astype(np.float32)


class _Joining:
    """One class while tiles are compared."""

    def __init__(self) -> None:
        self._parent: dict[Piece, Piece] = {}
        self._hidden: set[Piece] = set()

    def add(self, tile: int, count: int) -> None:
        for cluster in range(count):
            self._parent[tile, cluster] = (tile, cluster)

    def compare(self, grid: TileGrid, one: tuple[Tile, _Clusters], other: tuple[Tile, _Clusters]) -> None:
        """Join the clusters of two tiles that agree inside the strip that both see."""
        (tile, mine), (neighbour, theirs) = one, other
        strip = tile.overlap(neighbour)
        if strip is None or not (len(mine.area) and len(theirs.area)):
            return
        a, b = mine.inside(_on_lattice(grid, tile, strip)), theirs.inside(_on_lattice(grid, neighbour, strip))
        shared = a @ b.T
        either = a.sum(axis=1)[:, None] + b.sum(axis=1)[None, :] - shared
        agree = (shared > 0) & (shared >= AGREE * either) & (mine.accepted[:, None] == theirs.accepted[None, :])
        yields = _covered(mine, theirs, shared)
        gives = _covered(theirs, mine, shared.T)
        self._hidden |= {(tile.number, int(cluster)) for cluster in np.flatnonzero(yields.any(axis=1))}
        self._hidden |= {(neighbour.number, int(cluster)) for cluster in np.flatnonzero(gives.any(axis=1))}
        for i, j in zip(*np.nonzero(agree | yields | gives.T), strict=True):
            self._join((tile.number, int(i)), (neighbour.number, int(j)))

    def seams(self) -> Seams:
        """Give the joined clusters numbers in the order of their first pieces."""
        numbers: dict[Piece, int] = {}
        roots: dict[Piece, int] = {}
        for piece in self._parent:
            numbers[piece] = roots.setdefault(self._root(piece), len(roots))
        return Seams(numbers, frozenset(self._hidden))

    def _root(self, piece: Piece) -> Piece:
        while self._parent[piece] != piece:
            self._parent[piece] = self._parent[self._parent[piece]]
            piece = self._parent[piece]
        return piece

    def _join(self, one: Piece, other: Piece) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        self._parent[second] = first


def _covered(cut: _Clusters, whole: _Clusters, shared: FloatArray) -> BoolArray:
    """(P, Q) whether a cut cluster lies for the most part under a whole one of the other tile, both accepted."""
    candidates = (cut.cut & cut.accepted)[:, None] & (~whole.cut & whole.accepted)[None, :]
    return np.asarray(candidates & (shared > 0) & (shared >= AGREE * cut.area[:, None]))


def _clusters(grid: TileGrid, tile: Tile, trace: ClassTrace) -> _Clusters:
    rows, columns = _lattice_pixels(grid, tile)
    count = trace.graph.n_clusters
    masks = np.zeros((count, len(rows), len(columns)), dtype=bool)
    cut, accepted = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    for cluster in range(count):
        members = np.flatnonzero(trace.graph.cluster == cluster)
        on = members[np.isin(trace.status[members], ACCEPTED)]
        accepted[cluster] = len(on) > 0
        union = unpack(np.bitwise_or.reduce(trace.masks.bits[on if len(on) else members], axis=0))
        masks[cluster] = union[np.ix_(rows, columns)]
        cut[cluster] = _reaches(union, grid.inner_edges(tile))
    return _Clusters(np.packbits(masks, axis=2), masks.sum(axis=(1, 2)), cut, accepted)


def _reaches(union: BoolArray, edges: tuple[bool, bool, bool, bool]) -> bool:
    """Tell whether a (1024, 1024) mask reaches one of the top, left, bottom and right edges that count."""
    strips = (union[:NEAR_BORDER], union[:, :NEAR_BORDER], union[-NEAR_BORDER:], union[:, -NEAR_BORDER:])
    return any(bool(strip.any()) for strip, counts in zip(strips, edges, strict=True) if counts)


def _step(grid: TileGrid) -> int:
    return -(-max(grid.tile_shape) // LATTICE)


def _lattice_pixels(grid: TileGrid, tile: Tile) -> tuple[IntArray, IntArray]:
    """Model pixels under a tile's lattice points: picture rows and columns that are multiples of the step."""
    step, pixels = _step(grid), []
    for start, side in ((tile.top, tile.height), (tile.left, tile.width)):
        places = np.arange(-(-start // step) * step, start + side, step) - start
        pixels.append((2 * places + 1) * MODEL_SIZE // (2 * side))
    return pixels[0], pixels[1]


def _on_lattice(grid: TileGrid, tile: Tile, box: tuple[slice, slice]) -> tuple[slice, slice]:
    """Return a box of the picture as rows and columns of a tile's lattice."""
    step, parts = _step(grid), []
    for start, part in zip((tile.top, tile.left), box, strict=True):
        first = -(-start // step)
        parts.append(slice(-(-part.start // step) - first, -(-part.stop // step) - first))
    return parts[0], parts[1]
