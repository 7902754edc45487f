"""One sentence that asks for attention, with at most one thing to do about it."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFrame, QLabel

from napari_gfsam.widgets.parts import GAP, button, label, row

ICON = 18


class Notice(QFrame):
    """A framed sentence; hidden while there is none.

    Parameters
    ----------
    tip
        What kind of sentence it is.
    action
        Text of the button; no button without.
    action_tip
        What the button does.
    warning
        Whether it has a warning sign.
    """

    #: A person pressed the button.
    action_requested = Signal()

    def __init__(self, tip: str, action: str = "", action_tip: str = "", *, warning: bool = True) -> None:
        super().__init__()
        # napari's themes give their warning sign to labels of this name, and their second ground to such frames.
        self._icon = QLabel()
        self._icon.setObjectName("error_label")
        self._icon.setFixedSize(ICON, ICON)
        self._icon.setVisible(warning)
        self.setProperty("foreground", "true")
        self._text = label(tip=tip)
        self._button = button(action, action_tip)
        self._button.setVisible(bool(action))
        self._button.clicked.connect(self.action_requested)
        layout = row(self._icon, self._text, self._button, parent=self, stretch=1)
        layout.setContentsMargins(GAP, GAP, GAP, GAP)
        layout.setAlignment(self._icon, Qt.AlignmentFlag.AlignTop)
        self.hide()

    @property
    def text(self) -> str:
        """The sentence shown, empty without."""
        return self._text.text()

    def show_text(self, text: str) -> None:
        """Show a sentence; empty hides the notice."""
        self._text.setText(text)
        self.setVisible(bool(text))

    def show_action(self, text: str) -> None:
        """Give the button another text; empty hides it."""
        self._button.setText(text)
        self._button.setVisible(bool(text))
