"""The review queue: every target with its state, worst first."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_gfsam.session.types import PlaneKey, Target, TargetState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PROPOSED, SKIPPED = TargetState.PROPOSED, TargetState.SKIPPED
#: States in the order in which a list shows them.
LISTED = (PROPOSED, SKIPPED, TargetState.FAILED, TargetState.RUNNING, TargetState.WAITING, TargetState.ACCEPTED)


class ReviewQueue:
    """Targets by plane. The order of review: proposals, worst first, then what was skipped; ties in order of arrival.

    `changed` carries the plane that changed, or ``None`` when several changed, came or went; `current_changed` the
    plane under review, or ``None``.

    Targets that a run is still to reach show as waiting or running; how they stand apart from that (`beneath`) goes on
    to change with what a person does, and shows again if the run ends before it reaches them.
    """

    changed = Signal(object)
    current_changed = Signal(object)

    def __init__(self) -> None:
        self._targets: dict[PlaneKey, Target] = {}
        self._under_way: dict[PlaneKey, TargetState] = {}
        self._current: PlaneKey | None = None

    def __len__(self) -> int:
        """Return the number of targets."""
        return len(self._targets)

    def __iter__(self) -> Iterator[Target]:
        """Walk the targets in order of arrival."""
        return iter([self._shown(target) for target in tuple(self._targets.values())])

    def __contains__(self, plane: PlaneKey) -> bool:
        """Tell whether a plane is in the queue."""
        return plane in self._targets

    def get(self, plane: PlaneKey) -> Target | None:
        """Return a target; safe from any thread."""
        target = self._targets.get(plane)
        return None if target is None else self._shown(target)

    def beneath(self, plane: PlaneKey) -> Target | None:
        """Return a target as it stands apart from a run that is still to reach it."""
        return self._targets.get(plane)

    def is_accepted(self, plane: PlaneKey) -> bool:
        """Tell whether a plane was accepted; safe from any thread."""
        target = self.get(plane)
        return target is not None and target.state == TargetState.ACCEPTED

    def begin(self, targets: Iterable[Target]) -> None:
        """Let a run be on its way to targets; those that are new are added, the others stay as they are beneath."""
        begun = {target.plane: target for target in targets}
        for plane, target in begun.items():
            self._targets.setdefault(plane, target)
        self._under_way = dict.fromkeys(begun, TargetState.WAITING)
        self.changed.emit(None)

    def run_at(self, plane: PlaneKey) -> None:
        """Say that the run is at a target now; nothing is done if it is on its way to it no more."""
        if self._under_way.get(plane) == TargetState.WAITING:
            self._under_way[plane] = TargetState.RUNNING
            self.changed.emit(plane)

    def reached(self, plane: PlaneKey, **changes: Any) -> None:
        """Say that the run is done with a target, and change named fields of it."""
        self._under_way.pop(plane, None)
        target = self._targets.get(plane)
        if target is not None:
            self._targets[plane] = replace(target, **changes)
            self.changed.emit(plane)

    def end(self) -> None:
        """Say that there is no run any more."""
        if self._under_way:
            self._under_way = {}
            self.changed.emit(None)

    def put(self, targets: Iterable[Target]) -> None:
        """Add targets; one whose plane is there already takes its place. One signal, however many."""
        new = {target.plane: target for target in targets}
        if new:
            self._targets.update(new)
            self.changed.emit(None)

    def update(self, plane: PlaneKey, **changes: Any) -> Target | None:
        """Change named fields of a target and return it; ``None`` (and nothing done) if it is there no more."""
        target = self._targets.get(plane)
        if target is None:
            return None
        changed = replace(target, **changes)
        if changed != target:
            self._targets[plane] = changed
            self.changed.emit(plane)
        return changed

    def remove(self, planes: Iterable[PlaneKey]) -> None:
        """Take targets out of the queue."""
        gone = [plane for plane in planes if self._targets.pop(plane, None) is not None]
        if self._current in gone:
            self.current = None
        for plane in gone:
            self._under_way.pop(plane, None)
        if gone:
            self.changed.emit(None)

    def of_source(self, source: str) -> tuple[Target, ...]:
        """Return the targets that are planes of a source."""
        return tuple(target for target in self if target.plane.source == source)

    @property
    def current(self) -> PlaneKey | None:
        """The plane under review; setting a plane that is not in the queue raises ValueError."""
        return self._current

    @current.setter
    def current(self, plane: PlaneKey | None) -> None:
        if plane is not None and plane not in self._targets:
            raise ValueError("The plane is not in the review queue; run it first.")
        if plane != self._current:
            self._current = plane
            self.current_changed.emit(plane)

    def worst_first(self, state: TargetState = PROPOSED) -> tuple[Target, ...]:
        """Return the targets of one state, the lowest score first."""
        return tuple(sorted((target for target in self if target.state == state), key=_score))

    def listed(self) -> tuple[Target, ...]:
        """Return all targets as a list shows them: the order of review first, each state worst first."""
        return tuple(target for state in LISTED for target in self.worst_first(state))

    def above(self, score: float) -> tuple[Target, ...]:
        """Return the proposals that show this score or a higher one, for accepting them together."""
        return tuple(target for target in self.worst_first() if target.percent >= round(100 * score))

    def counts(self) -> Mapping[TargetState, int]:
        """Return the number of targets in every state."""
        found = Counter(target.state for target in self)
        return {state: found[state] for state in TargetState}

    def next_after(self, plane: PlaneKey | None) -> PlaneKey | None:
        """Return the plane to review after this one: round at the end, the worst after ``None``.

        A plane that is not up for review counts where its score would put it among the proposals, so ask before or
        after accepting it. ``None`` when there is no other.
        """
        return self._step(plane, forward=True)

    def previous_before(self, plane: PlaneKey | None) -> PlaneKey | None:
        """Return the plane to review before this one: round at the start, the last before ``None``."""
        return self._step(plane, forward=False)

    def settle(self, plane: PlaneKey, state: TargetState) -> PlaneKey | None:
        """Accept or skip a target and, if it was under review, go on to the next one.

        Returns
        -------
        The plane under review now; the same one when none is left.
        """
        following = self.next_after(plane)
        was_current = plane == self._current
        self.update(plane, state=state)
        if was_current and following is not None:
            self.current = following
        return self._current

    def restore(self, targets: Iterable[Target], current: PlaneKey | None) -> None:
        """Put other targets in the place of all."""
        self._targets, self._under_way = {target.plane: target for target in targets}, {}
        self.current = current if current in self._targets else None
        self.changed.emit(None)

    def _shown(self, target: Target) -> Target:
        state = self._under_way.get(target.plane)
        return target if state is None else replace(target, state=state)

    def _step(self, plane: PlaneKey | None, *, forward: bool) -> PlaneKey | None:
        rank = {key: place for place, key in enumerate(self._targets)}
        order = sorted((_rank(target, rank), target.plane) for target in self if target.state in (PROPOSED, SKIPPED))
        if not order:
            return None
        if plane not in self._targets:
            return order[0 if forward else -1][1]
        here = (_rank(self._shown(self._targets[plane]), rank), plane)
        place = bisect_left(order, here)
        there = place < len(order) and order[place] == here
        found = order[(place + there if forward else place - 1) % len(order)][1]
        return None if found == plane else found


def _score(target: Target) -> float:
    return target.score


def _rank(target: Target, place: Mapping[PlaneKey, int]) -> tuple[bool, float, int]:
    return target.state == SKIPPED, target.score, place[target.plane]
