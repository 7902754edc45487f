from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QProgressBar

from napari_gfsam.bridge.keys import KEYS
from napari_gfsam.core.config import PRESETS
from napari_gfsam.session.types import PlaneKey, Target, TargetState
from napari_gfsam.widgets.corrections import OVERLAYS, POINTER_KEYS
from napari_gfsam.widgets.data import Choice, ReviewActions
from napari_gfsam.widgets.export_dialog import WIDTH, ExportDialog
from napari_gfsam.widgets.review import ReviewPanel
from napari_gfsam.widgets.reviewing import Reviewing, _formats
from napari_gfsam.widgets.table import Table
from tests.fakes import QUICK
from tests.widgets import gallery
from tests.widgets.hands import button, choose, click, click_cell, heard, show

pytestmark = pytest.mark.gui
NOTHING = ReviewActions()
ALL = ReviewActions(True, True, True, True, True, True, undo="cluster 3 off", redo="point 4 on", cluster="cluster 3")
BUTTONS = (
    "Accept (K)",
    "Skip (J)",
    "← (U)",
    "→ (N)",
    "Use as reference",
    "Export…",
    "Alternatives (Q)",
    "Undo",
    "Redo",
)


@pytest.fixture
def review(qtbot) -> ReviewPanel:
    return show(qtbot, gallery.review_panel())


def signals_of(review: ReviewPanel) -> tuple:
    corrections = review.corrections
    return (
        review.accept_requested,
        review.skip_requested,
        review.previous_requested,
        review.next_requested,
        review.use_as_reference_requested,
        review.export_requested,
        corrections.alternatives_requested,
        corrections.undo_requested,
        corrections.redo_requested,
    )


def test_every_button_asks_for_its_own(qtbot, review):
    review.show_actions(ALL)
    for text, signal in zip(BUTTONS, signals_of(review), strict=True):
        with heard(*signals_of(review)) as all_of_them, heard(signal) as got:
            click(qtbot, review, text)
        assert got == all_of_them == [()], text


def test_what_cannot_be_done_asks_for_nothing(qtbot, review):
    review.show_actions(NOTHING)
    with heard(*signals_of(review)) as got:
        for text in BUTTONS:
            click(qtbot, review, text)
    assert got == []
    assert not review.corrections._classes.isEnabled()


def test_a_target_is_chosen_by_click_and_by_arrow(qtbot, review):
    table = review.findChild(Table)
    with heard(review.target_chosen) as got:
        click_cell(qtbot, table, 2, 1)
        qtbot.keyClick(table, Qt.Key.Key_Down)
    assert got == [(gallery.PLANES[2],), (gallery.PLANES[3],)]


def test_the_current_target_is_chosen_silently_and_says_why_it_is_empty(review):
    assert review._note.text() == "No place in this picture looks like “nucleus”."
    with heard(review.target_chosen) as got:
        review.show_targets(gallery.targets(), gallery.PLANES[3])
    assert got == []
    assert review.findChild(Table).chosen_key == gallery.PLANES[3]
    assert review._note.isHidden()


def states(review: ReviewPanel) -> list[str]:
    model = review.findChild(Table).model()
    return [model.index(place, 2).data() for place in range(model.rowCount())]


def test_a_row_says_how_certain_or_in_what_state(review):
    assert states(review)[:9] == [
        "empty", "52%", "86%", "93%", "skipped 40%", "running", "waiting", "failed", "accepted"
    ]  # fmt: skip


def test_the_bar_counts_accepted_targets(review):
    bar = review.findChild(QProgressBar)
    assert (bar.value(), bar.maximum(), bar.text()) == (4, 12, "4 of 12 accepted")
    review.show_targets((), None)
    assert bar.text() == "0 of 0 accepted"
    assert bar.value() == 0


def test_many_are_accepted_by_a_threshold(qtbot, review):
    with heard(review.threshold_changed, review.accept_above_requested) as got:
        click(qtbot, review, "Accept 2")
        review._threshold.setValue(95)
        review.show_above(0)
        click(qtbot, review, "Accept 0")
    assert got == [(0.8,), (0.95,)]
    assert review.threshold == 0.95


def test_what_changed_can_be_taken_back(qtbot, review):
    with heard(review.revert_requested) as got:
        click(qtbot, review, "Revert")
        review.show_changes("")
    assert got == [()]
    assert not button(review, "Revert").isVisible()


def test_a_cluster_is_moved_and_the_next_can_go_to_the_same_class(qtbot, review):
    box = review.corrections._classes
    with heard(review.corrections.move_requested) as got:
        choose(qtbot, box, 1)
        choose(qtbot, box, 1)
    assert got == [(2,), (2,)]
    assert box.placeholderText() == "Move cluster to…"
    assert "cluster 3 of nucleus" in box.toolTip()


def test_overlays_are_switched_by_name(qtbot, review):
    with heard(review.corrections.overlay_toggled) as got:
        for _name, text, _tip in OVERLAYS:
            click(qtbot, review, text)
        review.corrections.set_overlays({"similarity"})
    assert got == [
        ("points", False), ("clusters", False), ("confidence", True), ("similarity", True), ("instances", True)
    ]  # fmt: skip
    ticked = [button(review, text).isChecked() for _name, text, _tip in OVERLAYS]
    assert ticked == [False, False, False, True, False]


def test_undo_names_what_it_undoes(review):
    review.show_actions(ALL)
    assert "Undo: cluster 3 off (Ctrl+Z)" in button(review, "Undo").toolTip()
    assert "Redo: point 4 on (Ctrl+Shift+Z)" in button(review, "Redo").toolTip()
    review.show_actions(NOTHING)
    assert "Undo: nothing" in button(review, "Undo").toolTip()


def test_the_reading_line_hides_when_there_is_one_only(review):
    assert review.corrections._reading.isVisible()
    review.corrections.show_reading("")
    assert review.corrections._reading.isHidden()


def test_the_legend_names_every_key_that_has_no_button():
    buttons = {"run", "try", "accept", "skip", "next", "previous", "alternatives", "undo", "redo"}
    assert {name for name, _ in POINTER_KEYS} == {entry.action for entry in KEYS} - buttons


def test_five_hundred_targets_stay_in_their_list(review):
    many = [Target(PlaneKey("s", (time, -1, -1), (1, 2)), f"t {time}", TargetState.PROPOSED) for time in range(500)]
    review.show_targets(many, many[250].plane)
    table = review.findChild(Table)
    assert table.sizeHint().height() < 220
    row = table.visualRect(table.currentIndex())
    assert table.viewport().rect().contains(row)  # the current one is in sight
    review.show_targets([replace(many[0], score=0.5), *many[1:]], many[250].plane)
    assert table.chosen_key == many[250].plane


def test_a_click_on_a_failed_target_says_why_and_stays(qtbot, at, tmp_path, monkeypatch):
    monkeypatch.setitem(PRESETS, "tuned", QUICK)
    at.two_pictures(1)
    at.image("blank", np.full((60, 80), 7, np.uint8), translate=(0, 300))
    (tmp_path / "plates").mkdir()
    (tmp_path / "plates" / "broken.png").write_bytes(b"no picture")
    at.desk.folders.add(tmp_path / "plates")
    at.run()
    panel = show(qtbot, ReviewPanel())
    reviewing = Reviewing(at.desk, panel)
    reviewing.refresh()
    table = panel.findChild(Table)
    for title, words in (("blank", "everywhere"), ("broken.png", "broken.png")):
        place = next(place for place, target in enumerate(at.queue.listed()) if target.title == title)
        click_cell(qtbot, table, place, 1)
        reviewing.refresh()
        assert table.chosen_key == at.current == at.queue.listed()[place].plane
        assert words in panel._note.text()
        assert panel._note.isVisible()
        assert not button(panel, "Accept (K)").isEnabled()
        assert not button(panel, "Skip (J)").isEnabled()
        at.press("accept")
        at.press("alternatives")
    assert at.problems == ["No finished target is under review; choose one in the list first."] * 4
    assert not at.queue.counts()[TargetState.ACCEPTED]
    at.press("next")
    assert at.target(at.current).state == TargetState.PROPOSED


def test_the_export_dialog_shows_all_of_what_it_says(qtbot):
    dialog = ExportDialog()
    dialog.show_formats(_formats())
    dialog.show_scopes([Choice("all", "2 targets, proposed, none is accepted yet")])
    show(qtbot, dialog, WIDTH)
    boxes = dialog._format, dialog._scope
    heights = set()
    for place in range(dialog._format.count()):
        dialog._format.setCurrentIndex(place)
        qtbot.wait(1)
        assert [box.height() for box in boxes] == [box.sizeHint().height() for box in boxes]
        assert dialog._note.height() >= dialog._note.heightForWidth(dialog._note.width()), dialog._format.currentText()
        heights.add(dialog.height())
    assert len(heights) > 1
    assert dialog.width() == WIDTH
