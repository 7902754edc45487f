"""The offer to go on where a session stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame

from napari_gfsam.widgets.amounts import say_count
from napari_gfsam.widgets.parts import GAP, button, column, equal_row, label

if TYPE_CHECKING:
    from datetime import datetime

GO_ON = "Bring references, classes, targets and corrections back as they were saved"
CHOOSE = "Press “Go on” to bring your last work back, or “Start fresh” to begin with an empty dock."
FRESH = "Begin with an empty dock; the saved session stays on disk"


class ResumeBar(QFrame):
    """One question with two answers; hidden until there is something to offer."""

    #: A person goes on.
    go_on_requested = Signal()
    #: A person starts fresh.
    fresh_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("foreground", "true")
        self._question = label(tip="The last session was not closed, or was closed with work left to do")
        self._go_on, self._fresh = button("Go on", GO_ON), button("Start fresh", FRESH)
        layout = column(self)
        layout.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, 2 * GAP)
        layout.addWidget(self._question)
        layout.addLayout(equal_row(self._go_on, self._fresh))
        self._go_on.clicked.connect(self.go_on_requested)
        self._fresh.clicked.connect(self.fresh_requested)
        self.hide()

    def show_offer(self, targets: int, accepted: int, when: datetime) -> None:
        """Offer to go on with a session."""
        time = f"{when:%H:%M}" if when.date() == when.now(when.tzinfo).date() else f"{when:%d %B, %H:%M}"
        self._question.setText(
            f"Go on where you stopped ({say_count(targets, 'target')}, {accepted} accepted, {time})?"
        )
        self.show()
