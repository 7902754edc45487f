"""What the empty dock shows: two ways to begin."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QSizePolicy, QWidget

from napari_gfsam.widgets.parts import GAP, button, column, hint, label

BIG = 40
WHAT = "Paint a few objects in one picture. The same kind of object is found and outlined in all the others."
EXAMPLE = "Open a painted pair of pictures; then press Run"
LABEL = "Make an empty label layer over {0} and take the brush"
NO_PICTURE = "Make an empty label layer over the chosen picture: open a picture first"


class WelcomePanel(QWidget):
    """Two big buttons."""

    #: A person wants to see it work.
    example_requested = Signal()
    #: A person wants to label the chosen picture.
    label_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._example = _big(button("Try an example", EXAMPLE))
        self._label = _big(button("Label this picture", NO_PICTURE))
        self._example.clicked.connect(self.example_requested)
        self._label.clicked.connect(self.label_requested)
        layout = column(self)
        layout.setSpacing(2 * GAP)
        for part in (label(WHAT, "What this plugin does"), self._example, self._label):
            layout.addWidget(part)
        self.show_picture("")

    def show_picture(self, name: str) -> None:
        """Say which picture would be labelled; empty where no picture is open."""
        self._label.setEnabled(bool(name))
        self._label.setToolTip(hint(LABEL.format(f"“{name}”") if name else NO_PICTURE))


def _big(made: QPushButton) -> QPushButton:
    made.setMinimumHeight(BIG)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made
