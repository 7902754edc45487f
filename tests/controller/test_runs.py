from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
import pytest

from napari_gfsam.api import PaintError, Segmenter
from napari_gfsam.controller.pace import Pace
from napari_gfsam.controller.run_types import STAGES, Looking, ReferenceInput, RunProgress, TargetDone, TargetFailed
from napari_gfsam.controller.runs import run_targets
from napari_gfsam.core.types import ClassSpec
from napari_gfsam.imaging import ImageError, PixelRecipe
from napari_gfsam.io.readers import ImageFileError
from napari_gfsam.session.types import PlaneKey
from tests.fakes import disc_picture

DISC = ClassSpec(1, "disc")


@dataclass
class FakeSource:
    """A stack of pictures; planes in `broken` raise."""

    planes: list[np.ndarray]
    id: str = "stack"
    name: str = "cells"
    recipe: PixelRecipe = field(default_factory=PixelRecipe)
    broken: dict[int, Exception] = field(default_factory=dict)
    log: list[int] = field(default_factory=list)
    gate: threading.Event | None = None

    @property
    def shape(self):
        return (len(self.planes), *self.planes[0].shape[:2])

    def read(self, plane):
        place = plane.index[0]
        self.log.append(place)
        if self.gate is not None:
            self.gate.wait(10)
        if place in self.broken:
            raise self.broken[place]
        return self.planes[place]

    def key(self, place):
        return PlaneKey(self.id, (place, -1, -1), (1, 2))


class FakeStore:
    def __init__(self, error=None):
        self.kept = {}
        self.error = error

    def put(self, plane, prediction):
        if self.error is not None:
            raise self.error
        self.kept[plane] = prediction


@pytest.fixture
def stack():
    return FakeSource([disc_picture(seed)[0] for seed in range(5)])


@pytest.fixture
def reference(stack):
    return ReferenceInput(
        stack, stack.key(0), disc_picture(0)[1], (DISC, ClassSpec(2, "never painted")), "cells, painted"
    )


@pytest.fixture
def segmenter(fake_models):
    return Segmenter()


def targets_of(stack, *places):
    return [(stack.key(place), stack) for place in places]


def drain(steps):
    """All events, and what the generator returns."""
    events = []
    while True:
        try:
            events.append(next(steps))
        except StopIteration as stop:
            return events, stop.value


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_every_target_is_stored_before_it_is_reported(segmenter, stack, reference):
    store = FakeStore()
    for event in run_targets(segmenter, [reference], targets_of(stack, 1, 2), store, run=7):
        if isinstance(event, TargetDone):
            kept = store.kept[event.plane]
            assert np.array_equal(event.labels, kept.labels)
            assert event.labels.any()
            assert (event.reason, event.run) == ("", 7)
            assert event.score == kept.classes[1].score > 0
    assert list(store.kept) == [stack.key(1), stack.key(2)]
    assert segmenter.references == ()


def test_same_answer_as_without_a_viewer(segmenter, stack, reference):
    store = FakeStore()
    drain(run_targets(segmenter, [reference], targets_of(stack, 1), store))
    plain = segmenter.sibling()
    plain.add_reference(stack.planes[0], reference.labels)
    assert np.array_equal(store.kept[stack.key(1)].labels, plain.segment(stack.planes[1]).labels)


def test_progress_never_goes_back_and_names_every_stage(segmenter, stack, reference):
    events, pace = drain(run_targets(segmenter, [reference], targets_of(stack, 1, 2), FakeStore()))
    progress = of(RunProgress, events)
    fractions = [one.fraction for one in progress]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < fractions[-1] <= 1
    assert {one.stage for one in progress} == set(STAGES)
    assert all(one.text and one.seconds_left >= 0 for one in progress)
    assert {(one.k, one.n) for one in progress} == {(0, 2), (1, 2), (2, 2)}
    assert pace.each_class != Pace().each_class


def test_a_yield_after_every_batch_of_prompts(segmenter, stack, reference, fake_models):
    steps = run_targets(segmenter, [reference], targets_of(stack, 1), FakeStore())
    decoded = [fake_models[1].decodes for _ in steps]
    assert max(np.diff(decoded)) <= 16 < decoded[-1]


def test_closing_cancels_and_keeps_what_is_finished(segmenter, stack, reference):
    store = FakeStore()
    steps = run_targets(segmenter, [reference], targets_of(stack, 1, 2, 3), store)
    next(event for event in steps if isinstance(event, TargetDone))
    steps.close()
    assert list(store.kept) == [stack.key(1)]
    assert reader_has_ended()


def reader_has_ended():
    readers = [thread for thread in threading.enumerate() if thread.name.startswith("napari-gfsam read")]
    for reader in readers:
        reader.join(5)
    return not any(reader.is_alive() for reader in readers)


def test_at_most_one_plane_is_read_ahead(segmenter, stack, reference):
    steps = run_targets(segmenter, [reference], targets_of(stack, 1, 2, 3, 4), FakeStore())
    for event in steps:
        if isinstance(event, RunProgress) and event.k:
            assert len(stack.log) - 1 <= event.k + 1  # one of them was the reference
    assert stack.log == [0, 1, 2, 3, 4]


def test_a_slow_read_can_be_cancelled(segmenter, stack, reference):
    slow = FakeSource(stack.planes, id="slow", gate=threading.Event())
    steps = run_targets(segmenter, [reference], targets_of(slow, 1), FakeStore())
    waiting = [event for event, _ in zip((e for e in steps if e.stage == "read"), range(3), strict=False)]
    assert len(waiting) == 3
    steps.close()
    slow.gate.set()
    assert reader_has_ended()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ImageError("The plane is empty."), "The plane is empty."),
        (FileNotFoundError(2, "No such file", "a.tif"), "a.tif"),
        (ImageFileError("cells.png is empty (0 bytes)."), "cells.png is empty (0 bytes)."),
        (KeyError("chunk 3"), "cells cannot be read (KeyError: 'chunk 3')."),
        (MemoryError(), "not enough memory"),
    ],
)
def test_a_target_that_cannot_be_read_does_not_stop_the_others(segmenter, stack, reference, error, words):
    stack.broken = {2: error}
    store = FakeStore()
    events, _ = drain(run_targets(segmenter, [reference], targets_of(stack, 1, 2, 3), store, run=4))
    (failed,) = of(TargetFailed, events)
    assert (failed.plane, failed.run) == (stack.key(2), 4)
    assert words in failed.sentence
    assert "ImageFileError" not in failed.sentence
    assert list(store.kept) == [stack.key(1), stack.key(3)]


def test_a_flat_target_is_named_not_crashed_on(segmenter, stack, reference):
    stack.planes[2] = np.zeros_like(stack.planes[2])
    events, _ = drain(run_targets(segmenter, [reference], targets_of(stack, 2, 3), FakeStore()))
    assert "same colour" in of(TargetFailed, events)[0].sentence
    assert len(of(TargetDone, events)) == 1


def test_a_defect_in_one_target_is_logged_and_the_others_go_on(segmenter, stack, reference, monkeypatch, caplog):
    plain = Segmenter.segment_events

    def broken(self, picture, **options):
        if picture is stack.planes[1]:
            raise ZeroDivisionError("oops")
        return plain(self, picture, **options)

    monkeypatch.setattr(Segmenter, "segment_events", broken)
    events, _ = drain(run_targets(segmenter, [reference], targets_of(stack, 1, 2), FakeStore()))
    assert "ZeroDivisionError: oops" in of(TargetFailed, events)[0].sentence
    assert "Traceback" in caplog.text
    assert len(of(TargetDone, events)) == 1


def test_nothing_found_says_why_and_comes_first(segmenter, stack, reference):
    stack.planes[1] = np.dstack([np.indices((80, 90))[0].astype(np.uint8)] * 3)
    store = FakeStore()
    events, _ = drain(run_targets(segmenter, [reference], targets_of(stack, 1), store))
    (done,) = of(TargetDone, events)
    assert not done.labels.any()
    assert done.score == 0
    assert done.reason == store.kept[done.plane].reason != ""


def test_a_store_that_cannot_write_ends_the_run(segmenter, stack, reference):
    steps = run_targets(segmenter, [reference], targets_of(stack, 1, 2), FakeStore(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space"):
        drain(steps)


def test_reference_that_cannot_serve_is_named(segmenter, stack, reference):
    blank = ReferenceInput(stack, stack.key(1), np.zeros_like(reference.labels), (DISC,), "cells, plane 1")
    with pytest.raises(PaintError, match=r"^cells, plane 1: .*no painted pixel"):
        drain(run_targets(segmenter, [reference, blank], targets_of(stack, 2), FakeStore()))
    stack.broken = {0: ValueError("bad chunk")}
    with pytest.raises(ImageError, match=r"^cells, painted: cells cannot be read \(ValueError: bad chunk\)"):
        drain(run_targets(segmenter, [reference], targets_of(stack, 2), FakeStore()))


def test_without_a_reference_there_is_no_run(segmenter, stack):
    with pytest.raises(PaintError, match="no painted reference"):
        next(run_targets(segmenter, [], targets_of(stack, 1), FakeStore()))


def test_records_name_what_was_read_and_the_settings_of_the_run(segmenter, stack, reference):
    store = FakeStore()
    drain(run_targets(segmenter, [reference], targets_of(stack, 1), store, looking=Looking("published")))
    record = store.kept[stack.key(1)].record()
    assert record.target.name == "cells [1, :, :]"
    assert record.references[0].image.name == "cells, painted"
    assert [one.name for one in record.references[0].classes] == ["disc"]
    assert record.settings["fallback"] == "best"


def test_several_references_and_classes(segmenter, stack, reference):
    squares = np.zeros_like(reference.labels)
    squares[:20, :20] = 2
    other = ReferenceInput(stack, stack.key(1), squares, (DISC, ClassSpec(2, "corner", negative=True)), "second")
    store = FakeStore()
    events, _ = drain(run_targets(segmenter, [reference, other], targets_of(stack, 2), store))
    assert of(TargetFailed, events) == []
    assert list(store.kept[stack.key(2)].traces) == [1, 2]


def test_a_target_is_served_by_the_nearest_painted_planes(stack, segmenter):
    stack.planes = [disc_picture(seed)[0] for seed in range(7)]
    painted = [
        ReferenceInput(stack, stack.key(place), disc_picture(place)[1], (DISC,), str(place)) for place in range(6)
    ]
    store = FakeStore()
    list(run_targets(segmenter, painted, targets_of(stack, 6, 2), store))
    served = [
        [reference.image.name for reference in store.kept[stack.key(place)].record().references] for place in (6, 2)
    ]
    assert served == [["4", "5"], ["1", "2", "3"]]
    alone = segmenter.sibling()
    for place in (4, 5):
        alone.add_reference(stack.planes[place], disc_picture(place)[1], classes=(DISC,))
    assert np.array_equal(store.kept[stack.key(6)].labels, alone.segment(stack.planes[6]).labels)
