"""Everything together: the keys, the example, what stands where, closing in the middle."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

from napari_gfsam.bridge.identity import is_ours
from napari_gfsam.bridge.keys import KEYS
from napari_gfsam.bridge.ours import Role
from napari_gfsam.bridge.region import draw_box
from napari_gfsam.controller.desk import Desk
from napari_gfsam.controller.next_step import Standing, next_step
from napari_gfsam.io.writers import write_picture
from napari_gfsam.session.types import TargetState
from tests.controller.hands import SHAPE, fingerprint, picture

pytestmark = pytest.mark.gui


def step(at):
    return next_step(at.desk.standing())


def test_every_key_of_the_table_has_an_action(at):
    actions = at.desk.actions
    assert {entry.action for entry in KEYS} | {entry.release for entry in KEYS if entry.release} == set(actions)


def test_no_key_at_an_empty_desk_breaks_anything(at):
    for action in at.desk.actions:
        at.press(action)
    assert all(sentence.endswith((".", ")")) for sentence in at.problems)
    at.image("cells", picture(1)[0])
    for action in at.desk.actions:
        at.press(action)
    at.wait()
    assert len(at.queue) == 0
    assert [layer.name for layer in at.viewer.layers] == ["cells"]


def test_the_next_step_at_every_step(at):
    assert step(at).startswith("Open a picture")
    image = at.image("cells", picture(1)[0])
    assert "Label this picture" in step(at)
    truth = at.viewer.add_labels(picture(1)[1], visible=False)
    assert step(at).startswith("Press “Label this picture”")
    truth.visible = True
    assert step(at).startswith("Choose your painted labels")
    at.desk.references.new(image)
    assert step(at).startswith("Paint one object")
    at.stroke(at.ours(Role.REFERENCE, image), *np.nonzero(picture(1)[1]), values=1)
    assert "Run (R)" in step(at)
    (row,) = at.desk.session.references
    at.desk.session.references.enable(row.id, False)
    assert step(at).startswith("Tick a reference")
    at.desk.session.references.enable(row.id, True)
    drawn = []
    draw_box(at.viewer, image, row.plane, SHAPE, drawn.append)
    assert step(at).startswith("Drag a box")
    at.viewer.layers.selection.active.add_rectangles([[0, 0], [50, 70]])
    assert "Run (R)" in step(at)
    assert drawn == [(0, 0, 51, 71)]
    at.press("run")
    assert step(at).startswith("Working on 1 of 1")
    at.wait()
    assert "1 proposal" in step(at)
    at.press("skip")
    assert step(at).startswith("1 skipped target is left")
    at.press("accept")
    assert step(at).startswith("All 1 target accepted")


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"skipped": 1, "accepted": 1}, "1 skipped target is left: look at it again and accept (K), or correct."),
        ({"skipped": 2, "failed": 1, "targets": 3}, "2 skipped targets are left: look at them again"),
        ({"failed": 2, "targets": 2}, "2 targets failed: click one in the list to see why. Run (R) tries again."),
        (
            {"failed": 1, "accepted": 2},
            "click it in the list to see why. Export… (Review) saves the 2 accepted.",
        ),
        ({"accepted": 2}, "All 2 targets accepted. Press Export… (Review) to save the labels, or pick more"),
        ({"accepted": 2, "targets": 3}, "or press Run (R) to label 3 more."),
        ({"proposed": 1, "skipped": 1, "failed": 1}, "Look at the worst first: 1 proposal"),
    ],
)
def test_the_next_step_forgets_no_target_that_is_left(counts, words):
    assert words in next_step(Standing(pictures=1, references=1, painted=1, **counts))


def test_the_picture_that_is_worked_on(at):
    first, second = at.image("first", picture(1)[0]), at.image("second", picture(2)[0], translate=(0, 100))
    at.viewer.layers.selection.active = first
    assert at.desk.image() is first
    mine = at.viewer.add_labels(np.zeros((60, 80), np.uint8), translate=(0, 100))
    assert at.viewer.layers.selection.active is mine
    assert at.desk.image() is second
    at.desk.references.new(first)
    assert at.desk.image() is first
    at.viewer.layers.selection.clear()
    assert at.desk.image() is second


def test_a_file_under_review_is_tried_again_and_is_no_picture_to_paint(at, tmp_path):
    pixels, labels = picture(1)
    image = at.image("painted", pixels)
    at.paint(image, labels)
    write_picture(tmp_path / "plates" / "plate.tif", picture(2)[0])
    at.desk.folders.add(tmp_path / "plates")
    at.run()
    assert at.target(at.current).title == "plate.tif"
    assert at.desk.image() is image
    at.press("try")
    at.wait()
    assert at.problems == []
    assert [(target.title, target.run) for target in at.queue] == [("plate.tif", 2)]


def test_the_example_arms_run_and_keeps_classes_of_before(at):
    at.desk.session.classes.add("mine")
    at.desk.open_example()
    rows = {row.id: row for row in at.desk.session.classes}
    assert rows[1].name == "mine"
    at.desk.session.classes.restore(())
    at.viewer.layers.clear()
    at.desk.tidy()
    before = at.desk.session.references
    assert len(before) == 0
    at.desk.open_example()
    assert len(at.desk.references.painted()) == 1
    assert "Run (R)" in step(at)
    assert at.desk.references.question() is None
    assert not [layer for layer in at.viewer.layers if is_ours(layer)]


def test_labels_of_the_user_stay_as_they_are_bit_for_bit_through_everything(at):
    at.two_pictures(2)
    mine = at.viewer.add_labels(np.arange(60 * 80, dtype=np.int32).reshape(60, 80) % 7, translate=(0, 100), name="mine")
    mine.features = {"index": [1, 2]}
    at.viewer.add_points([[1, 2]], name="dots")
    before = {layer.name: fingerprint(layer) for layer in at.users_layers()}
    at.viewer.layers.selection.active = mine
    go_on = at.run_in_two()
    at.desk.running.cancel()
    go_on.set()
    at.wait()
    at.run()
    at.desk.correcting.toggle_cluster(at.cluster_on())
    at.desk.correcting.add_point(1, (20.0, 20.0), positive=False)
    at.press("accept")
    at.press("undo")
    at.press("redo")
    at.desk.review.accept_above(0.0)
    at.desk.guarded(at.desk.rerun.start)()
    at.wait()
    at.desk.rerun.revert()
    for name in ("confidence", "similarity", "instances"):
        at.desk.overlays.show(name, True)
    at.press("hide")
    at.press("show")
    assert {layer.name: fingerprint(layer) for layer in at.users_layers()} == before
    assert at.problems == []


def test_closing_in_the_middle_of_a_run_ends_its_thread_and_frees_the_keys(at):
    _, (target,), _ = at.two_pictures(1)
    at.run()
    layer = at.ours(Role.PROPOSAL, target)
    at.press("run")
    at.press("alternatives")
    at.desk.close()
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith("napari-gfsam run")]
    assert not [key for key in layer.keymap if "K" in str(key)]
    painted = layer.data.copy()
    at.stroke(layer, [0], [0], values=1)
    at.viewer.layers.remove(target)
    at.viewer.add_image(np.zeros((4, 4)))
    assert layer.data.sum() == painted.sum() + 1
    at.desk = Desk(at.viewer, at.desk.session.root)
    at.desk.problem.connect(at.problems.append)
    assert at.desk.ours.find(Role.PROMPTS) is None


def test_a_closed_desk_leaves_nothing_behind(at):
    at.two_pictures(1)
    at.run()
    at.desk.close()
    gone = weakref.ref(at.desk)
    root = at.desk.session.root
    at.desk = None
    gc.collect()
    assert gone() is None
    at.desk = Desk(at.viewer, root)


def test_a_second_picture_later_is_run_with_the_same_paint(at):
    at.two_pictures(1)
    at.run()
    at.press("accept")
    at.image("late", picture(4)[0], translate=(0, 300))
    at.run()
    assert at.problems == []
    assert at.states() == {"target 0": TargetState.ACCEPTED, "late": TargetState.PROPOSED}


def test_a_desk_opens_without_torch():
    code = (
        "import sys, tempfile, pathlib\n"
        "from qtpy.QtWidgets import QApplication\n"
        "app = QApplication([])\n"
        "from napari.components import ViewerModel\n"
        "from napari_gfsam.controller.desk import Desk\n"
        "desk = Desk(ViewerModel(), pathlib.Path(tempfile.mkdtemp()))\n"
        "desk.standing(), desk.models.describe()\n"
        "desk.close()\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)
