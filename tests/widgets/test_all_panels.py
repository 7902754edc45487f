"""What holds for every panel: tips, width, theme, plain construction."""

from __future__ import annotations

import subprocess
import sys

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QProgressBar,
    QTabBar,
    QWidget,
)

from napari_gfsam.widgets.table import Table
from tests.widgets import gallery
from tests.widgets.hands import show

pytestmark = pytest.mark.gui
CONTROLS = (QAbstractButton, QAbstractSpinBox, QComboBox, QProgressBar, QTabBar, Table)
#: A dock of 330 pixels less its margins and a scroll bar.
ROOM = 305


def is_inner(widget: QWidget) -> bool:
    """Tell whether a widget is a part of a control (the corner of a table, the list of a combo box)."""
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, (QAbstractSpinBox, QComboBox, QTabBar, Table)):
            return True
        parent = parent.parentWidget()
    return False


def controls(panel: QWidget) -> list[QWidget]:
    found = [panel] if isinstance(panel, CONTROLS) else []
    return found + [part for part in panel.findChildren(QWidget) if isinstance(part, CONTROLS) and not is_inner(part)]


@pytest.mark.parametrize("name", gallery.PANELS)
def test_every_control_and_every_line_has_a_tip(qtbot, name):
    panel = gallery.PANELS[name]()
    qtbot.addWidget(panel)
    labels = [part for part in panel.findChildren(QLabel) if part.text() and not is_inner(part)]
    named = [part for part in labels if not part.toolTip()]
    assert [part for part in controls(panel) if not part.toolTip()] == []
    assert [part.text() for part in named] == []


@pytest.mark.parametrize("name", gallery.PANELS)
def test_every_cell_of_a_list_has_a_tip(qtbot, name):
    panel = gallery.PANELS[name]()
    qtbot.addWidget(panel)
    for table in panel.findChildren(Table):
        model = table.model()
        for place in range(model.rowCount()):
            for column in range(model.columnCount()):
                assert model.index(place, column).data(Qt.ItemDataRole.ToolTipRole), (place, column)


@pytest.mark.parametrize("name", gallery.PANELS)
def test_no_panel_has_a_style_of_its_own(qtbot, name):
    panel = gallery.PANELS[name]()
    qtbot.addWidget(panel)
    assert [part for part in (panel, *panel.findChildren(QWidget)) if part.styleSheet()] == []


@pytest.mark.parametrize("name", gallery.PANELS)
def test_every_control_can_be_reached_with_the_keyboard(qtbot, name):
    panel = show(qtbot, gallery.PANELS[name]())
    usable = {part for part in controls(panel) if part.isVisible() and part.isEnabled()} - set(
        panel.findChildren(QProgressBar)
    )
    reached, part = set(), panel
    for _ in range(200):
        part = part.nextInFocusChain()
        if part.focusPolicy() & Qt.FocusPolicy.TabFocus:
            reached.add(part)
    assert usable <= reached


@pytest.mark.parametrize("name", gallery.PANELS)
def test_a_panel_goes_with_all_its_parts(qtbot, name):
    panel = show(qtbot, gallery.PANELS[name]())
    panel.hide()
    panel.show()
    panel.close()  # the fixture no_leaks looks for what is left


def test_an_empty_panel_can_be_shown_before_anything_is_known(qtbot):
    for make in gallery.PANELS.values():
        panel = type(make())()
        qtbot.addWidget(panel)
        panel.grab()


def test_the_panels_need_neither_torch_nor_napari():
    code = (
        "import sys, pkgutil, importlib, napari_gfsam.widgets as w\n"
        f"for name in {sorted(gallery.MODULES)!r}: importlib.import_module('napari_gfsam.widgets.' + name)\n"
        "print([name for name in ('torch', 'napari', 'superqt', 'timm') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
