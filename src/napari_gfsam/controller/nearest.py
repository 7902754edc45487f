"""Which references serve a target: of those in its own stack the nearest, of all others every one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.api.stacks import serving_planes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_gfsam.controller.run_types import ReferenceInput
    from napari_gfsam.session.types import PlaneKey


class Nearest:
    """The references of a run.

    Parameters
    ----------
    references
        In the order in which `to` names them.
    """

    def __init__(self, references: Sequence[ReferenceInput]) -> None:
        self._planes = [reference.plane for reference in references]
        self._classes = [{*map(int, np.unique(one.labels))} - {0, one.ignore} for one in references]

    def to(self, target: PlaneKey) -> tuple[int, ...]:
        """Return the places of the references that serve a target.

        A reference on another plane of the target's stack, along one axis, serves it if it is among the nearest there
        (`api.stacks.serving_planes`); one on another picture, or away along two axes, always does.
        """
        axes = [axis_between(plane, target) for plane in self._planes]
        serving = {place for place, axis in enumerate(axes) if axis is None}
        for axis in {axis for axis in axes if axis is not None and axis >= 0}:
            along = [place for place, other in enumerate(axes) if other in (axis, HERE)]
            painted: dict[int, set[int]] = {}
            for place in along:
                painted.setdefault(self._planes[place].index[axis], set()).update(self._classes[place])
            near = serving_planes(painted, target.index[axis])
            serving |= {place for place in along if self._planes[place].index[axis] in near}
        return tuple(sorted(serving | {place for place, axis in enumerate(axes) if axis == HERE}))


#: What `axis_between` says of a plane and itself.
HERE = -1


def axis_between(one: PlaneKey, other: PlaneKey) -> int | None:
    """Return the axis along which two planes of a stack lie, `HERE` for one plane, ``None`` where there is no such."""
    if (one.source, one.axes_yx, len(one.index)) != (other.source, other.axes_yx, len(other.index)):
        return None
    away = [axis for axis, (mine, its) in enumerate(zip(one.index, other.index, strict=True)) if mine != its]
    return None if len(away) > 1 else (away[0] if away else HERE)


def line_through(planes: Iterable[PlaneKey], plane: PlaneKey) -> list[PlaneKey]:
    """Return the longest line of planes along one axis that runs through a plane, in order; itself always."""
    lines: dict[int, list[PlaneKey]] = {}
    for other in planes:
        axis = axis_between(other, plane)
        if axis is not None and axis != HERE:
            lines.setdefault(axis, []).append(other)
    longest = max(lines.values(), key=len, default=[])
    return sorted({*longest, plane})
