"""The one kind of list that the panels show: rows without a grid, one of them chosen, usable from the keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QSignalBlocker, QSize, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableView

from napari_gfsam.widgets.cells import MARK_WIDTH, ROW_HEIGHT, CellDelegate, toggle
from napari_gfsam.widgets.rows import RowsModel

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from qtpy.QtGui import QKeyEvent

    from napari_gfsam.widgets.rows import Column

ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
REMOVE = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)
OWN_KEYS = (
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
    Qt.Key.Key_F2,
)


class Table(QTableView):
    """Rows with columns; a pure view.

    Parameters
    ----------
    key
        What tells a row from the others for good; the signals carry it.
    columns
        What is shown of a row.
    tip
        Tooltip where there is no row.
    rows
        Height in rows: (at least, at most). More scroll.
    """

    #: A person chose a row: its key (object).
    chosen = Signal(object)
    #: A person asked to open a row, by a double click or Enter: its key (object), column (int; 0 by Enter).
    opened = Signal(object, int)
    #: A person pressed Delete on a row: its key (object).
    delete_pressed = Signal(object)
    #: A person changed a text: key of the row (object), the text (str).
    text_edited = Signal(object, str)
    #: A person clicked a check box: key of the row (object), column (int), wanted state (bool).
    check_clicked = Signal(object, int, bool)

    def __init__(
        self, key: Callable[[Any], Hashable], columns: Sequence[Column[Any]], tip: str, rows: tuple[int, int] = (2, 5)
    ) -> None:
        super().__init__()
        self._rows = RowsModel(key, columns, self)
        self._least, self._most = rows
        self.setModel(self._rows)
        self.setItemDelegate(CellDelegate(self))
        self.setToolTip(tip)
        self._arrange(columns)
        self._rows.text_edited.connect(self.text_edited)
        self._rows.check_clicked.connect(self.check_clicked)
        self.doubleClicked.connect(self._open)
        selection = self.selectionModel()
        if selection is not None:
            selection.currentRowChanged.connect(self._choose)

    def _arrange(self, columns: Sequence[Column[Any]]) -> None:
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._arrange_headers(columns)

    def _arrange_headers(self, columns: Sequence[Column[Any]]) -> None:
        across, down = self.horizontalHeader(), self.verticalHeader()
        if across is None or down is None:
            return
        down.hide()
        down.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        down.setDefaultSectionSize(ROW_HEIGHT)
        across.setVisible(any(entry.title for entry in columns))
        across.setSectionsClickable(False)
        across.setHighlightSections(False)
        across.setMinimumSectionSize(MARK_WIDTH)
        for place, entry in enumerate(columns):
            modes = QHeaderView.ResizeMode
            across.setSectionResizeMode(place, modes.Stretch if entry.stretch else modes.ResizeToContents)

    def show_rows(self, rows: Sequence[Any], chosen: Hashable | None = None) -> None:
        """Show these rows and choose one by its key (else the one that was); no signal."""
        before, bar = self.chosen_key, self.verticalScrollBar()
        scrolled = bar.value() if bar is not None else 0
        with QSignalBlocker(self):
            self._rows.show_rows(rows)
            self.updateGeometry()
            self.executeDelayedItemsLayout()  # else Qt would scroll within the extent of the rows before
            self._choose_key(before if chosen is None else chosen)
        if bar is not None and before == self.chosen_key:
            bar.setValue(scrolled)

    def _choose_key(self, key: Hashable | None) -> None:
        place = self._rows.place_of(key)
        if place != self.currentIndex().row():
            self.setCurrentIndex(self._rows.index(place, 0) if place >= 0 else QModelIndex())

    @property
    def chosen_key(self) -> Any:
        """Key of the chosen row, ``None`` without."""
        return self._rows.key_at(self.currentIndex().row())

    def _choose(self, current: QModelIndex, _before: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(self._rows.key_at(current.row()))

    def _open(self, index: QModelIndex) -> None:
        self.opened.emit(self._rows.key_at(index.row()), index.column())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Use arrows, space, Enter, Delete; leave every other key to the window, whose shortcuts they are."""
        if event is None:
            return
        key, index = event.key(), self.currentIndex()
        if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            event.ignore()
        elif key in OWN_KEYS:
            super().keyPressEvent(event)
        elif not index.isValid():
            event.ignore()
        elif key == Qt.Key.Key_Space:
            self._toggle_first(index.row())
        elif key in ENTER:
            self._open(self._rows.index(index.row(), 0))
        elif key in REMOVE:
            self.delete_pressed.emit(self.chosen_key)
        else:
            event.ignore()

    def _toggle_first(self, place: int) -> None:
        """Toggle the first check box of a row."""
        any(toggle(self._rows, self._rows.index(place, spot)) for spot in range(self._rows.columnCount()))

    def sizeHint(self) -> QSize:
        """Return the height of the rows within the limits."""
        shown = min(max(self._rows.rowCount(), self._least), self._most)
        header = self.horizontalHeader()
        above = header.sizeHint().height() if header is not None and not header.isHidden() else 0
        return QSize(200, shown * ROW_HEIGHT + above + 2 * self.frameWidth())

    def minimumSizeHint(self) -> QSize:
        """Return the least height, at any width."""
        return QSize(0, self.sizeHint().height())
