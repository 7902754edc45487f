from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from types import SimpleNamespace

import pytest

from napari_gfsam.controller import warmup
from napari_gfsam.controller.warmup import (
    MODULES,
    Warmup,
    collector_at_rest,
    import_models,
    models_imported,
    old_objects_at_rest,
)
from napari_gfsam.session.references import ReferenceList
from napari_gfsam.session.types import PlaneKey, ReferenceRow
from napari_gfsam.workers import JobRunner


def in_fresh_interpreter(code: str) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)


def test_all_that_a_run_needs_is_imported_with_the_collector_at_rest():
    in_fresh_interpreter("""
import gc, sys
from napari_gfsam.controller.warmup import import_models, models_imported
assert "torch" not in sys.modules and not models_imported()
for name in import_models():
    assert name in sys.modules and not gc.isenabled()
assert gc.isenabled() and models_imported()
from napari_gfsam import Segmenter
from napari_gfsam.samples import load_pair
pair = load_pair("phase_cells")
before = set(sys.modules)
segmenter = Segmenter()
segmenter.add_reference(pair.reference.image, pair.reference.labels)
segmenter.segment(pair.targets[0].image)
late = {name.split(".")[0] for name in set(sys.modules) - before}
assert late.isdisjoint({"scipy", "segment_anything", "timm", "torchvision"}), late
""")


def test_a_run_cancelled_while_loading_leaves_the_collector_as_it_was():
    in_fresh_interpreter("""
import gc
from napari_gfsam.controller.warmup import import_models
steps = import_models()
next(steps)
steps.close()
assert gc.isenabled()
""")


def test_nothing_is_done_twice():
    for name in MODULES:
        __import__(name)
    assert models_imported()
    assert list(import_models()) == []


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    try:
        with collector_at_rest():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
    with collector_at_rest():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_garbage_made_meanwhile_is_still_found_later():
    class Loop:
        gone = 0

        def __init__(self):
            self.self = self

        def __del__(self):
            Loop.gone += 1

    with collector_at_rest():
        Loop()
    assert Loop.gone == 0
    gc.collect()
    assert Loop.gone == 1


def test_old_objects_are_left_out_of_collections_and_go_afterwards():
    class Ring:
        def __init__(self) -> None:
            self.me = self

    old = weakref.ref(Ring())
    with old_objects_at_rest():
        new = weakref.ref(Ring())
        gc.collect()
        assert old() is not None
        assert new() is None
    gc.collect()
    assert old() is None


@pytest.fixture
def warming(qtbot, monkeypatch):
    """Return the list of references, what was imported and asked for so far, and a `Warmup` with stand-ins."""
    references, asked, modules = ReferenceList(), [], ("one", "two", "three")

    def import_them():
        for name in modules:
            asked.append(name)
            yield name

    class Backend:
        @property
        def device(self):
            asked.append("device")

    monkeypatch.setattr(warmup, "import_models", import_them)
    monkeypatch.setattr(warmup, "models_imported", lambda: len(asked) > len(modules))
    models = SimpleNamespace(segmenter=SimpleNamespace(backend=Backend()))
    return references, asked, Warmup(SimpleNamespace(references=references), models, JobRunner())


def row(name: str, *, enabled: bool = True) -> ReferenceRow:
    return ReferenceRow(name, PlaneKey(name), f"{name} labels", name, enabled=enabled)


def test_what_a_run_needs_is_imported_as_soon_as_there_is_a_reference(qtbot, warming):
    references, asked, made = warming
    told = []
    made.done.connect(lambda: told.append(list(asked)))
    references.add(row("unwanted", enabled=False))
    qtbot.wait(50)
    assert asked == []
    references.add(row("first"))
    references.add(row("second"))
    qtbot.waitUntil(lambda: bool(told))
    references.remove("first")
    qtbot.wait(50)
    assert told == [["one", "two", "three", "device"]]
    made.close()


def test_a_closed_warmup_imports_nothing(qtbot, warming):
    references, asked, made = warming
    made.close()
    references.add(row("late"))
    qtbot.wait(50)
    assert asked == []
