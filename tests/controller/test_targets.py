"""Which pictures and planes a run takes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.controller.next_step import next_step, why_not_run
from napari_gfsam.imaging import ImageError
from napari_gfsam.session.picks import PlanesPick
from tests.controller.hands import SHAPE, picture, stack

pytestmark = pytest.mark.gui


def titles(at):
    return [at.desk.sources.of(plane).title(plane) for plane in at.desk.targets.planes()]


def test_all_pictures_but_the_painted_one_are_picked(at):
    reference, targets, _ = at.two_pictures(2)
    assert titles(at) == ["target 0", "target 1"]
    at.desk.targets.pick(targets[0], False)
    assert titles(at) == ["target 1"]
    at.desk.targets.pick(reference, True)
    assert titles(at) == ["target 1"]  # what is painted is not asked of the models
    for image in targets:
        at.desk.targets.pick(image, False)
    assert titles(at) == ["painted"]  # unless there is nothing else


def test_the_only_picture_is_its_own_target(at):
    pixels, labels = picture(1)
    at.paint(at.image("cells", pixels), labels)
    assert titles(at) == ["cells"]
    at.run()
    assert at.problems == []
    assert len(at.queue) == 1


def test_planes_of_a_stack_by_every_word(at):
    image, _ = at.painted_stack(6)
    targets = at.desk.targets
    assert [plane.index[0] for plane in targets.planes()] == [1, 2, 3, 4, 5]
    assert targets.say_planes(image) == "6 planes"
    at.viewer.dims.set_point(0, 3)
    targets.pick_planes(image, PlanesPick("this"))
    assert [plane.index[0] for plane in targets.planes()] == [3]
    assert targets.say_planes(image) == "this plane"
    targets.pick_planes(image, PlanesPick("range", 0, 1, 99, 2))
    assert [plane.index[0] for plane in targets.planes()] == [1, 3, 5]
    assert targets.say_planes(image) == "3 planes"
    targets.pick_planes(image, PlanesPick("range", 0, 50, 99, 2))
    assert targets.planes() == []


def test_what_was_picked_along_an_axis_that_is_now_shown_is_forgotten(at):
    image, _ = at.painted_stack(6)
    at.desk.targets.pick_planes(image, PlanesPick("range", 0, 1, 4))
    at.viewer.dims.order = (2, 0, 1)
    assert [plane.axes_yx for plane in at.desk.targets.planes()] == [(0, 1)] * SHAPE[1]
    assert at.desk.standing().targets == SHAPE[1]
    assert at.desk.targets.say_planes(image) == f"{SHAPE[1]} planes"
    at.viewer.dims.order = (0, 1, 2)
    assert [plane.index[0] for plane in at.desk.targets.planes()] == [1, 2, 3]


def test_planes_along_any_axis_of_four_in_the_order_shown(at):
    image = at.image("cells", np.stack([stack(3)[0]] * 2))
    at.viewer.dims.set_point((0, 1), (1, 2))
    assert [(axis.axis, axis.length) for axis in at.desk.targets.axes(image)] == [(0, 2), (1, 3)]
    at.desk.targets.pick_planes(image, PlanesPick("all", 1))
    assert [plane.index for plane in at.desk.targets.planes()] == [(1, z, -1, -1) for z in range(3)]
    at.viewer.dims.order = (0, 1, 3, 2)
    assert {plane.axes_yx for plane in at.desk.targets.planes()} == {(2, 3)}


def test_three_dimensions_are_told_by_run_and_not_before(at):
    image, _ = at.painted_stack(3)
    at.viewer.dims.ndisplay = 3
    standing = at.desk.standing()
    assert standing.targets == 0
    assert "switch to 2D" in next_step(standing)
    assert why_not_run(standing) == next_step(standing)
    with pytest.raises(ImageError, match="3D"):
        at.desk.targets.planes()
    at.press("run")
    at.press("try")
    assert len(at.problems) == 2
    at.desk.targets.pick(image, False)
    assert at.desk.targets.planes() == []
    assert "tick pictures under Targets" in why_not_run(at.desk.standing())


def test_stacks_that_no_slider_place_shows_together_are_run_together(at):
    first, _ = at.painted_stack(3)
    second = at.image("far", stack(4)[0], translate=(50, 0, 100))
    for slider in (0, 30, 52):
        at.viewer.dims.set_point(0, slider)
        assert [plane.index[0] for plane in at.desk.targets.planes()] == [1, 2, 0, 1, 2, 3]
    at.desk.targets.pick_planes(first, PlanesPick("this"))  # which is not shown now
    assert titles(at) == [f"far · {place}" for place in range(4)]
    assert [at.desk.targets.say_planes(image) for image in (first, second)] == ["no plane shown", "4 planes"]
    at.desk.targets.pick(second, False)
    assert "move the sliders back to it" in why_not_run(at.desk.standing())


def test_places_along_other_axes_are_those_nearest_to_the_sliders(at):
    image = at.image("cells", np.stack([stack(3)[0]] * 2))
    at.image("longer", np.zeros((5, 3, *SHAPE), np.uint8))
    at.viewer.dims.set_point((0, 1), (4, 1))
    at.desk.targets.pick_planes(image, PlanesPick("all", 1))
    assert [plane.index for plane in at.desk.targets.planes()][:3] == [(1, z, -1, -1) for z in range(3)]


def test_what_is_accepted_is_not_run_again_unless_it_is_tried(at):
    image, _ = at.painted_stack(3)
    at.run()
    at.desk.review.accept_above(0.0)
    at.press("run")
    assert at.problems == ["All picked targets are accepted or corrected already; tick others, or try one again (T)."]
    at.viewer.layers.selection.active = image
    at.viewer.dims.set_point(0, 1)
    at.press("try")
    at.wait()
    assert {target.title: target.run for target in at.queue} == {"cells · 1": 2, "cells · 2": 1}


def test_picks_are_saved_by_layer(at):
    image, _ = at.painted_stack(3)
    at.desk.targets.pick_planes(image, PlanesPick("this"))
    saved = at.desk.targets.saved()
    at.desk.targets.restore({}, {})
    assert at.desk.targets.planes_of(image).which == "all"
    at.desk.targets.restore(saved, {})
    assert at.desk.targets.planes_of(image).which == "this"
