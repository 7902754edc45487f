"""How the values of a layer become the picture that the model sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QWidget

from napari_gfsam.session.picks import IntensityPick
from napari_gfsam.widgets.data import Choice
from napari_gfsam.widgets.parts import add_row, by_click, combo_box, equal_row, fill, form, hint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_gfsam.session.picks import IntensityKind

KINDS = (
    Choice("displayed", "As displayed", "The layer's contrast limits, gamma and colours"),
    Choice("auto", "Automatic", "8-bit values as they are, all else by percentiles of each plane"),
    Choice("percentile", "Percentiles", "Two percentiles of each plane become black and white"),
    Choice("range", "Fixed range", "Two values become black and white, the same in every plane"),
    Choice("dtype", "Whole range", "The least and greatest value of the number type become black and white"),
)
LIMITS = {"percentile": (0.0, 100.0), "range": (-1e9, 1e9)}
USUAL = {"percentile": (0.1, 99.9), "range": (0.0, 255.0)}


class ReadingPanel(QWidget):
    """Intensity, channels and pyramid level of the chosen picture."""

    #: A person picked how values become brightness (session.picks.IntensityPick).
    intensity_picked = Signal(object)
    #: A person picked what the channels are: value of the choice (str).
    channels_picked = Signal(str)
    #: A person picked the level of a pyramid: value of the choice (str).
    level_picked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._intensity = combo_box("How values become brightness; the reference and its targets are read alike")
        self._low = _number("What becomes black")
        self._high = _number("What becomes white")
        self._ends = QWidget()
        self._ends.setLayout(equal_row(self._low, self._high))
        self._channels = combo_box("Which axis holds the channels, or which layers make one picture together")
        self._level = combo_box("The level of the pyramid that is read; a coarser one is quicker")
        self._form = form(self)
        names = ("Intensity", "", "Channels", "Level")
        for name, control in zip(names, (self._intensity, self._ends, self._channels, self._level), strict=True):
            add_row(self._form, name, control)
        self._connect()
        self.show_intensity(IntensityPick())
        self.show_channels((), None)
        self.show_levels((), None)

    def _connect(self) -> None:
        self._intensity.activated.connect(self._pick_kind)
        self._low.valueChanged.connect(self._pick)
        self._high.valueChanged.connect(self._pick)
        self._channels.activated.connect(self._pick_channels)
        self._level.activated.connect(self._pick_level)

    def show_intensity(self, pick: IntensityPick) -> None:
        """Show how values become brightness; no signal."""
        fill(self._intensity, KINDS, pick.kind)
        for box, value in ((self._low, pick.low), (self._high, pick.high)):
            low, high = LIMITS.get(pick.kind, (0.0, 0.0))
            if (box.minimum(), box.maximum(), box.value()) != (low, high, value):
                with QSignalBlocker(box):
                    box.setRange(low, high)
                    box.setValue(value)
        self._form.setRowVisible(self._ends, pick.kind in LIMITS)

    def show_channels(self, choices: Sequence[Choice], value: str | None) -> None:
        """Show what the channels can be and what is picked; hidden without a choice."""
        fill(self._channels, choices, value)
        self._form.setRowVisible(self._channels, len(choices) > 1)

    def show_levels(self, choices: Sequence[Choice], value: str | None) -> None:
        """Show the levels of the pyramid and which is read; hidden without a choice."""
        fill(self._level, choices, value)
        self._form.setRowVisible(self._level, len(choices) > 1)

    def _pick_kind(self) -> None:
        kind = cast("IntensityKind", self._intensity.currentData())
        pick = IntensityPick(kind, *USUAL.get(kind, (0.0, 0.0)))
        self.show_intensity(pick)
        self.intensity_picked.emit(pick)

    def _pick(self) -> None:
        kind, low, high = self._intensity.currentData(), self._low.value(), self._high.value()
        if low < high:
            self.intensity_picked.emit(IntensityPick(kind, low, high))

    def _pick_channels(self) -> None:
        self.channels_picked.emit(self._channels.currentData())

    def _pick_level(self) -> None:
        self.level_picked.emit(self._level.currentData())


def _number(tip: str) -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    made.setDecimals(2)
    made.setToolTip(hint(tip))
    return by_click(made)
