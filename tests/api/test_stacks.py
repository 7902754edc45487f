"""Stacks: the nearest paint serves, planes are read one at a time, and what is asked for is done along the axis."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gfsam.api import PaintError, PixelSizes, Segmenter, StackPlan, segment_stack, serving_planes
from napari_gfsam.api.reference import Painting
from napari_gfsam.core.config import TUNED
from napari_gfsam.imaging.linking import link_planes
from napari_gfsam.imaging.smoothing import smooth_planes
from tests.fakes import disc_picture

QUICK = TUNED.with_settings(max_prompts=12, background_projection="off")
COUNT = 6


@pytest.fixture(scope="module")
def stack() -> tuple[np.ndarray, np.ndarray]:
    pairs = [disc_picture(seed, (60, 80), 2) for seed in range(1, COUNT + 1)]
    return np.stack([picture[..., 0] for picture, _ in pairs]), np.stack([labels for _, labels in pairs])


@pytest.fixture
def segmenter(fake_models) -> Segmenter:
    return Segmenter(settings=QUICK)


class Counted:
    """A stack that knows which planes were read."""

    def __init__(self, pixels: np.ndarray) -> None:
        self._pixels, self.shape = pixels, pixels.shape
        self.read: list[int] = []

    def __getitem__(self, key):
        self.read.append(key[0])
        return self._pixels[key]


def test_the_nearest_on_each_side_serve():
    painted = {plane: {1} for plane in (0, 10, 20, 30, 40)}
    assert serving_planes(painted, 24) == (10, 20, 30, 40)
    assert serving_planes(painted, 24, 1) == (20, 30)
    assert serving_planes(painted, 20, 1) == (20,)
    assert serving_planes(painted, 20) == (10, 20, 30)
    assert serving_planes(painted, 0) == (0, 10)
    assert serving_planes(painted, 99) == (30, 40)
    assert serving_planes({}, 3) == ()
    with pytest.raises(ValueError, match="At least one"):
        serving_planes(painted, 3, 0)


def test_a_class_that_is_painted_far_away_only_is_not_forgotten():
    painted = {0: {1}, 1: {1}, 2: {1}, 50: {1, 2}}
    assert serving_planes(painted, 1, 1) == (1, 50)


@given(
    st.dictionaries(st.integers(0, 40), st.sets(st.integers(1, 3), min_size=1), min_size=1),
    st.integers(0, 40),
    st.integers(1, 3),
)
def test_every_class_is_served_and_few_painted_planes_all_serve(painted, plane, each_side):
    serving = serving_planes(painted, plane, each_side)
    assert {one for place in serving for one in painted[place]} == {one for found in painted.values() for one in found}
    assert plane not in painted or plane in serving
    if len(painted) <= each_side:
        assert serving == tuple(sorted(painted))


def test_every_plane_is_answered_as_with_its_own_references(segmenter, stack):
    pixels, labels = stack
    painted = {0: labels[0], 2: labels[2], 5: labels[5]}
    outcomes = list(segment_stack(segmenter, pixels, painted, StackPlan(each_side=1)))
    assert [one.plane for one in outcomes] == list(range(COUNT))
    assert [one.served_by for one in outcomes] == [(0,), (0, 2), (2,), (2, 5), (2, 5), (5,)]
    for one in outcomes:
        alone = segmenter.sibling()
        for place in one.served_by:
            alone.add_reference(pixels[place], labels[place])
        assert np.array_equal(one.labels, alone.segment(pixels[one.plane]).labels)
        assert one.instances is None
        assert one.prediction.record().target.name == f"stack [{one.plane}]"
    assert segmenter.references == ()


def test_other_axes_lazy_arrays_and_chosen_planes(segmenter, stack):
    pixels, labels = stack
    moved = dask.array.from_array(np.moveaxis(pixels, 0, 2), chunks=(20, 20, 2))
    plan = StackPlan(axis=-1, planes=[4, 1, 3])
    found = list(segment_stack(segmenter, moved, {0: labels[0]}, plan))
    wanted = list(segment_stack(segmenter, pixels, {0: labels[0]}))
    assert [one.plane for one in found] == [1, 3, 4]
    assert all(np.array_equal(one.labels, wanted[one.plane].labels) for one in found)


def test_references_of_the_segmenter_serve_every_plane(segmenter, stack):
    pixels, labels = stack
    segmenter.add_reference(pixels[0], labels[0], classes={1: "disc"})
    outcomes = list(segment_stack(segmenter, pixels, {}, StackPlan(planes=range(2))))
    assert np.array_equal(outcomes[1].labels, segmenter.segment(pixels[1]).labels)
    assert outcomes[0].served_by == ()
    with pytest.raises(PaintError, match="one name"):
        list(segment_stack(segmenter, pixels, {3: labels[3]}, painting=Painting({1: "other"})))


def test_planes_are_looked_at_at_the_scale_of_the_plan(segmenter, stack):
    pixels, labels = stack
    segmenter.add_reference(pixels[0], labels[0])
    wide = np.stack([np.tile(plane, (2, 2)) for plane in pixels[:2]])
    for words in ({}, {"scale": "whole"}, {"pixels": PixelSizes(1.0, 0.5)}):
        one = next(segment_stack(segmenter, wide, {}, StackPlan(planes=[1], **words)))
        alone = segmenter.segment(wide[1], **words)
        assert one.prediction.record().tiling == alone.record().tiling
        assert np.array_equal(one.labels, alone.labels)


def test_smoothing_and_linking_are_those_of_the_functions(segmenter, stack):
    pixels, labels = stack
    plain = [one.labels for one in segment_stack(segmenter, pixels, {0: labels[0]})]
    both = list(segment_stack(segmenter, pixels, {0: labels[0]}, StackPlan(smooth=True, link=True)))
    steady = list(smooth_planes(plain))
    assert [one.plane for one in both] == list(range(COUNT))
    assert all(np.array_equal(one.labels, wanted) for one, wanted in zip(both, steady, strict=True))
    assert all(np.array_equal(one.instances, ids) for one, ids in zip(both, link_planes(steady), strict=True))
    assert all(np.array_equal(one.prediction.labels, wanted) for one, wanted in zip(both, plain, strict=True))


def test_a_bad_plane_stops_nothing(segmenter, stack):
    pixels, labels = stack
    broken = pixels.copy()
    broken[2] = 7
    outcomes = list(segment_stack(segmenter, broken, {0: labels[0]}, StackPlan(smooth=True, link=True)))
    assert [one.error is None for one in outcomes] == [True, True, False, True, True, True]
    assert outcomes[2].labels is outcomes[2].instances is None
    assert outcomes[3].labels is not None


def test_planes_are_read_as_they_are_needed(segmenter, stack):
    pixels, labels = stack
    counted = Counted(np.concatenate([pixels] * 4))
    outcomes = segment_stack(segmenter, counted, {0: labels[0]}, StackPlan(smooth=True, link=True))
    next(outcomes)
    assert len(counted.read) < 12
    outcomes.close()


@pytest.mark.parametrize(
    ("plan", "references", "sentence"),
    [
        (StackPlan(axis=3), {0: 0}, "three axes"),
        (StackPlan(planes=[COUNT]), {0: 0}, "planes 0 to 5, not 6"),
        (StackPlan(), {-1: 0}, "planes 0 to 5, not -1"),
        (StackPlan(), {}, "No plane of the stack is painted"),
    ],
)
def test_what_does_not_fit_is_said(segmenter, stack, plan, references, sentence):
    pixels, labels = stack
    with pytest.raises(ValueError, match=sentence):
        next(segment_stack(segmenter, pixels, {plane: labels[place] for plane, place in references.items()}, plan))
