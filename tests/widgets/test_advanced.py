from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_gfsam.session.picks import IntensityPick
from napari_gfsam.widgets.data import Choice
from napari_gfsam.widgets.table import Table
from tests.widgets import gallery
from tests.widgets.hands import button, choose, click, click_cell, heard, show

if TYPE_CHECKING:
    from napari_gfsam.widgets.advanced import AdvancedPanel

pytestmark = pytest.mark.gui


@pytest.fixture
def advanced(qtbot) -> AdvancedPanel:
    return show(qtbot, gallery.advanced())


def test_settings_and_replacing_are_picked(qtbot, advanced):
    with heard(advanced.settings_picked, advanced.replace_picked) as got:
        choose(qtbot, advanced._settings, 1)
        choose(qtbot, advanced._replace, 1)
        advanced.show_settings([Choice("tuned", "Tuned")], "tuned")
    assert got == [("published",), ("replace",)]


def test_smoothing_is_wished_for(qtbot, advanced):
    with heard(advanced.smooth_picked) as got:
        advanced.show_smooth(True)
        click(qtbot, advanced, "Smooth along the stack")
    assert got == [(False,)]


def test_clearing_asks_first(qtbot, advanced):
    with heard(advanced.clear_requested) as got:
        click(qtbot, advanced, "Clear…")
        advanced.findChild(QMessageBox).reject()
        assert got == []
        qtbot.waitUntil(lambda: advanced.findChild(QMessageBox) is None)
        click(qtbot, advanced, "Clear…")
        click(qtbot, advanced.findChild(QMessageBox), "Delete")
    assert got == [()]


def test_nothing_kept_is_nothing_to_clear(advanced):
    assert advanced._folder.text() == "Corrections: 120 MB of 8 GB"
    advanced.show_folder(0, 2**33)
    assert not button(advanced, "Clear…").isEnabled()


def test_intensity_is_picked_with_its_ends(qtbot, advanced):
    reading = advanced.reading
    with heard(reading.intensity_picked) as got:
        reading._low.setValue(2.0)
        reading._high.setValue(1.0)  # not above the low end: nothing is picked
        choose(qtbot, reading._intensity, 3)
        reading._high.setValue(4095.0)
        choose(qtbot, reading._intensity, 0)
    assert [pick for (pick,) in got] == [
        IntensityPick("percentile", 2.0, 99.9),
        IntensityPick("range", 0.0, 255.0),
        IntensityPick("range", 0.0, 4095.0),
        IntensityPick("displayed"),
    ]
    assert not reading._ends.isVisible()


@pytest.mark.parametrize("kind", ["displayed", "auto", "dtype", "percentile", "range"])
def test_ends_are_in_sight_where_they_count(advanced, kind):
    with heard(advanced.reading.intensity_picked) as got:
        advanced.reading.show_intensity(IntensityPick(kind, 0.5, 99.0))
    assert got == []
    assert advanced.reading._ends.isVisible() == (kind in ("percentile", "range"))


def test_channels_and_levels_hide_without_a_choice(qtbot, advanced):
    reading = advanced.reading
    with heard(reading.channels_picked, reading.level_picked) as got:
        choose(qtbot, reading._channels, 1)
        choose(qtbot, reading._level, 0)
    assert got == [("shown",), ("0",)]
    reading.show_channels([Choice("none", "This layer alone")], "none")
    reading.show_levels((), None)
    assert not reading._channels.isVisible()
    assert not reading._level.isVisible()


def test_models_are_chosen_if_they_are_here(qtbot, advanced):
    models, table = advanced.models, advanced.models.findChild(Table)
    with heard(models.model_chosen, models.more_requested, models.unload_requested) as got:
        click_cell(qtbot, table, 1, 0)  # not on this machine
        click_cell(qtbot, table, 0, 0)  # used already
        click(qtbot, models, "Get more…")
        click(qtbot, models, "Unload")
        models.set_loaded(False)
        click(qtbot, models, "Unload")
    assert got == [(), ()]
    rows = [gallery.ModelRow("bundled", "Small"), gallery.ModelRow("large", "Large", used=True)]
    models.show_models(rows)
    with heard(models.model_chosen) as got:
        click_cell(qtbot, table, 0, 0)
    assert got == [("bundled",)]


def test_local_weights_are_chosen(qtbot, advanced, tmp_path):
    weights = tmp_path / "sam.safetensors"
    weights.write_bytes(b"")
    click(qtbot, advanced, "Use a local file…")
    dialog = advanced.findChild(QFileDialog)
    with heard(advanced.models.weights_chosen) as got:
        dialog.setDirectory(str(tmp_path))
        dialog.selectFile(str(weights))
        dialog.accept()
    assert got == [(weights,)]
