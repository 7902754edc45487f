"""Of many painted planes of a stack the nearest serve a target; other pictures always do."""

from __future__ import annotations

import numpy as np

from napari_gfsam.controller.nearest import HERE, Nearest, axis_between
from napari_gfsam.controller.run_types import ReferenceInput
from napari_gfsam.session.types import PlaneKey

FULL = np.array([[0, 1]])


def plane(*index: int, source: str = "stack") -> PlaneKey:
    return PlaneKey(source, (*index, -1, -1), (len(index), len(index) + 1))


def reference(where: PlaneKey, labels: np.ndarray = FULL) -> ReferenceInput:
    return ReferenceInput(None, where, labels, (), "", ignore=9)


def test_the_nearest_painted_planes_serve():
    nearest = Nearest([reference(plane(place)) for place in (0, 40, 10, 30, 20)])
    assert nearest.to(plane(19)) == (0, 2, 3, 4)
    assert nearest.to(plane(20)) == (2, 3, 4)
    assert nearest.to(plane(50)) == (1, 3)


def test_other_pictures_and_planes_away_along_two_axes_always_serve():
    painted = [plane(time, 5) for time in range(6)]
    nearest = Nearest([reference(one) for one in (*painted, plane(0, 7), plane(0, source="other"))])
    assert nearest.to(plane(0, 5)) == (0, 1, 6, 7)
    assert nearest.to(plane(5, 6)) == tuple(range(8))
    assert nearest.to(plane(3, source="third")) == tuple(range(8))


def test_a_class_painted_far_away_only_serves_and_what_is_ignored_is_no_class():
    both, ignored = np.array([[0, 1, 2]]), np.array([[0, 1, 9]])
    nearest = Nearest([*(reference(plane(place)) for place in range(4)), reference(plane(30), both)])
    assert nearest.to(plane(0)) == (0, 1, 4)
    nearest = Nearest([*(reference(plane(place)) for place in range(4)), reference(plane(30), ignored)])
    assert nearest.to(plane(0)) == (0, 1)


def test_axes_between_planes():
    assert axis_between(plane(1, 2), plane(1, 5)) == 1
    assert axis_between(plane(1, 2), plane(1, 2)) == HERE
    assert axis_between(plane(1, 2), plane(0, 5)) is None
    assert axis_between(plane(1), plane(1, 2)) is None
