"""The whole dock in a viewer without a window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_gfsam.bridge.preferences import Preferences
from napari_gfsam.core.config import PRESETS
from napari_gfsam.session.types import TargetState
from napari_gfsam.widgets.dock import Dock
from tests.controller.hands import At, picture
from tests.fakes import QUICK

pytestmark = pytest.mark.gui


@pytest.fixture
def dock(qtbot, tmp_path, fake_models, monkeypatch) -> Dock:
    monkeypatch.setitem(PRESETS, "tuned", QUICK)
    made = Dock(ViewerModel(), tmp_path / "sessions")
    qtbot.addWidget(made)
    return made


def test_review_opens_at_the_first_proposal_of_a_run_or_once_all_failed(qtbot, dock):
    at = At(dock.desk.viewer, dock.desk.session.root, qtbot, dock.desk)
    pixels, labels = picture(1)
    at.image("blank", np.full((60, 80), 7, np.uint8))
    at.paint(at.image("painted", pixels, translate=(0, 100)), labels)
    at.run()
    assert at.states() == {"blank": TargetState.FAILED}
    assert dock.stages.currentIndex() == 1
    dock.stages.show_stage("prepare")
    at.image("target", picture(2)[0], translate=(0, 200))
    at.run()
    assert list(at.states().values()) == [TargetState.FAILED, TargetState.PROPOSED]
    assert dock.stages.currentIndex() == 1
    dock.stages.show_stage("prepare")
    dock.desk.running.done.emit(at.queue.worst_first()[0].plane)  # a person went back: not again in this run
    assert dock.stages.currentIndex() == 0


def test_the_dock_opens_with_a_misspelt_preference_and_says_so(qtbot, tmp_path, monkeypatch):
    stored = Preferences(model="bundeld", correction_gigabytes=float("nan"))
    monkeypatch.setattr("napari_gfsam.controller.desk.preferences", lambda: stored)
    made = Dock(ViewerModel(), tmp_path / "sessions")
    qtbot.addWidget(made)
    assert made.desk.models.choice.preset == "bundled"
    assert "'bundeld' is no model, so bundled is used" in made.next_step._problem.text
