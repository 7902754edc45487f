"""What most people never need to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_gfsam.widgets.amounts import say_bytes
from napari_gfsam.widgets.ask import ask_consent
from napari_gfsam.widgets.models import ModelsPanel
from napari_gfsam.widgets.parts import add_row, button, check_box, column, combo_box, fill, form, label, row
from napari_gfsam.widgets.reading import ReadingPanel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_gfsam.widgets.data import Choice

SETTINGS = "How points are chosen and masks judged: two tested sets of settings"
SCALE = (
    "Whole: each target as one picture. In tiles: targets larger than the references, or with objects too small to be "
    "seen, are cut into overlapping parts; slower, the answer is one"
)
REPLACE = "What an accepted proposal may overwrite in the target's labels"
DEVICE = "Where the models run, and why there"
SMOOTH = (
    "After a run on a stack, fill objects that are missing in one plane between two and drop those that are in one "
    "plane only; one Undo takes it back"
)
FOLDER = "What finished targets keep on disk, so that they can be corrected without running again"
CLEAR = "Delete what is kept for corrections; labels stay, but correcting a finished target needs a new run"
PACK = "Write the references in use, with their classes, as one file that you can open elsewhere or pass on"
NOTHING = "Corrections: nothing is kept"
REALLY = "Delete what is kept for corrections? Labels stay, but correcting a finished target will need a new run."


class AdvancedPanel(QWidget):
    """Settings, reading of pictures (`reading`), models (`models`) and the session folder."""

    #: A person picked a preset of settings: value of the choice (str).
    settings_picked = Signal(str)
    #: A person picked the scale at which targets are looked at: value of the choice (str).
    scale_picked = Signal(str)
    #: A person picked what an accepted proposal may overwrite: value of the choice (str).
    replace_picked = Signal(str)
    #: A person wants stacks smoothed along their axis after a run, or no longer (bool).
    smooth_picked = Signal(bool)
    #: A person wants the references written as a pack.
    pack_requested = Signal()
    #: A person agreed to delete what is kept for corrections.
    clear_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.reading = ReadingPanel()
        self.models = ModelsPanel()
        self._settings = combo_box(SETTINGS)
        self._scale = combo_box(SCALE)
        self._replace = combo_box(REPLACE)
        self._smooth = check_box("Smooth along the stack", SMOOTH)
        self._device = label(tip=DEVICE)
        self._folder = label(tip=FOLDER)
        self._clear = button("Clear…", CLEAR)
        self._pack = button("Save references as a pack…", PACK)
        named = form()
        rows = (("Settings", self._settings), ("Look at targets", self._scale), ("On accept", self._replace))
        for name, control in (*rows, ("Device", self._device)):
            add_row(named, name, control)
        layout = column(self)
        layout.addWidget(self.reading)
        layout.addLayout(named)
        layout.addWidget(self._smooth)
        layout.addWidget(self._pack)
        layout.addWidget(self.models)
        layout.addLayout(row(self._folder, self._clear, stretch=0))
        self._settings.activated.connect(self._pick_settings)
        self._scale.activated.connect(self._pick_scale)
        self._replace.activated.connect(self._pick_replace)
        self._smooth.clicked.connect(self.smooth_picked)
        self._clear.clicked.connect(self._ask_clear)
        self._pack.clicked.connect(self.pack_requested)
        self.show_folder(0, 0)

    def show_settings(self, choices: Sequence[Choice], value: str) -> None:
        """Show the presets of settings and which is used."""
        fill(self._settings, choices, value)

    def show_scale(self, choices: Sequence[Choice], value: str) -> None:
        """Show the scales at which targets can be looked at and which is used."""
        fill(self._scale, choices, value)

    def show_replace(self, choices: Sequence[Choice], value: str) -> None:
        """Show what an accepted proposal can overwrite and which is picked."""
        fill(self._replace, choices, value)

    def show_smooth(self, on: bool) -> None:
        """Show whether stacks are smoothed."""
        self._smooth.setChecked(on)

    def show_pack(self, possible: bool) -> None:
        """Say whether there are painted references that can be written as a pack."""
        self._pack.setEnabled(possible)

    def show_device(self, text: str) -> None:
        """Say where the models run."""
        self._device.setText(text)

    def show_folder(self, kept: int, capacity: int) -> None:
        """Say how many bytes are kept for corrections, and how many may be."""
        self._folder.setText(f"Corrections: {say_bytes(kept)} of {say_bytes(capacity)}" if kept else NOTHING)
        self._clear.setEnabled(kept > 0)

    def _pick_settings(self) -> None:
        self.settings_picked.emit(self._settings.currentData())

    def _pick_scale(self) -> None:
        self.scale_picked.emit(self._scale.currentData())

    def _pick_replace(self) -> None:
        self.replace_picked.emit(self._replace.currentData())

    def _ask_clear(self) -> None:
        ask_consent(self, REALLY, "Delete", self.clear_requested.emit)
