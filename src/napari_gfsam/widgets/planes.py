"""Which planes of a stack are targets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_gfsam.session.picks import PlanesPick
from napari_gfsam.widgets.data import Choice
from napari_gfsam.widgets.parts import column, combo_box, equal_row, fill, show_number, spin_box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_gfsam.bridge.planes import StackAxis
    from napari_gfsam.session.picks import PlanesKind

KINDS = (
    Choice("this", "This plane", "The plane that the viewer shows"),
    Choice("all", "All planes", "Every plane along the axis"),
    Choice("range", "Planes from … to …", "A part of the stack"),
)


class PlanesPanel(QWidget):
    """The plane that is shown, all, or a range with a step along one axis; hidden for a single picture."""

    #: A person picked planes (session.picks.PlanesPick).
    planes_picked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._lengths: dict[int, int] = {}
        self._which = combo_box("Which planes of the stack are targets")
        self._axis = combo_box("The axis along which planes are taken")
        self._first = spin_box(0, 0, "First plane, counted from 0 as the slider does", prefix="from ")
        self._last = spin_box(0, 0, "Last plane, counted from 0 as the slider does", prefix="to ")
        self._step = spin_box(1, 1, "Take only every so many planes", prefix="every ")
        self._step.setSpecialValueText("every plane")
        self._range = QWidget()
        self._range.setLayout(equal_row(self._first, self._last))
        self._along = QWidget()
        self._along.setLayout(equal_row(self._axis, self._step))
        layout = column(self)
        layout.addWidget(self._which)
        layout.addWidget(self._along)
        layout.addWidget(self._range)
        fill(self._which, KINDS, "this")
        self._which.activated.connect(self._pick)
        self._axis.activated.connect(self._pick)
        for box in (self._first, self._last, self._step):
            box.valueChanged.connect(self._pick)
        self.show_planes((), PlanesPick())

    def show_planes(self, axes: Sequence[StackAxis], pick: PlanesPick) -> None:
        """Show the axes to choose from and what is picked; no signal. Without axes the panel hides."""
        self._lengths = {entry.axis: entry.length for entry in axes}
        along = [Choice(str(entry.axis), f"along {entry.label} ({entry.length})") for entry in axes]
        axis = pick.axis if pick.axis in self._lengths else next(iter(self._lengths), 0)
        fill(self._axis, along, str(axis))
        fill(self._which, KINDS, pick.which)
        self._show_range(replace(pick, axis=axis))
        self.setVisible(bool(axes))

    def _show_range(self, pick: PlanesPick) -> None:
        length = self._lengths.get(pick.axis, 1)
        last = min(pick.stop, length) - 1 if pick.which == "range" else length - 1
        show_number(self._first, pick.start, length - 1)
        show_number(self._last, last, length - 1)
        show_number(self._step, pick.step, length)
        self._along.setVisible(pick.which != "this")
        self._range.setVisible(pick.which == "range")

    def _pick(self) -> None:
        pick = self._picked()
        self._show_range(pick)
        self.planes_picked.emit(pick)

    def _picked(self) -> PlanesPick:
        which = cast("PlanesKind", self._which.currentData())
        axis = int(self._axis.currentData() or 0)
        length = self._lengths.get(axis, 1)
        if which == "range":
            first, last = self._first.value(), max(self._first.value(), self._last.value())
            return PlanesPick(which, axis, min(first, length - 1), min(last + 1, length), self._step.value())
        return PlanesPick(which, axis, 0, length if which == "all" else 1, self._step.value() if which == "all" else 1)
