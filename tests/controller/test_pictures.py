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
