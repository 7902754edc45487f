"""Rows of any kind as a Qt table model: it shows what it is given and asks its owner for every change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, Signal
from qtpy.QtGui import QColor

from napari_gfsam.widgets.parts import hint

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from napari_gfsam.imaging.colors import Rgb

Row = TypeVar("Row")
Role = Qt.ItemDataRole
NOWHERE = QModelIndex()


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """What a column shows of a row.

    Parameters
    ----------
    tip
        Its tooltip.
    title
        Its header.
    text, color, checked
        A text, the colour of a patch, the state of a check box (``None``: no box in this row).
    editable
        Whether a double click edits the text.
    enabled
        Whether the cell can be used; all can where not given.
    stretch
        Whether the column takes the free space.
    right
        Whether the text stands at the right.
    """

    tip: Callable[[Row], str]
    title: str = ""
    text: Callable[[Row], str] | None = None
    color: Callable[[Row], Rgb | None] | None = None
    checked: Callable[[Row], bool | None] | None = None
    editable: bool = False
    enabled: Callable[[Row], bool] | None = None
    stretch: bool = False
    right: bool = False


class RowsModel(QAbstractTableModel):
    """Rows as a table.

    Parameters
    ----------
    key
        What tells a row from the others for good.
    columns
        What is shown of a row.
    parent
        Its owner in Qt.
    """

    #: A person changed a text: key of the row (object), the text (str).
    text_edited = Signal(object, str)
    #: A person clicked a check box: key of the row (object), column (int), wanted state (bool).
    check_clicked = Signal(object, int, bool)

    def __init__(
        self, key: Callable[[Any], Hashable], columns: Sequence[Column[Any]], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._key = key
        self._columns = tuple(columns)
        self._rows: tuple[Any, ...] = ()
        self._places: dict[Hashable, int] = {}

    def show_rows(self, rows: Sequence[Any]) -> None:
        """Show these rows; rows that only changed keep their place, selection and open editor."""
        shown, keys = tuple(rows), [self._key(entry) for entry in rows]
        if keys == list(self._places):
            before, self._rows = self._rows, shown
            self._report_changes([place for place, old in enumerate(before) if old != shown[place]])
            return
        self.beginResetModel()
        self._rows = shown
        self._places = {key: place for place, key in enumerate(keys)}
        self.endResetModel()

    def _report_changes(self, places: list[int]) -> None:
        last = len(self._columns) - 1
        for place in places:
            self.dataChanged.emit(self.index(place, 0), self.index(place, last))

    def key_at(self, place: int) -> Any:
        """Return the key of the row at a place, ``None`` where there is none."""
        return self._key(self._rows[place]) if 0 <= place < len(self._rows) else None

    def place_of(self, key: Hashable) -> int:
        """Return the place of a row by its key, -1 where it is not shown."""
        return self._places.get(key, -1)

    def rowCount(self, parent: QModelIndex = NOWHERE) -> int:
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = NOWHERE) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        """Return what a cell shows in a role."""
        if not index.isValid():
            return None
        entry, cell = self._rows[index.row()], self._columns[index.column()]
        if role in (Role.DisplayRole, Role.EditRole):
            return cell.text(entry) if cell.text else None
        if role == Role.ToolTipRole:
            return hint(cell.tip(entry))
        if role == Role.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if cell.right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return _mark(entry, cell, role)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole) -> Any:
        """Return a column's title."""
        if orientation == Qt.Orientation.Horizontal and role == Role.DisplayRole:
            return self._columns[section].title
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Return what can be done with a cell."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        entry, cell = self._rows[index.row()], self._columns[index.column()]
        flags = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
        if cell.enabled is not None and not cell.enabled(entry):
            flags = Qt.ItemFlag.ItemIsSelectable
        if cell.checked is not None and cell.checked(entry) is not None:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags | Qt.ItemFlag.ItemIsEditable if cell.editable else flags

    def setData(self, index: QModelIndex, value: Any, role: int = Role.EditRole) -> bool:
        """Ask the owner for a change; what is shown changes when the owner shows it."""
        key = self.key_at(index.row())
        if role == Role.CheckStateRole:
            self.check_clicked.emit(key, index.column(), Qt.CheckState(value) == Qt.CheckState.Checked)
            return True
        text = str(value).strip()
        if role == Role.EditRole and text and text != self.data(index):
            self.text_edited.emit(key, text)
            return True
        return False


def _mark(entry: Any, cell: Column[Any], role: int) -> Any:
    """Return the colour patch or the check box of a cell."""
    if role == Role.DecorationRole and cell.color is not None:
        color = cell.color(entry)
        return None if color is None else QColor(*color)
    if role == Role.CheckStateRole and cell.checked is not None:
        checked = cell.checked(entry)
        return None if checked is None else (Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
    return None
