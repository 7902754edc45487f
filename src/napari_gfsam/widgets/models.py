"""The models that are here, and how to get others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_gfsam.widgets.ask import ask_file
from napari_gfsam.widgets.parts import button, column, equal_row
from napari_gfsam.widgets.rows import Column
from napari_gfsam.widgets.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_gfsam.widgets.data import ModelRow

EMPTY = "No model is known"
MORE = "See other models with size and licence, and download one"
LOCAL = "Use weights from a file on this machine; nothing is downloaded"
UNLOAD = "Free the memory of the loaded models; the next run loads them again"
KINDS = "Weights (*.safetensors *.pth *.pt);;All files (*)"


class ModelsPanel(QWidget):
    """A list of models and three buttons."""

    #: A person chose the model that the next run uses: its id (str).
    model_chosen = Signal(str)
    #: A person wants to see models that are not here.
    more_requested = Signal()
    #: A person chose a file of weights (pathlib.Path).
    weights_chosen = Signal(object)
    #: A person frees the memory of the loaded models.
    unload_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._table = Table(_id_of, _columns(), EMPTY, rows=(1, 4))
        self._more = button("Get more…", MORE)
        self._local = button("Use a local file…", LOCAL)
        self._unload = button("Unload", UNLOAD)
        layout = column(self)
        layout.addWidget(self._table)
        layout.addLayout(equal_row(self._more, self._local, self._unload))
        self._table.check_clicked.connect(self._choose)
        self._more.clicked.connect(self.more_requested)
        self._local.clicked.connect(self._ask_file)
        self._unload.clicked.connect(self.unload_requested)
        self.set_loaded(False)

    def show_models(self, rows: Sequence[ModelRow]) -> None:
        """Show the models."""
        self._table.show_rows(rows)

    def set_loaded(self, loaded: bool) -> None:
        """Say whether there is something to unload."""
        self._unload.setEnabled(loaded)

    def _choose(self, key: str, _column: int, used: bool) -> None:
        if used:
            self.model_chosen.emit(key)

    def _ask_file(self) -> None:
        ask_file(self, "A file of weights", KINDS, self.weights_chosen.emit)


def _id_of(entry: ModelRow) -> str:
    return entry.id


def _here(entry: ModelRow) -> bool:
    return entry.here


def _columns() -> tuple[Column[ModelRow], ...]:
    return (
        Column(lambda entry: "Whether the next run uses this model", checked=lambda entry: entry.used, enabled=_here),
        Column(_say, text=lambda entry: entry.title, enabled=_here, stretch=True),
        Column(_say, text=lambda entry: entry.detail, enabled=_here, right=True),
    )


def _say(entry: ModelRow) -> str:
    return ", ".join(part for part in (entry.title, entry.detail) if part)
