"""What the manifest contributes, in a real window."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from npe2 import PluginManifest

from napari_gfsam.bridge.preferences import Preferences, preferences

MENUS = {"napari/layers/segment": "napari-gfsam.dock", "napari/layers/annotate": "napari-gfsam.new_reference"}


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    found = PluginManifest.from_distribution("napari-gfsam")
    found.validate_imports()
    return found


def test_menus_lead_to_the_dock_and_to_new_labels(manifest):
    assert {place: items[0].command for place, items in manifest.contributions.menus.items()} == MENUS
    assert [widget.display_name for widget in manifest.contributions.widgets] == ["GF-SAM"]


def test_preferences_have_the_defaults_of_the_manifest(manifest):
    stored = manifest.contributions.configurations["dock"].properties
    ours = Preferences()
    assert {name: entry.default for name, entry in stored.items()} == {
        name: getattr(ours, name) for name in Preferences.__dataclass_fields__
    }


@pytest.mark.gui
def test_preferences_can_be_changed(make_napari_viewer):
    import napari.settings as settings

    make_napari_viewer()
    if not hasattr(settings, "get_plugin_settings"):  # napari before 0.9
        assert preferences() == Preferences()
        return
    stored = settings.get_plugin_settings("napari-gfsam").dock
    before = stored.autosave_minutes
    try:
        stored.autosave_minutes = 5.0
        assert preferences().autosave_minutes == 5.0
    finally:
        stored.autosave_minutes = before


@pytest.mark.gui
def test_the_command_opens_the_dock_and_makes_a_reference(make_napari_viewer, tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_GFSAM_SESSIONS", str(tmp_path))
    from napari_gfsam.commands import new_reference, open_dock

    viewer = make_napari_viewer()
    image = viewer.add_image(np.random.default_rng(0).integers(0, 255, (40, 60), dtype=np.uint8), name="cells")
    start = time.perf_counter()
    dock = open_dock(viewer)
    assert time.perf_counter() - start < 3  # 0.3 on a quiet machine, see docs/performance.md
    new_reference(viewer)
    assert open_dock(viewer) is dock
    labels = viewer.layers[f"{image.name} · reference"]
    assert viewer.layers.selection.active is labels
    assert labels.mode == "paint"
    assert labels.data.shape == image.data.shape
    viewer.window.remove_dock_widget("all")


def test_opening_the_dock_imports_no_torch():
    code = "import sys, napari_gfsam.widgets.dock; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False"
