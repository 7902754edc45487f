"""Advanced shows what is used, wherever it came from, and offers what can be."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_gfsam.imaging import PixelRecipe
from napari_gfsam.models.fetching import FetchProgress
from napari_gfsam.models.registry import PRESETS
from napari_gfsam.session.picks import IntensityPick
from napari_gfsam.widgets.advanced import AdvancedPanel
from napari_gfsam.widgets.get_more import GetMoreDialog
from napari_gfsam.widgets.model_line import ModelLine
from napari_gfsam.widgets.table import Table
from napari_gfsam.widgets.tuning import Tuning
from tests.controller.hands import RUN_MILLISECONDS, picture
from tests.widgets.hands import button, click, click_cell, show

pytestmark = pytest.mark.gui


@pytest.fixture
def tuning(at, qtbot):
    """A desk, the panel of reading, and what connects them."""
    panel, line = AdvancedPanel(), ModelLine()
    qtbot.addWidget(panel)
    qtbot.addWidget(line)
    return at, panel.reading, Tuning(at.desk, panel, line)


@pytest.mark.parametrize(
    "pick",
    [IntensityPick("percentile", 2.0, 98.0), IntensityPick("range", 10.0, 200.0), IntensityPick("dtype")],
    ids=lambda pick: pick.kind,
)
def test_the_intensity_of_earlier_work_is_shown(tuning, pick):
    at, reading, connected = tuning
    at.image("cells", picture(1)[0])
    reading.intensity_picked.emit(pick)
    saved = at.desk.pictures.saved()
    reading.intensity_picked.emit(IntensityPick())
    connected.refresh()
    assert reading._intensity.currentText() == "As displayed"
    at.desk.pictures.restore(saved, {})
    connected.refresh()
    assert reading._intensity.currentData() == pick.kind
    assert (reading._low.value(), reading._high.value()) == (pick.low, pick.high)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((60, 80, 5), [0, 2]), ((5, 60, 80), [0]), ((2, 60, 80, 5), [0, 1, 3]), ((60, 5, 80), [0, 1])],
    ids=str,
)
def test_an_axis_of_channels_may_come_last(tuning, shape, axes):
    at, reading, connected = tuning
    at.viewer.add_image(np.zeros(shape, np.uint8), rgb=False)
    connected.refresh()
    offered = [reading._channels.itemData(place) for place in range(reading._channels.count())]
    assert offered == ["together", *map(str, axes)]


def test_channels_that_come_last_are_read_and_turned_out_of_the_view(tuning):
    at, reading, connected = tuning
    image = at.viewer.add_image(np.zeros((60, 80, 5), np.uint8), rgb=False)
    reading.channels_picked.emit("2")
    connected.refresh()
    assert at.problems == []
    assert at.desk.pictures.source_over(image).shape == (60, 80, 1)
    assert at.desk.targets.shown(image).axes_yx == (0, 1)
    assert reading._channels.currentData() == "2"


def test_a_picture_that_cannot_be_read_shows_no_level(tuning):
    at, panel, connected = tuning
    pixels = picture(1)[0][..., 0]
    at.image("pyramid", [pixels, pixels[::2, ::2]])
    at.desk.pictures.intensity = PixelRecipe("range", limits=((0, 100), (0, 200)))
    connected.refresh()
    assert panel._level.currentIndex() == -1


def test_models_are_downloaded_from_the_dialog(at, qtbot, monkeypatch):
    go_on, fetched = threading.Event(), []

    def fetch(spec):
        fetched.append(spec.id)
        yield FetchProgress("model", stage="download", done_bytes=1, total_bytes=2)
        go_on.wait(RUN_MILLISECONDS / 1000)

    monkeypatch.setattr("napari_gfsam.models.fetching.fetch", fetch)
    monkeypatch.setattr("napari_gfsam.models.weights.is_present", lambda spec: False)
    panel = AdvancedPanel()
    line = ModelLine()
    qtbot.addWidget(line)
    tuning = Tuning(at.desk, show(qtbot, panel), line)
    click(qtbot, panel, "Get more…")
    dialog = panel.findChild(GetMoreDialog)
    assert button(dialog, "Download").isEnabled()
    click_cell(qtbot, dialog.findChild(Table), 1, 0)
    wanted = dialog.findChild(Table).chosen_key
    assert fetched == []  # nothing before the button is pressed
    click(qtbot, dialog, "Download")
    qtbot.waitUntil(lambda: button(dialog, "Cancel").isEnabled(), timeout=RUN_MILLISECONDS)
    assert not button(dialog, "Download").isEnabled()
    tuning.refresh()
    assert not button(dialog, "Download").isEnabled()
    go_on.set()
    qtbot.waitUntil(lambda: at.desk.models.choice.preset == wanted, timeout=RUN_MILLISECONDS)
    assert fetched == [spec.id for spec in PRESETS[wanted].models]
    assert not button(dialog, "Cancel").isEnabled()
    assert button(dialog, "Download").isEnabled()  # there are others
    assert dialog.findChild(Table).chosen_key not in (None, wanted)
    assert at.problems == []
