"""What is told apart: the class table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QWidget

from napari_gfsam.widgets.ask import ask_color
from napari_gfsam.widgets.parts import GAP, button, column, equal_row, label, row
from napari_gfsam.widgets.rows import Column
from napari_gfsam.widgets.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_gfsam.imaging.colors import Rgb
    from napari_gfsam.session.types import ClassRow

COLOR, ID, NAME, NEGATIVE, PAINTED = range(5)
EMPTY = "No class yet: paint something, or add one"
ADD = "Add a class and paint with it"
REMOVE = "Remove the chosen class; paint with its label stays"
RECOLOR = "Choose another colour for the chosen class"
PAINTED_TIP = "Every object of this class is painted in the references, so that all else is background"
NEGATIVE_TIP = "Not this: look-alikes that you do not want; they are found, then taken out of the answer"
ASK = "Is every “{0}” painted in the reference?"
YES = "Yes: all that is not painted is background"
NO = "No: draw a box in which all are painted, or paint the rest with the ignore label"


class ClassesPanel(QWidget):
    """Class table and the question that is asked once a class."""

    #: A person chose a class to paint with: its id (int).
    class_chosen = Signal(int)
    #: A person wants one more class.
    class_added = Signal()
    #: A person removes a class: its id (int).
    class_removed = Signal(int)
    #: A person renamed a class: its id (int), the name (str).
    class_renamed = Signal(int, str)
    #: A person chose a colour: id of the class (int), (red, green, blue), 0 to 255 (object).
    class_recolored = Signal(int, object)
    #: A person said "not this" or took it back: id of the class (int), negative (bool).
    negative_changed = Signal(int, bool)
    #: A person said whether every object is painted: id of the class (int), yes (bool).
    painted_fully_answered = Signal(int, bool)

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[int, ClassRow] = {}
        self._asked: int | None = None
        self._table = Table(_id_of, _columns(), EMPTY, rows=(1, 5))
        self._add = button("Add class", ADD)
        self._remove = button("Remove", REMOVE)
        self._recolor = button("Colour…", RECOLOR)
        self._ask = label(tip="Objects that are not painted would count as background and be avoided")
        self._yes, self._no = button("Yes", YES), button("No", NO)
        self._question = _framed(self._ask, self._yes, self._no)
        layout = column(self)
        layout.addWidget(self._table)
        layout.addLayout(equal_row(self._add, self._recolor, self._remove))
        layout.addWidget(self._question)
        self._connect()
        self.show_classes(())
        self.ask_painted(None)

    def _connect(self) -> None:
        self._table.chosen.connect(self._choose)
        self._table.opened.connect(self._open)
        self._table.text_edited.connect(self.class_renamed.emit)
        self._table.check_clicked.connect(self._check)
        self._table.delete_pressed.connect(self.class_removed.emit)
        self._add.clicked.connect(self.class_added)
        self._remove.clicked.connect(self._remove_chosen)
        self._recolor.clicked.connect(self._ask_color)
        self._yes.clicked.connect(self._answer_yes)
        self._no.clicked.connect(self._answer_no)

    def show_classes(self, rows: Sequence[ClassRow], chosen: int | None = None) -> None:
        """Show the classes and choose one by its id (else the one that was)."""
        self._rows = {entry.id: entry for entry in rows}
        self._table.show_rows(rows, chosen)
        self._show_chosen()
        self.ask_painted(self._asked)

    def ask_painted(self, class_id: int | None) -> None:
        """Ask whether every object of a class is painted; ``None`` asks nothing."""
        self._asked = class_id if class_id in self._rows else None
        if self._asked is not None:
            self._ask.setText(ASK.format(self._rows[self._asked].name))
        self._question.setVisible(self._asked is not None)

    def _show_chosen(self) -> None:
        for part in (self._remove, self._recolor):
            part.setEnabled(self._table.chosen_key is not None)

    def _choose(self, key: int) -> None:
        self._show_chosen()
        self.class_chosen.emit(key)

    def _open(self, key: int, place: int) -> None:
        if place in (COLOR, ID):
            self._ask_color()

    def _check(self, key: int, place: int, on: bool) -> None:
        (self.negative_changed if place == NEGATIVE else self.painted_fully_answered).emit(key, on)

    def _remove_chosen(self) -> None:
        self.class_removed.emit(self._table.chosen_key)

    def _ask_color(self) -> None:
        entry = self._rows[self._table.chosen_key]

        def recolor(color: Rgb) -> None:
            self.class_recolored.emit(entry.id, color)

        ask_color(self, f"Colour of {entry.name}", entry.color, recolor)

    def _answer_yes(self) -> None:
        self._answer(True)

    def _answer_no(self) -> None:
        self._answer(False)

    def _answer(self, yes: bool) -> None:
        asked = self._asked
        self.ask_painted(None)
        if asked is not None:
            self.painted_fully_answered.emit(asked, yes)


def _framed(*parts: QWidget) -> QFrame:
    """Return the question on a ground of its own."""
    frame = QFrame()
    frame.setProperty("foreground", "true")
    layout = row(*parts, parent=frame, stretch=0)
    layout.setContentsMargins(2 * GAP, GAP, 2 * GAP, GAP)
    return frame


def _id_of(entry: ClassRow) -> int:
    return entry.id


def _columns() -> tuple[Column[ClassRow], ...]:
    return (
        Column(lambda entry: "Double-click to choose another colour", color=lambda entry: entry.color),
        Column(lambda entry: "Label of this class", text=lambda entry: str(entry.id), right=True),
        Column(_say_name, "Class", text=lambda entry: entry.name, editable=True, stretch=True),
        Column(lambda entry: NEGATIVE_TIP, "Not this", checked=lambda entry: entry.negative),
        Column(lambda entry: PAINTED_TIP, "All painted", checked=lambda entry: bool(entry.painted_fully)),
    )


def _say_name(entry: ClassRow) -> str:
    return f"{entry.name}: click to paint with it, double-click to rename it"
