"""The pictures to label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QLabel, QWidget

from napari_gfsam.bridge.keys import key_of
from napari_gfsam.widgets.amounts import say_bytes, say_count, say_seconds
from napari_gfsam.widgets.ask import ask_folder
from napari_gfsam.widgets.parts import button, column, equal_row, hint, label, row, say
from napari_gfsam.widgets.planes import PlanesPanel
from napari_gfsam.widgets.rows import Column
from napari_gfsam.widgets.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from napari_gfsam.bridge.planes import StackAxis
    from napari_gfsam.session.picks import PlanesPick
    from napari_gfsam.widgets.data import PictureRow

SIDE = 72
EMPTY = "No picture yet: open one, or add a folder"
FOLDER = "Label every picture of a folder; they are opened one at a time"
REMOVE = "Take the chosen folder off the list"
TRY = "Segment only the plane that is shown, to see whether the paint will do"
INPUT = "Exactly what the model sees of this plane"
READING = "How the values of this layer become a picture; see Advanced to change it"


class TargetsPanel(QWidget):
    """Image layers and folders to pick, the planes of stacks, and what the model will see."""

    #: A person picked a picture or took it back: its id (str), picked (bool).
    picture_picked = Signal(str, bool)
    #: A person chose a picture, whose planes and thumbnail are to be shown: its id (str).
    picture_chosen = Signal(str)
    #: A person takes a folder off the list: its id (str).
    picture_removed = Signal(str)
    #: A person picked planes of the chosen picture (session.picks.PlanesPick).
    planes_picked = Signal(object)
    #: A person chose a folder of pictures (pathlib.Path).
    folder_chosen = Signal(object)
    #: A person wants the plane that is shown segmented.
    try_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, PictureRow] = {}
        self._table = Table(_id_of, _columns(), EMPTY, rows=(2, 5))
        self._planes = PlanesPanel()
        self._folder = button("Add folder…", FOLDER)
        self._remove = button("Remove", REMOVE)
        self._try = button("Try on this plane", TRY, key_of("try"))
        self._thumbnail = QLabel()
        self._thumbnail.setFixedSize(SIDE, SIDE)
        self._thumbnail.setToolTip(hint(INPUT))
        self._reading = label(tip=READING)
        self._estimate = label(tip="What the run will take on this machine, from the runs before", muted=True)
        self._lay_out()
        self._connect()
        self.show_pictures(())
        self.show_input(None, "")
        self.show_estimate(0, 0, 0.0, 0, 0)

    def _lay_out(self) -> None:
        layout = column(self)
        layout.addWidget(self._table)
        layout.addWidget(self._planes)
        layout.addLayout(row(self._thumbnail, self._reading, stretch=1))
        layout.addLayout(equal_row(self._try, self._folder))
        layout.addWidget(self._remove)
        layout.addWidget(self._estimate)

    def _connect(self) -> None:
        self._table.chosen.connect(self._choose)
        self._table.check_clicked.connect(self._check)
        self._table.delete_pressed.connect(self._remove_row)
        self._planes.planes_picked.connect(self.planes_picked)
        self._folder.clicked.connect(self._ask_folder)
        self._remove.clicked.connect(self._remove_chosen)
        self._try.clicked.connect(self.try_requested)

    def show_pictures(self, rows: Sequence[PictureRow], chosen: str | None = None) -> None:
        """Show what can be a target and choose a row by its id (else the one that was, else the first)."""
        self._rows = {entry.id: entry for entry in rows}
        wanted = (key for key in (chosen, self._table.chosen_key, *self._rows) if key in self._rows)
        self._table.show_rows(rows, next(wanted, None))
        self._show_chosen()

    def show_planes(self, axes: Sequence[StackAxis], pick: PlanesPick) -> None:
        """Show the axes of the chosen picture and what is picked; hidden without axes."""
        self._planes.show_planes(axes, pick)

    def show_input(self, picture: NDArray[Any] | None, text: str) -> None:
        """Show the model's input of the chosen picture as (h, w, 3) uint8, and how the layer is read."""
        self._thumbnail.setVisible(picture is not None)
        if picture is not None:
            self._thumbnail.setPixmap(_pixmap(picture))
        say(self._reading, text)

    def show_estimate(self, targets: int, views: int, seconds: float, memory_bytes: int, disk_bytes: int) -> None:
        """Say what a run on so many targets, looked at in so many parts, will take; nothing for none."""
        what = say_count(targets, "target") + (f" in {views} tiles" if views > targets else "")
        takes = [f"{what}: {say_seconds(seconds)}", f"{say_bytes(memory_bytes)} of memory"]
        takes.append(f"{say_bytes(disk_bytes)} on disk for corrections")
        say(self._estimate, ", ".join(takes) if targets else "")

    def set_try(self, possible: bool) -> None:
        """Say whether the plane that is shown can be segmented now."""
        self._try.setEnabled(possible)

    def _show_chosen(self) -> None:
        entry = self._rows.get(self._table.chosen_key)
        self._remove.setVisible(entry is not None and entry.removable)

    def _choose(self, key: str) -> None:
        self._show_chosen()
        self.picture_chosen.emit(key)

    def _check(self, key: str, _column: int, on: bool) -> None:
        self.picture_picked.emit(key, on)

    def _remove_row(self, key: str) -> None:
        if self._rows[key].removable:
            self.picture_removed.emit(key)

    def _remove_chosen(self) -> None:
        self._remove_row(self._table.chosen_key)

    def _ask_folder(self) -> None:
        ask_folder(self, "A folder of pictures", self.folder_chosen.emit)


def _pixmap(picture: NDArray[Any]) -> QPixmap:
    """Return an RGB picture as a pixmap that fits the thumbnail."""
    rgb = np.ascontiguousarray(picture, dtype=np.uint8)
    height, width = rgb.shape[:2]
    image = QImage(rgb.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    kept, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    return QPixmap.fromImage(image.copy()).scaled(SIDE, SIDE, kept, smooth)


def _id_of(entry: PictureRow) -> str:
    return entry.id


def _usable(entry: PictureRow) -> bool:
    return not entry.why_not


def _columns() -> tuple[Column[PictureRow], ...]:
    return (
        Column(_say_pick, checked=lambda entry: entry.picked, enabled=_usable),
        Column(_say_row, text=lambda entry: entry.title, enabled=_usable, stretch=True),
        Column(_say_row, text=lambda entry: entry.detail, enabled=_usable, right=True),
    )


def _say_pick(entry: PictureRow) -> str:
    return entry.why_not or "Whether this picture is labelled by the next run"


def _say_row(entry: PictureRow) -> str:
    return entry.why_not or ", ".join(part for part in (entry.title, entry.detail) if part)
