"""Run, Cancel and how far it is; always in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QSizePolicy, QWidget

from napari_gfsam.bridge.keys import key_of
from napari_gfsam.widgets.amounts import say_count, say_seconds
from napari_gfsam.widgets.parts import button, column, hint, label, row, say, with_key

if TYPE_CHECKING:
    from napari_gfsam.controller.run_types import RunProgress

STEPS = 1000
RUN = "Label the picked targets; the window stays usable"
CANCEL = "Stop after the prompts that are being worked on; finished targets are kept"


class RunPanel(QWidget):
    """Two buttons, a bar and a line."""

    #: A person wants the picked targets labelled.
    run_requested = Signal()
    #: A person stops the run.
    cancel_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._key = key_of("run")
        self._run = button("Run", RUN, self._key)
        self._run.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._cancel = button("Cancel", CANCEL)
        self._bar = QProgressBar()
        self._bar.setRange(0, STEPS)
        self._bar.setTextVisible(False)
        self._bar.setToolTip(hint("How far the run is"))
        self._line = label(tip="What is worked on, and about how long it will still take")
        self._run.clicked.connect(self.run_requested)
        self._cancel.clicked.connect(self.cancel_requested)
        layout = column(self)
        layout.addLayout(row(self._run, self._cancel, stretch=0))
        layout.addWidget(self._bar)
        layout.addWidget(self._line)
        self.show_ready(0)
        self.show_idle()

    def show_ready(self, targets: int, why_not: str = "") -> None:
        """Say how many targets a run would label, or why none can start."""
        self._run.setText(with_key("Run" if targets == 0 else f"Run on {say_count(targets, 'target')}", self._key))
        self._run.setToolTip(hint(why_not or RUN, self._key))
        self._run.setEnabled(targets > 0 and not why_not)

    def show_progress(self, progress: RunProgress) -> None:
        """Show how far a run is."""
        self._show_running(True)
        self._bar.setValue(round(STEPS * progress.fraction))
        place = f"{progress.k} of {progress.n}" if progress.k and progress.n > 1 else ""
        left = f"{say_seconds(progress.seconds_left)} left"
        self._line.setText(" · ".join(part for part in (place, progress.text, left) if part))

    def show_idle(self, text: str = "") -> None:
        """Show that nothing runs, and what the last run came to."""
        self._show_running(False)
        say(self._line, text)

    def show_line(self, text: str) -> None:
        """Say something else, such as how far an export is, whether a run goes on or not."""
        say(self._line, text)

    def _show_running(self, running: bool) -> None:
        self._cancel.setVisible(running)
        self._bar.setVisible(running)
        self._line.setVisible(running)
