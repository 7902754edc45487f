"""A folder of pictures as targets, one of which is open at a time."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_gfsam.bridge.identity import is_ours
from napari_gfsam.bridge.ours import Role
from napari_gfsam.bridge.planes import changed_words
from napari_gfsam.imaging import PixelRecipe
from napari_gfsam.io.writers import write_picture
from napari_gfsam.session.types import TargetState
from tests.controller.hands import SHAPE, fingerprint, picture

pytestmark = pytest.mark.gui
ACCEPTED, PROPOSED, FAILED = TargetState.ACCEPTED, TargetState.PROPOSED, TargetState.FAILED


@pytest.fixture
def folder(tmp_path):
    """Three pictures, and things that are none."""
    made = tmp_path / "plates"
    for seed in (2, 3, 4):
        write_picture(made / f"plate {seed}.tif", picture(seed)[0])
    (made / ".hidden.tif").write_bytes(b"")
    (made / "notes.txt").write_text("none")
    (made / "sub.tif").mkdir()
    return made


@pytest.fixture
def painted(at, folder):
    """A painted picture in the window and the folder picked."""
    pixels, labels = picture(1)
    at.paint(at.image("painted", pixels), labels)
    at.desk.folders.add(folder)
    return at


def open_files(at):
    return [layer.name for layer in at.viewer.layers if is_ours(layer) and layer.name.endswith(".tif")]


def test_a_folder_without_pictures_is_refused(at, tmp_path):
    for wrong in (tmp_path, tmp_path / "nowhere"):
        at.desk.guarded(at.desk.folders.add)(wrong)
    assert [sentence.startswith("There is no picture in ") for sentence in at.problems] == [True, True]
    assert list(at.desk.folders) == []


def test_files_are_run_and_shown_one_at_a_time(painted, folder):
    at = painted
    users = [fingerprint(layer) for layer in at.users_layers()]
    assert len(at.desk.targets.planes()) == 3
    at.run()
    assert at.problems == []
    assert at.states() == {f"plate {seed}.tif": PROPOSED for seed in (2, 3, 4)}
    for _ in range(4):
        assert open_files(at) == [at.target(at.current).title]
        assert np.array_equal(at.proposal(at.current), at.prediction.labels)
        assert len([layer for layer in at.viewer.layers if layer.name.endswith("gfsam")]) == 3
        at.press("next")
    assert [fingerprint(layer) for layer in at.users_layers()] == users
    at.desk.folders.pick(folder, False)
    assert len(at.desk.targets.planes()) == 1
    at.desk.folders.remove(folder)
    assert list(at.desk.folders) == []
    assert len(at.queue) == 3


def test_what_is_accepted_and_painted_is_there_when_a_file_is_opened_again(painted):
    at = painted
    at.run()
    first = at.current
    layer = at.desk.ours.find(Role.PROPOSAL, first.source)
    at.stroke(layer, [0, 0], [3, 4], values=1)
    expected = at.proposal(first)
    at.desk.review.accept(stay=True)
    by_hand = at.desk.ours.find(Role.ACCEPTED, first.source)
    by_hand.data[1, 1] = 5
    at.press("next")
    at.press("next")
    assert np.array_equal(at.desk.sheets.accepted(first)[0], expected[0])
    at.desk.review.go_to(first)
    assert np.array_equal(at.proposal(first), expected)
    assert at.accepted(first)[1, 1] == 5
    assert np.array_equal(at.accepted(first)[2:], expected[2:])
    assert at.problems == []


def test_all_are_accepted_and_taken_back_without_opening_them(painted):
    at = painted
    at.run()
    planes = [target.plane for target in at.queue]
    shown = open_files(at)
    assert at.desk.review.accept_above(0.0) == 3
    assert open_files(at) == shown
    for plane in planes:
        assert np.array_equal(at.desk.sheets.accepted(plane), at.desk.session.proposals.compose(plane))
    at.press("undo")
    assert set(at.states().values()) == {PROPOSED}
    assert not any(at.desk.sheets.accepted(plane).any() for plane in planes)
    at.press("redo")
    assert set(at.states().values()) == {ACCEPTED}
    assert all(at.desk.sheets.accepted(plane).any() for plane in planes)


def test_undo_opens_the_file_that_it_is_about(painted):
    at = painted
    at.run()
    first = at.current
    before = at.proposal(first)
    at.desk.correcting.toggle_cluster(at.cluster_on())
    at.press("next")
    at.press("undo")
    assert at.problems == []
    assert at.current == first
    assert open_files(at) == [at.target(first).title]
    assert np.array_equal(at.proposal(first), before)


def test_the_open_picture_may_be_deleted_at_any_moment(painted):
    at = painted
    at.run()
    first = at.current
    at.desk.review.accept(stay=True)
    expected = at.accepted(first)
    at.viewer.layers.remove(at.viewer.layers[at.target(first).title])
    at.desk.tidy()
    assert len(at.queue) == 3
    at.press("next")
    at.desk.tidy()
    assert at.problems == []
    assert [layer.name for layer in at.viewer.layers if layer.name.startswith(at.target(first).title)] == []
    at.desk.review.go_to(first)
    assert np.array_equal(at.accepted(first), expected)
    at.viewer.layers.remove(at.desk.ours.find(Role.ACCEPTED, first.source))
    at.desk.tidy()
    assert at.target(first).state == PROPOSED
    at.press("next")
    at.desk.review.go_to(first)
    assert at.desk.ours.find(Role.ACCEPTED, first.source) is None


def test_a_file_that_is_gone_or_broken_is_named(painted, folder):
    at = painted
    (folder / "plate 3.tif").write_bytes(b"no picture")
    at.run()
    assert at.states()["plate 3.tif"] == FAILED
    assert "plate 3.tif" in next(target.note for target in at.queue if target.state == FAILED)
    (folder / "plate 4.tif").unlink()
    last = next(target.plane for target in at.queue if target.title == "plate 4.tif")
    at.desk.guarded(at.desk.review.go_to)(last)
    assert "plate 4.tif" in at.problems[-1]
    assert at.current != last
    assert open_files(at) == ["plate 2.tif"]


def test_a_file_that_has_another_size_by_now_is_run_again(painted, folder):
    at = painted
    at.run()
    first, second, third = (target.plane for target in at.queue)
    at.desk.review.go_to(first)
    at.desk.review.accept(stay=True)
    kept = at.accepted(first)
    at.desk.review.go_to(second)
    for seed in (2, 3):
        write_picture(folder / f"plate {seed}.tif", picture(seed, (50, 90))[0])
    for plane in (first, second, third):
        at.desk.guarded(at.desk.review.go_to)(plane)
    assert at.problems == [changed_words("plate 2.tif"), changed_words("plate 3.tif")]
    assert at.current == third
    assert at.states() == {"plate 2.tif": FAILED, "plate 3.tif": FAILED, "plate 4.tif": PROPOSED}
    at.run()
    assert len(at.problems) == 2
    assert np.array_equal(at.desk.folders.accepted(first), kept)
    for plane in (first, second):
        at.desk.review.go_to(plane)
        assert at.proposal(plane).shape == (50, 90)
        assert np.array_equal(at.proposal(plane), at.prediction.labels)
    at.press("undo")  # the accept of what the file held before
    assert at.desk.review.accept_above(0) == 3
    at.desk.folders.close()
    for plane in (first, second):
        assert np.array_equal(at.desk.folders.accepted(plane), at.desk.session.proposals.compose(plane))
    assert len(at.problems) == 2


def test_undo_is_not_stuck_behind_a_file_that_is_gone(painted, folder):
    at = painted
    at.run()
    first = at.current
    at.desk.correcting.toggle_cluster(at.cluster_on())
    at.press("next")
    gone = at.target(at.current).title
    at.desk.correcting.toggle_cluster(at.cluster_on())
    at.press("accept")
    at.desk.review.go_to(first)
    (folder / gone).unlink()
    at.press("undo")
    assert (at.states()[gone], at.problems) == (PROPOSED, [])
    at.press("undo")
    (said,) = at.problems
    assert gone in said
    assert said.endswith("What you did there can no longer be taken back or done again.")
    at.press("undo")
    assert at.current == first
    assert (at.prediction.decisions, len(at.problems)) == ((), 1)


def test_a_file_that_was_taken_out_of_the_window_is_not_corrected_unseen(painted):
    at = painted
    at.run()
    before, cluster = at.prediction, at.cluster_on()
    at.viewer.layers.remove(at.viewer.layers[at.target(at.current).title])
    at.desk.tidy()
    at.desk.guarded(at.desk.correcting.toggle_cluster)(cluster)
    assert at.problems == [
        "The picture of this target was taken out of the window; choose the target in the list again."
    ]
    assert at.prediction is before
    assert not at.desk.session.history.can_undo
    at.desk.review.go_to(at.current)
    at.desk.correcting.toggle_cluster(cluster)
    assert at.desk.session.history.can_undo


def test_a_corrected_file_is_one_more_reference(painted):
    at = painted
    at.run()
    first = at.current
    at.desk.guarded(at.desk.rerun.start)()
    at.wait()
    assert at.problems == []
    assert sorted({target.run for target in at.queue}) == [1, 2]
    rows = list(at.desk.session.references)
    assert [row.plane for row in rows][1:] == [first]
    at.press("next")
    at.desk.tidy()
    assert first not in [at.current]
    assert list(at.desk.session.references) == rows
    assert np.array_equal(at.desk.references.paint(rows[1]), at.desk.sheets.accepted(first))
    assert len(at.prediction.scene.references) == 2
    assert len(at.desk.references.inputs()) == 2
    at.desk.review.go_to(first)
    at.desk.guarded(at.desk.rerun.start)()
    at.wait()
    assert len(at.desk.session.references) == 2
    assert at.problems == []


def test_other_kinds_of_files_are_shown_as_they_are_read(painted, folder):
    at = painted
    for path in folder.glob("plate*"):
        path.unlink()
    deep = picture(2)[0][..., 0].astype(np.uint16) * 200
    tifffile.imwrite(folder / "deep.tif", deep)
    tifffile.imwrite(folder / "channels.tif", np.stack([deep] * 5), photometric="minisblack", metadata={"axes": "CYX"})
    tifffile.imwrite(folder / "stack.tif", np.stack([deep] * 5), photometric="minisblack", metadata={"axes": "ZYX"})
    deep_too = at.image("deep", deep, contrast_limits=(0, 50_000), translate=(0, 100))
    at.viewer.layers.remove(at.viewer.layers["painted"])
    at.desk.tidy()
    at.paint(deep_too, picture(2)[1])
    at.run()
    assert at.states()["deep.tif"] == PROPOSED
    at.desk.review.go_to(next(target.plane for target in at.queue if target.title == "deep.tif"))
    assert at.viewer.layers["deep.tif"].data.dtype == np.uint16
    assert at.states()["stack.tif"] == FAILED
    notes = {target.title: target.note for target in at.queue}
    assert "one picture a file is expected" in notes["stack.tif"]
    assert at.states()["channels.tif"] == PROPOSED
    assert at.problems == []


@pytest.fixture
def channels(tmp_path):
    """Files of two channels, as ImageJ, OME and others write them, one of five, and a grey one."""
    made, pixels = tmp_path / "channels", picture(2)[0].astype(np.uint16) * 16
    made.mkdir()
    two, plain = np.stack([pixels[..., 0], pixels[..., 1]]), {"photometric": "minisblack"}
    tifffile.imwrite(made / "a.tif", two, imagej=True, metadata={"axes": "CYX"})
    tifffile.imwrite(made / "b.ome.tif", two, metadata={"axes": "CYX"}, **plain)
    tifffile.imwrite(made / "c.tif", np.moveaxis(two, 0, -1), metadata={"axes": "YXC"}, **plain)
    tifffile.imwrite(made / "five.tif", np.stack([pixels[..., 0]] * 5), metadata={"axes": "CYX"}, **plain)
    tifffile.imwrite(made / "grey.tif", pixels[..., 0], **plain)
    return made


def test_files_with_channels_are_read_as_the_references_are_where_they_can_be(at, channels):
    at.desk.folders.add(channels)
    first = at.desk.folders.first(channels)
    assert "until there is a reference" in first.describe()
    for name, channel in (("red", 0), ("green", 1)):
        pixels = picture(1)[0][..., channel].astype(np.uint16) * 16
        made = at.image(name, pixels, colormap=name, blending="additive", contrast_limits=(0, 4080))
    at.paint(made, picture(1)[1])
    reference = at.desk.references.inputs()[0].source
    sources = {at.desk.sources.of(plane).name: at.desk.sources.of(plane) for plane in at.desk.folders.planes()}
    for name in ("a.tif", "b.ome.tif", "c.tif"):
        assert sources[name].recipe == reference.recipe
        assert sources[name].describe() == "read as the references are"
        assert sources[name].shape == SHAPE
        assert np.array_equal(sources[name].read(sources[name].plane), picture(2)[0][..., :2].astype(np.uint16) * 16)
    assert sources["five.tif"].recipe == PixelRecipe(channel_axis=2)
    assert sources["five.tif"].describe().endswith("it has 5 channels, unlike the references")
    assert sources["grey.tif"].recipe == PixelRecipe()
    assert sources["grey.tif"].describe().endswith("it has no channels, unlike the references")
    at.run()
    assert set(at.states().values()) == {PROPOSED}
    for _ in sources:
        assert at.proposal(at.current).shape == SHAPE
        at.press("next")
    assert at.problems == []


def test_the_first_file_is_reviewed_while_others_run(painted):
    at = painted
    go_on = at.run_in_two()
    first = at.current
    at.press("accept")
    go_on.set()
    at.wait()
    assert at.problems == []
    assert at.target(first).state == ACCEPTED
    assert list(at.states().values()).count(PROPOSED) == 2
