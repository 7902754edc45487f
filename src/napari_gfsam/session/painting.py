"""What a person painted, and what an accept may replace: pure functions on the labels of one plane.

Paint is found by comparing a proposal with what we last wrote there, not by listening to strokes: those are also
reported for our own writing, and not for an undo. Accepting replaces only what is background or ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.core.arrays import BoolArray, IntArray, LabelArray


class AcceptMode(StrEnum):
    """What an accept may replace."""

    #: Background, and pixels that an earlier accept of ours wrote and nobody changed since.
    PROTECT = "protect"
    #: Background only.
    FILL = "fill"
    #: The whole plane, a person's labels too.
    REPLACE = "replace"


@dataclass(frozen=True, slots=True, eq=False)
class Paint:
    """Pixels of a proposal that a person painted or erased.

    Parameters
    ----------
    shape
        (H, W) of the plane.
    indices
        (N,) int64 flat pixel numbers, ascending.
    values
        (N,) unsigned integers: the ids painted, 0 where erased.
    """

    shape: tuple[int, int]
    indices: IntArray
    values: LabelArray

    def __len__(self) -> int:
        """Return the number of painted pixels."""
        return len(self.indices)


@dataclass(frozen=True, slots=True, eq=False)
class Stroke:
    """What one stroke changed in the paint of a plane, kept small so that a history can hold hundreds.

    Parameters
    ----------
    indices
        (N,) unsigned integers: flat pixel numbers, ascending.
    before, after
        (N,) unsigned integers: 0 where nothing was painted, else the id plus 1.
    """

    indices: LabelArray
    before: LabelArray
    after: LabelArray


@dataclass(frozen=True, slots=True, eq=False)
class AcceptedPlane:
    """A plane after an accept.

    Parameters
    ----------
    labels
        (H, W) ids.
    written
        (H, W) integers: 0 where nothing is ours, else the id that our accepts wrote there plus 1 (so that 1 says
        "written as background").
    """

    labels: LabelArray
    written: LabelArray


@dataclass(frozen=True, slots=True)
class Change:
    """How many pixels differ between two readings of a plane.

    Parameters
    ----------
    added, removed, switched
        From background to an object, from an object to background, from one class to another.
    """

    added: int
    removed: int
    switched: int

    @property
    def pixels(self) -> int:
        """All that differ."""
        return self.added + self.removed + self.switched

    def describe(self) -> str:
        """Say it in words."""
        parts = (("added", self.added), ("removed", self.removed), ("of another class", self.switched))
        return ", ".join(f"{count:,} pixel{'s'[: count - 1]} {word}" for word, count in parts if count) or "no change"


def no_paint(shape: tuple[int, ...]) -> Paint:
    """Return the paint of a plane that nobody touched."""
    height, width = shape
    return Paint((height, width), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint8))


def found(expected: LabelArray, seen: LabelArray, paint: Paint) -> Paint:
    """Add a person's strokes since we last wrote a proposal.

    Parameters
    ----------
    expected
        (H, W) what we wrote (see `expected`).
    seen
        (H, W) what is there now.
    paint
        What was painted before that.

    Returns
    -------
    All paint; `paint` itself if nothing is new. A later stroke over an earlier one counts, and a pixel painted back
    to what the models said stays painted: somebody decided it.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    _check_shapes(expected.shape, seen.shape, paint.shape)
    indices = np.flatnonzero(seen != expected)
    if len(indices) == 0:
        return paint
    return _repainted(paint, indices, indices, seen.reshape(-1)[indices].astype(_unsigned(seen)))


def expected(merged: LabelArray, paint: Paint) -> LabelArray:
    """Return what a proposal must show: (H, W), the merged answer with the paint on top, as a new array.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    _check_shapes(merged.shape, paint.shape)
    labels = merged.astype(np.result_type(merged, paint.values), order="C")
    labels.reshape(-1)[paint.indices] = paint.values
    return labels


def as_plane(paint: Paint) -> LabelArray:
    """Return paint as a plane: (H, W), 0 where nothing was painted, else the id plus 1."""
    plane = np.zeros(paint.shape, dtype=np.uint32)
    plane.reshape(-1)[paint.indices] = paint.values.astype(np.uint32) + 1
    return plane


def from_plane(plane: LabelArray) -> Paint:
    """Return the paint that `as_plane` gave."""
    height, width = plane.shape
    flat = plane.reshape(-1)
    indices = np.flatnonzero(flat)
    values = flat[indices] - flat.dtype.type(1)
    return Paint((height, width), indices, values)


def stroke(before: Paint | None, after: Paint) -> Stroke:
    """Return what is new in paint that `found` gave, compared with that before it; ``None`` for none."""
    old, new = _painted(before or no_paint(after.shape), after.indices), after.values.astype(np.int64) + 1
    changed = np.flatnonzero(old != new)
    return Stroke(_small(after.indices[changed]), _small(old[changed]), _small(new[changed]))


def with_stroke(paint: Paint, change: Stroke, *, back: bool) -> Paint:
    """Return paint with a stroke done again, or taken back, but for pixels that were painted otherwise since."""
    was, wanted = (change.after, change.before) if back else (change.before, change.after)
    same = _painted(paint, change.indices) == was
    indices, wanted = change.indices[same], wanted[same]
    return _repainted(paint, indices, indices[wanted > 0], _small(wanted[wanted > 0] - wanted.dtype.type(1)))


def accepted(
    current: LabelArray,
    written: LabelArray | None,
    proposal: LabelArray,
    mode: AcceptMode = AcceptMode.PROTECT,
) -> AcceptedPlane:
    """Accept a proposal without harming what a person made.

    Parameters
    ----------
    current
        (H, W) the accepted labels as they are now.
    written
        `AcceptedPlane.written` of the accept before, ``None`` at the first.
    proposal
        (H, W) what is accepted.
    mode
        What may be replaced.

    Returns
    -------
    The labels after it. A pixel of ours that somebody changed since is theirs, whatever they made of it: what a
    person erased is not filled again.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    written = np.zeros(current.shape, dtype=np.uint8) if written is None else written
    _check_shapes(current.shape, written.shape, proposal.shape)
    free = _replaceable(current, written, mode)
    labels = np.where(free, proposal, current)
    return AcceptedPlane(labels, np.where(free, proposal.astype(np.uint32) + 1, written))


def taken_back(current: LabelArray, before: LabelArray, after: LabelArray) -> LabelArray:
    """Undo a change of a plane but for pixels that were changed again since.

    Parameters
    ----------
    current
        (H, W) the plane now.
    before, after
        (H, W) the plane before and after the change.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    _check_shapes(current.shape, before.shape, after.shape)
    return np.where(current == after, before, current)


def what_changed(before: LabelArray, after: LabelArray) -> Change:
    """Count the pixels that differ between two readings of a plane.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    _check_shapes(before.shape, after.shape)
    was, now, differs = before != 0, after != 0, before != after
    counts = (np.count_nonzero(part) for part in (now & ~was, was & ~now, was & now & differs))
    return Change(*map(int, counts))


def _replaceable(current: LabelArray, written: LabelArray, mode: AcceptMode) -> BoolArray:
    if mode == AcceptMode.REPLACE:
        return np.ones(current.shape, dtype=bool)
    free: BoolArray = (written == 0) & (current == 0)
    ours: BoolArray = written == current.astype(np.uint32) + 1
    return free | ours & (current == 0) if mode == AcceptMode.FILL else free | ours


def _repainted(paint: Paint, gone: IntArray, new: IntArray, values: LabelArray) -> Paint:
    """Return paint without some pixels and with others."""
    kept = ~np.isin(paint.indices, gone, assume_unique=True)
    everywhere = np.concatenate([paint.indices[kept], new.astype(np.int64)])
    order = np.argsort(everywhere, kind="stable")
    return Paint(paint.shape, everywhere[order], np.concatenate([paint.values[kept], values])[order])


def _painted(paint: Paint, indices: NDArray[np.integer[Any]]) -> LabelArray:
    """Return what was painted on pixels: (N,), 0 where nothing was, else the id plus 1."""
    places = np.searchsorted(paint.indices, indices)
    there = np.append(paint.indices, -1)[places] == indices
    values: LabelArray = np.append(paint.values, paint.values.dtype.type(0))[places].astype(np.int64) + 1
    return np.where(there, values, 0)


def _small(values: NDArray[Any]) -> LabelArray:
    """Return numbers of 0 or more in the smallest unsigned type that holds them."""
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))


def _unsigned(labels: NDArray[Any]) -> np.dtype[Any]:
    """Return the unsigned type that holds a layer's ids, none of which is negative."""
    return np.dtype(f"u{min(4, labels.dtype.itemsize)}")


def _check_shapes(*shapes: tuple[int, ...]) -> None:
    if len(set(shapes)) > 1:
        raise ValueError(f"The planes differ in shape: {' and '.join(map(str, dict.fromkeys(shapes)))}.")
