"""What is asked before references are saved as a pack: what others should know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QLineEdit, QVBoxLayout

from napari_gfsam.widgets.ask import ask_new_file
from napari_gfsam.widgets.parts import GAP, add_row, button, equal_row, form, hint, label

if TYPE_CHECKING:
    from pathlib import Path

    from qtpy.QtWidgets import QWidget

INTRO = (
    "One file with the painted pictures, their classes and what the model sees in them: drag it into another window, "
    "give it to the command line, or pass it on."
)
TITLE, AUTHOR = "What it is, in a few words", "Whom to name"
LICENCE = "Under which others may use the pictures and the paint, such as CC-BY-4.0"


class PackDialog(QDialog):
    """Asks for title, author and licence, then for the file."""

    #: A person wants the pack written: where (pathlib.Path), what is said of it (io.packs.PackAbout).
    save_requested = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Save as pack")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._title, self._author, self._licence = _line(TITLE), _line(AUTHOR), _line(LICENCE)
        self._save, self._cancel = button("Save…", "Choose the file"), button("Cancel", "Save nothing")
        fields = form()
        for name, line in (("Title", self._title), ("Author", self._author), ("Licence", self._licence)):
            add_row(fields, name, line)
        layout = QVBoxLayout(self)
        layout.setSpacing(2 * GAP)
        layout.addWidget(label(INTRO, "What a pack is"))
        layout.addLayout(fields)
        layout.addLayout(equal_row(self._cancel, self._save))
        self._save.setDefault(True)
        self._save.clicked.connect(self._ask_where)
        self._cancel.clicked.connect(self.reject)

    def _ask_where(self) -> None:
        from napari_gfsam.io.packs import SUFFIX  # a window opens without what reads and writes packs

        ask_new_file(self, "Where to save the pack", f"Exemplar packs (*{SUFFIX})", SUFFIX, self._take)

    def _take(self, path: Path) -> None:
        from napari_gfsam.io.packs import PackAbout

        about = PackAbout(self._title.text(), "", self._author.text(), self._licence.text())
        self.save_requested.emit(path, about)
        self.accept()


def _line(tip: str) -> QLineEdit:
    made = QLineEdit()
    made.setToolTip(hint(tip))
    return made
