"""What the dock shows while there is no reference: the ways to begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QSizePolicy, QWidget

from napari_gfsam.widgets.parts import GAP, button, column, combo_box, fill, hint, label, take

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_gfsam.widgets.data import Choice

BIG = 40
WHAT = "Paint a few objects in one picture. The same kind of object is found and outlined in all the others."
EXAMPLE = "Open a painted pair of pictures; then press Run"
LABEL = "Make an empty label layer over {0} and take the brush"
USE = "Use a label layer that is already painted; it is read, never written"
NO_PICTURE = "Make an empty label layer over the chosen picture: open a picture first"


class WelcomePanel(QWidget):
    """Two big buttons, and the label layers that there are."""

    #: A person wants to see it work.
    example_requested = Signal()
    #: A person wants to label the chosen picture.
    label_requested = Signal()
    #: A person wants to use an existing label layer: its id (str).
    layer_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._example = _big(button("Try an example", EXAMPLE))
        self._label = _big(button("Label this picture", NO_PICTURE))
        self._example.clicked.connect(self.example_requested)
        self._label.clicked.connect(self.label_requested)
        self._layers = combo_box(USE, "Use a label layer…")
        self._layers.activated.connect(self._use_layer)
        layout = column(self)
        layout.setSpacing(2 * GAP)
        for part in (label(WHAT, "What this plugin does"), self._example, self._label, self._layers):
            layout.addWidget(part)
        self.show_picture("")
        self.show_layers(())

    def show_picture(self, name: str) -> None:
        """Say which picture would be labelled; empty where no picture is open."""
        self._label.setEnabled(bool(name))
        self._label.setToolTip(hint(LABEL.format(f"“{name}”") if name else NO_PICTURE))

    def show_layers(self, layers: Sequence[Choice]) -> None:
        """Show the label layers that can be used as a reference; hidden without one."""
        fill(self._layers, layers, None)
        self._layers.setVisible(bool(layers))

    def _use_layer(self, place: int) -> None:
        self.layer_chosen.emit(take(self._layers, place))


def _big(made: QPushButton) -> QPushButton:
    made.setMinimumHeight(BIG)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made
