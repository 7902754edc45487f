"""The painted pictures that say what to look for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QWidget

from napari_gfsam.widgets.notice import Notice
from napari_gfsam.widgets.parts import (
    button,
    column,
    combo_box,
    equal_row,
    fill,
    hint,
    row,
    show_number,
    spin_box,
    take,
)
from napari_gfsam.widgets.rows import Column
from napari_gfsam.widgets.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_gfsam.session.types import ReferenceRow
    from napari_gfsam.widgets.data import Choice

MOST_LABEL = 65535
EMPTY = "No reference yet: make a new label layer, or use one that you have"
NEW = "Make an empty label layer exactly over {0}, and take the brush"
USE = "Use a label layer that is already painted"
FILL = "Click into an object: its outline is found and painted with the chosen class; click again to stop"
BOX = "Draw a box in which every object is painted; what lies outside counts as nothing"
WHOLE = "Forget the box: the whole picture counts again"
IGNORE = "Paint objects that you leave out with this label: they count as nothing, not as background"
REMOVE = "Take the reference off the list; its label layer stays"


class ReferencesPanel(QWidget):
    """References, how to add one, and what belongs to the chosen one."""

    #: A person wants a new label layer over the active picture.
    new_requested = Signal()
    #: A person wants to use an existing label layer: its id (str).
    layer_chosen = Signal(str)
    #: A person chose a reference: its id (str).
    reference_chosen = Signal(str)
    #: A person switched a reference on or off: its id (str), on (bool).
    reference_enabled = Signal(str, bool)
    #: A person takes a reference off the list: its id (str).
    reference_removed = Signal(str)
    #: A person switched click-to-fill (bool).
    fill_toggled = Signal(bool)
    #: A person wants to draw the painted region of a reference: its id (str).
    region_requested = Signal(str)
    #: A person forgets the painted region of a reference: its id (str).
    region_removed = Signal(str)
    #: A person chose the label that counts as nothing: id of the reference (str), label or None (object).
    ignore_changed = Signal(str, object)
    #: A person wants to see the warned-of place larger.
    zoom_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, ReferenceRow] = {}
        self._table = Table(_id_of, _columns(), EMPTY, rows=(1, 4))
        self._new = button("New label layer", NEW.format("the active picture"))
        self._layers = combo_box(USE, "Use a label layer…")
        self._fill = button("Click to fill", FILL, checkable=True)
        self._remove = button("Remove", REMOVE)
        self._box = button("Draw box", BOX)
        self._ignore = spin_box(0, MOST_LABEL, IGNORE, prefix="ignore ")
        self._ignore.setSpecialValueText("ignore none")
        self._limits = QWidget()
        self._limits.setLayout(equal_row(self._box, self._ignore))
        self._partly = False
        self._warning = Notice("The paint, as the model sees it", "Zoom", "Show the place and how large it should be")
        self._lay_out()
        self._connect()
        self.show_references(())

    def _lay_out(self) -> None:
        layout = column(self)
        layout.addLayout(row(self._new, self._layers, stretch=1))
        layout.addWidget(self._table)
        layout.addWidget(self._warning)
        layout.addLayout(equal_row(self._fill, self._remove))
        layout.addWidget(self._limits)

    def _connect(self) -> None:
        self._new.clicked.connect(self.new_requested)
        self._layers.activated.connect(self._use_layer)
        self._table.chosen.connect(self._choose)
        self._table.check_clicked.connect(self._enable)
        self._table.delete_pressed.connect(self.reference_removed.emit)
        self._fill.toggled.connect(self.fill_toggled)
        self._remove.clicked.connect(self._remove_chosen)
        self._box.clicked.connect(self._change_box)
        self._ignore.valueChanged.connect(self._change_ignore)
        self._warning.action_requested.connect(self.zoom_requested)

    def show_references(self, rows: Sequence[ReferenceRow], chosen: str | None = None) -> None:
        """Show the references and choose one by its id (else the one that was, else the first)."""
        self._rows = {entry.id: entry for entry in rows}
        wanted = (key for key in (chosen, self._table.chosen_key, *self._rows) if key in self._rows)
        self._table.show_rows(rows, next(wanted, None))
        self._show_chosen()

    def show_picture(self, name: str) -> None:
        """Say over which picture a new label layer would lie; empty where none is open."""
        self._new.setEnabled(bool(name))
        self._new.setToolTip(hint(NEW.format(f"“{name}”" if name else "a picture: open one first")))

    def show_layers(self, layers: Sequence[Choice]) -> None:
        """Show the label layers that can be used as a reference."""
        fill(self._layers, layers, None)
        self._layers.setEnabled(bool(layers))

    def show_warning(self, text: str, *, zoom: bool = False) -> None:
        """Say what is wrong with the paint (empty: nothing is); with `zoom` offer to show it larger."""
        self._warning.show_action("Zoom" if zoom else "")
        self._warning.show_text(text)

    def set_fill(self, on: bool, *, possible: bool = True) -> None:
        """Show whether click-to-fill is on, and whether it can be; no signal."""
        with QSignalBlocker(self._fill):
            self._fill.setChecked(on)
        self._fill.setEnabled(possible)

    def set_partly_painted(self, partly: bool) -> None:
        """Say whether some class is not painted fully, so that a box or an ignore label is wanted."""
        self._partly = partly
        self._show_chosen()

    def _show_chosen(self) -> None:
        entry = self._rows.get(self._table.chosen_key)
        for part in (self._box, self._remove, self._ignore):
            part.setEnabled(entry is not None)
        boxed = entry is not None and entry.region_yx is not None
        self._box.setText("Forget box" if boxed else "Draw box")
        self._box.setToolTip(hint(WHOLE if boxed else BOX))
        show_number(self._ignore, 0 if entry is None else entry.ignore or 0, MOST_LABEL)
        self._limits.setVisible(self._partly or boxed or self._ignore.value() > 0)

    def _choose(self, key: str) -> None:
        self._show_chosen()
        self.reference_chosen.emit(key)

    def _enable(self, key: str, _column: int, on: bool) -> None:
        self.reference_enabled.emit(key, on)

    def _use_layer(self, place: int) -> None:
        self.layer_chosen.emit(take(self._layers, place))

    def _remove_chosen(self) -> None:
        self.reference_removed.emit(self._table.chosen_key)

    def _change_box(self) -> None:
        entry = self._rows[self._table.chosen_key]
        (self.region_requested if entry.region_yx is None else self.region_removed).emit(entry.id)

    def _change_ignore(self, value: int) -> None:
        self.ignore_changed.emit(self._table.chosen_key, value or None)


def _id_of(entry: ReferenceRow) -> str:
    return entry.id


def _columns() -> tuple[Column[ReferenceRow], ...]:
    return (
        Column(lambda entry: "Whether the next run uses this reference", checked=lambda entry: entry.enabled),
        Column(lambda entry: entry.title, text=lambda entry: entry.title, stretch=True),
        Column(_say_limits, text=_name_limits, right=True),
    )


def _name_limits(entry: ReferenceRow) -> str:
    parts = ["box"] * (entry.region_yx is not None) + [f"ignores {entry.ignore}"] * (entry.ignore is not None)
    return ", ".join(parts)


def _say_limits(entry: ReferenceRow) -> str:
    if entry.region_yx is None and entry.ignore is None:
        return "All that is not painted counts as background"
    box = "Only what lies in the box counts. " if entry.region_yx is not None else ""
    return box + (f"Label {entry.ignore} counts as nothing." if entry.ignore is not None else "")
