from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, replace
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_gfsam.io.writers import OutputError
from napari_gfsam.session import (
    Command,
    PlaneKey,
    ReferenceRow,
    SavedLayer,
    SavedSession,
    SavedSource,
    Session,
    SessionError,
    Target,
    TargetState,
    latest_unfinished,
    read_saved,
)
from tests.session.fakes import FakeArchive, FakePrediction, off, plane, point

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (4, 5)
ROW = "0" * 32
SOURCE = SavedSource("stack", layers=("image-1",), shape=(9, *SHAPE), recipe={"gamma": 1.0})
LAYER = SavedLayer(
    "image-1", "image", shape=(9, *SHAPE), dtype="uint8", path="/data/stack.tif", facts={"scale": [1, 2]}
)


def labels(*ids: int) -> np.ndarray:
    """A plane that begins with these ids."""
    found = np.zeros(SHAPE, np.uint16)
    found.flat[: len(ids)] = ids
    return found


@pytest.fixture
def session(tmp_path) -> Session:
    """Two targets, one of them corrected and painted on, the other accepted and changed since."""
    session = Session(FakeArchive(), tmp_path)
    session.next_generation()
    session.classes.ensure([1, 2])
    session.classes.set_negative(2, True)
    session.references.add(ReferenceRow(ROW, plane(0), "labels-1", "cells, t = 0", region_yx=(0, 0, 2, 2)))
    session.queue.put(
        Target(plane(i), f"cells, t = {i}", TargetState.PROPOSED, 0.1 * i, run=session.generation) for i in (1, 2)
    )
    for i in (1, 2):
        session.store.put(plane(i), FakePrediction(f"t = {i}"))
        session.store.take(plane(i))
        session.proposals.compose(plane(i), labels(1, 1, i))
    session.store.correct(plane(1), FakePrediction("t = 1", "tuned", (off(3), point(2))))
    session.proposals.look(plane(1), labels(1, 9, 1))
    session.queue.current = plane(2)
    session.accepted.accept(plane(2), labels(0, 0, 0, 7), session.proposals.compose(plane(2)))
    session.queue.settle(plane(2), TargetState.ACCEPTED)
    return session


def save(session: Session, **changes) -> SavedSession:
    paint, accepted = {ROW: labels(1, 2)}, {plane(2): labels(1, 5, 2, 7)}
    saved = session.snapshot(
        **{"layers": [LAYER], "sources": [SOURCE], "paint": paint, "labels": accepted, "choices": {"k": 3}, **changes}
    )
    session.write(saved)
    return saved


def reopened(tmp_path, ids: dict[str, str] | None = None):
    """The session as another process finds it."""
    other = Session(FakeArchive(), tmp_path)
    resumed = other.resume(latest_unfinished(tmp_path)).renamed(ids or {})
    other.restore(resumed)
    return other, resumed


def files(session: Session) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in session.folder.path.rglob("*.*") if path.suffix != ".json"}


def test_everything_comes_back(session, tmp_path):
    saved = save(session)
    session.close()
    other, resumed = reopened(tmp_path)
    assert resumed.lost == ()
    assert resumed.saved == saved
    for part in ("classes", "references", "queue"):
        assert list(getattr(other, part)) == list(getattr(session, part))
    assert (other.generation, other.queue.current) == (1, plane(1))
    assert np.array_equal(resumed.paint(ROW), labels(1, 2))
    assert np.array_equal(resumed.labels(plane(2)), labels(1, 5, 2, 7))
    assert resumed.labels(plane(1)) is None
    assert np.array_equal(other.proposals.compose(plane(1)), labels(1, 9, 1))
    assert np.array_equal(other.proposals.merged(plane(1)), labels(1, 1, 1))
    assert other.store.get(plane(1)).what == ("t = 1", "tuned", (off(3), point(2)))
    assert other.store.get(plane(2)).what == ("t = 2", "tuned", ())


def test_planes_saved_on_their_side_come_back_upright(session, tmp_path):
    saved = save(session)
    session.queue.put([Target(plane(3), "cells, t = 3", TargetState.PROPOSED)])
    session.proposals.compose(plane(3), labels(3))
    twin = replace(session.snapshot().targets[-1], merged=saved.targets[0].merged)
    session.close()
    data = json.loads(session.folder.description.read_text().replace("[1, 2]", "[2, 1]"))
    data["references"][0]["row"]["region_yx"] = [0, 1, 2, 5]
    data["layers"], data["targets"] = [], [*data["targets"], asdict(twin), asdict(twin)]
    data["targets"][3]["target"]["plane"]["axes_yx"] = [2, 1]
    session.folder.description.write_text(json.dumps(data))
    other, resumed = reopened(tmp_path)
    words = "was looked at on its side; run it again to correct it."
    assert list(resumed.lost) == [f"cells, t = {i} {words}" for i in (1, 2)]
    assert [target.plane for target in other.queue] == [plane(1), plane(2), plane(3)]
    assert (other.queue.current, len(other.store)) == (plane(1), 0)
    (row,) = other.references
    assert (row.plane, row.region_yx) == (plane(0), (1, 0, 5, 2))
    assert np.array_equal(resumed.paint(ROW), labels(1, 2).T)
    assert np.array_equal(resumed.labels(plane(2)), labels(1, 5, 2, 7).T)
    assert np.array_equal(other.proposals.compose(plane(1)), labels(1, 9, 1).T)
    assert np.array_equal(other.proposals.compose(plane(3)), labels(1, 1, 1))
    other.write(other.snapshot())
    assert read_saved(other.folder).references[0].paint in {path.name for path in files(other)}


def test_what_was_ours_in_the_accepted_labels_is_ours_still(session, tmp_path):
    save(session)
    session.close()
    other, resumed = reopened(tmp_path)
    after = other.accepted.accept(plane(2), resumed.labels(plane(2)), labels(3, 3, 3, 3, 3)).labels
    assert np.array_equal(after, labels(3, 5, 3, 7, 3))


def test_layers_opened_again_have_other_ids(session, tmp_path):
    save(session)
    session.close()
    other, resumed = reopened(tmp_path, {"stack": "new stack", "labels-1": "new labels", "image-1": "new image"})
    assert {target.plane.source for target in other.queue} == {"new stack"}
    assert other.queue.current == replace(plane(1), source="new stack")
    assert [(row.plane.source, row.labels_layer) for row in other.references] == [("new stack", "new labels")]
    assert (resumed.saved.sources[0].id, resumed.saved.sources[0].layers) == ("new stack", ("new image",))
    assert resumed.saved.layers[0].id == "new image"
    assert np.array_equal(resumed.labels(replace(plane(2), source="new stack")), labels(1, 5, 2, 7))


def test_planes_that_did_not_change_are_not_written_again(session):
    saved = save(session)
    before = files(session)
    again = save(session, paint={}, labels={})
    assert replace(again, saved_at=0) == replace(saved, saved_at=0)
    assert files(session) == before
    session.proposals.look(plane(1), labels(1, 9, 4))
    save(session, labels={plane(2): labels(1, 5, 2, 8)})
    assert len(set(files(session)) - set(before)) == 2
    assert len(set(before) - set(files(session))) == 2


def test_a_session_goes_on_being_saved_where_it_was(session, tmp_path):
    save(session)
    session.close()
    other, _ = reopened(tmp_path)
    before = files(other)
    saved = other.snapshot(layers=[LAYER], sources=[SOURCE])
    other.write(saved)
    assert files(other) == before
    assert saved.references[0].paint
    assert other.folder == session.folder


@pytest.mark.parametrize("state", [TargetState.RUNNING, TargetState.WAITING])
def test_targets_of_a_run_that_is_gone_are_what_they_were_before(session, tmp_path, state):
    session.queue.update(plane(1), state=state)
    session.queue.put([Target(plane(3), "never reached", state)])
    save(session)
    session.close()
    other, _ = reopened(tmp_path)
    assert other.queue.get(plane(1)).state == TargetState.PROPOSED
    assert other.queue.get(plane(3)).state == TargetState.WAITING


def test_pictures_from_no_file_are_kept(session, tmp_path):
    picture = np.linspace(0, 1, 20).reshape(SHAPE)
    name = session.keep_array(picture)
    save(session, layers=[replace(LAYER, path="", array=name)])
    save(session, layers=[replace(LAYER, path="", array=name)])
    session.close()
    _, resumed = reopened(tmp_path)
    assert np.array_equal(resumed.picture(resumed.saved.layers[0].array), picture)


def test_dirty_says_whether_saving_is_worth_it(tmp_path):
    session = Session(FakeArchive(), tmp_path)
    assert not session.dirty
    changes = [
        lambda: session.classes.add(),
        lambda: session.references.add(ReferenceRow(ROW, plane(0), "labels-1", "cells")),
        lambda: session.queue.put([Target(plane(1), "cells")]),
        lambda: setattr(session.queue, "current", plane(1)),
        lambda: session.proposals.compose(plane(1), labels(1)),
        lambda: session.accepted.accept(plane(1), labels(), labels(1)),
        lambda: (session.store.put(plane(1), FakePrediction("x")), session.store.take(plane(1))),
        lambda: session.store.correct(plane(1), FakePrediction("x", "tuned", (off(1),))),
        session.touch,
    ]
    for change in changes:
        change()
        assert session.dirty
        save(session, paint={}, labels={})
        assert not session.dirty


def test_no_folder_is_made_before_it_is_needed(tmp_path):
    session = Session(FakeArchive(), tmp_path)
    session.classes.add()
    session.snapshot()
    assert session.size_bytes == 0
    session.close()
    assert list(tmp_path.iterdir()) == []


def test_a_later_snapshot_is_never_replaced_by_an_earlier_one(session):
    early = session.snapshot(choices={"at": "first"})
    time.sleep(0.01)
    late = session.snapshot(choices={"at": "second"}, paint={ROW: labels(4)})
    session.write(late)
    session.write(early)
    assert read_saved(session.folder) == late
    assert {path.name for path in session.folder.labels.iterdir()} == late.planes


def test_a_worker_writes_while_the_window_goes_on(session, tmp_path):
    saves = []
    for i in range(10):
        session.proposals.compose(plane(1), labels(1, 1, i))
        saves.append(session.snapshot(paint={ROW: labels(i)}, labels={plane(2): labels(2, i)}))
        saves[-1] = Thread(target=session.write, args=(saves[-1],))
        saves[-1].start()
    for thread in saves:
        thread.join()
    session.close()
    other, resumed = reopened(tmp_path)
    assert resumed.lost == ()
    assert np.array_equal(resumed.paint(ROW), labels(9))
    assert np.array_equal(other.proposals.merged(plane(1)), labels(1, 1, 9))


def test_a_full_disk_leaves_the_session_on_disk_as_it_was(session, tmp_path):
    saved = save(session)
    session.folder.description.unlink()
    session.folder.description.mkdir()
    session.touch()
    with pytest.raises(OutputError, match="cannot be written"):
        session.write(session.snapshot(choices={"late": True}))
    assert session.dirty
    session.folder.description.rmdir()
    session.write(session.snapshot())
    assert read_saved(session.folder).targets == saved.targets


def test_facts_that_json_does_not_have_are_refused(session):
    for value in (np.ones(2), float("nan")):
        with pytest.raises(ValueError, match=r"cannot be saved|not JSON compliant"):
            session.write(session.snapshot(choices={"k": value}))
    assert session.dirty


def test_lost_files_are_named_and_the_rest_is_there(session, tmp_path):
    saved = save(session)
    session.close()
    (session.folder.labels / saved.targets[0].merged).unlink()
    (session.folder.labels / saved.references[0].paint).write_bytes(b"no picture")
    (session.folder.predictions / saved.targets[1].prediction).unlink()
    other, resumed = reopened(tmp_path)
    assert len(resumed.lost) == 3
    assert sum("labels are lost" in sentence for sentence in resumed.lost) == 2
    assert resumed.lost[-1] == "What correcting cells, t = 2 needs is lost; run it again to correct it."
    assert resumed.paint(ROW) is None
    assert np.array_equal(other.proposals.compose(plane(1)), labels(0, 9))
    assert other.store.get(plane(2)) is None
    other.write(other.snapshot())
    assert (session.folder.labels / saved.references[0].paint).exists()
    other.close()
    assert reopened(tmp_path)[1].lost == ()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[: len(data) // 2], "not readable JSON"),
        (lambda data: "[]", "not a session of napari-gfsam"),
        (lambda data: data.replace("session/1", "session/2"), "this version reads"),
        (lambda data: data.replace('"saved_at"', '"sold_at"'), "sold_at is not a known name"),
        (lambda data: data.replace('"generation": 1', '"generation": "1"'), "generation is '1', not of the kind int"),
        (lambda data: data.replace('"accepted"', '"rejected"'), "'rejected', not one of waiting"),
        (lambda data: data.replace("[86, 180, 233]", "[86, 180]"), "class 1 has an id or a colour"),
        (lambda data: data.replace('"region_yx": [0, 0, 2, 2]', '"region_yx": [0]'), "not four numbers"),
        (lambda data: data.replace('"axes_yx": [1, 2]', '"axes_yx": [0, 2]'), "which do not fit"),
    ],
)
def test_a_damaged_description_is_one_sentence_and_stays(session, tmp_path, damage, words):
    save(session)
    session.close()
    text = damage(session.folder.description.read_text())
    session.folder.description.write_text(text)
    other = Session(FakeArchive(), tmp_path)
    with pytest.raises(SessionError, match=words) as caught:
        other.resume(latest_unfinished(tmp_path))
    assert str(session.folder.description) in str(caught.value)
    assert session.folder.description.read_text() == text
    assert not session.folder.in_use


def test_a_description_may_name_nothing_outside_its_folder(session, tmp_path):
    saved = save(session)
    session.close()
    data = json.loads(session.folder.description.read_text())
    data["targets"][0]["merged"] = data["targets"][0]["prediction"] = "../../../secret.tif"
    session.folder.description.write_text(json.dumps(data))
    other, resumed = reopened(tmp_path)
    assert len(resumed.lost) == 2
    assert plane(1) not in other.store
    assert other.queue.get(plane(1)) == saved.targets[0].target


def test_a_session_in_use_is_not_taken_over(session, tmp_path):
    save(session)
    with pytest.raises(SessionError, match="open in another window"):
        Session(FakeArchive(), tmp_path).resume(session.folder)


def test_resuming_gives_the_own_empty_folder_back(session, tmp_path):
    save(session)
    session.close()
    other = Session(FakeArchive(), tmp_path)
    own = other.folder
    other.classes.add("mine")
    other.restore(other.resume(session.folder))
    assert not own.path.exists()
    assert [row.name for row in other.classes] == ["class 1", "class 2"]


def test_forgetting_a_source_takes_all_that_belongs_to_it(session):
    other = PlaneKey("other")
    session.queue.put([Target(other, "another")])
    session.forget_source("stack")
    assert [target.plane for target in session.queue] == [other]
    assert (len(session.references), len(session.store)) == (0, 0)
    assert list(session.proposals) == list(session.accepted) == []


def test_forgetting_a_target_leaves_what_was_accepted(session):
    session.forget([plane(2)])
    assert plane(2) not in session.queue
    assert list(session.accepted) == [plane(2)]


def test_starting_fresh_forgets_everything(session):
    session.history.push(Command("x", lambda: None, lambda: None))
    session.clear()
    assert [len(part) for part in (session.classes, session.references, session.queue, session.store)] == [0] * 4
    assert not session.history.can_undo
    assert session.snapshot().planes == frozenset()


def test_the_title_says_what_is_in_it(session):
    assert session.snapshot().title == f"2 targets, 1 accepted, {time.strftime('%H:%M')}"
    session.forget([plane(2)])
    old = replace(session.snapshot(), saved_at=0)
    assert old.title.startswith("1 target, 0 accepted, 19")


def test_opening_needs_neither_torch_nor_the_viewer_nor_tifffile():
    code = "import sys, napari_gfsam.session; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert set(done.stdout.split()).isdisjoint({"torch", "scipy", "tifffile", "napari", "qtpy", "superqt", "magicgui"})
