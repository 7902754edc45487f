"""What is asked before labels are exported: which, as what, where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QVBoxLayout

from napari_gfsam.widgets.ask import ask_folder
from napari_gfsam.widgets.parts import GAP, add_row, button, combo_box, equal_row, fill, form, label, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qtpy.QtWidgets import QWidget

    from napari_gfsam.widgets.data import Choice

FORMAT = "How the labels are written"
SCOPE = "Which labels are written"
LOSSES = "What this format cannot hold"
WIDTH = 420


class ExportDialog(QDialog):
    """Asks for format and targets, then for the folder."""

    #: A person wants labels written: format (str), which (str), folder (pathlib.Path).
    export_requested = Signal(str, str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export labels")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._losses: dict[str, str] = {}
        self._format, self._scope = combo_box(FORMAT), combo_box(SCOPE)
        self._note = label(tip=LOSSES, muted=True)
        self._cancel, self._choose = button("Cancel", "Export nothing"), button("Choose folder…", "Where the files go")
        self._choose.setDefault(True)
        fields = form()
        add_row(fields, "Format", self._format)
        add_row(fields, "Labels of", self._scope)
        layout = QVBoxLayout(self)
        layout.setSpacing(2 * GAP)
        layout.addLayout(fields)
        layout.addWidget(self._note)
        layout.addLayout(equal_row(self._cancel, self._choose))
        self._format.currentIndexChanged.connect(self._show_losses)
        self._choose.clicked.connect(self._ask_where)
        self._cancel.clicked.connect(self.reject)
        self.resize(WIDTH, 0)

    def show_formats(self, formats: Sequence[Choice]) -> None:
        """Show the formats and choose the first; the tip of each says what it cannot hold."""
        self._losses = {choice.value: choice.tip for choice in formats}
        fill(self._format, formats, formats[0].value if formats else None)
        self._show_losses()

    def show_scopes(self, scopes: Sequence[Choice]) -> None:
        """Show what can be written and choose the first."""
        fill(self._scope, scopes, scopes[0].value if scopes else None)
        self._fit()

    def _show_losses(self) -> None:
        say(self._note, self._losses.get(self._format.currentData(), ""))
        self._fit()

    def _fit(self) -> None:
        """Make the dialog as high as what is in it needs."""
        self.resize(self.width(), self.heightForWidth(self.width()))

    def _ask_where(self) -> None:
        ask_folder(self, "Where to write the labels", self._take)

    def _take(self, folder: Path) -> None:
        self.export_requested.emit(self._format.currentData(), self._scope.currentData(), folder)
        self.accept()
