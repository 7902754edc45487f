"""Answers in tiles go to disk and come back without any model, and points may be put where nothing was looked at."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_gfsam.api import Segmenter, Tiling
from napari_gfsam.api.archive import Archive, ArchiveError
from napari_gfsam.api.tiles import scratch
from napari_gfsam.api.tiles.store import TileStore
from napari_gfsam.core.types import Status
from napari_gfsam.imaging import ImageError
from tests.api.tiles.scenes import discs
from tests.fakes import use_fakes

QUICK = {"max_prompts": 24}
TILING = Tiling((96, 96), (24, 24), (96, 96), 3.0)
#: Middle of a pale disc, far from the others.
FAR_YX = (200.0, 210.0)
BRIGHT = 0.9


def scene() -> np.ndarray:
    picture, _ = discs((250, 260), [(40, 40), (60, 100)], 15)
    _, pale = discs((250, 260), [FAR_YX], 15)
    picture[pale > 0] += 80
    return picture


def is_bright(survey, tokens) -> bool:
    """Tell whether a tile has something like the painted discs, whatever the rule of tiles is."""
    _, view = next(survey.views(tokens))
    return float(view.values.positive_mean.max()) > BRIGHT


@pytest.fixture(scope="module")
def segmenter():
    with pytest.MonkeyPatch.context() as patch:
        use_fakes(patch)
        patch.setattr("napari_gfsam.core.survey.ClassSurvey.is_likely", is_bright)
        made = Segmenter()
        picture, numbers = discs((96, 96), [(30, 30), (66, 60)], 13)
        made.add_reference(picture, (numbers > 0).astype(np.uint8))
        yield made


def segmented(segmenter: Segmenter):
    return segmenter.segment(scene(), settings=segmenter.settings.with_settings(**QUICK), scale=TILING)


@pytest.fixture(scope="module")
def prediction(segmenter):
    return segmented(segmenter)


def no_models(models):
    raise AssertionError("a model was asked for")


def same(one, other) -> None:
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.confidence, other.confidence)
    np.testing.assert_array_equal(one.clusters, other.clusters)
    for name in ("points_yx", "class_id", "index", "cluster", "status", "score"):
        np.testing.assert_array_equal(getattr(one.points, name), getattr(other.points, name))
    assert one.record() == other.record()


def test_what_comes_back_is_what_was_saved_and_is_corrected_alike(tmp_path, segmenter, prediction):
    archive, path = Archive(no_models), tmp_path / "a.safetensors"
    corrected = prediction.with_cluster_status(1, 0, Status.OFF_BY_HAND).with_point(1, (60, 100), positive=False)
    archive.save(path, corrected)
    found = Archive(no_models).load(path)
    same(found, corrected)
    same(found.decided(()), prediction)
    same(found.with_status(1, 0, Status.ON_BY_HAND), corrected.with_status(1, 0, Status.ON_BY_HAND))
    np.testing.assert_array_equal(found.similarity, prediction.similarity)
    other = prediction.settings.with_settings(granularity="union")
    read = Archive(lambda models: segmenter.backend).load(path).read_as(other)
    np.testing.assert_array_equal(read.labels, prediction.read_as(other).labels)
    assert archive.nbytes(path) > 10_000
    archive.remove_unused_references(tmp_path)
    assert (tmp_path / "a.tiles").is_dir()
    archive.remove(path)
    archive.remove_unused_references(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_saved_tiles_live_on_without_the_answer_and_damage_is_said(tmp_path, segmenter):
    archive, path, prediction = Archive(no_models), tmp_path / "a.safetensors", segmented(segmenter)
    archive.save(path, prediction)
    folder = prediction.answer.scene.store.folder
    labels = prediction.labels
    del prediction
    assert not folder.exists()
    found = archive.load(path)
    np.testing.assert_array_equal(found.labels, labels)
    (tmp_path / "a.tiles" / "planes.npz").unlink()
    with pytest.raises(ArchiveError, match="run this target again"):
        archive.load(path)


def test_a_point_where_nothing_was_looked_at_closely_opens_the_tile(tmp_path, segmenter, prediction):
    skipped = prediction.answer.scene.grid.owner(FAR_YX).number
    assert skipped not in prediction.answer.tiles
    archive = Archive(lambda models: segmenter.backend)
    archive.save(tmp_path / "b.safetensors", prediction)
    added = prediction.with_point(1, FAR_YX)
    at = tuple(map(int, FAR_YX))
    assert (prediction.labels[at], added.labels[at]) == (0, 1)
    assert 300 < np.count_nonzero(added.labels) - np.count_nonzero(prediction.labels) < 1000
    assert added.clusters[at] > 0
    assert len(added.points) == len(prediction.points) + 1
    less = added.with_status(1, len(added.points) - 1, Status.OFF_BY_HAND)
    assert less.labels[at] == 0
    same(less.decided(()), prediction)
    with pytest.raises(ValueError, match="nothing can be taken away"):
        prediction.with_point(1, FAR_YX, positive=False)
    archive.save(tmp_path / "a.safetensors", added)
    same(archive.load(tmp_path / "a.safetensors"), added)
    late = archive.load(tmp_path / "b.safetensors")
    with pytest.raises(ImageError, match="the picture is not open"):
        late.with_point(1, FAR_YX)
    same(late.over(scene).with_point(1, FAR_YX), added)


def test_folders_that_killed_processes_left_are_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    child = "from napari_gfsam.api.tiles.store import TileStore; import os, sys; store = TileStore(); "
    child += "print(store.folder, flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    left, alive = (subprocess.Popen([sys.executable, "-c", child], **pipes) for _ in range(2))
    with left, alive:
        gone, kept = (Path(one.stdout.readline().strip()).parent for one in (left, alive))
        left.kill()
        left.wait()
        strange = tmp_path / f"{scratch.PREFIX}of-somebody"
        strange.mkdir()
        assert gone.is_dir()
        assert scratch.remove_left(tmp_path) == []  # too new
        for root in (gone, kept, strange):
            os.utime(root, (time.time() - 3600,) * 2)
        store = TileStore()
        assert not gone.exists()
        assert kept.is_dir()
        assert strange.is_dir()
        folder = store.folder
        del store
        assert not folder.exists()
        alive.stdin.close()
        alive.wait()
    assert not kept.exists()
