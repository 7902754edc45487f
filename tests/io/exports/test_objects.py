from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask
from rasterio.features import rasterize
from scipy import ndimage

from napari_gfsam.io.exports import ExportClass, ExportError, label_sheet, safe_name
from napari_gfsam.io.exports.objects import objects_of
from napari_gfsam.io.exports.outlines import outlined, outlines_of, polygons_in
from napari_gfsam.io.exports.runs import run_lengths
from tests.io.exports import scenes

# pycocotools' own, with numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))
LABELS = SHAPES.flatmap(lambda shape: hnp.arrays("uint8", shape, elements=st.sampled_from([0, 0, 1, 1, 1, 4])))
PAIRS = SHAPES.flatmap(
    lambda shape: st.tuples(
        hnp.arrays("uint8", shape, elements=st.sampled_from([0, 1, 1, 4])),
        hnp.arrays("int32", shape, elements=st.sampled_from([0, 1, 2, 70000])),
    )
)


def pasted(found, shape):
    """An object in the whole picture."""
    whole = np.zeros(shape, bool)
    (y, x), (height, width) = found.corner_yx, found.mask.shape
    whole[y : y + height, x : x + width] = found.mask
    return whole


@settings(deadline=None)
@given(LABELS)
def test_pieces_are_the_labels_and_hang_together(labels):
    objects = objects_of(label_sheet(labels, "x"))
    assert np.array_equal(objects.numbers > 0, labels > 0)
    for found in objects:
        whole = pasted(found, labels.shape)
        assert np.array_equal(whole, objects.numbers == found.number)
        assert set(labels[whole]) == {found.kind.id}
        assert ndimage.label(whole)[1] == 1
    assert len(objects) == sum(ndimage.label(labels == one)[1] for one in (1, 4))


@settings(deadline=None)
@given(PAIRS)
def test_instances_part_the_labels_and_lose_none(pair):
    labels, instances = pair
    objects = objects_of(label_sheet(labels, "x", instances=instances, scores={2: 0.5}))
    assert np.array_equal(objects.numbers > 0, labels > 0)
    for found in objects:
        whole = objects.numbers == found.number
        assert set(labels[whole]) == {found.kind.id}
        (instance,) = set(instances[whole])
        assert found.score == (0.5 if instance == 2 else None)
        if instance:
            assert np.array_equal(whole, (instances == instance) & (labels == found.kind.id))


@settings(deadline=None)
@given(LABELS)
def test_outlines_are_valid_and_give_the_pixels_back(labels):
    objects = objects_of(label_sheet(labels, "x"))
    for found, outline in zip(objects, outlines_of(objects, "geo"), strict=True):
        assert outline.is_valid
        assert outline.area == found.mask.sum()
        drawn = rasterize([outline], labels.shape, dtype="uint8")
        assert np.array_equal(drawn > 0, objects.numbers == found.number)


def test_an_instance_in_several_pieces_stays_one_object():
    objects = objects_of(scenes.sheet(instances=scenes.touching()))
    outlines = dict(zip(range(1, len(objects) + 1), outlines_of(objects, "geo"), strict=True))
    counts = {number: len(polygons_in(outline)) for number, outline in outlines.items()}
    assert len(objects) == 7
    assert all(count == 1 for count in counts.values())
    apart = label_sheet(np.array([[1, 0, 1]]), "x", instances=np.array([[3, 0, 3]]))
    assert [len(polygons_in(one)) for one in outlines_of(objects_of(apart), "geo")] == [2]


@settings(deadline=None)
@given(LABELS)
def test_runs_are_those_of_the_whole_picture(labels):
    height, width = labels.shape
    objects = objects_of(label_sheet(labels, "x"))
    for found in objects:
        whole = objects.numbers == found.number
        rows = run_lengths(found, labels.shape, by_columns=False)
        assert np.array_equal(np.repeat(np.arange(len(rows)) % 2, rows).reshape(labels.shape), whole)
        columns = run_lengths(found, labels.shape, by_columns=True).tolist()
        packed = coco_mask.frPyObjects({"size": [height, width], "counts": columns}, height, width)
        assert np.array_equal(coco_mask.decode(packed), whole)


def test_scores_come_from_the_class_where_objects_have_none():
    assert {found.kind.id: found.score for found in objects_of(scenes.sheet())} == {1: 0.9, 7: None}


def test_ids_without_a_name_get_one():
    sheet = label_sheet(
        np.array([[0, 3], [9, 1]]), "x", [ExportClass(9, "nine", (1, 2, 3)), ExportClass(2, "two", (0, 0, 0))]
    )
    assert [(one.id, one.name) for one in sheet.classes] == [(1, "class 1"), (2, "two"), (3, "class 3"), (9, "nine")]


@pytest.mark.parametrize(
    ("labels", "more", "words"),
    [
        (np.zeros(3, int), {}, r"not int64 of \(3,\)"),
        (np.zeros((3, 3)), {}, "not float64"),
        (np.zeros((0, 3), int), {}, "two axes"),
        (np.full((3, 3), -1), {}, "not from -1"),
        (np.ones((3, 3), int), {"instances": np.ones((3, 4), int)}, "must have the same size"),
        (np.ones((3, 3), int), {"georeference": scenes.place((3, 4))}, r"\(3, 3\) pixels and scene.tif is \(3, 4\)"),
    ],
)
def test_what_is_no_sheet_is_refused(labels, more, words):
    with pytest.raises(ExportError, match=words):
        label_sheet(labels, "x", **more)


@pytest.mark.parametrize("name", ["../x", "a/b", "..", ".x", "", "a\\b", "a\0b", "/etc/passwd", "a:b", "x" * 300])
def test_a_name_is_never_a_path(name):
    with pytest.raises(ExportError, match="no plain file name"):
        label_sheet(np.ones((2, 2), int), name)
    label_sheet(np.ones((2, 2), int), safe_name(name))


def test_a_name_is_cut_by_bytes_between_characters():
    for text, name in (("x" * 250, "x" * 200), ("核" * 70, "核" * 66), ("aä" * 70, "aä" * 66 + "a")):
        assert safe_name(text) == name
        assert safe_name(name) == name


def test_planes_of_a_stack_keep_order_and_instances():
    stack = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5) % 3
    sheet = label_sheet(stack, "s", instances=stack + 1, scale=(1, 2, 3, 4), picture="deep.ome.tif")
    planes = list(sheet.planes())
    assert [one.name for one in planes] == [f"s_p{number:04d}" for number in range(6)]
    assert planes[4].picture == "deep.ome_p0004.tif"
    assert np.array_equal(planes[4].labels, stack[1, 1])
    assert np.array_equal(planes[4].instances, stack[1, 1] + 1)
    assert (planes[4].axes, planes[4].scale) == ("yx", (3, 4))
    assert list(planes[4].planes()) == [planes[4]]


@settings(deadline=None, derandomize=True, max_examples=25)
@given(hnp.arrays(st.sampled_from(["uint8", "uint16", "int64"]), (9, 11), elements=st.integers(0, 2)))
def test_outlines_without_instances_are_those_of_the_objects(labels):
    sheet = label_sheet(labels, "a")
    objects, found = objects_of(sheet), outlined(sheet, "geo")
    assert found.kinds == objects.kinds
    assert found.pixels.tolist() == objects.pixels().tolist()
    assert [one.wkt for one in found.outlines] == [one.wkt for one in outlines_of(objects, "geo")]
