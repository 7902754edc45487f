"""Processes that are killed: ``python -m tests.kill_child STEP FOLDER``.

They say on standard output how far they are, a line each, and what is at the desk in ``FOLDER/<step>.json``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from tests.saved_work import state_of, stroke

WAIT_SECONDS = 240


def say(word):
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def wait_until(happened):
    from qtpy.QtTest import QTest

    end = time.monotonic() + WAIT_SECONDS
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(happened)
        QTest.qWait(20)


def write_state(folder, step, desk):
    (folder / f"{step}.json").write_text(json.dumps(state_of(desk)))


def open_window(folder, minutes):
    """A window with the dock, which saves every so many minutes of work."""
    import napari

    from napari_gfsam.bridge.preferences import Preferences
    from napari_gfsam.controller import saving
    from napari_gfsam.widgets import dock

    saving.preferences = lambda: Preferences(autosave_minutes=minutes)
    dock.SAVE_MILLISECONDS = 100
    viewer = napari.Viewer(show=True)
    made = dock.Dock(viewer, folder / "sessions")
    viewer.window.add_dock_widget(made, name="GF-SAM")
    return viewer, made


def work(folder):
    """Paint, run with the bundled models, correct, accept; the timer saves; one more stroke, which may be lost."""
    from napari_gfsam.bridge.ours import Role

    viewer, dock = open_window(folder, 1e-3)
    desk = dock.desk
    viewer.open(str(folder / "painted.tif"), plugin="napari")
    viewer.open(str(folder / "target.tif"), plugin="napari", translate=(0, 300))
    viewer.add_image(np.load(folder / "made.npy"), name="made", translate=(0, 600))
    desk.references.new(viewer.layers["painted"])
    labels = np.load(folder / "labels.npy")
    stroke(
        desk.ours.find(Role.REFERENCE, desk.sources.of(next(iter(desk.session.references)).plane).id),
        *np.nonzero(labels),
        values=1,
    )
    desk.session.classes.rename(1, "disc")
    desk.actions["run"]()
    wait_until(lambda: not (desk.running.running or desk.arriving.running))
    correct(desk)
    desk.actions["accept"]()
    correct(desk)
    wait_until(lambda: not desk.session.dirty and not desk.saving.busy)
    write_state(folder, "work", desk)
    proposal(desk, [50, 51], [60, 60])
    say("READY")
    wait_until(lambda: False)


def correct(desk):
    """Decisions of each kind, and paint, on the target under review."""
    table = desk.correcting.prediction.points
    desk.correcting.toggle_point((int(table.class_id[0]), int(table.index[0])))
    desk.correcting.add_point(1, (90.0, 20.0), positive=False)
    proposal(desk, [3, 4, 5], [6, 6, 6])


def proposal(desk, rows, columns):
    from napari_gfsam.bridge.ours import Role

    stroke(desk.ours.find(Role.PROPOSAL, desk.session.queue.current.source), rows, columns, values=1)


def go_on(folder):
    """Click "Go on" and go on; then close the window as a person does, a stroke after the last save."""
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest
    from qtpy.QtWidgets import QPushButton

    viewer, dock = open_window(folder, 60.0)
    desk, come, problems = dock.desk, [], []
    desk.saving.brought_back.connect(come.append)
    desk.problem.connect(problems.append)
    wait_until(dock.resume.isVisible)
    (button,) = [made for made in dock.resume.findChildren(QPushButton) if made.text() == "Go on"]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    wait_until(lambda: come or problems)
    QTest.qWait(300)
    if come != [()] or problems:
        raise RuntimeError(f"{come} {problems}")
    write_state(folder, "go_on", desk)
    desk.actions["accept"]()
    desk.correcting.undo()
    correct(desk)
    desk.actions["accept"]()
    wait_until(lambda: not desk.session.dirty and not desk.saving.busy)
    proposal(desk, [50, 51], [60, 60])
    write_state(folder, "closed", desk)
    viewer.close()
    say("DONE")


def busy(folder):
    """Save without an end, with quick stand-ins for the models; say the number of each save that is on disk."""
    from napari.components import ViewerModel
    from qtpy.QtWidgets import QApplication

    from napari_gfsam.controller.desk import Desk
    from napari_gfsam.models import encoders, segmenters
    from tests.fakes import FakeEncoder, FakeSegmenter

    encoders.load_encoder = lambda spec, **options: FakeEncoder()
    segmenters.load_segmenter = lambda spec, **options: FakeSegmenter()
    application = QApplication([])
    desk = Desk(ViewerModel(), folder / "sessions")
    if desk.saving.offer() is not None:
        if lost := desk.saving.go_on():
            raise RuntimeError(lost)
    else:
        begin(desk, folder)
    desk.saving.written.connect(lambda: say(desk.session.classes.get(1).name))
    while application:
        desk.session.classes.rename(1, str(int(desk.session.classes.get(1).name) + 1))
        desk.actions["accept"]()
        desk.actions["undo"]()
        desk.actions["redo"]()
        wait_until(lambda: not desk.saving.busy)
        desk.actions["undo"]()
        desk.saving.save()
        wait_until(lambda: not desk.saving.busy)


def begin(desk, folder):
    from napari_gfsam.bridge.ours import Role

    stack, labels = np.load(folder / "stack.npy"), np.load(folder / "labels.npy")
    image = desk.viewer.add_image(stack, name="cells")
    desk.viewer.dims.set_point(0, 0)
    desk.references.new(image)
    rows, columns = np.nonzero(labels)
    layer = desk.ours.find(Role.REFERENCE, desk.pictures.source_over(image).id)
    stroke(layer, np.zeros_like(rows), rows, columns, values=1)
    desk.session.classes.rename(1, "0")
    desk.actions["run"]()
    wait_until(lambda: not (desk.running.running or desk.arriving.running))


if __name__ == "__main__":
    {"work": work, "go_on": go_on, "busy": busy}[sys.argv[1]](Path(sys.argv[2]))
