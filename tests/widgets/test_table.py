from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from napari_gfsam.widgets.rows import Column
from napari_gfsam.widgets.table import Table
from tests.widgets.hands import click_cell, double_click_cell, heard, show

pytestmark = pytest.mark.gui


@dataclass(frozen=True)
class Fruit:
    id: int
    name: str
    ripe: bool = False
    sold_out: bool = False


FRUIT = (Fruit(1, "apple"), Fruit(2, "pear", ripe=True), Fruit(3, "plum", sold_out=True))
COLUMNS = (
    Column(lambda fruit: "Ripe?", "Ripe", checked=lambda fruit: fruit.ripe, enabled=lambda f: not f.sold_out),
    Column(lambda fruit: fruit.name, "Name", text=lambda fruit: fruit.name, editable=True, stretch=True),
    Column(lambda fruit: "Colour", color=lambda fruit: (fruit.id, 0, 0)),
)


@pytest.fixture
def table(qtbot) -> Table:
    made = show(qtbot, Table(lambda fruit: fruit.id, COLUMNS, "No fruit", rows=(2, 5)))
    made.show_rows(FRUIT)
    return made


def shown(table: Table, column: int = 1) -> list[str]:
    model = table.model()
    return [model.index(place, column).data() for place in range(model.rowCount())]


def test_a_click_on_a_box_asks_and_changes_nothing_by_itself(qtbot, table):
    with heard(table.check_clicked) as got:
        click_cell(qtbot, table, 0, 0)
        click_cell(qtbot, table, 1, 0)
    assert got == [(1, 0, True), (2, 0, False)]
    assert not table._rows._rows[0].ripe


def test_a_right_click_and_a_row_that_is_off_ask_for_nothing(qtbot, table):
    with heard(table.check_clicked) as got:
        click_cell(qtbot, table, 2, 0)
        qtbot.mouseClick(
            table.viewport(), Qt.MouseButton.RightButton, pos=table.visualRect(table._rows.index(0, 0)).center()
        )
    assert got == []


def test_arrows_choose_and_space_toggles(qtbot, table):
    with heard(table.chosen, table.check_clicked) as got:
        table.setFocus()
        qtbot.keyClick(table, Qt.Key.Key_Down)
        qtbot.keyClick(table, Qt.Key.Key_Down)
        qtbot.keyClick(table, Qt.Key.Key_Space)
    assert got == [(1,), (2,), (2, 0, False)]


def test_enter_opens_and_delete_asks(qtbot, table):
    table.show_rows(FRUIT, 2)
    with heard(table.opened, table.delete_pressed) as got:
        qtbot.keyClick(table, Qt.Key.Key_Return)
        qtbot.keyClick(table, Qt.Key.Key_Delete)
    assert got == [(2, 0), (2,)]


def test_a_double_click_edits_a_name_and_the_owner_decides(qtbot, table):
    with heard(table.text_edited) as got:
        double_click_cell(qtbot, table, 0, 1)
        editor = table.viewport().findChild(QLineEdit)
        qtbot.keyClicks(editor, "  fig ")
        qtbot.keyClick(editor, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: bool(got))
    assert got == [(1, "fig")]
    assert shown(table) == ["apple", "pear", "plum"]
    table.show_rows((replace(FRUIT[0], name="fig"), *FRUIT[1:]))
    assert shown(table) == ["fig", "pear", "plum"]


@pytest.mark.parametrize("typed", ["", "   ", "apple"])
def test_an_empty_or_unchanged_name_asks_for_nothing(qtbot, table, typed):
    with heard(table.text_edited) as got:
        assert not table.model().setData(table.model().index(0, 1), typed)
    assert got == []


def test_showing_rows_is_silent_and_keeps_the_choice(qtbot, table):
    with heard(table.chosen, table.check_clicked) as got:
        table.show_rows(FRUIT, 2)
        assert table.chosen_key == 2
        table.show_rows((Fruit(9, "quince"), *FRUIT))
        assert table.chosen_key == 2
        assert table.currentIndex().row() == 2
        table.show_rows(FRUIT[:1])
        assert table.chosen_key is None
    assert got == []


def test_a_changed_row_leaves_an_open_editor_alone(qtbot, table):
    double_click_cell(qtbot, table, 0, 1)
    table.show_rows((*FRUIT[:2], replace(FRUIT[2], name="cherry")))
    assert table.viewport().findChild(QLineEdit) is not None
    assert shown(table)[2] == "cherry"


def test_a_new_order_leaves_the_list_where_it_was_scrolled(qtbot, table):
    many = tuple(Fruit(number, f"fruit {number}") for number in range(500))
    table.show_rows(many, 3)
    table.verticalScrollBar().setValue(5000)
    table.show_rows(tuple(reversed(many)))
    assert table.verticalScrollBar().value() == 5000
    assert table.chosen_key == 3
    table.show_rows(many, 0)
    assert table.verticalScrollBar().value() == 0


def test_height_follows_the_rows_within_limits(qtbot, table):
    header = table.horizontalHeader().sizeHint().height()
    heights = []
    for count in (0, 2, 4, 5, 90):
        table.show_rows([Fruit(number, "x") for number in range(count)])
        heights.append((table.sizeHint().height() - header) // 24)
    assert heights == [2, 2, 4, 5, 5]


class Window(QWidget):
    """Hears the keys that its children do not use."""

    def __init__(self, *parts: QWidget) -> None:
        super().__init__()
        self.keys: list[str] = []
        layout = QVBoxLayout(self)
        for part in parts:
            layout.addWidget(part)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.keys.append(event.text())


def test_letters_go_to_the_window_whose_shortcuts_they_are(qtbot):
    table = Table(lambda fruit: fruit.id, COLUMNS, "No fruit")
    window = show(qtbot, Window(table))
    table.show_rows(FRUIT, 1)
    table.setFocus()
    for key in "knp":
        qtbot.keyClick(table, key)
    assert window.keys == ["k", "n", "p"]
    assert table.chosen_key == 1


def test_letters_stay_in_an_open_editor(qtbot):
    table = Table(lambda fruit: fruit.id, COLUMNS, "No fruit")
    window = show(qtbot, Window(table))
    table.show_rows(FRUIT, 1)
    double_click_cell(qtbot, table, 0, 1)
    qtbot.keyClicks(table.viewport().findChild(QLineEdit), "kn")
    assert window.keys == []


def test_modified_keys_are_not_the_table_s(qtbot, table):
    table.show_rows(FRUIT, 2)
    event = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    table.keyPressEvent(event)
    assert not event.isAccepted()


def test_every_cell_has_its_tip(table):
    model = table.model()
    tips = [model.index(0, column).data(Qt.ItemDataRole.ToolTipRole) for column in range(3)]
    assert tips == ["<qt>Ripe?</qt>", "<qt>apple</qt>", "<qt>Colour</qt>"]
