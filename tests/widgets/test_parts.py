from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget

from napari_gfsam.session.types import TargetState
from napari_gfsam.widgets.amounts import say_bytes, say_count, say_seconds
from napari_gfsam.widgets.data import Choice
from napari_gfsam.widgets.next_step import NextStep
from napari_gfsam.widgets.notice import Notice
from napari_gfsam.widgets.parts import button, check_box, combo_box, fill, hint, label, scrolled, spin_box
from napari_gfsam.widgets.section import Section
from tests.widgets.hands import LEFT, click, heard, show

pytestmark = pytest.mark.gui
MARKUP = "<b>cells</b> & <img src=x>"


def stack(*parts: QWidget) -> QWidget:
    made = QWidget()
    layout = QVBoxLayout(made)
    for part in parts:
        layout.addWidget(part)
    return made


def test_a_hint_wraps_names_its_key_and_shows_markup_as_text():
    assert hint("Accept", "K") == "<qt>Accept (K)</qt>"
    assert hint(MARKUP) == "<qt>&lt;b&gt;cells&lt;/b&gt; &amp; &lt;img src=x&gt;</qt>"
    assert hint("") == ""


def test_a_label_shows_markup_as_text(qtbot):
    made = label(MARKUP)
    qtbot.addWidget(made)
    assert made.text() == MARKUP
    assert made.textFormat() == Qt.TextFormat.PlainText


def test_a_click_leaves_the_keyboard_where_it_was(qtbot):
    line = QLineEdit()
    box = combo_box("A choice")
    fill(box, [Choice("1", "one")], "1")
    window = show(qtbot, stack(line, button("Go", "Go on"), check_box("On", "Switch it on"), box))
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    click(qtbot, window, "Go")
    click(qtbot, window, "On")
    assert line.hasFocus()


def test_all_controls_can_be_reached_with_the_tab_key(qtbot):
    parts = [button("Go", "Go on"), check_box("On", "Switch it on"), combo_box("A choice"), spin_box(0, 9, "A number")]
    window = show(qtbot, stack(QLineEdit(), *parts))
    line = window.findChild(QLineEdit)
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    reached = []
    for _ in parts:
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        reached.append(QApplication.focusWidget())
    assert reached == parts


def turn_wheel(widget: QWidget) -> bool:
    """Turn the wheel over a widget; return whether the widget used it (if not, Qt hands it to the scroll area)."""
    middle = QPointF(widget.rect().center())
    event = QWheelEvent(
        middle,
        widget.mapToGlobal(middle),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def test_the_wheel_changes_only_what_has_the_keyboard(qtbot):
    number, choice = spin_box(0, 9, "A number"), combo_box("A choice")
    fill(choice, [Choice(str(place), f"choice {place}") for place in range(5)], "0")
    first = QLineEdit()
    area = show(qtbot, scrolled(stack(first, number, choice)))
    first.setFocus()
    assert not turn_wheel(number)
    assert not turn_wheel(choice)
    assert (number.value(), choice.currentIndex()) == (0, 0)
    qtbot.mouseClick(number, LEFT)
    qtbot.waitUntil(number.hasFocus)
    number.setValue(5)
    assert turn_wheel(number)
    assert number.value() == 4
    assert area.horizontalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAlwaysOff


def test_filling_a_combo_box_is_silent(qtbot):
    box = combo_box("A choice", "Choose…")
    qtbot.addWidget(box)
    with heard(box.currentIndexChanged, box.activated) as got:
        fill(box, [Choice("a", "one"), Choice("b", MARKUP)], "b")
    assert got == []
    assert box.currentData() == "b"
    assert "<img" not in box.itemData(1, Qt.ItemDataRole.ToolTipRole)
    fill(box, [Choice("a", "one")], "gone")
    assert box.currentIndex() == -1


def test_words_of_an_enumeration_can_be_values(qtbot):
    box = combo_box("A choice")
    qtbot.addWidget(box)
    fill(box, [Choice(state, state.name) for state in TargetState], TargetState.SKIPPED)
    assert TargetState(box.currentData()) is TargetState.SKIPPED


def test_filling_with_the_same_leaves_an_open_list_open(qtbot):
    choices = [Choice("a", "one"), Choice("b", "two")]
    box = combo_box("A choice")
    window = show(qtbot, stack(box))
    fill(box, choices, "a")
    qtbot.mouseClick(box, LEFT)
    qtbot.waitUntil(box.view().isVisible)
    fill(box, choices, "a")
    assert box.view().isVisible()
    box.hidePopup()
    window.close()


def test_a_section_folds_by_click_and_by_key(qtbot):
    content = label("inside")
    section = show(qtbot, Section("References", content, "Painted pictures", folded=True))
    assert content.isHidden()
    with heard(section.toggled) as got:
        click(qtbot, section, "References")
        assert content.isVisible()
        section._head.setFocus()
        qtbot.keyClick(section._head, Qt.Key.Key_Space)
    assert got == [(True,), (False,)]
    assert not section.is_open


def test_setting_a_section_is_silent(qtbot):
    section = show(qtbot, Section("Advanced", label("inside"), "Rarely needed", folded=True))
    with heard(section.toggled) as got:
        section.set_open(True)
    assert got == []
    assert section.is_open


def test_a_notice_hides_without_a_sentence(qtbot):
    notice = Notice("What is wrong", "Zoom", "Show the place")
    window = show(qtbot, stack(notice, label("below")))
    assert notice.isHidden()
    notice.show_text(MARKUP)
    assert notice.isVisible()
    with heard(notice.action_requested) as got:
        click(qtbot, window, "Zoom")
    assert got == [()]
    notice.show_text("")
    assert notice.isHidden()


def test_a_problem_stands_under_the_next_step_until_it_is_read(qtbot):
    panel = show(qtbot, NextStep())
    panel.show_step("Press Run (R).")
    panel.show_problem("The plane t 7 has no finite value.")
    with heard(panel.problem_dismissed) as got:
        click(qtbot, panel, "OK")
    assert got == [()]
    assert panel.findChild(Notice).isHidden()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a few seconds"),
        (9.9, "a few seconds"),
        (14, "about 10 s"),
        (53, "about 50 s"),
        (54, "about 1 min"),
        (95, "about 2 min"),
        (3400, "about 57 min"),
        (3569, "about 59 min"),
        (3570, "about 1.0 h"),
        (9000, "about 2.5 h"),
    ],
)
def test_times_are_said_as_people_say_them(seconds, words):
    assert say_seconds(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "under 1 MB"), (120 * 2**20, "120 MB"), (2**30, "1 GB"), (5 * 2**29, "2.5 GB"), (200 * 2**30, "200 GB")],
)
def test_sizes_are_said_as_people_say_them(size, words):
    assert say_bytes(size) == words


def test_counts_have_their_plural():
    assert [say_count(number, "target") for number in (0, 1, 2)] == ["0 targets", "1 target", "2 targets"]
