from __future__ import annotations

import pytest
from napari.components import ViewerModel
from npe2 import PluginManager

from napari_gfsam.core.config import PRESETS, TUNED
from tests.controller.hands import At

QUICK = TUNED.with_settings(max_prompts=12, background_projection="off")


@pytest.fixture(scope="session", autouse=True)
def plugins():
    """Readers and samples are known, as they are once napari has started."""
    PluginManager.instance().discover()


@pytest.fixture
def at(qtbot, tmp_path, fake_models, monkeypatch):
    """A desk in a viewer without a window, and hands for it; few prompts."""
    monkeypatch.setitem(PRESETS, "quick", QUICK)
    made = At(ViewerModel(), tmp_path / "sessions", qtbot)
    made.desk.models.use_settings("quick")
    yield made
    made.close()
