"""Stacks: planes along time or depth, each served by the painted planes nearest to it."""

from __future__ import annotations

from collections import deque
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.api.reference import PaintError, Painting
from napari_gfsam.api.target import Target
from napari_gfsam.imaging import PixelRecipe, array_hash
from napari_gfsam.imaging.linking import link_planes
from napari_gfsam.imaging.smoothing import smooth_planes
from napari_gfsam.io.records import InputRecord, labels_hash

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_gfsam.api.prediction import Prediction
    from napari_gfsam.api.reference import Reference
    from napari_gfsam.api.scale import PixelSizes, Scale
    from napari_gfsam.api.segmenter import Segmenter
    from napari_gfsam.api.tiles.prediction import TiledPrediction
    from napari_gfsam.core.arrays import LabelArray

#: Painted planes that serve a plane, on each side of it.
EACH_SIDE = 2


@dataclass(frozen=True, slots=True)
class StackPlan:
    """What is done with a stack.

    Parameters
    ----------
    axis
        The axis along which the planes lie.
    planes
        Which planes, in rising order; all when ``None``.
    each_side
        So many painted planes on each side serve a plane (see `serving_planes`).
    smooth
        Whether decisions are made steady along the axis (`imaging.smoothing.smooth_planes`).
    link
        Whether objects are numbered through the stack (`imaging.linking.link_planes`).
    scale, pixels
        Whether planes are looked at in tiles, as in `Segmenter.segment`; decided from the paint that serves a plane.
    """

    axis: int = 0
    planes: Sequence[int] | None = None
    each_side: int = EACH_SIDE
    smooth: bool = False
    link: bool = False
    scale: Scale = "auto"
    pixels: PixelSizes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PlaneOutcome:
    """What became of one plane of a stack.

    Parameters
    ----------
    plane
        Its place along the axis.
    labels
        (H, W) class ids, smoothed where that was asked for; ``None`` where there is an error.
    instances
        (H, W) int32 object ids that hold in the whole stack; ``None`` where that was not asked for, or there is an
        error.
    prediction
        The answer of the models, not smoothed.
    error
        What is wrong with this plane.
    served_by
        The painted planes that served it.
    """

    plane: int
    labels: LabelArray | None = None
    instances: NDArray[np.int32] | None = None
    prediction: Prediction | TiledPrediction | None = None
    error: Exception | None = None
    served_by: tuple[int, ...] = ()


def serving_planes(painted: Mapping[int, Collection[int]], plane: int, each_side: int = EACH_SIDE) -> tuple[int, ...]:
    """Return the painted planes that serve a plane: for every class the nearest on each side, and the plane itself.

    Parameters
    ----------
    painted
        The class ids that are painted, by plane.
    plane
        The plane to serve; if it is painted it counts on both sides.
    each_side
        So many planes on each side at most, at least 1; all of them where there are no more.

    Returns
    -------
    Planes in rising order.

    Raises
    ------
    ValueError
        If `each_side` is below 1.
    """
    if each_side < 1:
        raise ValueError(f"At least one painted plane on each side must serve a plane, not {each_side}.")
    found: set[int] = set()
    for class_id in {one for classes in painted.values() for one in classes}:
        places = sorted(place for place, classes in painted.items() if class_id in classes)
        found |= {*[one for one in places if one <= plane][-each_side:]}
        found |= {*[one for one in places if one >= plane][:each_side]}
    return tuple(sorted(found))


def segment_stack(
    segmenter: Segmenter,
    stack: Any,
    references: Mapping[int, ArrayLike],
    plan: StackPlan | None = None,
    *,
    painting: Painting | None = None,
    recipe: PixelRecipe | None = None,
    record: InputRecord | None = None,
) -> Generator[PlaneOutcome, None, None]:
    """Segment the planes of a stack, each with the painted planes nearest to it.

    Planes are read when their turn comes, and only a few are in memory. Closing the generator cancels what is under
    way.

    Parameters
    ----------
    segmenter
        Models, features and settings. References of its own (other pictures) serve every plane; none is added to them.
    stack
        An array with a `shape` that gives planes by indexing (numpy, dask, zarr, memory-mapped): each of them what
        `recipe` reads.
    references
        (H, W) whole numbers by plane, 0 = unpainted, else class ids.
    plan
        Which planes, and what is done with them.
    painting
        Class names, the label to ignore and the region that is painted fully, for all painted planes.
    recipe
        How the values of a plane become RGB; it speaks of a plane, not of the stack.
    record
        Name and pixel size of the stack for run records, when it came from a file.

    Yields
    ------
    What became of every plane, in order. A plane that cannot be read is an outcome with an error; models that cannot
    be used raise.

    Raises
    ------
    PaintError
        If there is no reference, or the paint cannot serve.
    ValueError
        If the stack has no such axis or plane, or its planes differ in size.
    """
    plan = plan or StackPlan()
    planes = _Planes(stack, plan, recipe or PixelRecipe(), record or InputRecord("stack", ""))
    wanted = planes.checked(range(planes.count) if plan.planes is None else plan.planes)
    painted = _painted(segmenter, planes, references, painting or Painting())
    if not painted and not segmenter.references:
        raise PaintError("No plane of the stack is painted yet; paint at least one object on one plane first.")
    with closing(_segmented(segmenter, planes, wanted, painted, plan.each_side)) as found:
        steady = _smoothed(found) if plan.smooth else found
        yield from _linked(steady) if plan.link else steady


class _Planes:
    """The planes of a stack, read one at a time.

    Raises
    ------
    ValueError
        If the stack has no such axis.
    """

    def __init__(self, stack: Any, plan: StackPlan, recipe: PixelRecipe, record: InputRecord) -> None:
        shape, axis = tuple(stack.shape), plan.axis
        if len(shape) < 3 or not -len(shape) <= axis < len(shape):
            raise ValueError(
                f"A stack has three axes or more and its planes lie along one of them, not {axis} of {shape}."
            )
        self._stack, self._axis, self._plan, self._record = stack, axis % len(shape), plan, record
        self.recipe = recipe
        self.count = int(shape[self._axis])

    def checked(self, planes: Iterable[int]) -> list[int]:
        """Return planes in rising order, each once; ValueError where the stack has none such."""
        wanted = sorted({int(plane) for plane in planes})
        for plane in wanted[:1] + wanted[-1:]:
            if not 0 <= plane < self.count:
                raise ValueError(f"{self._record.name} has planes 0 to {self.count - 1}, not {plane}.")
        return wanted

    def target(self, plane: int) -> Target:
        """Read a plane."""
        pixels = np.asarray(self._stack[(slice(None),) * self._axis + (plane,)])
        name = f"{self._record.name} [{plane}]"
        record = replace(self._record, name=name, content_hash=array_hash(pixels), shape=pixels.shape)
        return Target(pixels, self.recipe, record, self._plan.scale, self._plan.pixels)


def _painted(
    segmenter: Segmenter, planes: _Planes, references: Mapping[int, ArrayLike], painting: Painting
) -> dict[int, Reference]:
    """Return the painted planes as references; errors as `Segmenter.add_reference`."""
    shown = segmenter.sibling(references=segmenter.references)
    found: dict[int, Reference] = {}
    for plane in planes.checked(references):
        target, labels = planes.target(plane), np.asarray(references[plane])
        paint = InputRecord(f"paint [{plane}]", labels_hash(labels), labels.shape)
        found[plane] = shown.add_reference(
            np.asarray(target.image),
            labels,
            classes=painting.classes,
            ignore=painting.ignore,
            region_yx=painting.region_yx,
            recipe=planes.recipe,
            records=(target.record or paint, paint),
        )
    return found


def _segmented(
    segmenter: Segmenter, planes: _Planes, wanted: list[int], painted: Mapping[int, Reference], each_side: int
) -> Generator[PlaneOutcome, None, None]:
    """Segment planes; neighbours that the same paint serves go through the models as one run."""
    shown = {plane: [spec.id for spec in reference.classes] for plane, reference in painted.items()}
    for serving, group in groupby(wanted, partial(serving_planes, shown, each_side=each_side)):
        places = list(group)
        helper = segmenter.sibling(references=(*segmenter.references, *(painted[plane] for plane in serving)))
        with closing(helper.segment_many(partial(planes.target, plane) for plane in places)) as outcomes:
            for outcome in outcomes:
                labels = None if outcome.prediction is None else outcome.prediction.labels
                yield PlaneOutcome(places[outcome.number], labels, None, outcome.prediction, outcome.error, serving)


def _smoothed(found: Iterator[PlaneOutcome]) -> Iterator[PlaneOutcome]:
    """Smooth the labels; outcomes come one plane later."""
    waiting: deque[PlaneOutcome] = deque()
    for labels in smooth_planes(_labels(found, waiting)):
        yield replace(waiting.popleft(), labels=labels)


def _linked(found: Iterator[PlaneOutcome]) -> Iterator[PlaneOutcome]:
    """Add the ids of objects."""
    waiting: deque[PlaneOutcome] = deque()
    for instances in link_planes(_labels(found, waiting)):
        yield replace(waiting.popleft(), instances=instances)


def _labels(found: Iterator[PlaneOutcome], waiting: deque[PlaneOutcome]) -> Iterator[LabelArray | None]:
    """Walk the labels of outcomes and leave the outcomes themselves in a queue."""
    for one in found:
        waiting.append(one)
        yield one.labels
