"""Prepare or review: one click either way."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QTabBar

from napari_gfsam.widgets.parts import hint

Stage = Literal["prepare", "review"]
STAGES: tuple[Stage, ...] = ("prepare", "review")
PREPARE_TIP = "References, classes and targets"
REVIEW_TIP = "What was found, the least certain first; finished targets can be reviewed while others still run"


class StagesBar(QTabBar):
    """Two tabs above the panels; hidden until there is something to review."""

    #: A person chose a stage: "prepare" or "review" (str).
    stage_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.addTab("Prepare")
        self.addTab("Review")
        self.setTabToolTip(0, hint(PREPARE_TIP))
        self.setTabToolTip(1, hint(REVIEW_TIP))
        self.setToolTip(hint("Prepare a run, or review what it found"))
        self.setExpanding(True)
        self.setDrawBase(False)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.currentChanged.connect(self._choose)
        self.hide()

    def show_stage(self, stage: Stage) -> None:
        """Show which stage is open; no signal."""
        with QSignalBlocker(self):
            self.setCurrentIndex(STAGES.index(stage))

    def show_review(self, accepted: int, total: int) -> None:
        """Say how many targets are not accepted yet; without any target the bar hides."""
        left = total - accepted
        self.setTabText(1, f"Review ({left} left)" if left else "Review")
        self.setVisible(total > 0)

    def _choose(self, place: int) -> None:
        self.stage_chosen.emit(STAGES[place])
