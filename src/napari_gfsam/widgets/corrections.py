"""Correct the target that is shown: undo, other readings, clusters, what is drawn over the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from napari_gfsam.bridge.keys import key_of
from napari_gfsam.widgets.data import Choice, ReviewActions
from napari_gfsam.widgets.parts import (
    GAP,
    button,
    check_box,
    column,
    combo_box,
    equal_row,
    fill,
    hint,
    label,
    say,
    take,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from napari_gfsam.session.types import ClassRow

#: What can be drawn over the picture: name in signals, text, what it is.
OVERLAYS = (
    ("points", "Points", "The prompts: their colour and symbol say what became of each"),
    ("clusters", "Clusters", "Prompts whose masks belong together, one colour a cluster"),
    ("confidence", "Confidence", "How sure the answer is, pixel by pixel"),
    ("similarity", "Similarity", "How alike each place is to the painted objects"),
    ("instances", "Instances", "Every object with a number of its own, and a table of them"),
)
#: What the keys do under the pointer.
POINTER_KEYS = (
    ("toggle_point", "point on or off"),
    ("toggle_cluster", "cluster on or off"),
    ("add_positive", "add here"),
    ("add_negative", "take away here"),
    ("delete_object", "delete object"),
    ("hide", "hide (hold)"),
)
POINTER_TIP = "Keys that work on what is under the pointer; painting with the brush works too"
ALTERNATIVES = "Show another reading of the same target: whole objects or parts, with or without the background removed"
MOVE = "Give the chosen cluster to another class"


class CorrectionsPanel(QWidget):
    """Buttons and boxes for the target that is shown."""

    #: A person wants the next reading of the target.
    alternatives_requested = Signal()
    #: A person gives the chosen cluster to a class: its id (int).
    move_requested = Signal(int)
    #: A person takes the last command back.
    undo_requested = Signal()
    #: A person does it again.
    redo_requested = Signal()
    #: A person shows or hides an overlay: its name in OVERLAYS (str), shown (bool).
    overlay_toggled = Signal(str, bool)

    def __init__(self) -> None:
        super().__init__()
        self._undo = button("Undo", "Undo", key_of("undo"))
        self._redo = button("Redo", "Redo", key_of("redo"))
        self._alternatives = button("Alternatives", ALTERNATIVES, key_of("alternatives"))
        self._reading = label(tip="The reading that is shown")
        self._classes = combo_box(MOVE, "Move cluster to…")
        self._overlays = {name: check_box(text, tip) for name, text, tip in OVERLAYS}
        self._lay_out()
        self._undo.clicked.connect(self.undo_requested)
        self._redo.clicked.connect(self.redo_requested)
        self._alternatives.clicked.connect(self.alternatives_requested)
        self._classes.activated.connect(self._move)
        for box in self._overlays.values():
            box.clicked.connect(self._toggle_overlay)
        self.show_actions(ReviewActions())
        self.show_reading("")

    def _lay_out(self) -> None:
        layout = column(self)
        layout.addLayout(equal_row(self._undo, self._redo))
        layout.addLayout(equal_row(self._alternatives, self._classes))
        layout.addWidget(self._reading)
        layout.addWidget(self._legend())
        grid = QGridLayout()
        grid.setSpacing(GAP)
        for place, box in enumerate(self._overlays.values()):
            grid.addWidget(box, *divmod(place, 3))
        layout.addLayout(grid)

    def _legend(self) -> QLabel:
        """Return the keys that have no button, a line broken only between two of them."""
        legend = label(tip=POINTER_TIP, muted=True)
        legend.setTextFormat(Qt.TextFormat.RichText)
        entries = (f"<b>{key_of(action)}</b> {what}".replace(" ", "&nbsp;") for action, what in POINTER_KEYS)
        legend.setText(" &nbsp; ".join(entries))
        return legend

    def show_actions(self, actions: ReviewActions) -> None:
        """Show what can be done now."""
        self._alternatives.setEnabled(actions.alternatives)
        self._classes.setEnabled(bool(actions.cluster))
        self._classes.setToolTip(hint(f"{MOVE}: {actions.cluster or 'choose one by a click on it'}"))
        for made, word, title in ((self._undo, "Undo", actions.undo), (self._redo, "Redo", actions.redo)):
            made.setEnabled(bool(title))
            made.setToolTip(hint(f"{word}: {title or 'nothing'}", key_of(word.lower())))

    def show_classes(self, rows: Sequence[ClassRow]) -> None:
        """Show the classes that a cluster can be moved to."""
        fill(self._classes, [Choice(str(entry.id), entry.name) for entry in rows], None)

    def show_reading(self, text: str) -> None:
        """Say which reading is shown: "2 of 4: the background removed"; empty hides the line."""
        say(self._reading, text)

    def set_overlays(self, shown: Collection[str]) -> None:
        """Tick the overlays that are shown; no signal."""
        for name, box in self._overlays.items():
            with QSignalBlocker(box):
                box.setChecked(name in shown)

    def _move(self, place: int) -> None:
        self.move_requested.emit(int(take(self._classes, place)))

    def _toggle_overlay(self, shown: bool) -> None:
        name = next(name for name, box in self._overlays.items() if box is self.sender())
        self.overlay_toggled.emit(name, shown)
