"""The sentence that says what to do next; it always stands at the top."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame

from napari_gfsam.widgets.notice import Notice
from napari_gfsam.widgets.parts import GAP, column, label


class NextStep(QFrame):
    """What to do next, and under it what went wrong, if anything did."""

    #: A person has read what went wrong.
    problem_dismissed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("foreground", "true")
        self._step = label(tip="What to do next")
        font = self._step.font()
        font.setBold(True)
        self._step.setFont(font)
        self._problem = Notice("What went wrong last, and what to do about it", "OK", "Hide this sentence")
        self._problem.action_requested.connect(self._dismiss)
        layout = column(self)
        layout.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, 2 * GAP)
        layout.addWidget(self._step)
        layout.addWidget(self._problem)

    def show_step(self, text: str) -> None:
        """Show the next step."""
        self._step.setText(text)

    def show_problem(self, text: str) -> None:
        """Show what went wrong; empty hides it."""
        self._problem.show_text(text)

    def _dismiss(self) -> None:
        self._problem.show_text("")
        self.problem_dismissed.emit()
