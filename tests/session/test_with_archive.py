"""The store over the real archive: what a person sees does not depend on what is in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_gfsam import Segmenter
from napari_gfsam.api.archive import Archive, ArchiveError
from napari_gfsam.core.types import Status
from napari_gfsam.session import Session, Target, TargetState, latest_unfinished
from tests.session.fakes import plane


@pytest.fixture
def segmenter(fake_models, painted_pair) -> Segmenter:
    segmenter = Segmenter()
    segmenter.add_reference(*painted_pair[:2])
    return segmenter


@pytest.fixture
def session(segmenter, painted_pair, tmp_path) -> Session:
    """A run over one target."""
    session = opened(segmenter, tmp_path)
    session.queue.put([Target(plane(0), "discs", TargetState.PROPOSED, 0.5)])
    session.store.put(plane(0), segmenter.segment(painted_pair[2]))
    session.store.take(plane(0))
    return session


def opened(segmenter: Segmenter, root) -> Session:
    return Session(Archive(lambda models: segmenter.backend), root)


def correct(session: Session, change) -> None:
    session.store.correct(plane(0), change(session.store.get(plane(0))))


CORRECTIONS = {
    "switch off": lambda prediction: prediction.with_cluster_status(1, 0, Status.OFF_BY_HAND),
    "add a point": lambda prediction: prediction.with_point(1, (90.0, 40.0)),
    "take out": lambda prediction: prediction.with_point(1, tuple(prediction.points.points_yx[0]), positive=False),
}


@pytest.mark.parametrize("names", [["switch off"], ["add a point", "switch off"], ["take out", "add a point"]])
def test_corrections_are_the_same_after_memory_is_let_go_and_in_another_process(session, segmenter, tmp_path, names):
    for name in names:
        correct(session, CORRECTIONS[name])
    seen = session.store.get(plane(0))
    session.store.release()
    same(session.store.get(plane(0)), seen)
    session.write(session.snapshot())
    session.close()
    other = opened(segmenter, tmp_path)
    resumed = other.resume(latest_unfinished(tmp_path))
    other.restore(resumed)
    assert resumed.lost == ()
    back = other.store.get(plane(0))
    same(back, seen)
    same(back.decided(()), seen.decided(()))


def same(one, two) -> None:
    assert one.decisions == two.decisions
    assert np.array_equal(one.labels, two.labels)
    assert np.array_equal(one.confidence, two.confidence)
    assert np.array_equal(one.points.status, two.points.status)


def test_another_reading_stays_the_one_that_was_chosen(session):
    chosen = session.store.get(plane(0))
    other = chosen.read_as(chosen.settings.with_settings(granularity="union"))
    session.store.correct(plane(0), other)
    session.store.release()
    assert session.store.get(plane(0)).settings == other.settings != chosen.settings
    same(session.store.get(plane(0)), other)


@pytest.mark.parametrize("settings", [None, {}, {"granularity": "of another version"}])
def test_the_reading_of_the_run_is_known_in_another_process(session, segmenter, tmp_path, settings):
    found = session.store.get(plane(0)).settings
    correct(session, lambda now: now.read_as(now.settings.with_settings(granularity="union")))
    saved = session.snapshot()
    if settings is not None:
        saved = replace(saved, targets=(replace(saved.targets[0], as_run=settings),))
    session.write(saved)
    session.close()
    other = opened(segmenter, tmp_path)
    other.restore(other.resume(latest_unfinished(tmp_path)))
    assert other.store.get(plane(0)).settings != found
    assert other.store.as_run(plane(0)) == (found if settings is None else None)
    correct(other, lambda now: now.read_as(found))
    assert other.store.is_read_otherwise(plane(0)) == (settings is not None)


def test_files_that_nobody_needs_go_with_their_references(session, segmenter, painted_pair):
    folder = session.folder.predictions
    assert len(list(folder.iterdir())) == 2
    correct(session, CORRECTIONS["add a point"])
    session.write(session.snapshot())
    assert len(list(folder.iterdir())) == 2
    session.store.clear()
    session.write(session.snapshot())
    assert list(folder.iterdir()) == []


def test_a_damaged_file_is_one_sentence(session):
    session.store.release()
    (file,) = session.folder.predictions.glob("[!r]*.safetensors")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ArchiveError):
        session.store.get(plane(0))
