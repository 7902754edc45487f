from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from napari_gfsam.core.types import ClassSpec
from napari_gfsam.imaging import class_color
from napari_gfsam.session.classes import ClassTable
from napari_gfsam.session.references import ReferenceList
from napari_gfsam.session.types import ClassRow, PlaneKey, ReferenceRow


@pytest.fixture
def table() -> ClassTable:
    table = ClassTable()
    table.add("nucleus")
    table.add()
    return table


def count(signal) -> list:
    seen: list = []
    signal.connect(lambda *values: seen.append(values))
    return seen


def row(plane: PlaneKey, layer: str = "paint") -> ReferenceRow:
    return ReferenceRow(uuid4().hex, plane, layer, "cells")


def test_classes_get_ids_names_and_colours(table):
    assert [(found.id, found.name) for found in table] == [(1, "nucleus"), (2, "class 2")]
    assert table.get(2).color == class_color(2)
    assert table.specs == (ClassSpec(1, "nucleus"), ClassSpec(2, "class 2"))


def test_a_class_from_elsewhere_is_taken_as_it_is(table):
    seen, leaf = count(table.changed), ClassRow(7, "leaf", (1, 2, 3), negative=True, painted_fully=True)
    table.put(leaf)
    table.put(leaf)
    assert (table.get(7), len(seen)) == (leaf, 1)
    with pytest.raises(ValueError, match="cannot be a class"):
        table.put(replace(leaf, id=0))


def test_a_removed_class_gives_its_id_to_nobody_while_a_higher_one_is_there(table):
    table.remove(1)
    assert table.add().id == 3


def test_ids_run_out_at_the_top_and_then_fill_gaps(table):
    table.ensure([65535])
    assert table.add().id == 3


def test_ensure_adds_what_is_new_or_nothing(table):
    seen = count(table.changed)
    assert [found.id for found in table.ensure([0, 2, 9, 7])] == [7, 9]
    assert table.ensure([1, 7]) == ()
    with pytest.raises(ValueError, match="label value 70000 cannot be a class"):
        table.ensure([11, 70000])
    assert [found.id for found in table] == [1, 2, 7, 9]
    assert len(seen) == 1


def test_changes_are_told_once_and_only_if_there_are_any(table):
    seen = count(table.changed)
    table.rename(1, "cell")
    table.rename(1, " cell ")
    table.recolor(1, (300, -4, 7))
    table.set_negative(2, True)
    table.set_painted_fully(2, False)
    table.set_painted_fully(99, False)
    table.remove(99)
    assert len(seen) == 4
    assert table.get(1).color == (255, 0, 7)
    assert table.specs[1].negative
    assert table.get(2).painted_fully is False


def test_a_blank_name_becomes_the_first_one(table):
    table.rename(1, "  ")
    assert table.get(1).name == "class 1"


def test_references_keep_their_order_and_one_row_a_plane():
    rows = ReferenceList()
    seen = count(rows.changed)
    first, second = rows.add(row(PlaneKey("a"))), rows.add(row(PlaneKey("b")))
    assert rows.add(row(PlaneKey("a"))) is first
    assert rows.add(row(PlaneKey("a"), "other paint")) is not first
    rows.enable(first.id, False)
    rows.enable(first.id, False)
    assert [found.plane.source for found in rows] == ["a", "b", "a"]
    assert [found.plane.source for found in rows.enabled] == ["b", "a"]
    assert rows.replace(second.id, ignore=9).ignore == 9
    assert rows.replace("gone", ignore=9) is None
    assert len(rows.of_layer("paint")) == 2
    assert len(rows.of_source("a")) == 2
    rows.remove(first.id, "gone")
    rows.remove()
    assert len(rows) == 2
    assert len(seen) == 6
