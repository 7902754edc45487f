"""Models that are not on this machine: size and licence before a download, progress and Cancel during it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QWidget

from napari_gfsam.widgets.parts import GAP, button, column, equal_row, label, say
from napari_gfsam.widgets.rows import Column
from napari_gfsam.widgets.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_gfsam.widgets.data import ModelRow

EMPTY = "All known models are on this machine"
WHAT = "Nothing is loaded before you press Download. By downloading you accept the licences of the chosen models."
DOWNLOAD = "Download the chosen models and use them; a download that was cut goes on where it stopped"
CANCEL = "Stop the download; what is here of it is kept"


class GetMoreDialog(QDialog):
    """A list of models that can be downloaded; does not stop the event loop."""

    #: A person wants a pair of models and accepts their licences: its id (str).
    download_requested = Signal(str)
    #: A person stops the download.
    cancel_requested = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Get more models")
        self.setMinimumSize(520, 280)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._table = Table(_id_of, _columns(), EMPTY, rows=(3, 8))
        self._terms = label(tip="Licence and place of the chosen models")
        self._progress = label(tip="How far the download is")
        self._download, self._cancel = button("Download", DOWNLOAD), button("Cancel", CANCEL)
        self._rows: dict[str, ModelRow] = {}
        self._running = False
        layout = column(self)
        layout.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, 2 * GAP)
        for part in (label(WHAT), self._table, self._terms, self._progress):
            layout.addWidget(part)
        layout.addLayout(equal_row(self._download, self._cancel))
        self._table.chosen.connect(self._show_chosen)
        self._download.clicked.connect(self._ask)
        self._cancel.clicked.connect(self.cancel_requested)
        self.show_progress("", running=False)

    def show_models(self, rows: Sequence[ModelRow], terms: str = "") -> None:
        """Show the models, with size and licence as detail."""
        self._rows = {entry.id: entry for entry in rows}
        wanted = (key for key in (self._table.chosen_key, *self._rows) if key in self._rows)
        self._table.show_rows(rows, next(wanted, None))
        self._show_chosen()

    def show_progress(self, text: str, *, running: bool) -> None:
        """Show how far a download is, or what came of it."""
        self._running = running
        say(self._progress, text)
        self._cancel.setEnabled(running)
        self._show_chosen()

    def _show_chosen(self, *_: object) -> None:
        entry = self._rows.get(self._table.chosen_key)
        say(self._terms, entry.terms if entry is not None else "")
        self._download.setEnabled(entry is not None and not self._running)

    def _ask(self) -> None:
        if self._table.chosen_key in self._rows:
            self.download_requested.emit(self._table.chosen_key)


def _id_of(entry: ModelRow) -> str:
    return entry.id


def _columns() -> tuple[Column[ModelRow], ...]:
    return (
        Column(_say, text=lambda entry: entry.title, stretch=True),
        Column(_say, text=lambda entry: entry.detail, right=True),
    )


def _say(entry: ModelRow) -> str:
    return ", ".join(part for part in (entry.title, entry.detail) if part)
