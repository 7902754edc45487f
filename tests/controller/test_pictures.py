"""Which layers are one picture."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.bridge.align import lies_over
from napari_gfsam.bridge.identity import role
from napari_gfsam.bridge.ours import Role
from napari_gfsam.bridge.planes import changed_words
from napari_gfsam.controller.pictures import LayerReading
from napari_gfsam.session.types import TargetState
from tests.controller.hands import SHAPE, fingerprint, picture, stack

pytestmark = pytest.mark.gui


@pytest.fixture
def channels(at):
    """Two grey layers that are added up, and a colour picture."""
    pixels, _ = picture(1)
    red = at.image("red", pixels[..., 0], colormap="red", blending="additive")
    blue = at.image("blue", pixels[..., 2], colormap="blue", blending="additive")
    colour = at.image("colour", pixels, translate=(0, 100))
    return at, red, blue, colour


def names(at):
    return [[layer.name for layer in group] for group in at.desk.pictures.groups()]


def test_layers_that_are_added_up_in_one_place_are_one_picture(channels):
    at, red, blue, colour = channels
    assert names(at) == [["red", "blue"], ["colour"]]
    source = at.desk.pictures.source_over(blue)
    assert source.id == at.desk.pictures.source_over(red).id
    assert "red" in source.describe()
    blue.visible = False
    assert names(at) == [["red"], ["blue"], ["colour"]]
    blue.visible = True
    blue.translate = (0, 30)
    assert names(at) == [["red"], ["blue"], ["colour"]]
    blue.translate = (0, 0)
    at.desk.pictures.read(colour, channel_axis=None)
    at.desk.pictures.read(blue, together=False)
    assert names(at) == [["red"], ["blue"], ["colour"]]
    assert at.desk.pictures.reading(red) == LayerReading(together=False)


def test_several_channels_are_segmented_as_shown(channels):
    at, red, _, colour = channels
    at.viewer.layers.remove(colour)
    second = picture(2)[0]
    for name, channel in (("red", 0), ("blue", 2)):
        at.image(f"{name} 2", second[..., channel], colormap=name, blending="additive", translate=(0, 100))
    users = [fingerprint(layer) for layer in at.users_layers()]
    at.paint(red, picture(1)[1])
    at.run()
    assert at.problems == []
    assert at.states() == {"red 2 + blue 2": TargetState.PROPOSED}
    recipe = at.prediction.scene.recipe
    assert recipe.channel_colors == ((1, 0, 0), (0, 0, 1))
    assert at.prediction.labels.any()
    at.press("accept")
    assert [fingerprint(layer) for layer in at.users_layers()] == users
    at.viewer.layers.remove(at.viewer.layers["blue 2"])
    at.desk.tidy()
    assert at.states() == {"red 2 + blue 2": TargetState.ACCEPTED}


@pytest.fixture
def in_channels(at):
    """A painted picture of two grey layers and one to label."""
    for place, seed in (("", 1), (" 2", 2)):
        pixels = picture(seed)[0]
        for name, channel in (("red", 0), ("blue", 2)):
            where = (0, 100 * (seed - 1))
            at.image(name + place, pixels[..., channel], colormap=name, blending="additive", translate=where)
    at.paint(at.viewer.layers["red"], picture(1)[1])
    return at


def open_titles(at):
    return [at.desk.sources.of(plane).name for plane in at.desk.targets.open_planes()]


def test_a_hidden_channel_is_no_new_target_nor_opens_what_is_painted_or_accepted(in_channels):
    at = in_channels
    blue = at.viewer.layers["blue 2"]
    blue.visible = False
    assert open_titles(at) == ["red 2"]
    at.viewer.layers["red 2"].visible = False  # both: still one picture
    assert open_titles(at) == ["red 2 + blue 2"]
    at.viewer.layers["red 2"].visible = blue.visible = True
    at.run()
    at.press("accept")
    for name in ("blue", "blue 2"):
        at.viewer.layers[name].visible = False
    assert open_titles(at) == []
    at.viewer.layers["red 2"].visible = False  # the only channel of its picture that is shown
    assert open_titles(at) == []


def test_the_order_of_channels_changes_nothing(in_channels):
    at = in_channels
    at.desk.targets.pick(at.viewer.layers["red 2"], False)
    for name in ("blue 2", "blue"):
        at.viewer.layers.move(at.viewer.layers.index(at.viewer.layers[name]), 0)
    assert names(at) == [["blue", "red"], ["blue 2", "red 2"]]
    assert not at.desk.targets.is_picked(at.viewer.layers["blue 2"])
    at.desk.targets.pick(at.viewer.layers["blue 2"], True)
    assert open_titles(at) == ["blue 2 + red 2"]
    at.run()
    at.press("accept")
    at.viewer.layers.move(at.viewer.layers.index(at.viewer.layers["red 2"]), 0)
    assert names(at) == [["red 2", "blue 2"], ["blue", "red"]]
    assert open_titles(at) == []
    assert at.problems == []


def test_a_channel_axis_said_after_painting_holds_for_what_is_painted(at):
    (first, paint), (second, _) = picture(1), picture(2)
    image = at.image("painted", np.moveaxis(first, -1, 0).copy())
    other = at.image("target", np.moveaxis(second, -1, 0).copy(), translate=(0, 0, 100))
    at.viewer.dims.set_point(0, 2)
    at.paint(image, np.stack([np.zeros_like(paint)] * 2 + [paint]))
    for layer in (image, other):
        at.desk.pictures.read(layer, channel_axis=0)
    assert open_titles(at) == ["target"]
    (taken,) = at.desk.references.inputs()
    assert (taken.source.channel_axis, taken.plane.index) == (0, (0, -1, -1))
    assert taken.source.read(taken.plane).shape == first.shape
    assert np.array_equal(taken.labels, paint)


def test_paint_on_channels_that_are_no_longer_read_as_such_is_named(at):
    image = at.image("painted", np.moveaxis(picture(1)[0], -1, 0).copy())
    at.desk.pictures.read(image, channel_axis=0)
    at.paint(image, picture(1)[1][None])
    at.desk.pictures.read(image, channel_axis=None)
    at.press("run")
    assert ["Advanced > Channels" in sentence for sentence in at.problems] == [True]


def test_pixels_exchanged_for_others_are_another_picture(at):
    _, (target,), _ = at.two_pictures(1)
    at.run()
    first, accepted = at.current, at.proposal(at.current)
    at.desk.review.accept(stay=True)
    target.data = picture(3, (50, 90))[0]
    at.run()
    assert at.problems == []
    assert len(at.queue) == 2
    assert at.current == first
    at.press("next")
    assert at.current != first
    assert at.proposal(at.current).shape == (50, 90)
    at.press("accept")
    assert at.problems == []
    assert np.array_equal(at.accepted(first), accepted)


def test_the_work_on_a_stack_that_grows_goes_on_with_it(at):
    image, _ = at.painted_stack(3)
    at.run()
    first, accepted = at.current, at.proposal(at.current)
    at.desk.review.accept(stay=True)
    image.data = stack(5)[0]
    image.scale = (2, 1, 1)
    ours = [layer for layer in at.viewer.layers if role(layer) in ("reference", "accepted", "proposal")]
    assert len(ours) == 3
    assert all(lies_over(layer, image) for layer in ours)
    assert at.ours(Role.CLUSTERS).scale.tolist() == [2, 1, 1]
    at.run()
    assert at.problems == []
    assert [target.plane.index[0] for target in at.queue] == [1, 2, 3, 4]
    for target in at.queue:
        at.desk.review.go_to(target.plane)
        assert at.viewer.dims.point[0] == 2 * target.plane.index[0]
    assert np.array_equal(at.accepted(first), accepted)
    at.viewer.dims.set_point(0, 0)
    image.data = stack(5)[0][:3]
    at.desk.guarded(at.desk.review.go_to)(first)
    assert at.problems == [changed_words("cells")]
    assert {plane.source for plane in at.desk.targets.planes()}.isdisjoint({first.source})


def test_a_picture_exchanged_in_the_middle_of_a_run_has_no_proposal(at):
    _, targets, _ = at.two_pictures(3)
    go_on = at.run_in_two()
    targets[1].data = picture(7, (50, 90))[0]
    targets[2].data = np.stack([picture(7)[0]] * 2)
    go_on.set()
    at.wait()
    assert [target.state for target in at.queue] == [TargetState.PROPOSED, TargetState.FAILED, TargetState.FAILED]
    assert "another size" in at.target(list(at.queue)[1].plane).note
    assert len([layer for layer in at.viewer.layers if role(layer) == Role.PROPOSAL.value]) == 1
    assert at.desk.review.accept_above(0) == 1
    assert at.problems == []


def test_targets_of_a_picture_that_has_another_size_say_so_and_leave_the_review(at):
    _, targets, _ = at.two_pictures(2)
    at.run()
    planes = [target.plane for target in at.queue]
    targets[1].data = picture(7, (50, 90))[0]
    for action in ("next", "previous", "next"):
        at.press(action)
    assert at.problems == []
    at.desk.guarded(at.desk.review.go_to)(planes[1])
    assert at.current == planes[0]
    assert [target.state for target in at.queue] == [TargetState.PROPOSED, TargetState.FAILED]
    assert at.target(planes[1]).note == at.problems[0] == changed_words("target 1")
    assert at.ours(Role.PROPOSAL, targets[1]) is None
    at.viewer.layers["painted"].data = picture(1, (50, 90))[0]
    at.run()
    assert at.problems[1:] == [changed_words("painted")]


def test_labels_belong_to_the_picture_below_them_in_their_place(at):
    below, above = at.image("below", picture(1)[0]), at.image("other", np.zeros((30, 30, 3), np.uint8))
    labels = at.viewer.add_labels(np.zeros(SHAPE, np.uint8))
    assert at.desk.pictures.under(labels) is below
    odd = at.viewer.add_labels(np.zeros((7, 7), np.uint8))
    assert at.desk.pictures.under(odd) is above


def test_a_pyramid_is_read_and_labelled_at_one_level(at):
    pixels, labels = picture(1, (120, 160))
    pyramid = at.image("pyramid", [pixels, pixels[::2, ::2], pixels[::4, ::4]])
    at.image("target", picture(2, (120, 160))[0], translate=(0, 200))
    at.desk.pictures.read(pyramid, level=1)
    layer = at.paint(pyramid, labels[::2, ::2])
    assert layer.data.shape == (60, 80)
    assert np.allclose(layer.scale, (2, 2))
    at.run()
    assert at.problems == []
    assert at.prediction.labels.any()


def test_what_was_chosen_for_other_pixels_is_passed_over(at):
    pixels = picture(1)[0]
    channels = at.image("channels", np.moveaxis(pixels, -1, 0).copy())
    pyramid = at.image("pyramid", [pixels, pixels[::2, ::2], pixels[::4, ::4]])
    at.desk.pictures.read(channels, channel_axis=0)
    at.desk.pictures.read(pyramid, level=2)
    channels.data = pixels[..., 0].copy()
    pyramid.data_level = 0  # napari 0.5.6 falls over the level that it shows and that is gone
    pyramid.data = [pixels, pixels[::2, ::2]]
    sources = [at.desk.pictures.source_over(image) for image in (channels, pyramid)]
    assert [(source.channel_axis, source.level, source.shape) for source in sources] == [(None, 0, SHAPE)] * 2


def test_pyramids_of_unlike_levels_are_two_pictures(at):
    pixels = picture(1)[0][..., 0]
    at.image("three", [pixels, pixels[::2, ::2], pixels[::4, ::4]], blending="additive")
    at.image("two", [pixels, pixels[::2, ::2]], blending="additive")
    assert names(at) == [["three"], ["two"]]
    assert open_titles(at) == ["three", "two"]
