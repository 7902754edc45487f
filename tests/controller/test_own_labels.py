"""Label layers of the person's own as references, and what was taken off the lists."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.controller.references import MOST_PLANES
from tests.controller.hands import picture, stack

pytestmark = pytest.mark.gui


@pytest.fixture
def own(at):
    """A stack of twelve planes, and a label layer of the person's own of which the first plane is painted and used."""
    pixels, labels = stack(3)
    at.image("cells", np.concatenate([pixels] * 4))
    mine = np.zeros((12, *labels.shape[1:]), np.int32)
    mine[0] = labels[0]
    at.viewer.dims.set_point(0, 0)
    layer = at.viewer.add_labels(mine, name="mine")
    at.desk.references.use(layer)
    return at, layer


def places(at):
    return [row.plane.index[0] for row in at.desk.session.references]


def dab(at, layer, *planes, value=1):
    """A stroke on each of some planes, each shown."""
    for plane in planes:
        at.viewer.dims.set_point(0, plane)
        at.stroke(layer, [plane] * 40, np.repeat(range(10, 14), 10), np.tile(range(20, 30), 4), values=value)


def test_a_plane_painted_after_the_layer_was_used_is_a_reference_and_no_target(own):
    at, layer = own
    told = []
    at.desk.references.strokes.made.connect(lambda *_: told.append(True))
    dab(at, layer, 2, value=3)
    assert (places(at), told) == ([0, 2], [True])
    assert 3 in {entry.id for entry in at.desk.session.classes}
    assert [plane.index[0] for plane in at.desk.targets.planes()] == [1, *range(3, 12)]
    layer.data[4, 5, 6] = 1  # by a plugin: taken in with the next run, as a reference
    started = []
    at.desk.running.start = lambda inputs, planes: started.append((inputs, planes))
    at.press("run")
    ((inputs, planes),) = started
    assert [taken.plane.index[0] for taken in inputs] == [0, 2, 4]
    assert [plane.index[0] for plane in planes] == [1, 3, *range(5, 12)]
    assert at.desk.references.others() == []


def test_of_a_layer_with_many_planes_those_come_that_are_chosen_or_painted(own):
    at, layer = own
    layer.data[1:MOST_PLANES, 3, 3] = 1
    layer.data[10, 3, 3] = 1
    at.desk.references.inputs()
    assert places(at) == [0]
    assert at.desk.references.others() == []
    at.viewer.dims.set_point(0, 10)
    assert at.desk.references.others() == [layer]
    at.desk.references.use(layer)
    dab(at, layer, 11)
    assert places(at) == [0, 10, 11]
    assert at.desk.references.others() == []


def test_a_plane_taken_off_the_list_stays_off_until_it_is_painted_or_chosen_again(own):
    at, layer = own
    dab(at, layer, 2, 3)
    rows = tuple(at.desk.session.references)
    at.desk.session.references.remove(rows[1].id, rows[2].id)
    assert [taken.plane.index[0] for taken in at.desk.references.inputs()] == [0]
    dab(at, layer, 2, value=4)
    assert places(at) == [0, 2]
    at.desk.references.use(layer)
    assert places(at) == [0, 2, 3]
    at.desk.session.references.remove(*(row.id for row in at.desk.session.references))
    dab(at, layer, 5, value=9)
    assert (places(at), ids(at)) == ([], [1, 4])


@pytest.fixture
def two(at):
    """A picture with two classes painted, the second taken out of the table."""
    pixels, labels = picture(1)
    image = at.image("cells", pixels)
    at.desk.references.new(image)
    at.desk.session.classes.rename(1, "nucleus")
    layer = at.paint(image, np.where(np.arange(labels.shape[1]) > 40, labels * 2, labels))
    at.desk.session.classes.remove(2)
    return at, layer


def ids(at):
    return [entry.id for entry in at.desk.session.classes]


def test_a_removed_class_stays_away_and_nothing_is_learned_from_its_paint(two):
    at, layer = two
    before = layer.data.copy()
    at.stroke(layer, [3], [4], values=1)
    (taken,) = at.desk.references.inputs()
    assert [spec.id for spec in taken.classes] == ids(at) == [1]
    assert set(np.unique(taken.labels)) == set(np.unique(at.desk.references.paints()[0].labels)) == {0, 1}
    assert at.desk.references.question() == 1
    assert (layer.data != before).sum() == 1  # the paint stays
    assert at.desk.session.classes.add().id == 3  # old paint joins no new class


def test_a_removed_class_comes_back_when_it_is_painted_anew(two):
    at, layer = two
    layer.selected_label = 2
    at.stroke(layer, [3], [4], values=0)
    assert ids(at) == [1]
    layer.paint((5, 5), 2)
    assert ids(at) == [1, 2]
    assert 2 in at.desk.references.inputs()[0].labels


def test_a_label_may_be_ignored_instead_of_a_class(two):
    at, _ = two
    (row,) = at.desk.session.references
    at.desk.session.references.replace(row.id, ignore=2)
    assert 2 in at.desk.references.inputs()[0].labels
    assert ids(at) == [1]


def test_a_removed_class_stays_away_when_the_work_goes_on_later(two):
    at, _ = two
    at.desk.session.classes.restore(tuple(at.desk.session.classes))
    assert not at.desk.session.classes.removed
    at.desk.saving.brought_back.emit(())
    at.desk.references.inputs()
    assert ids(at) == [1]
