"""Questions in a dialog that does not stop the event loop; the answer comes by a call, no answer by none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QDialog, QFileDialog, QMessageBox, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_gfsam.imaging.colors import Rgb


def ask_folder(parent: QWidget, title: str, answer: Callable[[Path], None]) -> QFileDialog:
    """Ask for a folder."""
    dialog = QFileDialog(parent, title)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    return _ask_path(dialog, answer)


def ask_file(parent: QWidget, title: str, kinds: str, answer: Callable[[Path], None]) -> QFileDialog:
    """Ask for an existing file; `kinds` as Qt writes them: ``Weights (*.pth *.safetensors)``."""
    dialog = QFileDialog(parent, title, "", kinds)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    return _ask_path(dialog, answer)


def ask_new_file(parent: QWidget, title: str, kinds: str, suffix: str, answer: Callable[[Path], None]) -> QFileDialog:
    """Ask where a file is to be written, with a question before one is replaced; `suffix` is added where it lacks."""
    dialog = QFileDialog(parent, title, "", kinds)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setFileMode(QFileDialog.FileMode.AnyFile)
    dialog.setDefaultSuffix(suffix.lstrip("."))
    return _ask_path(dialog, answer)


def ask_color(parent: QWidget, title: str, now: Rgb, answer: Callable[[Rgb], None]) -> QColorDialog:
    """Ask for a colour."""

    def hand_on(color: QColor) -> None:
        answer((color.red(), color.green(), color.blue()))

    dialog = QColorDialog(QColor(*now), parent)
    dialog.setWindowTitle(title)
    dialog.colorSelected.connect(hand_on)
    _open(dialog)
    return dialog


def ask_consent(parent: QWidget, question: str, consent: str, answer: Callable[[], None]) -> QMessageBox:
    """Ask before something that cannot be undone; `consent` is the text of the button that does it."""

    def hand_on() -> None:
        answer()

    dialog = QMessageBox(QMessageBox.Icon.Warning, "", question, QMessageBox.StandardButton.Cancel, parent)
    dialog.setTextFormat(Qt.TextFormat.PlainText)
    agree = dialog.addButton(consent, QMessageBox.ButtonRole.AcceptRole)
    dialog.setDefaultButton(QMessageBox.StandardButton.Cancel)
    if agree is not None:
        agree.clicked.connect(hand_on)
    _open(dialog)
    return dialog


def _ask_path(dialog: QFileDialog, answer: Callable[[Path], None]) -> QFileDialog:
    def hand_on(name: str) -> None:
        answer(Path(name))

    dialog.fileSelected.connect(hand_on)
    _open(dialog)
    return dialog


def _open(dialog: QDialog) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
