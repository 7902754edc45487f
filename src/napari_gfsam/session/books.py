"""What we wrote and what a person painted, plane by plane: proposals and accepted labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_gfsam.session import painting
from napari_gfsam.session.packing import PackedPlane, pack
from napari_gfsam.session.painting import AcceptMode, Paint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_gfsam.core.arrays import LabelArray
    from napari_gfsam.session.types import PlaneKey


#: Turns of pages that we did not write in this process: a person's strokes alone, and what was there before.
NEVER, EARLIER = 0, 1


@dataclass(slots=True, eq=False)
class _Page:
    """A plane; `turn` says when it was written, see `NEVER` and `EARLIER`."""

    merged: PackedPlane
    paint: Paint
    packed_paint: PackedPlane | None = None
    turn: int = NEVER


class ProposalBook:
    """The proposals: what the models said last, and a person's paint on top, which survives every new answer.

    Planes of one stack that cross each other share pixels of one layer: what was written last stands there.

    `changed` carries the plane.
    """

    changed = Signal(object)

    def __init__(self) -> None:
        self._pages: dict[PlaneKey, _Page] = {}
        self._turn = EARLIER

    def __iter__(self) -> Iterator[PlaneKey]:
        """Walk the planes that hold a proposal or paint, in the order in which they were written last."""
        return iter(sorted(self._pages, key=lambda plane: self._pages[plane].turn))

    def compose(self, plane: PlaneKey, merged: LabelArray | None = None) -> LabelArray:
        """Return what the proposal layer must show: the answer with the paint on top.

        Parameters
        ----------
        plane
            Which.
        merged
            (H, W) a new answer of the models, remembered, which is to be written now; without it, the last one.

        Raises
        ------
        ValueError
            If there is no answer yet, or its shape is not that of the paint.
        """
        page = self._pages.get(plane)
        if merged is None:
            if page is None:
                raise ValueError("The plane has no proposal yet; run it first.")
            return painting.expected(page.merged.unpack(), page.paint)
        paint = page.paint if page is not None else painting.no_paint(merged.shape)
        labels = painting.expected(merged, paint)
        self._write(plane, _Page(pack(merged), paint, page.packed_paint if page else None))
        return labels

    def look(self, plane: PlaneKey, seen: LabelArray) -> Paint:
        """Take in a person's strokes; call it before anything is written there, and after a stroke.

        Parameters
        ----------
        plane
            Which.
        seen
            (H, W) the proposal layer's plane now.

        Returns
        -------
        All paint of the plane: the object that `paint` gave before if nothing is new.

        Raises
        ------
        ValueError
            If the shape is not that of the proposal.
        """
        page = self._pages.get(plane)
        if page is None:
            page = _Page(pack(np.zeros(seen.shape, dtype=np.uint8)), painting.no_paint(seen.shape))
        expected = painting.expected(page.merged.unpack(), page.paint)
        if expected.shape == seen.shape:
            expected = self._with_crossing(plane, page.turn, expected, seen)
        paint = painting.found(expected, seen, page.paint)
        if paint is not page.paint:
            self._pages[plane] = _Page(page.merged, paint, turn=page.turn)
            self.changed.emit(plane)
        return paint

    def is_crossed(self, plane: PlaneKey) -> bool:
        """Tell whether a plane that crosses this one may have been written over it."""
        return plane in self._pages and any(True for _ in self._crossing(plane, self._pages[plane].turn))

    def paint(self, plane: PlaneKey) -> Paint | None:
        """Return a plane's paint; ``None`` if neither a person nor we wrote there."""
        page = self._pages.get(plane)
        return page.paint if page else None

    def set_paint(self, plane: PlaneKey, paint: Paint | None) -> None:
        """Put other paint in the place of all of a plane's (an undone stroke), to be written now; ``None`` for none."""
        page = self._pages.get(plane)
        if page is not None:
            self._write(plane, _Page(page.merged, paint or painting.no_paint(page.merged.shape)))

    def merged(self, plane: PlaneKey) -> LabelArray | None:
        """Return the last answer of the models as (H, W) ids, without paint."""
        page = self._pages.get(plane)
        return page.merged.unpack() if page else None

    def shape(self, plane: PlaneKey) -> tuple[int, int] | None:
        """Return (H, W) of a plane's proposal; ``None`` if neither a person nor we wrote there."""
        page = self._pages.get(plane)
        return page.merged.shape if page else None

    def forget(self, planes: Iterable[PlaneKey]) -> None:
        """Drop planes with their paint."""
        for plane in planes:
            if self._pages.pop(plane, None):
                self.changed.emit(plane)

    def packed(self, plane: PlaneKey) -> tuple[PackedPlane, PackedPlane | None] | None:
        """Return answer and paint for saving; no paint is ``None``."""
        page = self._pages.get(plane)
        if page is None:
            return None
        if page.packed_paint is None and len(page.paint):
            page.packed_paint = pack(painting.as_plane(page.paint))
        return page.merged, page.packed_paint

    def restore(self, plane: PlaneKey, merged: PackedPlane | None, paint: PackedPlane | None) -> None:
        """Take in what `packed` gave; an answer that is lost counts as empty."""
        turn = NEVER if merged is None else EARLIER
        if merged is None and paint is not None:
            merged = pack(np.zeros(paint.shape, dtype=np.uint8))
        if merged is not None:
            found = painting.from_plane(paint.unpack()) if paint else painting.no_paint(merged.shape)
            self._pages[plane] = _Page(merged, found, paint, turn)
            self.changed.emit(plane)

    def _write(self, plane: PlaneKey, page: _Page) -> None:
        self._turn += 1
        page.turn = self._turn
        self._pages[plane] = page
        self.changed.emit(plane)

    def _crossing(self, plane: PlaneKey, turn: int) -> Iterator[tuple[PlaneKey, tuple[int | slice, int | slice]]]:
        """Walk the planes that were written over one written in this turn, and where in it."""
        for other, page in self._pages.items():
            where = plane.where(other)
            if where is not None and page.turn >= max(turn, EARLIER):
                yield other, where

    def _with_crossing(self, plane: PlaneKey, turn: int, expected: LabelArray, seen: LabelArray) -> LabelArray:
        """Return what to expect: what is seen, where a plane that was written over this one says so."""
        differs = expected != seen
        if not differs.any():
            return expected
        expected = expected.astype(np.result_type(expected, seen))
        for other, here in self._crossing(plane, turn):
            there = other.where(plane)
            if there is not None and differs[here].any():
                same = self.compose(other)[there] == seen[here]
                expected[here] = np.where(same, seen[here], expected[here])
        return expected


@dataclass(frozen=True, slots=True, eq=False)
class AcceptStep:
    """One accept, kept small so that a history can hold hundreds; see `AcceptedBook`."""

    plane: PlaneKey
    before: PackedPlane
    after: PackedPlane
    written_before: PackedPlane | None
    written_after: PackedPlane

    @property
    def labels(self) -> LabelArray:
        """(H, W) the accepted labels after it."""
        return self.after.unpack()


class AcceptedBook:
    """What our accepts wrote, so that a later one replaces nothing else. `changed` carries the plane."""

    changed = Signal(object)

    def __init__(self) -> None:
        self._written: dict[PlaneKey, PackedPlane] = {}

    def __iter__(self) -> Iterator[PlaneKey]:
        """Walk the planes that an accept wrote to."""
        return iter(tuple(self._written))

    def accept(
        self, plane: PlaneKey, current: LabelArray, proposal: LabelArray, mode: AcceptMode = AcceptMode.PROTECT
    ) -> AcceptStep:
        """Accept a proposal: write `labels` of the step into the accepted layer, and keep the step for the history.

        Parameters
        ----------
        plane
            Which.
        current
            (H, W) the accepted labels now.
        proposal
            (H, W) what is accepted.
        mode
            What may be replaced.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        known = self._written.get(plane)
        result = painting.accepted(current, known.unpack() if known else None, proposal, mode)
        step = AcceptStep(plane, pack(current), pack(result.labels), known, pack(result.written))
        self._set(plane, step.written_after)
        return step

    def undo(self, step: AcceptStep, current: LabelArray) -> LabelArray:
        """Take an accept back: (H, W) labels to write, what was painted since left as it is."""
        labels = painting.taken_back(current, step.before.unpack(), step.after.unpack())
        self._set(step.plane, step.written_before)
        return labels

    def redo(self, step: AcceptStep, current: LabelArray) -> LabelArray:
        """Do an accept again: (H, W) labels to write."""
        labels = painting.taken_back(current, step.after.unpack(), step.before.unpack())
        self._set(step.plane, step.written_after)
        return labels

    def forget(self, planes: Iterable[PlaneKey]) -> None:
        """Drop planes: what stands there counts as a person's from now on."""
        for plane in planes:
            if plane in self._written:
                self._set(plane, None)

    def packed(self, plane: PlaneKey) -> PackedPlane | None:
        """Return what our accepts wrote (see `painting.AcceptedPlane`) for saving."""
        return self._written.get(plane)

    def restore(self, plane: PlaneKey, written: PackedPlane | None) -> None:
        """Take in what `packed` gave."""
        self._set(plane, written)

    def _set(self, plane: PlaneKey, written: PackedPlane | None) -> None:
        if written is None:
            self._written.pop(plane, None)
        else:
            self._written[plane] = written
        self.changed.emit(plane)
