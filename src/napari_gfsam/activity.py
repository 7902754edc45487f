"""Napari's activity dock: how far something is, with a Cancel button."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class ActivityBar:
    """A run in napari's activity dock, with napari's own Cancel button. Main thread only.

    Parameters
    ----------
    title
        What runs.
    cancel
        Called when its Cancel button is pressed.
    """

    STEPS = 100
    SECONDS_BETWEEN = 0.25

    def __init__(self, title: str, cancel: Callable[[], None]) -> None:
        from napari.utils import cancelable_progress

        self._title = self._words = title
        self._updating = False
        self._next = 0.0
        # Without a window napari would write to the terminal; the part after the last bar is shown as time left.
        self._bar: Any = cancelable_progress(total=self.STEPS, desc=title, file=io.StringIO(), bar_format="{bar}|")
        # The button calls `cancel`, which by itself only marks the bar for a loop over an iterable.
        self._bar.cancel = cancel

    def show(self, fraction: float, text: str = "") -> None:
        """Show how far the run is, in 0 to 1; a few times a second at most, since napari handles events meanwhile."""
        now = time.monotonic()
        if self._updating or self._bar is None or now < self._next:
            return
        self._updating, self._next = True, now + self.SECONDS_BETWEEN
        try:
            words = f"{self._title}: {text}" if text else self._title
            if words != self._words:  # each change handles events
                self._words = words
                self._bar.set_description(words)
            if self._bar is not None:
                self._bar.update(round(self.STEPS * min(fraction, 1.0)) - self._bar.n)
        finally:
            self._updating = False

    def close(self) -> None:
        """Take it out of the dock; harmless twice."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()
