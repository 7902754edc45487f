"""The models in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy

from napari_gfsam.widgets.parts import hint

if TYPE_CHECKING:
    from qtpy.QtGui import QResizeEvent

ROOM = 12


class ModelLine(QLabel):
    """Model, device and why; cut where it is too long, its tooltip is whole."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.show_model("", "", "")

    def show_model(self, model: str, device: str, why: str) -> None:
        """Show the model that the next run uses, where it runs, and why there."""
        self._whole = " · ".join(part for part in (model, device, why) if part) or "No model"
        self.setToolTip(hint(f"Model: {self._whole}. See Advanced to change it."))
        self._cut()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Cut the line anew."""
        super().resizeEvent(event)
        self._cut()

    def _cut(self) -> None:
        self.setText(self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, self.width() - ROOM))
