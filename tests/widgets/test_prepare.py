"""What is shown of references, classes and targets before a run."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_gfsam.bridge.pictures import picture_of
from napari_gfsam.imaging import PixelRecipe
from napari_gfsam.widgets.classes import ClassesPanel
from napari_gfsam.widgets.prepare import FOLDER, Prepare
from napari_gfsam.widgets.references import ReferencesPanel
from napari_gfsam.widgets.run import RunPanel
from napari_gfsam.widgets.targets import TargetsPanel
from tests.controller.hands import RUN_MILLISECONDS, picture

pytestmark = pytest.mark.gui


@pytest.fixture
def preparing(at, qtbot):
    """A desk, the panels of targets and of the run, and what connects them."""
    panels = ReferencesPanel(), ClassesPanel(), TargetsPanel(), RunPanel()
    for panel in panels:
        qtbot.addWidget(panel)
    connected = Prepare(at.desk, *panels)
    at.desk.thumbnails.changed.connect(connected.refresh)
    yield at, panels[2], panels[3], connected
    at.desk.thumbnails.changed.disconnect(connected.refresh)


def test_a_folder_shows_its_first_picture_as_the_model_sees_it(preparing, tmp_path):
    at, targets, _, connected = preparing
    for number in range(2):
        Image.fromarray(picture(number)[0]).save(tmp_path / f"{number}.png")
    at.desk.folders.add(tmp_path)
    shown = []
    targets.show_input = lambda seen, text: shown.append((seen, text))
    connected.refresh()
    targets.picture_chosen.emit(f"{FOLDER}{tmp_path}")
    at.qtbot.waitUntil(lambda: shown[-1][0] is not None, timeout=RUN_MILLISECONDS)
    seen, text = shown[-1]
    source = at.desk.folders.first(tmp_path)
    assert np.array_equal(seen, picture_of(source, source.plane))
    assert text == f"0.png, {source.describe()}"
    assert text.endswith("until there is a reference")


def test_a_broken_first_picture_says_so(preparing, tmp_path):
    at, targets, _, connected = preparing
    (tmp_path / "rotten.png").write_bytes(b"no picture")
    at.desk.folders.add(tmp_path)
    connected.refresh()
    at.qtbot.waitUntil(lambda: "cannot be read" in targets._reading.text(), timeout=RUN_MILLISECONDS)
    assert "rotten.png" in targets._reading.text()
    assert not targets._thumbnail.isVisibleTo(targets)
    assert at.problems == []


def test_run_says_why_it_cannot_be_pressed(preparing):
    at, _, run, connected = preparing
    at.painted_stack(3)
    at.viewer.dims.ndisplay = 3
    connected.refresh()
    assert not run._run.isEnabled()
    assert "switch to 2D" in run._run.toolTip()
    at.viewer.dims.ndisplay = 2
    connected.refresh()
    assert run._run.isEnabled()
    assert run._run.text().startswith("Run on 2 targets")


def test_a_picture_that_cannot_be_read_says_why_and_the_others_are_run(preparing):
    at, targets, run, connected = preparing
    at.two_pictures(1)
    for name in ("red", "blue"):
        at.image(name, picture(4)[0][..., 0], colormap=name, blending="additive", translate=(200, 0))
    at.desk.pictures.intensity = PixelRecipe("range", limits=((0, 100), (0, 200)))
    connected.refresh()
    assert [entry.title for entry in targets._rows.values() if not entry.why_not] == ["red + blue"]
    assert run._run.text().startswith("Run on 1 target")
