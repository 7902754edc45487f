"""How a cell is drawn: text as Qt does it, check boxes and colour patches in the middle of a cell of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QModelIndex, QRect, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QMouseEvent, QPainter, QPalette
from qtpy.QtWidgets import QCheckBox, QStyle, QStyledItemDelegate, QStyleOptionButton, QStyleOptionViewItem, QWidget

if TYPE_CHECKING:
    from qtpy.QtCore import QAbstractItemModel

Role = Qt.ItemDataRole
ROW_HEIGHT = 24
MARK_WIDTH = 26
BOX = 16
PATCH = 12
PAD = 6


class CellDelegate(QStyledItemDelegate):
    """Draws check boxes as the theme draws them elsewhere (Qt's own would keep the desktop's colours)."""

    def __init__(self, view: QWidget) -> None:
        super().__init__(view)
        self._box = QCheckBox(view)
        self._box.hide()

    def initStyleOption(self, option: QStyleOptionViewItem | None, index: QModelIndex) -> None:
        """Leave the marks to `paint`, and the focus frame to the row's selection."""
        if option is None:
            return
        super().initStyleOption(option, index)
        option.state &= ~QStyle.StateFlag.State_HasFocus
        marks = QStyleOptionViewItem.ViewItemFeature
        option.features &= ~(marks.HasCheckIndicator | marks.HasDecoration)
        option.icon = QIcon()

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw the cell's ground and text, then its check box or patch."""
        super().paint(painter, option, index)
        if painter is None:
            return
        checked, color = index.data(Role.CheckStateRole), index.data(Role.DecorationRole)
        if checked is not None:
            self._draw_box(painter, option, on=Qt.CheckState(checked) == Qt.CheckState.Checked)
        elif color is not None:
            _draw_patch(painter, option, color)

    def _draw_box(self, painter: QPainter, option: QStyleOptionViewItem, *, on: bool) -> None:
        style = self._box.style()
        if style is None:
            return
        box = QStyleOptionButton()
        box.rect = _centred(option.rect, BOX)
        box.palette = option.palette
        box.state = QStyle.StateFlag.State_On if on else QStyle.StateFlag.State_Off
        box.state |= option.state & QStyle.StateFlag.State_Enabled
        style.drawPrimitive(QStyle.PrimitiveElement.PE_IndicatorCheckBox, box, painter, self._box)

    def editorEvent(
        self, event: QEvent | None, model: QAbstractItemModel | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> bool:
        """Toggle a check box by a click into its cell."""
        if not isinstance(event, QMouseEvent) or model is None or index.data(Role.CheckStateRole) is None:
            return super().editorEvent(event, model, option, index)
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        return event.type() == QEvent.Type.MouseButtonRelease and toggle(model, index)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """Return a cell's wish: its text with some room, or its mark."""
        text = index.data(Role.DisplayRole)
        return QSize(MARK_WIDTH if text is None else option.fontMetrics.horizontalAdvance(text) + 2 * PAD, ROW_HEIGHT)


def toggle(model: QAbstractItemModel, index: QModelIndex) -> bool:
    """Ask for the other state of a cell's check box; return whether it has one that can be used."""
    state, flags = index.data(Role.CheckStateRole), model.flags(index)
    usable = Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled
    if state is None or flags & usable != usable:
        return False
    checked = Qt.CheckState(state) == Qt.CheckState.Checked
    wanted = Qt.CheckState.Unchecked if checked else Qt.CheckState.Checked
    return model.setData(index, wanted, Role.CheckStateRole)


def _draw_patch(painter: QPainter, option: QStyleOptionViewItem, color: QColor) -> None:
    """Draw a patch with a thin frame of the text's colour, so that black and white show on any ground."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    frame = QColor(option.palette.color(QPalette.ColorRole.Text))
    frame.setAlpha(120)
    painter.setPen(frame)
    painter.setBrush(color)
    painter.drawRoundedRect(_centred(option.rect, PATCH), 2, 2)
    painter.restore()


def _centred(cell: QRect, side: int) -> QRect:
    return QRect(cell.center().x() - side // 2 + 1, cell.center().y() - side // 2 + 1, side, side)
