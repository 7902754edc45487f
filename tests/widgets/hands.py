"""What a person does with mouse and keyboard."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QAbstractButton

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qtpy.QtWidgets import QComboBox, QWidget

    from napari_gfsam.widgets.table import Table

LEFT = Qt.MouseButton.LeftButton


def show(qtbot: Any, panel: QWidget, width: int = 305) -> Any:
    """Show a panel in a window of its own and wait until it has the keyboard."""
    qtbot.addWidget(panel)
    panel.resize(width, max(panel.sizeHint().height(), 60))
    with qtbot.waitActive(panel):
        panel.show()
        panel.activateWindow()
    return panel


def click(qtbot: Any, panel: QWidget, text: str) -> None:
    """Click the button whose text begins like this."""
    qtbot.mouseClick(button(panel, text), LEFT)


def button(panel: QWidget, text: str) -> Any:
    """Return the button whose text begins like this."""
    found = [made for made in panel.findChildren(QAbstractButton) if made.text().startswith(text)]
    assert len(found) == 1, [made.text() for made in panel.findChildren(QAbstractButton)]
    return found[0]


def cell(table: Table, place: int, column: int) -> QPoint:
    """Return the middle of a cell."""
    return table.visualRect(table.model().index(place, column)).center()


def click_cell(qtbot: Any, table: Table, place: int, column: int) -> None:
    """Click into a cell."""
    qtbot.mouseClick(table.viewport(), LEFT, pos=cell(table, place, column))


def double_click_cell(qtbot: Any, table: Table, place: int, column: int) -> None:
    """Double-click into a cell, as a window system reports it: press, release, double press, release."""
    point = cell(table, place, column)
    qtbot.mouseClick(table.viewport(), LEFT, pos=point)
    qtbot.mouseDClick(table.viewport(), LEFT, pos=point)


@contextmanager
def heard(*signals: Any) -> Iterator[list[tuple[Any, ...]]]:
    """Collect what signals carry, one list for all of them."""
    got: list[tuple[Any, ...]] = []

    def hear(*values: Any) -> None:
        got.append(values)

    for signal in signals:
        signal.connect(hear)
    yield got
    for signal in signals:
        signal.disconnect(hear)


def choose(qtbot: Any, box: QComboBox, place: int) -> None:
    """Open a combo box by a click and choose an entry with the keyboard."""
    qtbot.mouseClick(box, LEFT)
    view = box.view()
    qtbot.waitUntil(view.isVisible)
    view.setCurrentIndex(box.model().index(place, 0))
    qtbot.keyClick(view, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not view.isVisible())
