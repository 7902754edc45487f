from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QFileDialog, QLineEdit

from napari_gfsam.bridge.planes import StackAxis
from napari_gfsam.session.picks import PlanesPick
from napari_gfsam.widgets.data import Choice, PictureRow
from napari_gfsam.widgets.planes import PlanesPanel
from napari_gfsam.widgets.table import Table
from napari_gfsam.widgets.welcome import WelcomePanel
from tests.widgets import gallery
from tests.widgets.hands import button, choose, click, click_cell, double_click_cell, heard, show

if TYPE_CHECKING:
    from napari_gfsam.widgets.classes import ClassesPanel
    from napari_gfsam.widgets.references import ReferencesPanel
    from napari_gfsam.widgets.targets import TargetsPanel

pytestmark = pytest.mark.gui


def test_welcome_offers_two_ways_to_begin(qtbot):
    panel = show(qtbot, WelcomePanel())
    with heard(panel.example_requested, panel.label_requested) as got:
        click(qtbot, panel, "Label this picture")
        assert got == []  # no picture is open
        click(qtbot, panel, "Try an example")
    panel.show_picture("<b>cells</b>")
    with heard(panel.label_requested) as got:
        click(qtbot, panel, "Label this picture")
    assert got == [()]
    assert "&lt;b&gt;cells" in button(panel, "Label").toolTip()


def test_welcome_offers_label_layers_that_are_there(qtbot):
    panel = show(qtbot, WelcomePanel())
    assert panel._layers.isHidden()
    panel.show_layers([Choice("a", "one"), Choice("b", "two")])
    with heard(panel.layer_chosen, panel.label_requested) as got:
        choose(qtbot, panel._layers, 1)
    assert got == [("b",)]
    assert panel._layers.currentIndex() == -1


@pytest.fixture
def references(qtbot) -> ReferencesPanel:
    return show(qtbot, gallery.references_panel())


def test_a_reference_is_made_or_taken_from_a_layer(qtbot, references):
    with heard(references.new_requested, references.layer_chosen) as got:
        click(qtbot, references, "New label layer")
        choose(qtbot, references._layers, 1)
    assert got == [(), ("layer-2",)]
    assert references._layers.currentIndex() == -1  # the next one can be chosen, the same too


def test_references_are_chosen_switched_and_removed(qtbot, references):
    table = references.findChild(Table)
    signals = (references.reference_chosen, references.reference_enabled, references.reference_removed)
    with heard(*signals) as got:
        click_cell(qtbot, table, 2, 1)
        click_cell(qtbot, table, 2, 0)
        click(qtbot, references, "Remove")
        qtbot.keyClick(table, Qt.Key.Key_Delete)
    assert got == [("c" * 32,), ("c" * 32, True), ("c" * 32,), ("c" * 32,)]


def test_a_box_is_drawn_or_forgotten(qtbot, references):
    with heard(references.region_requested, references.region_removed) as got:
        click(qtbot, references, "Draw box")
        click_cell(qtbot, references.findChild(Table), 2, 1)
        click(qtbot, references, "Forget box")
    assert got == [("b" * 32,), ("c" * 32,)]


def test_an_ignore_label_is_set_and_taken_back(qtbot, references):
    assert references._ignore.text() == "ignore 255"
    with heard(references.ignore_changed) as got:
        for typed in ("17", "0"):
            references._ignore.selectAll()
            qtbot.keyClicks(references._ignore, typed)
            assert len(got) == (typed == "0")  # only when the number is finished
            qtbot.keyClick(references._ignore, Qt.Key.Key_Return)
    assert got == [("b" * 32, 17), ("b" * 32, None)]
    assert references._ignore.text() == "ignore none"


def test_showing_the_same_again_leaves_a_half_typed_number_alone(qtbot, references):
    references._ignore.selectAll()
    qtbot.keyClicks(references._ignore, "17")
    references.show_references(gallery.references(), "b" * 32)
    assert references._ignore.text() == "ignore 17"


def test_limits_are_in_sight_where_paint_is_partial(qtbot, references):
    plain = replace(gallery.references()[0])
    references.show_references((plain,))
    assert not references._limits.isVisible()
    references.set_partly_painted(True)
    assert references._limits.isVisible()
    references.set_partly_painted(False)
    references.show_references((replace(plain, ignore=3),))
    assert references._limits.isVisible()


def test_click_to_fill_is_a_switch(qtbot, references):
    with heard(references.fill_toggled) as got:
        click(qtbot, references, "Click to fill")
        references.set_fill(False)
        click(qtbot, references, "Click to fill")
        references.set_fill(True, possible=False)
        click(qtbot, references, "Click to fill")
    assert got == [(True,), (True,)]


def test_the_warning_leads_to_the_place(qtbot, references):
    with heard(references.zoom_requested) as got:
        click(qtbot, references, "Zoom")
        references.show_warning("")
    assert got == [()]
    assert references._warning.isHidden()


def test_a_chosen_reference_that_is_gone_gives_way_to_the_first(references):
    references.show_references(gallery.references()[:1], "b" * 32)
    assert references.findChild(Table).chosen_key == "a" * 32
    references.show_references((), "b" * 32)
    assert not button(references, "Remove").isEnabled()


def test_no_label_layer_can_be_made_without_a_picture(qtbot, references):
    references.show_picture("")
    with heard(references.new_requested) as got:
        click(qtbot, references, "New label layer")
    assert got == []


@pytest.fixture
def classes(qtbot) -> ClassesPanel:
    return show(qtbot, gallery.classes_panel())


def test_classes_are_chosen_added_and_removed(qtbot, classes):
    with heard(classes.class_chosen, classes.class_added, classes.class_removed) as got:
        click_cell(qtbot, classes.findChild(Table), 2, 2)
        click(qtbot, classes, "Add class")
        click(qtbot, classes, "Remove")
    assert got == [(3,), (), (3,)]


def test_a_class_is_renamed_in_place(qtbot, classes):
    table = classes.findChild(Table)
    with heard(classes.class_renamed) as got:
        double_click_cell(qtbot, table, 0, 2)
        editor = table.viewport().findChild(QLineEdit)
        qtbot.keyClicks(editor, "cell")
        qtbot.keyClick(editor, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: bool(got))
    assert got == [(1, "cell")]


def test_boxes_say_not_this_and_all_painted(qtbot, classes):
    table = classes.findChild(Table)
    with heard(classes.negative_changed) as negative, heard(classes.painted_fully_answered) as painted:
        click_cell(qtbot, table, 0, 3)
        click_cell(qtbot, table, 2, 3)
        click_cell(qtbot, table, 0, 4)
    assert negative == [(1, True), (3, False)]
    assert painted == [(1, False)]


def test_the_question_is_asked_once_and_answered(qtbot, classes):
    assert "dividing nucleus" in classes._ask.text()
    with heard(classes.painted_fully_answered) as got:
        click(qtbot, classes, "No")
    assert got == [(2, False)]
    assert classes._question.isHidden()
    classes.ask_painted(1)
    with heard(classes.painted_fully_answered) as got:
        click(qtbot, classes, "Yes")
    assert got == [(1, True)]


def test_the_question_goes_with_its_class(classes):
    classes.show_classes(gallery.CLASSES[:1])
    assert classes._question.isHidden()


@pytest.mark.parametrize("by", ["button", "double click"])
def test_a_colour_is_chosen_without_stopping_the_window(qtbot, classes, by):
    if by == "button":
        click(qtbot, classes, "Colour…")
    else:
        double_click_cell(qtbot, classes.findChild(Table), 1, 0)
    dialog = classes.findChild(QColorDialog)
    assert dialog.currentColor().getRgb()[:3] == gallery.CLASSES[1].color
    with heard(classes.class_recolored) as got:
        dialog.setCurrentColor(QColor(16, 32, 48))
        dialog.accept()
    assert got == [(2, (16, 32, 48))]
    qtbot.waitUntil(lambda: classes.findChild(QColorDialog) is None)


def test_many_classes_stay_quick_to_show(classes):
    many = [replace(gallery.CLASSES[0], id=number, name=f"object {number}") for number in range(1, 5001)]
    classes.show_classes(many, 4000)
    assert classes.findChild(Table).chosen_key == 4000


@pytest.fixture
def targets(qtbot) -> TargetsPanel:
    return show(qtbot, gallery.targets_panel())


def test_pictures_are_picked_and_chosen(qtbot, targets):
    table = targets.findChild(Table)
    with heard(targets.picture_picked, targets.picture_chosen) as got:
        click_cell(qtbot, table, 1, 0)
        click_cell(qtbot, table, 2, 0)  # cannot be picked
    assert got == [("2",), ("2", True)]


def test_only_a_folder_can_be_removed(qtbot, targets):
    table = targets.findChild(Table)
    assert not button(targets, "Remove").isVisible()
    with heard(targets.picture_removed) as got:
        table.setFocus()
        qtbot.keyClick(table, Qt.Key.Key_Delete)
        click_cell(qtbot, table, 3, 1)
        click(qtbot, targets, "Remove")
        qtbot.keyClick(table, Qt.Key.Key_Delete)
    assert got == [("4",), ("4",)]


def test_a_folder_is_chosen_without_stopping_the_window(qtbot, targets, tmp_path):
    click(qtbot, targets, "Add folder…")
    dialog = targets.findChild(QFileDialog)
    with heard(targets.folder_chosen) as got:
        dialog.setDirectory(str(tmp_path.parent))
        dialog.findChild(QLineEdit).setText(tmp_path.name)
        dialog.accept()
    assert got == [(tmp_path,)]
    assert isinstance(got[0][0], Path)


def test_no_folder_is_no_answer(qtbot, targets):
    click(qtbot, targets, "Add folder…")
    with heard(targets.folder_chosen) as got:
        targets.findChild(QFileDialog).reject()
    assert got == []


def test_one_plane_is_tried(qtbot, targets):
    with heard(targets.try_requested) as got:
        click(qtbot, targets, "Try on this plane (T)")
        targets.set_try(False)
        click(qtbot, targets, "Try on this plane (T)")
    assert got == [()]


@pytest.mark.parametrize("shape", [(40, 64, 3), (64, 33, 3), (1, 1, 3)])
def test_the_thumbnail_shows_the_very_pixels(targets, shape):
    picture = np.zeros(shape, np.uint8)
    picture[..., 0] = 255
    targets.show_input(picture[::-1], "8-bit colour")
    drawn = targets._thumbnail.pixmap().toImage()
    assert max(drawn.width(), drawn.height()) == 72
    assert drawn.pixelColor(drawn.width() // 2, drawn.height() // 2).getRgb()[:3] == (255, 0, 0)
    targets.show_input(None, "")
    assert targets._thumbnail.isHidden()


def test_the_estimate_hides_without_targets(targets):
    assert targets._estimate.text() == "102 targets: about 6 min, 2 GB of memory, 900 MB on disk for corrections"
    targets.show_estimate(1, 25, 200.0, 2**20, 2**20)
    assert targets._estimate.text().startswith("1 target in 25 tiles: about 3 min, ")
    targets.show_estimate(0, 0, 0, 0, 0)
    assert targets._estimate.isHidden()


def test_a_long_list_scrolls_in_its_own_space(targets):
    rows = [PictureRow(str(number), f"picture {number}") for number in range(200)]
    targets.show_pictures(rows)
    assert targets.findChild(Table).sizeHint().height() < 140


AXES = (StackAxis(1, "t", 12), StackAxis(3, "z", 31))


@pytest.fixture
def planes(qtbot) -> PlanesPanel:
    panel = PlanesPanel()
    panel.show_planes(AXES, PlanesPick())
    return show(qtbot, panel)


def test_planes_are_picked_step_by_step(qtbot, planes):
    with heard(planes.planes_picked) as got:
        choose(qtbot, planes._which, 1)
        planes._step.setValue(3)
        choose(qtbot, planes._axis, 1)
        choose(qtbot, planes._which, 2)
        planes._first.setValue(4)
        planes._last.setValue(9)
        choose(qtbot, planes._which, 0)
    assert [pick for (pick,) in got] == [
        PlanesPick("all", 1, 0, 12),
        PlanesPick("all", 1, 0, 12, 3),
        PlanesPick("all", 3, 0, 31, 3),
        PlanesPick("range", 3, 0, 31, 3),
        PlanesPick("range", 3, 4, 31, 3),
        PlanesPick("range", 3, 4, 10, 3),
        PlanesPick("this", 3),
    ]


@pytest.mark.parametrize(
    "pick", [PlanesPick("this", 3), PlanesPick("all", 3, 0, 31, 2), PlanesPick("range", 1, 2, 9, 4)]
)
def test_what_is_shown_is_what_is_picked(planes, pick):
    with heard(planes.planes_picked) as got:
        planes.show_planes(AXES, pick)
    assert got == []
    assert planes._picked() == pick


def test_only_what_matters_is_in_sight(planes):
    in_sight = {}
    for which in ("this", "all", "range"):
        planes.show_planes(AXES, PlanesPick(which, 1, 0, 12))
        in_sight[which] = [part.isVisible() for part in (planes._axis, planes._step, planes._first, planes._last)]
    assert in_sight == {"this": [False] * 4, "all": [True, True, False, False], "range": [True] * 4}
    planes.show_planes((), PlanesPick())
    assert planes.isHidden()


def test_an_axis_that_is_gone_gives_way_to_the_first(planes):
    planes.show_planes(AXES[1:], PlanesPick("all", 1, 0, 12))
    assert planes._picked() == PlanesPick("all", 3, 0, 31)


def test_a_range_that_ends_before_it_begins_is_one_plane(planes):
    planes.show_planes(AXES, PlanesPick("range", 1, 2, 9))
    with heard(planes.planes_picked) as got:
        planes._first.setValue(10)
    assert got == [(PlanesPick("range", 1, 10, 11),)]
    assert planes._last.value() == 10


def test_label_layers_can_run_out(references):
    references.show_layers([])
    assert not references._layers.isEnabled()
    references.show_layers([Choice("x", "one")])
    assert references._layers.isEnabled()
