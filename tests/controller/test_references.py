"""What is painted, where, and what of it a run takes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.bridge.ours import Role
from tests.controller.hands import SHAPE, fingerprint, picture, stack

pytestmark = pytest.mark.gui


@pytest.fixture
def painted(at):
    """A picture with two objects of two classes painted."""
    pixels, _ = picture(1)
    labels = np.zeros(SHAPE, np.uint8)
    labels[20:26, 30:36], labels[40:44, 60:66] = 1, 2
    at.paint(at.image("cells", pixels), labels)
    return at


def test_new_lies_over_the_picture_with_the_brush_ready(at):
    image = at.image("cells", picture(1)[0], scale=(2, 3), translate=(5, 6), rotate=20)
    row = at.desk.references.new(image)
    layer = at.ours(Role.REFERENCE, image)
    assert at.viewer.layers.selection.active is layer
    assert str(layer.mode) == "paint"
    assert layer.data.shape == SHAPE
    assert np.allclose(layer.scale, image.scale)
    assert np.allclose(layer.rotate, image.rotate)
    assert [entry.id for entry in at.desk.session.classes] == [1]
    assert at.desk.references.new(image) == row
    assert len(at.viewer.layers) == 2
    assert at.desk.references.painted() == ()
    at.stroke(layer, [3], [4], values=1)
    assert at.desk.references.painted() == (row,)


def test_strokes_add_classes_and_change_no_layer_of_the_user(at):
    image = at.image("cells", picture(1)[0])
    before = fingerprint(image)
    at.desk.references.new(image)
    layer = at.ours(Role.REFERENCE, image)
    at.stroke(layer, [3, 4], [4, 4], values=[1, 7])
    assert [entry.id for entry in at.desk.session.classes] == [1, 7]
    assert fingerprint(image) == before


def test_existing_labels_of_another_size_are_read_where_they_lie(at):
    pixels, labels = picture(1)
    at.image("cells", pixels)
    small = at.viewer.add_labels(labels[::2, ::2].astype(np.int32), scale=(2, 2), translate=(0.5, 0.5), name="mine")
    before = fingerprint(small)
    (row,) = at.desk.references.use(small)
    assert at.desk.references.use(small) == (row,)
    paint = at.desk.references.paint(row)
    assert paint.shape == SHAPE
    assert (paint == labels).mean() > 0.9
    (taken,) = at.desk.references.inputs()
    assert np.array_equal(taken.labels, paint)
    assert fingerprint(small) == before


def test_labels_that_cannot_be_used_say_why_and_leave_nothing_behind(at):
    def use(labels):
        at.desk.guarded(at.desk.references.use)(labels)

    layer = at.viewer.add_labels(np.ones(SHAPE, np.int32), name="mine")
    use(layer)
    assert "no image layer" in at.problems[-1]
    at.image("cells", picture(1)[0])
    layer.data = np.zeros(SHAPE, np.int32)
    use(layer)
    assert "Nothing is painted" in at.problems[-1]
    for wrong in (70_000, -3):
        layer.data = np.full(SHAPE, wrong, np.int32)
        use(layer)
        assert f"label value {wrong} cannot be a class" in at.problems[-1]
    assert len(at.desk.session.references) == len(at.desk.session.classes) == 0


def test_a_painted_stack_gives_its_planes_but_not_hundreds(at):
    pixels, labels = stack(3)
    image = at.image("cells", np.concatenate([pixels] * 4))
    some = np.concatenate([labels] * 4)
    some[:9] = 0
    mine = at.viewer.add_labels(some, name="mine")
    at.viewer.dims.set_point(0, 2)
    assert [row.plane.index[0] for row in at.desk.references.use(mine)] == [9, 10, 11]
    many = at.viewer.add_labels(np.concatenate([labels] * 4), name="all")
    assert [row.plane.index[0] for row in at.desk.references.use(many)] == [2]
    assert len(at.desk.session.references.of_source(at.desk.pictures.source_over(image).id)) == 4


def test_painting_on_more_planes_adds_them_in_the_order_that_is_shown(at):
    image, layer = at.painted_stack(4)
    at.viewer.dims.set_point(0, 2)
    at.stroke(layer, [2, 2], [5, 5], [6, 7], values=1)
    layer.data[3, 5, 6] = 1  # by a plugin: taken in with the next run
    assert [row.plane.index[0] for row in at.desk.session.references] == [0, 2]
    assert [taken.plane.index[0] for taken in at.desk.references.inputs()] == [0, 2, 3]
    at.viewer.dims.order = (1, 0, 2)
    row = at.desk.references.new(image)
    assert row.plane.axes_yx == (0, 2)
    assert at.desk.references.paint(row).shape == (4, SHAPE[1])


def test_a_four_dimensional_stack_with_other_axes_shown(at):
    pixels, _ = stack(3)
    image = at.image("cells", np.stack([pixels, pixels[::-1]]))  # t, z, y, x
    at.viewer.dims.set_point((0, 1), (1, 2))
    row = at.desk.references.new(image)
    assert row.plane.index == (1, 2, -1, -1)
    at.viewer.dims.order = (1, 2, 0, 3)
    at.viewer.dims.set_point((1, 2), (1, 20))
    row = at.desk.references.new(image)
    assert (row.plane.index, row.plane.axes_yx) == ((-1, 1, 20, -1), (0, 3))
    assert at.desk.references.paint(row).shape == (2, SHAPE[1])


def test_three_dimensions_are_told(at):
    image = at.image("cells", stack(3)[0])
    at.viewer.dims.ndisplay = 3
    at.desk.guarded(at.desk.references.new)(image)
    assert "3D" in at.problems[0]
    assert len(at.desk.session.references) == 0


def test_where_not_all_objects_are_painted_only_their_surroundings_count(painted):
    at = painted
    (row,) = at.desk.session.references
    (taken,) = at.desk.references.inputs()
    assert taken.region_yx is None
    assert at.desk.references.question() == 1
    at.desk.session.classes.set_painted_fully(1, True)
    assert at.desk.references.question() == 2
    at.desk.session.classes.set_painted_fully(2, False)
    assert at.desk.references.question() is None
    (taken,) = at.desk.references.inputs()
    top, left, bottom, right = taken.region_yx
    assert 0 <= top < 20
    assert 0 <= left < 30
    assert 44 < bottom <= SHAPE[0]
    assert 66 < right <= SHAPE[1]
    at.desk.session.references.replace(row.id, region_yx=(1, 2, 50, 70))
    assert at.desk.references.inputs()[0].region_yx == (1, 2, 50, 70)
    at.desk.session.references.replace(row.id, region_yx=None, ignore=5)
    assert at.desk.references.inputs()[0].region_yx is None


def test_an_ignored_label_is_no_class(at):
    image = at.image("cells", picture(1)[0])
    row = at.desk.references.new(image)
    at.desk.session.references.replace(row.id, ignore=9)
    layer = at.ours(Role.REFERENCE, image)
    at.stroke(layer, [3, 4], [4, 4], values=[1, 9])
    assert [entry.id for entry in at.desk.session.classes] == [1]


def test_paint_too_small_to_be_seen_is_told(painted):
    at = painted
    assert at.desk.running.warning(at.desk.references.paints()) == ""
    layer = at.desk.ours.find(Role.REFERENCE, next(iter(at.desk.session.references)).plane.source)
    layer.data[...] = 0
    layer.data[5, 5] = 2
    assert "'class 2' in cells is 0." in at.desk.running.warning(at.desk.references.paints())
    at.desk.references.zoom(next(iter(at.desk.session.references)))


def test_several_classes_and_negative_ones_reach_the_run(painted):
    at = painted
    at.desk.session.classes.set_negative(2, True)
    at.desk.session.classes.rename(1, "cell")
    (taken,) = at.desk.references.inputs()
    assert [(spec.id, spec.name, spec.negative) for spec in taken.classes] == [(1, "cell", False), (2, "class 2", True)]


def test_a_deleted_label_layer_takes_its_references_along(painted):
    at = painted
    (row,) = at.desk.session.references
    at.viewer.layers.remove(at.desk.ours.find(Role.REFERENCE, row.plane.source))
    assert at.desk.references.painted() == ()
    assert at.desk.references.inputs() == []
    at.desk.tidy()
    assert len(at.desk.session.references) == 0
    at.desk.references.refresh()


def test_a_deleted_picture_takes_its_references_along(painted):
    at = painted
    at.viewer.layers.remove(at.viewer.layers["cells"])
    assert at.desk.references.inputs() == []
    assert at.desk.running.warning(at.desk.references.paints()) == ""
    at.desk.tidy()
    assert len(at.desk.session.references) == 0
    assert at.desk.standing().painted == 0


def test_a_layer_taken_out_and_put_back_at_once_is_not_deleted(painted):
    at = painted
    layer = at.desk.ours.find(Role.REFERENCE, next(iter(at.desk.session.references)).plane.source)
    at.viewer.layers.remove(layer)
    at.viewer.layers.append(layer)
    at.desk.tidy()
    assert len(at.desk.session.references) == 1


def test_paint_stays_pixel_for_pixel_when_the_picture_is_scaled_after_a_run(at):
    painted, (target,), layer = at.two_pictures()
    at.run()
    row = next(iter(at.desk.session.references))
    before = at.desk.references.paint(row)
    painted.scale = target.scale = (0.5, 0.5)
    assert np.array_equal(at.desk.references.paint(row), before)
    at.desk.correcting.toggle_cluster(at.cluster_on())
    over = [at.ours(Role.REFERENCE, painted), at.ours(Role.PROPOSAL, target)]
    over += [at.desk.ours.find(wanted) for wanted in (Role.CLUSTERS, Role.PROMPTS)]
    assert [one.scale.tolist() for one in over] == [[0.5, 0.5]] * 4
    assert layer is over[0]
    assert at.problems == []


def test_a_label_layer_of_the_person_stays_where_it_is(at):
    pixels, labels = picture(1)
    image = at.image("painted", pixels)
    mine = at.viewer.add_labels(labels, name="mine")
    (row,) = at.desk.references.use(mine)
    before = fingerprint(mine)
    image.scale = (0.5, 0.5)
    assert fingerprint(mine) == before
    assert (at.desk.references.paint(row) > 0).sum() > (labels > 0).sum()  # read where it lies
