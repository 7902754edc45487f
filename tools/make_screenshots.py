"""Drive the real viewer through its story and save what it shows: the pictures of docs/, so that they stay true.

``make screenshots`` runs this under a virtual display of 1280 x 800.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
from PIL import Image
from qtpy.QtWidgets import QApplication

from napari_gfsam.core.types import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_gfsam.controller.desk import Desk

SIZE = (1280, 800)
SECONDS = 300.0


class Window:
    """A viewer with the dock, and a camera.

    Parameters
    ----------
    out
        Folder of the pictures.
    theme
        Of napari.
    """

    def __init__(self, out: Path, theme: str = "dark") -> None:
        self._out = out
        self.viewer = napari.Viewer(show=True)
        self.viewer.theme = theme
        self.viewer.window._qt_window.resize(*SIZE)
        os.environ["NAPARI_GFSAM_SESSIONS"] = tempfile.mkdtemp()
        _, self.dock = self.viewer.window.add_plugin_dock_widget("napari-gfsam", "GF-SAM")
        self.wait(1.0)

    def wait(self, seconds: float) -> None:
        """Let the window live."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.01)

    def wait_for(self, there: Callable[[], bool]) -> None:
        """Let the window live until something is there."""
        end = time.monotonic() + SECONDS
        while not there():
            if time.monotonic() > end:
                raise TimeoutError(f"The viewer did not get there in {SECONDS:.0f} s.")
            self.wait(0.05)
        self.wait(0.7)

    def shoot(self, name: str) -> None:
        """Save what is shown."""
        self.wait(1.0)
        pixels = self.viewer.window.screenshot(flash=False, canvas_only=False)
        Image.fromarray(pixels[..., :3]).save(self._out / f"viewer_{name}.png", optimize=True)

    def run(self) -> None:
        """Run, and wait for the end."""
        self.dock.run.run_requested.emit()
        self.wait_for(lambda: not self.dock.desk.running.running)

    def close(self) -> None:
        """Close the window."""
        self.viewer.close()
        self.wait(0.2)


def nuclei(out: Path) -> None:
    """Shoot the first minute."""
    window = Window(out)
    window.shoot("empty")
    window.dock.welcome.example_requested.emit()
    window.wait(1.5)
    window.run()
    window.shoot("review")
    window.close()


def village(out: Path) -> None:
    """Shoot the aerial pictures with three classes, in both themes."""
    window = Window(out)
    desk, viewer = window.dock.desk, window.viewer
    labels = next(layer for layer in viewer.open_sample("napari-gfsam", "village") if hasattr(layer, "selected_label"))
    desk.references.use(labels)
    for row, name in zip(tuple(desk.session.classes), ("roof", "tree", "field"), strict=False):
        desk.session.classes.rename(row.id, name)
        desk.session.classes.set_painted_fully(row.id, True)
    viewer.reset_view()
    window.wait(1.5)
    viewer.theme = "light"
    window.shoot("light")
    viewer.theme = "dark"
    window.run()
    window.shoot("village")
    window.close()


def stack(out: Path) -> None:
    """Shoot a stack from the painted plane to the run with one more reference."""
    window = Window(out)
    dock, desk, viewer = window.dock, window.dock.desk, window.viewer
    image, truth = viewer.open_sample("napari-gfsam", "cells_over_time")
    viewer.dims.set_current_step(0, 0)
    _paint_first_plane(desk, image, truth)
    viewer.reset_view()
    window.wait(1.5)
    window.shoot("painted")
    dock.run.run_requested.emit()
    window.wait_for(lambda: desk.running.counts[0] > 0 or not desk.running.running)
    window.shoot("running")
    window.wait_for(lambda: not desk.running.running)
    window.shoot("stack")
    found = desk.correcting.prediction.classes[1]
    kept = [place for place, status in enumerate(found.status) if status == Status.KEPT]
    desk.correcting.toggle_cluster((1, int(found.cluster[kept[0]])))
    desk.correcting.toggle_point((1, kept[-1]))
    window.shoot("corrected")
    desk.correcting.undo()
    desk.correcting.undo()
    desk.rerun.start()
    window.wait_for(lambda: not desk.running.running)
    window.shoot("rerun")
    window.close()


def _paint_first_plane(desk: Desk, image: Any, truth: Any) -> None:
    desk.viewer.layers.selection.active = image
    desk.references.new(image)
    labels: Any = desk.viewer.layers.selection.active
    labels.data[0] = truth.data[0] > 0
    labels.refresh()
    desk.references.refresh()
    for row in tuple(desk.session.classes):
        desk.session.classes.rename(row.id, "cell")
        desk.session.classes.set_painted_fully(row.id, True)


STORIES = {"nuclei": nuclei, "village": village, "stack": stack}


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--only", choices=list(STORIES), action="append", help="one story; all if not given")
    words = parser.parse_args()
    words.out.mkdir(parents=True, exist_ok=True)
    for story in words.only or STORIES:
        STORIES[story](words.out)


if __name__ == "__main__":
    main()
