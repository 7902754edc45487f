"""A part of the dock that folds."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_gfsam.widgets.parts import GAP, hint


class Section(QWidget):
    """A title that folds what is under it.

    Parameters
    ----------
    title
        Its name.
    content
        What is under it.
    tip
        What it is for.
    folded
        Whether it starts folded.
    """

    #: A person opened (``True``) or folded (``False``) it (bool).
    toggled = Signal(bool)

    def __init__(self, title: str, content: QWidget, tip: str, *, folded: bool = False) -> None:
        super().__init__()
        self._content = content
        self._head = _head(title, tip)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP)
        layout.addWidget(self._head)
        layout.addWidget(content)
        self._head.toggled.connect(self._turn)
        self._head.clicked.connect(self.toggled)
        self._head.setChecked(not folded)
        self._turn(not folded)

    def set_open(self, opened: bool) -> None:
        """Open or fold it; no signal."""
        self._head.setChecked(opened)

    @property
    def is_open(self) -> bool:
        """Whether it is open."""
        return self._head.isChecked()

    def _turn(self, opened: bool) -> None:
        self._head.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self._content.setVisible(opened)


def _head(title: str, tip: str) -> QToolButton:
    made = QToolButton()
    made.setText(title)
    made.setToolTip(hint(tip))
    made.setCheckable(True)
    made.setAutoRaise(True)
    made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    font = made.font()
    font.setBold(True)
    made.setFont(font)
    return made
