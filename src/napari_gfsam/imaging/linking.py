"""Objects followed through a stack, plane by plane, so that one object keeps one id; only two planes are in memory."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.imaging.objects import Pieces, pieces_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Ids = NDArray[np.int64]

#: Two objects of neighbouring planes that overlap less are never one (see docs/stacks.md for how it was chosen).
LEAST_IOU = 0.1
#: An object that is missing in so many planes in a row is found again.
GAP = 1
NOTHING = Pieces(np.zeros((1, 1), np.int32), np.zeros(0, np.int64))


class Linker:
    """Gives the objects of one plane after another ids that hold through the stack.

    An object takes the id of the one before it that it overlaps best: of all ways to pair the objects of two planes,
    that with the largest sum of IoU (`scipy.optimize.linear_sum_assignment`), among objects of one class. What finds
    no partner in the plane before is held against the plane before that. The rest gets new ids, 1, 2, ... in the order
    of `Pieces`: the same stack always gives the same ids.

    Parameters
    ----------
    least_iou
        Least overlap of one object in two planes, 0 to 1.
    """

    def __init__(self, least_iou: float = LEAST_IOU) -> None:
        self._least_iou = least_iou
        self._before: deque[tuple[Pieces, Ids]] = deque(maxlen=GAP + 1)
        self._next = 1

    def add(self, pieces: Pieces | None) -> Ids:
        """Take in the next plane and return (n,) int64 the ids of its objects.

        Parameters
        ----------
        pieces
            Its objects; ``None`` for a plane that is not known, over which objects are followed all the same.

        Raises
        ------
        ValueError
            If the plane has another size than the one before.
        """
        pieces = NOTHING if pieces is None else pieces
        known, later = [], np.zeros(0, np.int64)
        for before, old in self._before:
            known.append((before, np.where(np.isin(old, later), 0, old)))
            later = np.concatenate([later, old])
        ids = adopted(pieces, known, self._least_iou)
        new = np.flatnonzero(ids == 0)
        ids[new] = self._next + np.arange(len(new))
        self._next += len(new)
        self._before.appendleft((pieces, ids))
        return ids


def adopted(pieces: Pieces, known: Iterable[tuple[Pieces, Ids]], least_iou: float = LEAST_IOU) -> Ids:
    """Give objects the ids of those that they are paired with in planes nearby.

    Parameters
    ----------
    pieces
        The objects.
    known
        Planes with the (n,) ids of their objects, the first to be held against first; 0 for what is not to be had.
    least_iou
        As in `Linker`.

    Returns
    -------
    (n,) int64, none of them twice, 0 for what found no partner.
    """
    ids = np.zeros(len(pieces), dtype=np.int64)
    for other, old in known:
        mine, theirs = paired(pieces, other, least_iou, ids == 0, (old > 0) & ~np.isin(old, ids))
        ids[mine] = old[theirs]
    return ids


def paired(
    one: Pieces, other: Pieces, least_iou: float, of_one: NDArray[np.bool_], of_other: NDArray[np.bool_]
) -> tuple[Ids, Ids]:
    """Pair the objects of two planes so that the sum of their IoU is as large as can be.

    Parameters
    ----------
    one, other
        Planes of one size; only objects of one class make a pair.
    least_iou
        Pairs that overlap less are none.
    of_one, of_other
        (n,) and (m,) bool: which objects may be paired at all.

    Returns
    -------
    (k,) places in `one` and (k,) in `other`, from 0, by the place in `one`.
    """
    if not len(one) or not len(other):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    mine, theirs, iou = _overlaps(one, other)
    good = (iou >= least_iou) & of_one[mine] & of_other[theirs]
    mine, theirs, iou = mine[good], theirs[good], iou[good]
    found = [_best(mine[group], theirs[group], iou[group]) for group in _groups(mine, theirs, len(one), len(other))]
    pairs = np.array(sorted(pair for group in found for pair in group), dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _overlaps(one: Pieces, other: Pieces) -> tuple[Ids, Ids, NDArray[np.float64]]:
    """Return all pairs of objects of one class that share pixels: places in both, from 0, and IoU."""
    if one.numbers.shape != other.numbers.shape:
        raise ValueError(f"Planes of one stack have one size, not {one.numbers.shape} and {other.numbers.shape}.")
    both = (one.numbers > 0) & (other.numbers > 0)
    codes = (one.numbers[both].astype(np.int64) - 1) * len(other) + other.numbers[both] - 1
    found, shared = np.unique(codes, return_counts=True)
    mine, theirs = np.divmod(found, len(other))
    union = _areas(one)[mine] + _areas(other)[theirs] - shared
    same = one.class_id[mine] == other.class_id[theirs]
    return mine[same], theirs[same], (shared / union)[same]


def _areas(pieces: Pieces) -> Ids:
    return np.bincount(pieces.numbers.reshape(-1), minlength=len(pieces) + 1)[1:]


def _groups(mine: Ids, theirs: Ids, count: int, other_count: int) -> Iterator[Ids]:
    """Split pairs into groups that share no object: small assignments instead of one of all objects."""
    from scipy.sparse import coo_array  # takes a while: a window opens without it
    from scipy.sparse.csgraph import connected_components

    if not len(mine):
        return
    size = count + other_count
    graph = coo_array((np.ones(len(mine)), (mine, count + theirs)), shape=(size, size))
    group = connected_components(graph, directed=False)[1][mine]
    order = np.argsort(group, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


def _best(mine: Ids, theirs: Ids, iou: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the pairs of one group that together overlap most."""
    from scipy.optimize import linear_sum_assignment  # takes a while: a window opens without it

    rows, row = np.unique(mine, return_inverse=True)
    columns, column = np.unique(theirs, return_inverse=True)
    table = np.zeros((len(rows), len(columns)))
    table[row, column] = iou
    chosen = zip(*linear_sum_assignment(table, maximize=True), strict=True)
    return [(int(rows[at]), int(columns[to])) for at, to in chosen if table[at, to] > 0]


def link_planes(
    planes: Iterable[NDArray[np.integer[Any]] | None], *, least_iou: float = LEAST_IOU
) -> Iterator[NDArray[np.int32] | None]:
    """Give the objects of a stack ids that hold in all its planes, one plane after the other.

    Parameters
    ----------
    planes
        (H, W) class ids each, 0 = background; ``None`` for a plane that is not known.
    least_iou
        As in `Linker`.

    Yields
    ------
    (H, W) int32 object ids for every plane: an object has the same in all; ``None`` where the plane is not known.

    Raises
    ------
    ValueError
        If the planes differ in size.
    """
    linker = Linker(least_iou)
    for labels in planes:
        pieces = None if labels is None else pieces_of(labels)
        ids = linker.add(pieces)
        yield None if pieces is None else pieces.renumbered(ids)
