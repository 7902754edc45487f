"""What the manifest contributes: menus and the dock in a real window, preferences, sample data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest
import yaml
from npe2 import PluginManifest
from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QApplication, QLabel

import napari_gfsam
from napari_gfsam.bridge.preferences import Preferences
from napari_gfsam.commands import open_dock
from napari_gfsam.widgets.dock import Dock

#: What leads to the dock, as napari's menus have it.
TO_THE_DOCK = (("Plugins", "GF-SAM"), ("Layers", "Segment", "GF-SAM"))
TO_NEW_LABELS = ("Layers", "Annotate", "New reference labels")
TO_SAMPLES = ("File", "Open Sample", "napari-gfsam")
#: CPU seconds: on a machine that does nothing else it is below 0.3 (docs/performance.md).
OPENING_SECONDS = 0.6


@pytest.fixture
def viewer(make_napari_viewer, tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_GFSAM_SESSIONS", str(tmp_path / "sessions"))
    made = make_napari_viewer()
    yield made
    made.window.remove_dock_widget("all")
    QApplication.processEvents()


def entries(viewer, *path: str) -> dict:
    """Return what stands in a menu of the window, by its text; menus are filled when they are about to be shown."""
    actions = viewer.window._qt_window.menuBar().actions()
    for title in path:
        menu = next(action.menu() for action in actions if shown(action).startswith(title))
        menu.aboutToShow.emit()
        actions = menu.actions()
    return {shown(action): action for action in actions}


def shown(action) -> str:
    return action.text().replace("&", "")


def entry(viewer, *path: str):
    *menus, title = path
    return next(action for text, action in entries(viewer, *menus).items() if text.startswith(title))


def docks(viewer) -> list[Dock]:
    return viewer.window._qt_window.findChildren(Dock)


def in_new_process(code: str, folder) -> str:
    """Run code with napari's settings in a folder, and return what it prints last."""
    environment = {**os.environ, "NAPARI_CONFIG": str(folder / "settings.yaml"), "NAPARI_GFSAM_SESSIONS": str(folder)}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_everything_that_is_contributed_can_be_called():
    manifest = PluginManifest.from_distribution("napari-gfsam")
    manifest.validate_imports()
    ids = {command.id for command in manifest.contributions.commands}
    asked = [item.command for items in manifest.contributions.menus.values() for item in items]
    asked += [part.command for part in (*manifest.contributions.widgets, *manifest.contributions.sample_data)]
    asked += [reader.command for reader in manifest.contributions.readers or ()]
    asked += [writer.command for writer in manifest.contributions.writers or ()]
    assert set(asked) == ids


def test_preferences_have_the_defaults_of_the_manifest():
    from importlib.resources import files

    # Read as it is written: npe2 knows preferences since 0.9 only.
    manifest = yaml.safe_load(files(napari_gfsam).joinpath("napari.yaml").read_text("utf-8"))
    stored = manifest["contributions"]["configurations"]["dock"]["properties"]
    assert {name: entry["default"] for name, entry in stored.items()} == asdict(Preferences())


def test_preferences_are_read_changed_and_kept(tmp_path):
    read = """
import json
from dataclasses import asdict
from napari_gfsam.bridge.preferences import preferences
print(json.dumps(asdict(preferences())))
"""
    change = """
import napari.settings
change = getattr(napari.settings, "get_plugin_settings", None)
if change is not None:
    change("napari-gfsam").dock.autosave_minutes = 5.0
print(change is not None)
"""
    assert json.loads(in_new_process(read, tmp_path)) == asdict(Preferences())
    has_preferences = in_new_process(change, tmp_path) == "True"  # since napari 0.9
    minutes = 5.0 if has_preferences else 2.0
    assert json.loads(in_new_process(read, tmp_path)) == {**asdict(Preferences()), "autosave_minutes": minutes}


@pytest.mark.gui
def test_all_ways_lead_to_one_dock(viewer):
    viewer.window._qt_window.show()
    dock = open_dock(viewer)  # by the function that `napari -w` calls
    for path in TO_THE_DOCK:  # the menus hide it and show it again
        was_shown = dock.isVisible()
        entry(viewer, *path).trigger()
        assert dock.isVisible() is not was_shown
    entry(viewer, *TO_THE_DOCK[0]).trigger()
    assert not dock.isVisible()
    assert open_dock(viewer) is dock
    assert dock.isVisible()
    assert docks(viewer) == [dock]


@pytest.mark.gui
def test_a_dock_taken_out_of_the_window_is_deleted(viewer):
    dock, gone = open_dock(viewer), []
    dock.destroyed.connect(lambda: gone.append(True))
    viewer.window.remove_dock_widget("all")
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert gone


@pytest.mark.gui
def test_samples_are_in_the_menu(viewer):
    assert len(entries(viewer, *TO_SAMPLES)) == 4


@pytest.mark.gui
def test_new_reference_labels_opens_the_dock_and_arms_the_brush(viewer):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60), dtype=np.uint8)
    image = viewer.add_image(pixels, name="cells", scale=(2, 3))
    command = entry(viewer, *TO_NEW_LABELS)
    command.trigger()
    (dock,) = docks(viewer)
    labels = viewer.layers["cells · reference"]
    assert viewer.layers.selection.active is labels
    assert (labels.mode, labels.data.shape, tuple(labels.scale)) == ("paint", pixels.shape, tuple(image.scale))
    command.trigger()
    assert docks(viewer) == [dock]
    assert len(viewer.layers) == 2


@pytest.mark.gui
def test_new_reference_labels_without_a_picture_says_what_to_do(viewer):
    entry(viewer, *TO_NEW_LABELS).trigger()
    (dock,) = docks(viewer)
    assert any(text.text().startswith("No picture is open") for text in dock.next_step.findChildren(QLabel))
    assert len(viewer.layers) == 0


@pytest.mark.gui
def test_the_dock_opens_at_once_without_torch(tmp_path):
    code = """
import sys, time
import napari
from qtpy.QtWidgets import QApplication
viewer = napari.Viewer()
QApplication.processEvents()
start = time.process_time()
viewer.window.add_plugin_dock_widget("napari-gfsam", "GF-SAM")
QApplication.processEvents()
seconds = time.process_time() - start
print(seconds, *(name for name in ("torch", "scipy.ndimage", "skimage") if name in sys.modules))
viewer.close()
"""
    first = in_new_process(code, tmp_path).split()
    second = in_new_process(code, tmp_path).split()  # modules that changed are compiled now
    assert "torch" not in first
    assert min(float(first[0]), float(second[0])) < OPENING_SECONDS
