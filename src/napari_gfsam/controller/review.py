"""The review: which target is looked at, what is accepted, and a corrected target as one more reference."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_gfsam.bridge.ours import Role
from napari_gfsam.bridge.planes import show_plane, shown_plane
from napari_gfsam.bridge.view import is_in_view, look_at
from napari_gfsam.controller.correcting import UNFINISHED, CorrectionError
from napari_gfsam.controller.files import path_of
from napari_gfsam.imaging import ImageError
from napari_gfsam.session.history import Command
from napari_gfsam.session.painting import AcceptMode
from napari_gfsam.session.sizes import bytes_held
from napari_gfsam.session.types import TargetState

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Hashable, Iterable, Iterator

    from napari_gfsam.bridge.ours import OurLayers
    from napari_gfsam.controller.correcting import Correcting
    from napari_gfsam.controller.folders import Folders
    from napari_gfsam.controller.sheets import Sheets
    from napari_gfsam.controller.sources import Sources
    from napari_gfsam.core.arrays import LabelArray
    from napari_gfsam.session import Session
    from napari_gfsam.session.books import AcceptStep
    from napari_gfsam.session.types import PlaneKey, Target
    from napari_gfsam.slices import Slices

#: States in which a target has something to look at.
SHOWN = (TargetState.PROPOSED, TargetState.SKIPPED, TargetState.ACCEPTED)
#: Of these, those that nobody has accepted.
OPEN = (TargetState.PROPOSED, TargetState.SKIPPED)
#: So many targets are accepted at once; more in slices.
FEW = 4


class Review:
    """Goes through the queue. Main thread only.

    `accepted` carries a tuple of planes after each accept (of one or of many); it is when work is saved.
    """

    accepted = Signal(object)

    def __init__(
        self,
        session: Session,
        sources: Sources,
        sheets: Sheets,
        folders: Folders,
        ours: OurLayers,
        correcting: Correcting,
        slices: Slices,
    ) -> None:
        self._session, self._sources, self._sheets = session, sources, sheets
        self._folders, self._ours, self._correcting = folders, ours, correcting
        self._slices = slices
        session.history.settle = slices.finish
        self.mode = AcceptMode.PROTECT

    def go_to(self, plane: PlaneKey, *, move: bool = True) -> None:
        """Take a target under review: sliders (unless they brought us here), proposal, points and clusters.

        One without an answer is only chosen: its picture may be what could not be read.

        Raises
        ------
        ImageError
            If its picture is no longer open, or has another size now; its targets are marked then.
        """
        deque(self.going_to(plane, move=move), maxlen=0)

    def going_to(self, plane: PlaneKey, *, move: bool = True) -> Iterator[None]:
        """Do the same a layer at a time, so that a window can stay alive meanwhile; what a person does goes before."""
        before = self._session.queue.current
        self._correcting.take_strokes()
        self._sources.of(plane)
        if plane in set(self._session.proposals) or self._is_found(plane):
            self._refuse_changed(plane)
            self._folders.open(plane)
            self._sheets.show_again(plane)
            if move:
                self._bring(plane)
        yield
        if self._session.queue.current != before or plane not in self._session.queue:
            return
        self._session.queue.current = plane
        yield from self._correcting.showing(plane)
        if move and self._session.queue.current == plane:
            self._activate(plane)

    def _refuse_changed(self, plane: PlaneKey) -> None:
        """Take targets out of the review whose picture was exchanged for one of another shape; say so.

        (What was accepted stays so: its labels are there.)
        """
        why = "" if path_of(plane.source) else self._sources.why_changed(plane)
        if why:
            for target in self._session.queue.of_source(plane.source):
                if target.state in OPEN:
                    self._session.queue.update(target.plane, state=TargetState.FAILED, note=why)
            raise ImageError(why)

    def _bring(self, plane: PlaneKey) -> None:
        source, over = self._sources.of(plane), self._sources.layer(plane)
        show_plane(self._ours.viewer, source, plane)
        if not is_in_view(self._ours.viewer, over, plane, source.shape):
            look_at(self._ours.viewer, over, plane, source.shape)

    def come_to(self, plane: PlaneKey) -> None:
        """Take a target under review, unless it is and the viewer shows it; errors as `go_to`."""
        if plane != self._session.queue.current or plane != self.shown(plane.source):
            self.go_to(plane)

    def follow(self) -> None:
        """Take the target under review that the sliders show, if it is one that has been found."""
        if self._slices.running:  # what is under way may show targets itself
            return
        for source_id in dict.fromkeys(target.plane.source for target in self._session.queue):
            plane = self.shown(source_id)
            if plane is None or plane == self._session.queue.current:
                continue
            if self._is_found(plane) and self._is_ours(source_id):
                self.go_to(plane, move=False)
                return

    def look(self) -> PlaneKey:
        """Return the target under review, which is what the sliders show, if that has been found.

        Raises
        ------
        CorrectionError
            If there is none, or the viewer did not show it, which it does now: nobody accepts what they do not see.
        """
        self.follow()
        plane = self._required()
        if self._sources.can_open(plane) and plane != self.shown(plane.source):
            self.go_to(plane)
            raise CorrectionError(f"{self._title(plane)}, under review, was not in view; look at it and try again.")
        return plane

    def next(self) -> None:
        """Go to the next target, the least certain first; nothing is done if there is no other."""
        self._step(self._other(self._session.queue.next_after, self._session.queue.current))

    def previous(self) -> None:
        """Go to the target before."""
        self._step(self._other(self._session.queue.previous_before, self._session.queue.current))

    def skip(self) -> None:
        """Leave the target for later (an accepted one as it is) and go on."""
        plane = self._required()
        following = self._other(self._session.queue.next_after, plane)
        if not self._session.queue.is_accepted(plane):
            self._session.queue.update(plane, state=TargetState.SKIPPED)
        self._step(following)

    def accept(self, *, stay: bool = False) -> None:
        """Accept the target under review and, unless told to stay, go on to the next.

        Raises
        ------
        CorrectionError
            If there is none, or it was not in view (see `look`).
        """
        plane = self.look()
        following = self._other(self._session.queue.next_after, plane)
        self._accept([plane], f"accept {self._title(plane)}")
        self._step(None if stay else following)

    def accept_above(self, score: float) -> int:
        """Accept all proposals with at least this score and tell how many; one step of the history.

        Many are accepted a few at a time while the window stays alive; cancelled, those accepted until then are the
        step.
        """
        planes = [target.plane for target in self._session.queue.above(score)]
        if planes:
            self._accept(planes, f"accept {len(planes)} targets")
        return len(planes)

    def forget_accepted(self, source: str) -> None:
        """Take targets back into the review whose accepted labels a person deleted; their accepts are forgotten."""
        planes = {target.plane for target in self._session.queue.of_source(source)}
        for plane in planes.union(plane for plane in self._session.accepted if plane.source == source):
            if self._sources.is_closed_file(plane):
                continue
            self._session.history.forget((Role.ACCEPTED, source))
            self._session.accepted.forget([plane])
            self._folders.forget_accepted(plane)
            target = self._session.queue.beneath(plane)
            if target is not None and target.state == TargetState.ACCEPTED:
                self._session.queue.update(plane, state=TargetState.PROPOSED)

    def forget_picture(self, source: str) -> None:
        """Forget the targets of a picture that a person closed, but for those whose accepted labels are there."""
        kept = self._ours.find(Role.ACCEPTED, source) is not None
        targets = {target.plane: target.state for target in self._session.queue.of_source(source)}
        gone = [plane for plane, state in targets.items() if not (kept and state == TargetState.ACCEPTED)]
        gone += [plane for plane in self._session.proposals if plane.source == source and plane not in targets]
        for plane in gone:
            self._session.history.forget(plane)
        self._session.forget(gone)
        self._session.references.forget_source(source)

    def _accept(self, planes: Iterable[PlaneKey], title: str) -> None:
        self._slices.finish()
        self._correcting.take_strokes()
        states = {plane: target for plane in planes if (target := self._session.queue.get(plane)) is not None}
        self._do(self._accepting(states, title), len(states), title)

    def _do(self, steps: Generator[float, None, None], count: int, title: str, *, whole: bool = False) -> None:
        """Do few at once and many in slices (see `Slices.start`)."""
        if count > FEW:
            self._slices.start(steps, f"GF-SAM: {title}", whole=whole)
        else:
            deque(steps, maxlen=0)

    def _accepting(self, states: dict[PlaneKey, Target], title: str) -> Generator[float, None, None]:
        """Accept targets; those accepted until the end, or until it is cancelled, are one step of the history."""
        steps: list[AcceptStep] = []
        try:
            for plane in states:
                if plane in self._session.queue and self._sheets.takes_accepted(plane):
                    steps.append(self._accept_one(plane))
                yield len(steps) / len(states)
        finally:
            self._sheets.draw(Role.ACCEPTED, [step.plane for step in steps])
            if steps:
                whole = title if len(steps) == len(states) else f"accept {len(steps)} targets"
                there: set[Hashable] = {(Role.ACCEPTED, step.plane.source) for step in steps}
                do, undo = partial(self._redo, steps, there), partial(self._undo, steps, there, states)
                self._session.history.push(Command(whole, do, undo, there, bytes_held(steps)))
                self.accepted.emit(tuple(step.plane for step in steps))

    def _accept_one(self, plane: PlaneKey) -> AcceptStep:
        proposal, current = self._sheets.proposal(plane), self._sheets.accepted(plane)
        step = self._session.accepted.accept(plane, current, proposal, self.mode)
        self._sheets.write_accepted(plane, step.labels, draw=False)
        self._session.queue.update(plane, state=TargetState.ACCEPTED)
        return step

    def _undo(self, steps: list[AcceptStep], there: set[Hashable], states: dict[PlaneKey, Target]) -> None:
        back = {plane: target.state for plane, target in states.items()}
        known = _known(steps, there)
        self._do(self._writing(known, self._session.accepted.undo, back), len(known), "undo", whole=True)
        self._bring_first(known)

    def _redo(self, steps: list[AcceptStep], there: set[Hashable]) -> None:
        known = _known(steps, there)
        self._do(self._redoing(known), len(known), "redo", whole=True)
        self._bring_first(known)

    def _redoing(self, steps: list[AcceptStep]) -> Generator[float, None, None]:
        accepted = {step.plane: TargetState.ACCEPTED for step in steps}
        yield from self._writing(steps, self._session.accepted.redo, accepted)
        self.accepted.emit(tuple(accepted))

    def _writing(
        self,
        steps: list[AcceptStep],
        change: Callable[[AcceptStep, LabelArray], LabelArray],
        states: dict[PlaneKey, TargetState],
    ) -> Generator[float, None, None]:
        """Take accepts back, or do them again, where labels can still be written."""
        possible = self._possible(steps)
        try:
            for number, step in enumerate(possible, 1):
                labels = change(step, self._sheets.accepted(step.plane))
                self._sheets.write_accepted(step.plane, labels, draw=False)
                self._session.queue.update(step.plane, state=states[step.plane])
                yield number / len(possible)
        finally:
            self._sheets.draw(Role.ACCEPTED, [step.plane for step in possible])

    def _possible(self, steps: list[AcceptStep]) -> list[AcceptStep]:
        """Return the steps but for those on labels that a person deleted with their picture, or of another size."""
        return [step for step in steps if self._sheets.takes_accepted(step.plane, step.after.shape)]

    def _bring_first(self, steps: list[AcceptStep]) -> None:
        """Show what was undone or done again, as far as its picture is there."""
        plane = steps[0].plane
        if plane in self._session.queue and self._sources.can_open(plane):
            self.come_to(plane)

    def _other(self, after: Callable[[PlaneKey | None], PlaneKey | None], plane: PlaneKey | None) -> PlaneKey | None:
        """Return the target that comes after one, those passed over whose picture is gone or has another shape."""
        found, passed = after(plane), {plane}
        while found is not None and found not in passed and not self._sources.can_open(found):
            passed.add(found)
            found = after(found)
        return None if found in passed else found

    def _step(self, plane: PlaneKey | None) -> None:
        if plane is not None:
            self.go_to(plane)

    def _required(self) -> PlaneKey:
        plane = self._session.queue.current
        if plane is None or not self._is_found(plane):
            raise CorrectionError(UNFINISHED)
        return plane

    def _is_found(self, plane: PlaneKey) -> bool:
        target = self._session.queue.get(plane)
        return target is not None and target.state in SHOWN

    def _title(self, plane: PlaneKey) -> str:
        target = self._session.queue.get(plane)
        return target.title if target else "a target"

    def _activate(self, plane: PlaneKey) -> None:
        """Make the proposal the active layer, so that keys and brush work at once."""
        layer = self._ours.find(Role.PROPOSAL, plane.source)
        if layer is not None:
            self._ours.viewer.layers.selection.active = layer

    def shown(self, source_id: str) -> PlaneKey | None:
        """Return the plane of a picture that the viewer shows, ``None`` if it shows none."""
        source = self._sources.get(source_id)
        if source is None:
            return None
        try:
            return shown_plane(self._ours.viewer, source)
        except ImageError:  # 3D, or the sliders stand elsewhere: nothing to follow
            return None

    def _is_ours(self, source_id: str) -> bool:
        """Tell whether the review is of this picture now: of several in one place, sliders do not choose."""
        current = self._session.queue.current
        return current is None or current.source == source_id


def _known(steps: list[AcceptStep], there: set[Hashable]) -> list[AcceptStep]:
    """Return the accepts into labels that the history still knows: a person may have deleted the others."""
    return [step for step in steps if (Role.ACCEPTED, step.plane.source) in there]
