"""The one sentence that says what to do next, derived from a snapshot of where things stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_gfsam.bridge.region import is_drawing
from napari_gfsam.session.types import TargetState

if TYPE_CHECKING:
    from napari_gfsam.controller.desk import Desk


@dataclass(frozen=True, slots=True)
class Standing:
    """Where things stand.

    Parameters
    ----------
    pictures
        Image layers in the viewer that are not ours.
    label_layers
        The person's own label layers that are shown and are no references.
    drawing
        Whether a box around painted objects is waited for.
    references, unused
        Reference rows in use, and those that are switched off.
    painted
        Of those in use, rows with paint.
    targets
        Planes picked that are not accepted.
    why_none
        Why none can be counted, in a sentence.
    views
        In how many parts they will be looked at: tiles, and pictures that are not cut.
    running, done
        Of the run in progress: targets in all and finished; 0 when none runs.
    proposed, skipped, failed, accepted
        Targets in the queue by state.
    """

    pictures: int = 0
    label_layers: int = 0
    drawing: bool = False
    references: int = 0
    unused: int = 0
    painted: int = 0
    targets: int = 0
    why_none: str = ""
    views: int = 0
    running: int = 0
    done: int = 0
    proposed: int = 0
    skipped: int = 0
    failed: int = 0
    accepted: int = 0

    @classmethod
    def of(cls, desk: Desk) -> Standing:
        """Return where things stand now."""
        counts = desk.session.queue.counts()
        done, running = desk.running.counts if desk.running.running else (0, 0)
        (planes, why_none), paints = desk.targets.countable(), desk.references.paints()
        return cls(
            pictures=len(desk.pictures.groups()),
            label_layers=sum(layer.visible for layer in desk.references.others()),
            drawing=is_drawing(desk.viewer),
            references=len(desk.session.references.enabled),
            unused=len(desk.session.references) - len(desk.session.references.enabled),
            painted=len(paints),
            targets=len(planes),
            why_none=why_none,
            views=desk.running.views(paints, planes),
            running=running,
            done=done,
            proposed=counts[TargetState.PROPOSED],
            skipped=counts[TargetState.SKIPPED],
            failed=counts[TargetState.FAILED],
            accepted=counts[TargetState.ACCEPTED],
        )


def next_step(now: Standing) -> str:
    """Return one plain sentence for the annotator."""
    if now.drawing:
        return "Drag a box over the part of the picture in which every object is painted."
    if now.running:
        more = " Finished ones can already be reviewed." if now.done else ""
        return f"Working on {min(now.done + 1, now.running)} of {now.running}.{more}"
    if now.proposed:
        return f"Look at the worst first: {_count(now.proposed, 'proposal')} to accept (K), correct or skip (J)."
    return _after_a_review(now) or _before_a_run(now)


def why_not_run(now: Standing) -> str:
    """Return why Run cannot be pressed, empty where it can."""
    if not now.painted:
        return "Paint a reference first"
    return "" if now.targets else now.why_none or "Nothing is left to label; tick pictures under Targets"


def _after_a_review(now: Standing) -> str:
    """Say what is left once nothing is proposed any more; nothing before any run."""
    if now.skipped:
        again = "is left: look at it" if now.skipped == 1 else "are left: look at them"
        return f"{_count(now.skipped, 'skipped target')} {again} again and accept (K), or correct."
    if now.failed:
        why = "click it in the list to see why" if now.failed == 1 else "click one in the list to see why"
        again = " Run (R) tries again." if now.targets else ""
        others = f" Export… (Review) saves the {now.accepted} accepted." if now.accepted else ""
        return f"{_count(now.failed, 'target')} failed: {why}.{again}{others}"
    if now.accepted:
        more = f"press Run (R) to label {now.targets} more" if now.targets else "pick more targets (Prepare)"
        return f"All {_count(now.accepted, 'target')} accepted. Press Export… (Review) to save the labels, or {more}."
    return ""


def _before_a_run(now: Standing) -> str:
    if not now.pictures:
        return "Open a picture (drag it into the window), or try an example."
    if not now.references and now.unused:
        return "Tick a reference, or make another one."
    if not now.references and now.label_layers:
        return "Choose your painted labels in “Use a label layer…”, or press “Label this picture” and paint one object."
    if not now.references:
        return "Press “Label this picture”, then paint one object with the brush."
    if not now.painted:
        return "Paint one object, or a few, with the brush; every pixel of it counts."
    if not now.targets:
        return now.why_none or "Tick the pictures to label under Targets."
    return f"Press Run (R) to label {_count(now.targets, 'target')}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
