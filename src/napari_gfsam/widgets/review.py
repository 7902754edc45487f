"""What was found: the least certain first, to be accepted, corrected or skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QWidget

from napari_gfsam.bridge.keys import key_of
from napari_gfsam.imaging.colors import GREEN, SKY_BLUE, VERMILLION, YELLOW
from napari_gfsam.session.types import Target, TargetState
from napari_gfsam.widgets.corrections import CorrectionsPanel
from napari_gfsam.widgets.data import ReviewActions
from napari_gfsam.widgets.notice import Notice
from napari_gfsam.widgets.parts import button, column, equal_row, hint, label, row, say, spin_box
from napari_gfsam.widgets.rows import Column
from napari_gfsam.widgets.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_gfsam.imaging.colors import Rgb
    from napari_gfsam.session.types import PlaneKey

GREY: Rgb = (128, 128, 128)
PERCENT = 100
USUAL_THRESHOLD = 80
COLORS: dict[TargetState, Rgb] = {
    TargetState.PROPOSED: SKY_BLUE,
    TargetState.ACCEPTED: GREEN,
    TargetState.SKIPPED: YELLOW,
    TargetState.FAILED: VERMILLION,
}
EMPTY = "Nothing to review yet"
ACCEPT = "Write the proposal into the target's labels and go to the next; what you painted there stays"
SKIP = "Leave this target for later and go to the next"
BULK = "Accept every proposal that is at least so certain; one Undo takes it back"
REFERENCE = "Use this corrected target as one more reference, and run again on the targets not yet accepted"
REVERT = "Take the new proposals back: the reference goes, every target is as it was"
EXPORT = "Write the accepted labels as files, in a format of your choice; the proposals while nothing is accepted"
STOP = "Stop the export; files that are written stay"


class ReviewPanel(QWidget):
    """The queue, what to do with its current target, and what to do with many."""

    #: A person chose a target (session.types.PlaneKey).
    target_chosen = Signal(object)
    #: A person accepts the current target.
    accept_requested = Signal()
    #: A person leaves the current target for later.
    skip_requested = Signal()
    #: A person wants the next target.
    next_requested = Signal()
    #: A person wants the previous target.
    previous_requested = Signal()
    #: A person set another threshold; the count beside it is to be shown anew: 0 to 1 (float).
    threshold_changed = Signal(float)
    #: A person accepts every proposal with at least this score: 0 to 1 (float).
    accept_above_requested = Signal(float)
    #: A person makes the current target a reference.
    use_as_reference_requested = Signal()
    #: A person takes the run after "Use as reference" back.
    revert_requested = Signal()
    #: A person wants labels exported.
    export_requested = Signal()
    #: A person stops the export.
    stop_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.corrections = CorrectionsPanel()
        self._targets: dict[PlaneKey, Target] = {}
        self._count = 0
        self._bar = QProgressBar()
        self._bar.setToolTip(hint("Accepted targets of all"))
        self._table = Table(_plane_of, _columns(), EMPTY, rows=(4, 8))
        self._note = label(tip="Why there is nothing in this target, why it failed, or how it was cut")
        self._previous = button("←", "Show the target before", key_of("previous"))
        self._next = button("→", "Show the target after", key_of("next"))
        self._accept = button("Accept", ACCEPT, key_of("accept"))
        self._skip = button("Skip", SKIP, key_of("skip"))
        self._threshold = spin_box(0, PERCENT, BULK, prefix="Accept all from ", suffix=" %")
        self._threshold.setValue(USUAL_THRESHOLD)
        self._bulk = button("Accept 0", BULK)
        self._reference = button("Use as reference", REFERENCE)
        self._export = button("Export…", EXPORT)
        self._stop = button("Stop export", STOP)
        self._changes = Notice("What the new reference changed", "Revert", REVERT, warning=False)
        self._lay_out()
        self._connect()
        self.show_targets((), None)
        self.show_actions(ReviewActions())
        self.show_above(0)

    def _lay_out(self) -> None:
        layout = column(self)
        layout.addWidget(self._bar)
        layout.addWidget(self._table)
        layout.addWidget(self._note)
        layout.addLayout(row(self._previous, self._accept, self._skip, self._next, stretch=1))
        layout.addWidget(self.corrections)
        layout.addWidget(self._changes)
        layout.addLayout(equal_row(self._reference, self._export, self._stop))
        layout.addLayout(row(self._threshold, self._bulk, stretch=0))

    def _connect(self) -> None:
        self._table.chosen.connect(self.target_chosen)
        for made, asked in (
            (self._accept, self.accept_requested),
            (self._skip, self.skip_requested),
            (self._next, self.next_requested),
            (self._previous, self.previous_requested),
            (self._reference, self.use_as_reference_requested),
            (self._export, self.export_requested),
            (self._stop, self.stop_requested),
        ):
            made.clicked.connect(asked)
        self._changes.action_requested.connect(self.revert_requested)
        self._threshold.valueChanged.connect(self._change_threshold)
        self._bulk.clicked.connect(self._accept_above)

    @property
    def threshold(self) -> float:
        """Least score of the proposals that "Accept all from" takes, 0 to 1."""
        return self._threshold.value() / PERCENT

    def show_targets(self, targets: Sequence[Target], current: PlaneKey | None) -> None:
        """Show the queue in the order of review, and which target is the current one."""
        self._targets = {entry.plane: entry for entry in targets}
        self._table.show_rows(targets, current)
        accepted = sum(entry.state is TargetState.ACCEPTED for entry in targets)
        self._bar.setRange(0, max(1, len(targets)))
        self._bar.setValue(accepted)
        self._bar.setFormat(f"{accepted} of {len(targets)} accepted")
        self._show_note()

    def _show_note(self) -> None:
        entry = self._targets.get(self._table.chosen_key)
        say(self._note, "" if entry is None else entry.note or _say_view(entry))

    def show_actions(self, actions: ReviewActions) -> None:
        """Show what can be done now."""
        self.corrections.show_actions(actions)
        self._accept.setEnabled(actions.accept)
        self._skip.setEnabled(actions.skip)
        self._next.setEnabled(actions.step)
        self._previous.setEnabled(actions.step)
        self._reference.setEnabled(actions.use_as_reference)
        self._export.setEnabled(actions.export)
        self._export.setVisible(not actions.exporting)
        self._stop.setVisible(actions.exporting)

    def show_above(self, count: int) -> None:
        """Say how many proposals have at least the score of the threshold."""
        self._bulk.setText(f"Accept {count}")
        self._bulk.setEnabled(count > 0)

    def show_changes(self, text: str) -> None:
        """Say what the run with one more reference changed, with a way back; empty hides it."""
        self._changes.show_text(text)

    def _change_threshold(self) -> None:
        self.threshold_changed.emit(self.threshold)

    def _accept_above(self) -> None:
        self.accept_above_requested.emit(self.threshold)


def _plane_of(entry: Target) -> PlaneKey:
    return entry.plane


def _columns() -> tuple[Column[Target], ...]:
    return (
        Column(_say_target, color=lambda entry: COLORS.get(entry.state, GREY)),
        Column(_say_target, text=lambda entry: entry.title, stretch=True),
        Column(_say_target, text=_name_state, right=True),
    )


def _name_state(entry: Target) -> str:
    """Return how certain a proposal is, or the state of a target that is none."""
    if entry.state is TargetState.PROPOSED:
        return "empty" if entry.note and not entry.score else f"{entry.percent}%"
    return f"skipped {entry.percent}%" if entry.state is TargetState.SKIPPED else entry.state.value


def _say_target(entry: Target) -> str:
    certain = f", {entry.percent}% certain" if entry.run and entry.state is not TargetState.FAILED else ""
    parts = (f"{entry.title}: {entry.state.value}{certain}", entry.note, _say_view(entry))
    return ". ".join(part for part in parts if part)


def _say_view(entry: Target) -> str:
    return f"Looked at {entry.view}" if entry.view else ""
