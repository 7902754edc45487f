"""The small things that every panel is made of. A text from outside (a layer's name) never becomes markup."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, TypeVar

from qtpy.QtCore import QEvent, QObject, QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QGraphicsOpacityEffect,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_gfsam.widgets.data import Choice

Button = TypeVar("Button", bound=QAbstractButton)
Spin = TypeVar("Spin", bound=QAbstractSpinBox)
GAP = 4
NAME_WIDTH = 80
MUTED_OPACITY = 0.7
#: Where a line may be broken though there is no space; takes no room.
BREAK = "\u200b"
#: Words in which it may, and the places in them: after what joins the parts of a name, and in long parts.
LONG_WORD = re.compile(r"\S{20,}")
PLACES = re.compile(r"[_\-./\\](?=\w)|[^\s_\-./\\]{12}(?=[^\W_])")


def hint(text: str, key: str = "") -> str:
    """Return a tooltip that wraps its lines, with its key in brackets."""
    return f"<qt>{escape(with_key(text, key))}</qt>" if text else ""


def with_key(text: str, key: str) -> str:
    """Return a text with its key in brackets, where it has one."""
    return f"{text} ({key})" if key else text


def button(text: str, tip: str, key: str = "", *, checkable: bool = False) -> QPushButton:
    """Return a push button that names its key; a click on it leaves the keyboard where it was."""
    made = QPushButton(with_key(text, key))
    made.setCheckable(checkable)
    return _dressed(made, tip, key)


def check_box(text: str, tip: str) -> QCheckBox:
    """Return a check box; a click on it leaves the keyboard where it was."""
    return _dressed(QCheckBox(text), tip, "")


def _dressed(made: Button, tip: str, key: str) -> Button:
    made.setToolTip(hint(tip, key))
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return made


def label(text: str = "", tip: str = "", *, wrap: bool = True, muted: bool = False) -> QLabel:
    """Return a label for plain text; one that wraps is as narrow as its column."""
    made = Sentence() if wrap else QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    made.setToolTip(hint(tip))
    if muted:
        effect = QGraphicsOpacityEffect(made)
        effect.setOpacity(MUTED_OPACITY)
        made.setGraphicsEffect(effect)
    return made


class Sentence(QLabel):
    """A text that wraps, also within a long name; Qt would make it as wide as the longest word."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setMinimumWidth(1)

    def setText(self, text: str | None) -> None:
        """Show a text."""
        plain = self.textFormat() == Qt.TextFormat.PlainText
        super().setText(breakable(text or "") if plain else text)

    def text(self) -> str:
        """Return the text as it was given."""
        return super().text().replace(BREAK, "")


def breakable(text: str) -> str:
    """Return a text that has places to break in its long words."""
    return LONG_WORD.sub(lambda word: PLACES.sub(lambda place: place[0] + BREAK, word[0]), text)


def say(where: QLabel, text: str) -> None:
    """Show a sentence in a label, or hide the label where there is none to show."""
    where.setText(text)
    where.setVisible(bool(text))


def combo_box(tip: str, placeholder: str = "") -> QComboBox:
    """Return a combo box as narrow as its column; after a choice the keyboard is where it was."""
    made = QComboBox()
    made.setToolTip(hint(tip))
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    made.setPlaceholderText(placeholder)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(6)
    return made


def fill(box: QComboBox, choices: Iterable[Choice], value: str | None) -> None:
    """Give a combo box its entries and choose one (none for a value that is not there), without a signal.

    The same entries again leave an open list open.
    """
    wanted = [(choice.text, choice.value, hint(choice.tip or choice.text)) for choice in choices]
    roles = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.UserRole, Qt.ItemDataRole.ToolTipRole)
    with QSignalBlocker(box):
        if wanted != [tuple(box.itemData(place, role) for role in roles) for place in range(box.count())]:
            box.clear()
            for place, (text, data, tip) in enumerate(wanted):
                box.addItem(text, data)
                box.setItemData(place, tip, Qt.ItemDataRole.ToolTipRole)
        box.setCurrentIndex(box.findData(value))


def take(box: QComboBox, place: int) -> str:
    """Return the value of an entry that a person chose and show the placeholder again, without a signal."""
    with QSignalBlocker(box):
        box.setCurrentIndex(-1)
    return str(box.itemData(place))


def spin_box(low: int, high: int, tip: str, prefix: str = "", suffix: str = "") -> QSpinBox:
    """Return a spin box."""
    made = QSpinBox()
    made.setRange(low, high)
    made.setPrefix(prefix)
    made.setSuffix(suffix)
    made.setToolTip(hint(tip))
    return by_click(made)


def by_click(made: Spin) -> Spin:
    """Give a spin box the keyboard by a click, never by the wheel, and let it speak when the number is finished."""
    made.setKeyboardTracking(False)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return made


def show_number(box: QSpinBox, value: int, most: int) -> None:
    """Show a number and how large it may be, without a signal; the same again leaves a half-typed one alone."""
    if (box.value(), box.maximum()) != (value, most):
        with QSignalBlocker(box):
            box.setMaximum(most)
            box.setValue(value)


def column(parent: QWidget | None = None) -> QVBoxLayout:
    """Return a layout from top to bottom with the panels' distances."""
    made = QVBoxLayout(parent) if parent is not None else QVBoxLayout()
    made.setContentsMargins(0, 0, 0, 0)
    made.setSpacing(GAP)
    return made


def row(*parts: QWidget, parent: QWidget | None = None, stretch: int = -1) -> QHBoxLayout:
    """Return widgets side by side; the one at `stretch` takes the free space."""
    made = QHBoxLayout(parent) if parent is not None else QHBoxLayout()
    made.setContentsMargins(0, 0, 0, 0)
    made.setSpacing(GAP)
    for place, part in enumerate(parts):
        made.addWidget(part, 1 if place == stretch else 0)
    if not 0 <= stretch < len(parts):
        made.addStretch(0)
    return made


def equal_row(*parts: QWidget) -> QHBoxLayout:
    """Return widgets side by side, all equally wide."""
    made = row(*parts, stretch=0)
    for place in range(len(parts)):
        made.setStretch(place, 1)
    return made


def form(parent: QWidget | None = None) -> QFormLayout:
    """Return a layout of named controls; the names of all such layouts are equally wide."""
    made = QFormLayout(parent) if parent is not None else QFormLayout()
    made.setContentsMargins(0, 0, 0, 0)
    made.setSpacing(GAP)
    return made


def add_row(where: QFormLayout, name: str, control: QWidget) -> None:
    """Add a control with its name."""
    made = label(name, wrap=False)
    made.setMinimumWidth(NAME_WIDTH)
    made.setToolTip(control.toolTip())
    made.setBuddy(control)
    where.addRow(made, control)


class QuietWheel(QObject):
    """Lets the wheel scroll the panel, not change a number or a choice that the pointer happens to pass."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hand the wheel on to the scroll area unless the control has the keyboard."""
        if event is None or event.type() != QEvent.Type.Wheel or not isinstance(watched, QWidget):
            return False
        event.ignore()
        return not watched.hasFocus()


def scrolled(content: QWidget) -> QScrollArea:
    """Return a scroll area that only ever scrolls up and down."""
    area = QScrollArea()
    area.setWidget(content)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    quiet = QuietWheel(area)
    for control in (*content.findChildren(QComboBox), *content.findChildren(QAbstractSpinBox)):
        control.installEventFilter(quiet)
    return area
