from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QProgressBar

from napari_gfsam.controller.run_types import RunProgress
from napari_gfsam.widgets.model_line import ModelLine
from napari_gfsam.widgets.resume import ResumeBar
from napari_gfsam.widgets.run import RunPanel
from napari_gfsam.widgets.stages import StagesBar
from tests.widgets import gallery
from tests.widgets.hands import LEFT, button, click, heard, show

pytestmark = pytest.mark.gui


@pytest.fixture
def run(qtbot) -> RunPanel:
    return show(qtbot, RunPanel())


def progress(k: int, n: int, fraction: float = 0.5) -> RunProgress:
    return RunProgress("find", gallery.PLANES[0], k, n, fraction, 125.0, run=1)


def test_run_says_how_many_or_why_not(qtbot, run):
    with heard(run.run_requested) as got:
        click(qtbot, run, "Run (R)")
        run.show_ready(3, "Paint a reference first.")
        click(qtbot, run, "Run on 3 targets (R)")
        assert got == []
        assert "Paint a reference first." in button(run, "Run").toolTip()
        run.show_ready(1)
        click(qtbot, run, "Run on 1 target (R)")
    assert got == [()]


def test_cancel_is_there_while_something_runs(qtbot, run):
    assert not button(run, "Cancel").isVisible()
    run.show_progress(progress(2, 9))
    with heard(run.cancel_requested) as got:
        click(qtbot, run, "Cancel")
    assert got == [()]
    run.show_idle("Cancelled; 1 of 9 targets is finished.")
    assert not button(run, "Cancel").isVisible()
    assert run._line.text() == "Cancelled; 1 of 9 targets is finished."
    run.show_idle()
    assert run._line.isHidden()


def test_what_else_is_told_hides_no_run(run):
    run.show_line("Exporting 1 of 3")
    assert run._line.isVisible()
    assert not button(run, "Cancel").isVisible()
    run.show_progress(progress(2, 9))
    run.show_line("Exporting 2 of 3")
    assert run._line.text() == "Exporting 2 of 3"
    assert button(run, "Cancel").isVisible()
    assert run._bar.isVisible()


@pytest.mark.parametrize(
    ("k", "n", "words"),
    [
        (0, 9, "Trying points · about 2 min left"),
        (4, 9, "4 of 9 · Trying points · about 2 min left"),
        (1, 1, "Trying points · about 2 min left"),
    ],
)
def test_progress_says_what_which_and_how_long(run, k, n, words):
    run.show_progress(progress(k, n, 0.25))
    bar = run.findChild(QProgressBar)
    assert run._line.text() == words
    assert bar.value() == bar.maximum() // 4


def test_stages_are_one_click_away(qtbot):
    bar = show(qtbot, StagesBar())
    bar.show_review(0, 0)
    assert bar.isHidden()
    bar.show_review(7, 12)
    assert bar.isVisible()
    assert bar.tabText(1) == "Review (5 left)"
    bar.show_review(12, 12)
    assert bar.tabText(1) == "Review"
    with heard(bar.stage_chosen) as got:
        qtbot.mouseClick(bar, LEFT, pos=bar.tabRect(1).center())
        qtbot.mouseClick(bar, LEFT, pos=bar.tabRect(1).center())
        bar.show_stage("prepare")
        bar.show_stage("review")
        qtbot.keyClick(bar, Qt.Key.Key_Left)
    assert got == [("review",), ("prepare",)]


def test_the_model_line_is_cut_and_its_tip_is_whole(qtbot):
    line = show(qtbot, ModelLine(), width=150)
    line.show_model("Bundled", "CPU", "<i>no graphics card is usable here")
    assert line.text().startswith("Bundled · CPU")
    assert line.text().endswith("…")
    assert "&lt;i&gt;no graphics card is usable here" in line.toolTip()
    line.resize(900, line.height())
    assert line.text() == "Bundled · CPU · <i>no graphics card is usable here"


@pytest.mark.parametrize(("days", "when"), [(0, "14:02"), (3, "November, 14:02")])
def test_an_offer_to_go_on_names_what_is_there(qtbot, days, when):
    bar = show(qtbot, ResumeBar())
    bar.hide()
    moment = datetime.now().replace(hour=14, minute=2)
    if days:
        moment = (moment - timedelta(days=400)).replace(month=11, day=19)
    bar.show_offer(12, 1, moment)
    assert bar.isVisible()
    words = bar._question.text()
    assert words.startswith("Go on where you stopped (12 targets, 1 accepted, ")
    assert when in words
    with heard(bar.go_on_requested, bar.fresh_requested) as got:
        click(qtbot, bar, "Go on")
        click(qtbot, bar, "Start fresh")
    assert got == [(), ()]
