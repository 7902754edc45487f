"""Targets looked at in tiles, in the viewer: reviewed and corrected as whole ones are."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_gfsam.bridge.ours import Role
from napari_gfsam.core.types import Status
from napari_gfsam.io.writers import write_picture
from tests.api.tiles.scenes import discs
from tests.controller.hands import At, picture

pytestmark = pytest.mark.gui
CENTRES = [(30, 30), (60, 90)]
FAR = (120, 130)


def is_bright(survey, tokens) -> bool:
    """Tell whether a tile has something like the painted discs, whatever the rule of tiles is."""
    _, view = next(survey.views(tokens))
    return float(view.values.positive_mean.max()) > 0.9


@pytest.fixture
def tiled(at: At, monkeypatch):
    """A painted picture, and a target of two bright discs and a pale one, looked at in tiles of 96 pixels."""
    monkeypatch.setattr("napari_gfsam.core.survey.ClassSurvey.is_likely", is_bright)
    pixels, numbers = discs((96, 96), [(30, 30), (66, 60)], 13)
    target, _ = discs((160, 170), CENTRES, 13)
    _, pale = discs((160, 170), [FAR], 13)
    target[pale > 0] += 80
    reference = at.image("painted", pixels, scale=(0.5, 0.5), units=("um", "um"))
    image = at.image("large", target, translate=(0, 100), scale=(0.5, 0.5), units=("um", "um"))
    at.paint(reference, (numbers > 0).astype(np.uint8))
    at.desk.models.use_scale("96")
    at.run()
    return at, image


def proposal(at, image) -> np.ndarray:
    return np.asarray(at.ours(Role.PROPOSAL, image).data)


def test_a_target_in_tiles_is_reviewed_and_corrected_like_a_whole_one(tiled):
    at, image = tiled
    desk = at.desk
    (plane,) = [target.plane for target in desk.session.queue]
    assert desk.session.queue.get(plane).view == "in 9 tiles of 96 x 96 pixels"
    found = proposal(at, image)
    assert [found[yx] for yx in (*CENTRES, FAR)] == [1, 1, 0]
    desk.review.go_to(plane)
    table = desk.correcting.prediction.points
    assert desk.correcting.prediction.record().target.pixel_size.height == 0.5
    away = np.linalg.norm(table.points_yx - CENTRES[0], axis=1) + 1000 * (table.status != Status.KEPT)
    row = int(np.argmin(away))
    point, cluster = (1, int(table.index[row])), (1, int(table.cluster[row]))
    desk.correcting.toggle_cluster(cluster)
    assert proposal(at, image)[CENTRES[0]] == 0
    assert proposal(at, image)[CENTRES[1]] == 1
    desk.correcting.undo()
    np.testing.assert_array_equal(proposal(at, image), found)
    desk.correcting.toggle_point(point)
    assert desk.correcting.prediction.classes[1].status[point[1]] == Status.OFF_BY_HAND
    desk.correcting.undo()
    desk.correcting.add_point(1, tuple(map(float, FAR)), positive=True)
    assert proposal(at, image)[FAR] == 1
    desk.session.store.release()  # from now on from disk
    desk.correcting.undo()
    np.testing.assert_array_equal(proposal(at, image), found)
    desk.session.store.release()
    desk.correcting.redo()
    assert proposal(at, image)[FAR] == 1
    for name in ("similarity", "confidence", "instances"):
        desk.overlays.show(name, True)
        assert name in desk.overlays.shown()
    assert at.problems == []


@pytest.mark.parametrize(("word", "view"), [("whole", ""), ("auto", "in 9 tiles of 60 x 80 pixels")])
def test_a_larger_target_is_looked_at_as_it_was_chosen(at, word, view):
    pixels, labels = picture(1)
    at.paint(at.image("painted", pixels), labels)
    at.image("large", np.tile(pixels, (2, 2, 1)), translate=(0, 200))
    at.desk.models.use_scale(word)
    at.run()
    assert [target.view for target in at.desk.session.queue] == [view]
    assert at.problems == []


def test_tiles_are_counted_before_a_run(at, tmp_path):
    pixels, labels = picture(1)
    at.paint(at.image("painted", pixels), labels)
    large = np.tile(pixels, (3, 3, 1))
    at.image("large", large, translate=(0, 200))
    assert (at.desk.standing().targets, at.desk.standing().views) == (1, 25)  # as large as the painted picture
    at.desk.models.use_scale("whole")
    assert at.desk.standing().views == 1
    at.desk.models.use_scale("80")
    assert at.desk.standing().views == 15
    at.image("finer", large, translate=(0, 500), scale=(0.5, 0.5), units=("um", "um"))
    assert at.desk.standing().views == 30
    for name in ("a.tif", "b.tif"):
        write_picture(tmp_path / "folder" / name, large)
    (tmp_path / "folder" / "c.png").write_bytes(b"broken")
    at.desk.folders.add(tmp_path / "folder")
    assert (at.desk.standing().targets, at.desk.standing().views) == (5, 75)  # as many in all files as in the first


def test_the_scale_and_how_targets_were_cut_come_back(tiled, tmp_path, qtbot):
    at, _ = tiled
    at.desk.saving.save(wait=True)
    shutil.copytree(tmp_path / "sessions", tmp_path / "copy", ignore=shutil.ignore_patterns("alive.json"))
    other = At(ViewerModel(), tmp_path / "copy", qtbot)
    assert other.desk.saving.offer() is not None
    assert other.desk.saving.go_on() == ()
    assert other.desk.models.scale == at.desk.models.scale == 96
    assert [target.view for target in other.queue] == ["in 9 tiles of 96 x 96 pixels"]
    other.close()
    with pytest.raises(ValueError, match="no scale"):
        at.desk.models.use_scale("small")


def test_paint_that_is_too_small_for_a_whole_picture_is_looked_at_in_parts(at):
    image = at.image("large", np.zeros((1200, 1200), np.uint8))
    labels = np.zeros((1200, 1200), np.uint8)
    labels[100:130, 100:130] = 1
    at.paint(image, labels)

    def warning(scale: str) -> str:
        at.desk.models.use_scale(scale)
        return at.desk.running.warning(at.desk.references.paints())

    assert warning("auto") == ""
    assert "large is 0.9 of the model's cells wide" in warning("whole")
    assert "Choose As needed for the scale" in warning("whole")
    labels[...], labels[100:110, 100:110] = 0, 1
    at.ours(Role.REFERENCE, image).data[...] = labels
    assert "Crop the pictures" in warning("auto")
