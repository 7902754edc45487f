from __future__ import annotations

import json
import os
import shutil
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_gfsam.api import Segmenter
from napari_gfsam.bridge.align import lies_over
from napari_gfsam.bridge.identity import find_layer, is_ours, our_layers
from napari_gfsam.bridge.ours import CLASS_LAYERS, Role
from napari_gfsam.bridge.preferences import Preferences
from napari_gfsam.controller import saving as saving_module
from napari_gfsam.controller import snapshots as snapshots_module
from napari_gfsam.session import TargetState, read_saved
from napari_gfsam.session.offer import latest_offer
from napari_gfsam.session.packing import pack
from napari_gfsam.session.painting import AcceptMode
from napari_gfsam.session.picks import PlanesPick
from napari_gfsam.session.resumed import read_session
from tests.controller.hands import At, picture, stack
from tests.fakes import use_fakes
from tests.saved_work import state_of, stroke

if TYPE_CHECKING:
    from pathlib import Path

SAVE_MILLISECONDS = 60_000


@dataclass(frozen=True)
class Killed:
    """A process that is gone: where it saved, and what was at the desk."""

    root: Path
    state: dict[str, Any]
    layers: list[str]
    point: tuple[float, ...]
    active: str


@pytest.fixture(scope="module")
def killed(request, qapp, tmp_path_factory):
    root = tmp_path_factory.mktemp("killed") / "sessions"
    with pytest.MonkeyPatch.context() as patch:
        use_fakes(patch)
        at = At(ViewerModel(), root, QtBot(request))
        work(at)
        save(at)
        yield Killed(root, state(at), names(at), at.viewer.dims.point, at.viewer.layers.selection.active.name)
        at.close()


@pytest.fixture
def after_a_crash(qtbot, tmp_path, fake_models):
    """What another process finds after the first was killed: a copy of its folder that nobody uses."""
    made = []

    def reopen(of):
        root = tmp_path / f"after {len(made)}"
        shutil.copytree(of.root if isinstance(of, Killed) else of.desk.session.root, root)
        for alive in root.glob("*/alive.json"):
            alive.unlink()
        made.append(At(ViewerModel(), root, qtbot))
        return made[-1]

    yield reopen
    for other in made:
        other.close()


def save(at):
    """Save in the background, as the dock does."""
    with at.qtbot.waitSignal(_QtSignal(at, "written"), timeout=SAVE_MILLISECONDS):
        at.desk.saving.save()
    at.qtbot.waitUntil(lambda: not at.desk.saving.busy, timeout=SAVE_MILLISECONDS)  # one may follow at once


class _QtSignal:
    """A psygnal signal as pytest-qt waits for it."""

    def __init__(self, at, name):
        self._signal, self.signal = getattr(at.desk.saving, name), name

    def connect(self, receiver):
        self._signal.connect(receiver, check_nargs=False)

    def disconnect(self, receiver):
        self._signal.disconnect(receiver)


def go_on(at):
    assert at.desk.saving.offer() is not None
    lost = at.desk.saving.go_on()
    assert at.problems == ([" ".join(lost)] if lost else [])
    return lost


def names(at):
    return [layer.name for layer in at.viewer.layers]


def description(at):
    return read_saved(at.desk.session.folder)


def state(at):
    return state_of(at.desk)


def work(at):
    """Everything a person does: classes, references, a run, corrections, strokes, accepts."""
    image, labels = at.painted_stack(4)
    at.desk.session.classes.rename(1, "disc")
    at.desk.session.classes.recolor(1, (1, 2, 3))
    at.run()
    at.desk.correcting.toggle_point(at.point_on())
    proposal = at.ours(Role.PROPOSAL, image)
    stroke(proposal, [at.current.index[0]] * 3, [1, 2, 3], [4, 5, 6], values=1)
    at.press("accept")
    stroke(at.ours(Role.ACCEPTED, image), [1, 1], [7, 8], [9, 9], values=1)
    at.desk.correcting.add_point(1, (30.0, 40.0), positive=False)
    stroke(proposal, [at.current.index[0]] * 2, [10, 11], [20, 20], values=1)
    return image, labels


def test_everything_comes_back_after_a_crash(killed, after_a_crash):
    other = after_a_crash(killed)
    offer = other.desk.saving.offer()
    assert (offer.targets, offer.accepted) == (3, 1)
    assert go_on(other) == ()
    assert state(other) == killed.state
    assert names(other) == killed.layers
    assert other.viewer.dims.point == killed.point
    assert other.viewer.layers.selection.active.name == killed.active


def test_the_work_goes_on_as_if_nothing_had_happened(at, after_a_crash):
    work(at)
    save(at)
    other = after_a_crash(at)
    go_on(other)
    for hands in (at, other):
        hands.desk.correcting.toggle_cluster(hands.cluster_on())
        hands.press("accept")
        hands.desk.review.go_to(next(iter(hands.desk.session.accepted)))
        hands.desk.correcting.toggle_point(hands.point_on())
        hands.press("accept")  # replaces what an earlier accept wrote, and no stroke of a person
        hands.run()
        hands.press("next")
    assert state(other) == state(at)
    assert other.problems == []


def test_reading_on_a_thread_brings_the_same_back(killed, after_a_crash, qtbot):
    other = after_a_crash(killed)
    other.desk.saving.offer()
    with qtbot.waitSignal(_QtSignal(other, "brought_back"), timeout=60_000) as blocker:
        other.desk.saving.bring_back()
    assert blocker.args == [()]
    assert state(other) == killed.state


def test_the_wish_for_smoothing_comes_back(at, after_a_crash):
    at.painted_stack(2)
    at.desk.stacks.smooth = True
    save(at)
    other = after_a_crash(at)
    assert go_on(other) == ()
    assert other.desk.stacks.smooth


def test_what_came_back_can_be_saved_and_brought_back_again(killed, after_a_crash):
    other = after_a_crash(killed)
    go_on(other)
    save(other)
    third = after_a_crash(other)
    assert go_on(third) == ()
    assert state(third) == killed.state
    files = {path.name for path in third.desk.session.folder.labels.iterdir()}
    assert files == {path.name for path in killed.root.glob("*/labels/*")}


def test_nothing_is_written_before_there_is_work(at, tmp_path):
    at.image("cells", picture(1)[0])
    at.desk.saving.save(wait=True)
    at.desk.saving.tick()
    assert at.desk.saving.offer() is None
    assert not (tmp_path / "sessions").exists()


def test_every_accept_is_saved_at_once(at, qtbot):
    at.painted_stack(3)
    at.run()
    plane = at.current
    with qtbot.waitSignal(_QtSignal(at, "written"), timeout=SAVE_MILLISECONDS):
        at.press("accept")
    (found,) = [found for found in description(at).targets if found.target.plane == plane]
    assert found.target.state == TargetState.ACCEPTED
    assert found.labels
    assert found.written


def test_accepts_during_a_save_are_in_the_next_one(at, qtbot):
    at.painted_stack(4)
    at.run()
    for _ in range(3):
        at.press("accept")
    qtbot.waitUntil(
        lambda: at.desk.session.folder.holds_work and len([t for t in description(at).targets if t.labels]) == 3,
        timeout=SAVE_MILLISECONDS,
    )


@pytest.mark.parametrize(("minutes", "saved"), [(0.0, True), (2.0, False)])
def test_work_is_saved_every_few_minutes(at, qtbot, monkeypatch, minutes, saved):
    monkeypatch.setattr(saving_module, "preferences", lambda: Preferences(autosave_minutes=minutes))
    image, labels = picture(1)
    at.paint(at.image("cells", image), labels)
    at.desk.saving.tick()
    if saved:
        qtbot.waitUntil(lambda: not at.desk.saving.busy and not at.desk.session.dirty, timeout=SAVE_MILLISECONDS)
    else:
        qtbot.wait(200)
    assert at.desk.session.folder.holds_work == saved
    assert at.desk.session.dirty != saved
    stamp = at.desk.session.folder.description.stat() if saved else None
    at.desk.saving.tick()
    qtbot.wait(200)
    if saved:
        assert at.desk.session.folder.description.stat() == stamp  # nothing new: nothing written


def test_strokes_in_a_layer_of_the_user_are_work(at):
    image = at.image("cells", picture(1)[0])
    labels = at.viewer.add_labels(picture(1)[1], name="mine")
    at.desk.references.use(labels)
    at.desk.saving.save(wait=True)
    assert not at.desk.session.dirty
    stroke(labels, [0], [0], values=1)
    assert at.desk.session.dirty
    at.desk.saving.save(wait=True)
    labels.undo()
    assert at.desk.session.dirty
    assert image in at.viewer.layers


def test_only_accepted_planes_that_may_have_changed_are_read(at, monkeypatch):
    image, _ = at.painted_stack(5)
    at.run()
    at.desk.review.accept_above(0.0)
    at.desk.saving.save(wait=True)
    read = []
    real = snapshots_module.read_plane
    monkeypatch.setattr(snapshots_module, "read_plane", lambda layer, plane: read.append(plane) or real(layer, plane))
    accepted = at.ours(Role.ACCEPTED, image)
    at.viewer.dims.set_point(0, 2)
    at.desk.saving.save(wait=True)
    read.clear()
    stroke(accepted, [2], [0], [0], values=1)
    at.desk.saving.save(wait=True)
    assert [plane.index[0] for plane in read] == [2]
    at.viewer.dims.set_point(0, 4)
    accepted.undo()  # of a stroke in a plane that is not shown
    read.clear()
    at.desk.saving.save(wait=True)
    assert {2} <= {plane.index[0] for plane in read} <= {2, 4}
    assert at.desk.session.store is not None


def test_painting_across_planes_reads_them_all(at):
    image, _ = at.painted_stack(4)
    at.run()
    at.desk.review.accept_above(0.0)
    at.desk.saving.save(wait=True)
    before = {found.target.plane: found.labels for found in description(at).targets}
    at.viewer.dims.order = (1, 0, 2)
    stroke(at.ours(Role.ACCEPTED, image), [1, 2, 3], [0, 0, 0], [0, 0, 0], values=1)
    at.desk.saving.save(wait=True)
    after = {found.target.plane: found.labels for found in description(at).targets}
    assert all(before[plane] != after[plane] for plane in before)


def test_a_disk_that_is_full_is_told_and_nothing_is_forgotten(at, monkeypatch, qtbot):
    work(at)
    qtbot.waitUntil(lambda: not at.desk.saving.busy, timeout=SAVE_MILLISECONDS)
    plane = at.current

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_gfsam.session.session.write_saved", full)
    at.press("accept")
    qtbot.waitUntil(lambda: bool(at.problems), timeout=SAVE_MILLISECONDS)
    assert at.problems == ["The disk is full; make room, then run again."]
    assert at.desk.session.dirty
    monkeypatch.undo()
    at.desk.saving.save(wait=True)
    (found,) = [found for found in description(at).targets if found.target.plane == plane]
    assert found.labels


def test_a_folder_that_cannot_be_made_is_told(qtbot, tmp_path, fake_models):
    (tmp_path / "sessions").write_text("in the way")
    at = At(ViewerModel(), tmp_path / "sessions", qtbot)
    pixels, labels = picture(1)
    at.paint(at.image("cells", pixels), labels)
    at.desk.saving.save(wait=True)
    assert len(at.problems) == 1
    at.desk.saving.save()
    qtbot.waitUntil(lambda: len(at.problems) == 2, timeout=SAVE_MILLISECONDS)
    assert "sessions" in at.problems[1]
    at.close()


def test_paint_in_a_layer_of_the_user_comes_back_in_one_of_ours(at, after_a_crash):
    pixels, labels = picture(1)
    at.image("cells", pixels, scale=(2, 3))
    first = at.viewer.add_labels(labels.astype(np.int32), name="discs", scale=(2, 3))
    second = at.viewer.add_labels(np.flipud(labels) * 7, name="others", scale=(2, 3))
    for layer in (first, second):
        at.desk.references.use(layer)
    save(at)
    other = after_a_crash(at)
    assert go_on(other) == ()
    assert state(other)["references"] == state(at)["references"]
    assert {row.id for row in other.desk.session.classes} == {1, 7}
    rows = list(other.desk.session.references)
    layers = [find_layer(other.viewer, row.labels_layer) for row in rows]
    assert [str(layer.name) for layer in layers] == ["discs", "others"]
    assert all(is_ours(layer) for layer in layers)


def test_paint_of_a_file_is_used_as_it_is_and_hidden_where_more_was_painted(at, after_a_crash, tmp_path):
    import tifffile

    for seed in (1, 2):
        tifffile.imwrite(tmp_path / f"{seed}.tif", picture(seed)[0][..., 0])
        tifffile.imwrite(tmp_path / f"{seed}_paint.tif", picture(seed)[1])
        at.viewer.open(str(tmp_path / f"{seed}.tif"), plugin="napari", translate=(0, 100 * seed))
        at.viewer.open(
            str(tmp_path / f"{seed}_paint.tif"), plugin="napari", layer_type="labels", translate=(0, 100 * seed)
        )
        at.desk.references.use(at.viewer.layers[-1])
    painted = at.viewer.layers[-1]
    stroke(painted, [0, 1], [0, 0], values=1)
    save(at)
    other = after_a_crash(at)
    assert go_on(other) == ()
    assert state(other)["references"] == state(at)["references"]
    layers = [find_layer(other.viewer, row.labels_layer) for row in other.desk.session.references]
    assert [is_ours(layer) for layer in layers] == [False, True]
    assert [layer.name for layer in layers] == ["1_paint", "2 · reference"]
    assert not other.viewer.layers[painted.name].visible


def test_a_dock_that_was_closed_goes_on_with_the_layers_that_are_there(at, qtbot, tmp_path):
    image, labels = work(at)
    before = state(at)
    at.close()
    layers = list(at.viewer.layers)
    stroke(labels, [0], [0], [0], values=1)
    mapped = np.memmap(tmp_path / "paint", labels.data.dtype, "w+", shape=labels.data.shape)
    mapped[:] = labels.data
    labels.data = mapped.copy()  # numpy calls it mapped, but from no file
    again = At(at.viewer, tmp_path / "sessions", qtbot)
    assert go_on(again) == ()
    kept = [layer for layer in layers if layer.name not in ("prompts · gfsam", "clusters · gfsam")]
    assert [layer for layer in again.viewer.layers if layer in layers] == kept
    before["references"][0][-1][0][0] = 1
    assert state(again) == before
    assert image in again.viewer.layers
    stroke(again.ours(Role.PROPOSAL, image), [3], [0], [0], values=1)
    assert again.desk.session.history.undo_title == "paint"
    again.close()


@pytest.mark.parametrize("fresh", [True, False])
def test_without_going_on_the_proposals_that_are_there_become_the_persons_own(at, qtbot, tmp_path, fresh):
    image, _ = at.painted_stack(2)
    at.run()
    old = at.ours(Role.PROPOSAL, image)
    stroke(old, [1], [0], [0], values=1)
    at.close()
    kept = old.data.copy()
    again = At(at.viewer, tmp_path / "sessions", qtbot)
    again.desk.models.use_settings("quick")
    if fresh:
        again.desk.saving.offer()
        again.desk.saving.start_fresh()
        assert not is_ours(old)
    again.viewer.dims.set_point(0, 0)
    again.desk.references.new(image)
    stroke(old, [1], [0], [1], values=1)
    again.run()
    assert (old.name, is_ours(old), old.visible) == ("cells · gfsam (earlier)", False, False)
    kept[1, 0, 1] = 1
    assert np.array_equal(old.data, kept)
    assert len(again.desk.session.proposals.paint(again.current)) == 0
    again.desk.correcting.toggle_cluster(again.cluster_on())
    assert np.array_equal(again.proposal(again.current), again.prediction.labels)
    assert again.problems == []
    again.close()


def test_a_window_that_closes_loses_nothing(at, after_a_crash):
    image, _ = work(at)
    save(at)
    stroke(at.ours(Role.ACCEPTED, image), [1], [0], [0], values=1)
    stroke(at.ours(Role.REFERENCE, image), [0], [0], [0], values=1)
    before = state(at)
    at.viewer.layers.clear()
    at.close()
    other = after_a_crash(at)
    assert go_on(other) == ()
    assert state(other) == before


def test_a_layer_that_a_person_deletes_is_let_go_of(at, after_a_crash):
    reference, targets, _ = at.two_pictures(2)
    at.run()
    at.viewer.layers.remove(targets[0])
    at.desk.saving.tick()
    at.desk.tidy()
    at.desk.saving.close()
    other = after_a_crash(at)
    assert go_on(other) == ()
    assert [target.title for target in other.queue] == ["target 1"]
    assert "target 0" not in [layer.name for layer in other.viewer.layers]
    assert reference in at.viewer.layers


def test_work_after_a_deletion_is_saved_when_the_window_closes_soon_after(at, after_a_crash):
    _, targets, _ = at.two_pictures(2)
    at.run()
    save(at)
    at.desk.review.go_to(next(target.plane for target in at.queue if target.title == "target 0"))
    at.viewer.layers.remove(targets[1])
    at.desk.tidy()
    at.desk.correcting.toggle_cluster(at.cluster_on())
    stroke(at.ours(Role.PROPOSAL, targets[0]), [0, 0], [0, 1], values=1)
    at.viewer.layers.clear()
    at.desk.saving.close()
    (found,) = description(at).targets
    assert (found.target.title, len(found.decisions) > 0, found.paint != "") == ("target 0", True, True)
    other = after_a_crash(at)
    assert go_on(other) == ()
    assert other.proposal(other.current)[0, :2].tolist() == [1, 1]


def test_paint_on_planes_that_are_no_targets_comes_back(at, after_a_crash):
    image, _ = at.painted_stack(4)
    at.viewer.dims.set_point(0, 1)
    at.press("try")
    at.wait()
    at.press("accept")
    for role, plane in ((Role.PROPOSAL, 2), (Role.ACCEPTED, 3)):
        at.viewer.dims.set_point(0, plane)
        stroke(at.ours(role, image), [plane] * 3, [2, 2, 2], [5, 6, 7], values=1)
    save(at)
    other = after_a_crash(at)
    assert go_on(other) == ()
    assert other.states() == at.states()
    come = other.viewer.layers["cells"]
    for role in (Role.PROPOSAL, Role.ACCEPTED):
        assert np.array_equal(other.ours(role, come).data, at.ours(role, image).data)
    save(other)
    assert len(description(other).beside) == 2
    other.viewer.layers.remove(come)
    other.desk.tidy()
    assert not [plane for plane in other.desk.session.proposals if plane.index[0] == 2]


@pytest.mark.parametrize("count", [1, 2])
def test_paint_taken_off_the_list_comes_back_and_stays_off_it(at, after_a_crash, count):
    image, labels = at.painted_stack(4)
    stroke(at.ours(Role.REFERENCE, image), [2, 2, 2], [5, 6, 7], [8, 8, 8], values=1)
    at.desk.references.refresh()
    rows = list(at.desk.session.references)
    assert len(rows) == 2
    at.desk.session.references.remove(*(row.id for row in rows[2 - count :]))
    save(at)
    other = after_a_crash(at)
    assert go_on(other) == ()
    save(other)
    third = after_a_crash(other)
    assert go_on(third) == ()
    for again in (other, third):
        paint = again.ours(Role.REFERENCE, again.viewer.layers["cells"])
        assert np.array_equal(paint.data, labels.data)
        again.desk.references.refresh()
        assert [row.plane.index for row in again.desk.session.references] == [
            row.plane.index for row in rows[: 2 - count]
        ]


def test_going_on_leaves_the_work_at_hand_for_later(killed, after_a_crash):
    other = after_a_crash(killed)
    pixels, labels = picture(9)
    other.paint(other.image("something else", pixels), labels)
    other.run()
    assert go_on(other) == ()
    found = state(other)
    assert found["users"].pop("something else")
    assert found == killed.state
    names = [layer.name for layer in other.viewer.layers if is_ours(layer)]
    assert not [name for name in names if "something else" in name]
    left = other.desk.saving.offer()
    assert (left.targets, left.accepted) == (1, 0)


def test_a_picture_that_is_gone_is_named_and_its_work_waits_for_it(at, after_a_crash, tmp_path):
    import tifffile

    path = tmp_path / "target.tif"
    tifffile.imwrite(path, picture(2)[0][..., 0])
    pixels, labels = picture(1)
    reference = at.image("painted", pixels[..., 0])
    at.viewer.open(str(path), plugin="napari", translate=(0, 100))
    at.paint(reference, labels)
    at.run()
    at.press("accept")
    at.desk.saving.save(wait=True)
    path.rename(tmp_path / "elsewhere.tif")
    other = after_a_crash(at)
    (sentence, about_current) = go_on(other)
    assert "'target' could not be opened again" in sentence
    assert "target.tif is not there" in sentence
    assert "no longer open" in about_current
    assert [target.title for target in other.queue] == ["target"]
    assert other.queue.current is None
    save(other)
    (tmp_path / "elsewhere.tif").rename(path)
    third = after_a_crash(other)
    assert go_on(third) == ()
    third.desk.review.go_to(next(iter(third.queue)).plane)
    assert state(third) == state(at)


def test_work_on_a_picture_of_another_shape_waits_and_the_rest_comes_back(at, after_a_crash):
    _, targets, reference = at.two_pictures(2)
    at.run()
    first, second = (target.plane for target in at.queue)
    at.desk.review.go_to(first)
    at.desk.review.accept(stay=True)
    at.desk.review.go_to(second)
    accepted = at.accepted(first)
    targets[0].data = picture(7, (50, 90))[0]
    save(at)
    others = [after_a_crash(at)]
    at.run()
    assert len(at.queue) == 3
    save(at)
    others.append(after_a_crash(at))
    for other, states in zip(others, [["accepted", "proposed"], ["accepted", "proposed", "proposed"]], strict=True):
        (lost,) = go_on(other)
        assert lost.startswith("'target 0' is 50 x 90 now, and not 60 x 80")
        assert [target.state.value for target in other.queue] == states
        assert np.array_equal(other.ours(Role.REFERENCE, other.viewer.layers["painted"]).data, reference.data)
        assert np.array_equal(
            other.proposal(next(t.plane for t in other.queue if t.title == "target 1")), at.proposal(second)
        )
        save(other)
        again = read_session(other.desk.session.folder)
        assert np.array_equal(again.labels(next(iter(other.queue)).plane), accepted)


def test_a_stack_that_grew_comes_back_and_goes_on_growing(at, after_a_crash, qtbot, tmp_path):
    image, _ = at.painted_stack(3)
    at.run()
    first, accepted = at.current, at.proposal(at.current)
    at.desk.review.accept(stay=True)
    image.data = stack(4)[0]
    save(at)
    before = state(at)
    other = after_a_crash(at)
    assert go_on(other) == ()
    assert state(other) == before
    at.close()
    again = At(at.viewer, tmp_path / "sessions", qtbot)
    assert go_on(again) == ()
    assert state(again) == before
    image.data = stack(5)[0]
    ours = [layer for wanted in CLASS_LAYERS for layer in our_layers(again.viewer, wanted)]
    assert len(ours) == 3
    assert all(lies_over(layer, image) for layer in ours)
    assert np.array_equal(again.ours(Role.ACCEPTED, image).data[first.index[0]], accepted)
    assert len(again.desk.targets.open_planes()) == 3
    again.close()


def test_a_picture_too_large_to_copy_is_named_once(at, monkeypatch, qtbot):
    monkeypatch.setattr(snapshots_module, "COPY_BYTES", 10)
    pixels, labels = picture(1)
    at.paint(at.image("cells", pixels), labels)
    at.desk.saving.save(wait=True)
    at.desk.saving.save(wait=True)
    assert len(at.problems) == 1
    assert "'cells' came from no file" in at.problems[0]


def test_a_lazy_picture_is_read_on_the_thread_and_one_that_fails_is_no_hindrance(at, caplog):
    import dask.array as da

    pixels, labels = picture(1)
    at.paint(at.image("cells", pixels), labels)

    def broken(block):
        raise ZeroDivisionError("no such block")

    lazy = da.from_array(pixels[..., 0])
    failing = lazy.map_blocks(broken, dtype=np.uint8, meta=np.zeros((1, 1), np.uint8))
    at.paint(at.image("lazy", lazy, contrast_limits=(0, 255)), labels)
    at.paint(at.image("broken", failing, visible=False, contrast_limits=(0, 255)), labels)
    at.desk.saving.save(wait=True)
    saved = {one.facts["name"]: one for one in description(at).layers}
    assert saved["lazy"].array
    assert not saved["broken"].array
    assert np.array_equal(at.desk.session._the_shelf.array(saved["lazy"].array), pixels[..., 0])
    assert at.problems == []
    assert "could not be copied" in caplog.text


def test_a_lazy_picture_is_computed_only_if_a_reference_or_a_target_needs_it(at):
    import dask.array as da

    computed = []

    def counted(block, block_info=None):
        computed.extend(block_info[0]["chunk-location"][:1] if block_info else [])
        return block

    pixels = np.stack([picture(seed)[0][..., 0] for seed in (3, 4)])
    lazy = da.from_array(pixels, chunks=(1, -1, -1)).map_blocks(counted, dtype=np.uint8)
    _, (target,), _ = at.two_pictures(1)
    image = at.image("lazy", lazy, contrast_limits=(0, 255), visible=False, translate=(0, 0, 500))
    at.desk.targets.pick(image, False)
    computed.clear()
    at.run()
    at.desk.saving.save(wait=True)
    assert computed == []
    assert "lazy" not in [one.facts["name"] for one in description(at).layers]
    at.desk.targets.pick(target, False)
    at.desk.targets.pick(image, True)
    at.run()
    at.desk.saving.save(wait=True)
    assert next(one.array for one in description(at).layers if one.facts["name"] == "lazy")
    assert at.problems == []


def test_several_layers_shown_as_one_picture_come_back_as_one(at, after_a_crash):
    pixels, labels = picture(1)
    for number, colour in enumerate(("magenta", "green")):
        at.image(f"channel {number}", pixels[..., number], colormap=colour, blending="additive")
    other_image = at.image("target", picture(2)[0], translate=(0, 100))
    at.paint(at.viewer.layers[1], labels)
    at.run()
    assert at.states()
    save(at)
    other = after_a_crash(at)
    assert go_on(other) == ()
    assert state(other) == state(at)
    groups = [[layer.name for layer in group] for group in other.desk.pictures.groups()]
    assert groups == [["channel 0", "channel 1"], [other_image.name]]
    (row,) = other.desk.session.references
    assert (
        other.desk.sources.get(row.plane.source).recipe
        == at.desk.sources.get(next(iter(at.desk.session.references)).plane.source).recipe
    )


def test_choices_in_the_dock_come_back(at, after_a_crash, tmp_path):
    from napari_gfsam.io.writers import write_labels

    image, _ = at.painted_stack(4)
    for number in range(2):
        write_labels(tmp_path / "pictures" / f"{number}.tif", picture(number)[1])
    at.desk.folders.add(tmp_path / "pictures")
    at.desk.folders.pick(tmp_path / "pictures", False)
    at.desk.targets.pick(image, True)
    at.desk.targets.pick_planes(image, PlanesPick("range", 0, 1, 3, 2))
    at.desk.pictures.read(image, together=False)
    at.desk.pictures.intensity = "percentile"
    at.desk.review.mode = AcceptMode.FILL
    at.desk.models.use_settings("published")
    at.desk.models.use(device="cpu")
    save(at)
    other = after_a_crash(at)
    assert go_on(other) == ()
    come = other.viewer.layers["cells"]
    assert other.desk.targets.is_picked(come)
    assert other.desk.targets.planes_of(come) == PlanesPick("range", 0, 1, 3, 2)
    assert not other.desk.pictures.reading(come).together
    assert other.desk.pictures.intensity == "percentile"
    assert list(other.desk.folders) == [(tmp_path / "pictures", False)]
    assert other.desk.review.mode is AcceptMode.FILL
    assert (other.desk.models.settings, other.desk.models.choice) == ("published", at.desk.models.choice)


def test_files_of_a_folder_come_back(at, after_a_crash, tmp_path):
    from imageio.v3 import imwrite

    (tmp_path / "pictures").mkdir()
    for number in range(2):
        imwrite(tmp_path / "pictures" / f"{number}.png", picture(2 + number)[0])
    pixels, labels = picture(1)
    at.paint(at.image("painted", pixels), labels)
    at.desk.folders.add(tmp_path / "pictures")
    at.run()
    first = at.current
    at.press("accept")
    second = at.current
    assert first != second
    stroke(at.desk.ours.find(Role.PROPOSAL, second.source), [1, 2], [3, 3], values=1)
    save(at)
    other = after_a_crash(at)
    assert go_on(other) == ()
    assert other.current == second
    assert np.array_equal(other.proposal(second), at.proposal(second))
    for hands in (at, other):
        hands.desk.review.go_to(first)
    assert np.array_equal(other.accepted(first), at.accepted(first))
    assert other.states() == at.states()


def test_a_fresh_start_leaves_the_session_on_the_disk(killed, after_a_crash):
    other = after_a_crash(killed)
    folder = other.desk.saving.offer().folder
    other.desk.saving.start_fresh()
    assert other.desk.saving.offer() is None
    assert folder.holds_work
    other.desk.saving.go_on(folder)
    assert len(other.queue) == 3


def test_a_damaged_session_is_named_and_the_one_before_is_offered(killed, after_a_crash):
    other = after_a_crash(killed)
    offer = other.desk.saving.offer()
    damaged = offer.folder.path.with_name("2099-01-01_00-00-00_00000000")
    damaged.mkdir()
    (damaged / "session.json").write_text('{"format"')
    os.utime(damaged / "session.json", (2**32, 2**32))
    assert other.desk.saving.offer() == offer
    assert len(other.problems) == 1
    assert damaged.name in other.problems[0]
    assert (damaged / "session.json").exists()


@pytest.mark.parametrize("when", [1e300, float("inf"), float("nan"), "x"])
def test_a_session_that_was_saved_at_no_time_is_damaged(tmp_path, when):
    folder = tmp_path / "2099-01-01_00-00-00_00000000"
    folder.mkdir()
    (folder / "session.json").write_text(json.dumps({"targets": [], "references": [1], "saved_at": when}))
    offer, (damaged,) = latest_offer(tmp_path)
    assert offer is None
    assert folder.name in damaged


def test_choices_of_another_version_are_passed_over(killed, after_a_crash):
    other = after_a_crash(killed)
    path = other.desk.saving.offer().folder.description
    data = json.loads(path.read_text())
    data["choices"]["settings"] = 3
    data["choices"]["model"] = {"preset": "no such preset"}
    path.write_text(json.dumps(data))
    (sentence,) = go_on(other)
    assert sentence.startswith("Not all that was chosen in the dock is as it was")
    assert len(other.queue) == 3


def test_the_files_of_large_label_layers_are_not_piled_up(at, after_a_crash, monkeypatch):
    monkeypatch.setattr("napari_gfsam.bridge.align.MEMORY_BYTES", 10)
    monkeypatch.setattr("napari_gfsam.bridge.ours.MEMORY_BYTES", 10)
    work(at)
    save(at)
    other = after_a_crash(at)
    assert go_on(other) == ()
    assert state(other) == state(at)
    arrays = list((other.desk.session.folder.path / "arrays").iterdir())
    assert len(arrays) == len([layer for layer in other.viewer.layers if isinstance(layer.data, np.memmap)]) - 1


def test_a_run_under_way_is_ended_before_going_on(killed, after_a_crash):
    other = after_a_crash(killed)
    pixels, labels = picture(9)
    other.paint(other.image("something else", pixels), labels)
    other.press("run")
    assert go_on(other) == ()
    assert not other.desk.running.running
    other.qtbot.wait(200)
    found = state(other)
    assert found["users"].pop("something else")
    assert found == killed.state


def test_description_names_no_user_layer_that_was_never_used(at):
    work(at)
    at.viewer.add_labels(np.zeros((4, 5), np.uint8), name="private")
    at.viewer.add_points(np.zeros((2, 2)), name="points")
    at.desk.saving.save(wait=True)
    assert not {"private", "points"} & {one.facts["name"] for one in description(at).layers}


def test_many_accepts_during_a_save_are_packed_on_the_thread(at, monkeypatch, qtbot):
    at.painted_stack(12)
    at.run()
    monkeypatch.setattr(saving_module, "FEW_PLANES", 3)
    packed = []
    monkeypatch.setattr(
        snapshots_module, "pack", lambda labels: packed.append(threading.current_thread()) or pack(labels)
    )
    at.desk.saving.save()
    at.desk.review.accept_above(0.0)
    at.desk.slices.finish()
    qtbot.waitUntil(lambda: not at.desk.saving.busy and not at.desk.session.dirty, timeout=SAVE_MILLISECONDS)
    assert threading.main_thread() not in packed
    assert all(found.labels for found in description(at).targets)


def test_a_corrected_target_that_became_a_reference_comes_back(at, after_a_crash):
    at.painted_stack(3)
    at.run()
    at.desk.rerun.start()
    at.wait()
    assert len(at.desk.session.references) == 2
    at.desk.saving.save(wait=True)
    other = after_a_crash(at)
    assert go_on(other) == ()
    assert state(other) == state(at)
    layers = [find_layer(other.viewer, row.labels_layer) for row in other.desk.session.references]
    assert layers[1] is other.ours(Role.ACCEPTED, other.viewer.layers["cells"])
    other.run()
    assert other.problems == []


@pytest.mark.parametrize("reading", [{"level": 1}, {"channel_axis": 0}])
def test_pyramids_and_channels_are_read_as_they_were(at, after_a_crash, reading):
    pixels, labels = picture(1)
    if "level" in reading:
        image = at.image("cells", [pixels[..., 0], pixels[::2, ::2, 0]], multiscale=True)
        labels = labels[::2, ::2]
    else:
        image = at.image("cells", np.moveaxis(pixels, -1, 0).copy())
        labels = labels[None]
    at.desk.pictures.read(image, **reading)
    at.paint(image, labels)
    at.run()
    at.desk.saving.save(wait=True)
    other = after_a_crash(at)
    assert go_on(other) == ()
    assert state(other) == state(at)
    (row,) = other.desk.session.references
    source = other.desk.sources.get(row.plane.source)
    assert {name: getattr(source, name) for name in reading} == reading
    other.run()
    assert other.problems == []


def test_references_of_a_pack_come_back_with_their_classes_and_paint(at, after_a_crash, tmp_path):
    segmenter = Segmenter()
    pixels, labels = picture(1)
    segmenter.add_reference(pixels, labels, classes={1: "disc"}, region_yx=(0, 0, 50, 80))
    segmenter.save_pack(tmp_path / "a.gfsampack")
    at.desk.session.classes.add("coin")  # so that the pack's class gets another number
    at.viewer.open(str(tmp_path / "a.gfsampack"), plugin="napari-gfsam")
    at.image("target", picture(2)[0], translate=(100, 0))
    at.run()
    save(at)
    (row,) = at.desk.session.references
    other = after_a_crash(at)
    assert go_on(other) == ()
    (again,) = other.desk.session.references
    assert (again.title, again.region_yx) == (row.title, row.region_yx)
    assert [one.name for one in other.desk.session.classes] == ["coin", "disc"]
    assert np.array_equal(other.desk.references.paint(again), labels * 2)
    assert [target.title for target in other.queue] == ["target"]
