"""Decisions of a person on the traces of an answer; merging again gives the corrected answer, no encoder runs.

Decisions are replayed as a list on drafts (statuses and clusters, no masks), so that undo, redo and repeating a record
are one thing: the traces for another list. Only then are the masks of prompts added by hand put together; those that
the traces hold already are taken from them, the rest is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_gfsam.core.masks import mask_stack
from napari_gfsam.core.types import ACCEPTED, MaskGraph, MaskStack, PointPrompts, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_gfsam.core.arrays import BoolArray, FloatArray, IntArray
    from napari_gfsam.core.frames import Frame
    from napari_gfsam.core.masks import MaskBank
    from napari_gfsam.core.types import ClassTrace

Rows = TypeVar("Rows", PointPrompts, MaskStack)
NEGATIVE_HELPERS = 4


@dataclass(frozen=True, slots=True)
class SetStatus:
    """Give a prompt of a class another status."""

    class_id: int
    prompt: int
    status: Status


@dataclass(frozen=True, slots=True)
class SetClusterStatus:
    """Give every prompt of a cluster of a class another status."""

    class_id: int
    cluster: int
    status: Status


@dataclass(frozen=True, slots=True)
class AddPoint:
    """Add a prompt at a model pixel (x, y), as a cluster of its own.

    A positive one adds its mask. A negative one takes its mask out of all masks before it: the point itself says
    "this", the nearest accepted prompts say "not this", so that an object beside it stays.
    """

    class_id: int
    model_xy: tuple[int, int]
    positive: bool


@dataclass(frozen=True, slots=True)
class MoveCluster:
    """Move a cluster to another class: its accepted masks (all, when none is) become a new cluster there.

    Its prompts are off in the class that it leaves; erasers stay where they are.
    """

    class_id: int
    cluster: int
    to_class: int


Edit = SetStatus | SetClusterStatus | AddPoint | MoveCluster


@dataclass(frozen=True, slots=True)
class _Automatic:
    """The mask of a prompt that the stages chose."""

    class_id: int
    index: int


@dataclass(frozen=True, slots=True)
class _Decoded:
    """The mask of a prompt of a few points, (x, y, label) each; the first is the prompt's pixel."""

    points: tuple[tuple[int, int, int], ...]


_Origin = _Automatic | _Decoded


def edited(
    traces: Mapping[int, ClassTrace], before: Iterable[Edit], after: Iterable[Edit], bank: MaskBank, frame: Frame
) -> dict[int, ClassTrace]:
    """Return the traces that exactly these decisions give.

    Parameters
    ----------
    traces
        By class id, with the decisions `before`.
    before, after
        The decisions that were made, and those that shall have been made.
    bank
        The image's masks; prompts added by hand that are not in `traces` are decoded.
    frame
        The image's frame.

    Returns
    -------
    By class id; a trace that stays what it was is the same object.

    Raises
    ------
    ValueError
        If a class, prompt or cluster is not there, or a cluster cannot be moved.
    """
    old, new = _replayed(traces, before), _replayed(traces, after)
    logits = _Logits(traces, old, bank)
    return {
        class_id: _assembled(trace, old[class_id], new[class_id], logits, frame) for class_id, trace in traces.items()
    }


class Draft:
    """One class while decisions are replayed: its prompts (pixels, clusters, statuses) without their masks."""

    def __init__(self, trace: ClassTrace) -> None:
        self.class_id = trace.spec.id
        self.automatic = len(trace.gates.status)
        self.model_xy = trace.prompts.model_xy[: self.automatic]
        self.cluster = trace.graph.cluster[: self.automatic]
        self.status = trace.gates.status.copy()
        self.added: list[_Origin] = []

    def members(self, cluster: int) -> IntArray:
        """Return the prompts of a cluster."""
        members = np.flatnonzero(self.cluster == cluster)
        if len(members) == 0:
            raise ValueError(
                f"There is no cluster {cluster} in class {self.class_id}; it has {self._clusters}, counted from 0."
            )
        return members

    def set_status(self, prompt: int, status: Status) -> None:
        """Give a prompt another status."""
        count = len(self.status)
        if not 0 <= prompt < count:
            raise ValueError(f"There is no prompt {prompt} in class {self.class_id}; it has {count}, counted from 0.")
        self.status[prompt] = status

    def accepted(self, among: NDArray[Any] | slice = slice(None)) -> BoolArray:
        """Return which prompts' masks are in the answer."""
        return np.isin(self.status[among], ACCEPTED)

    def origin(self, prompt: int) -> _Origin:
        """Return where a prompt's mask comes from."""
        added = prompt - self.automatic
        return self.added[added] if added >= 0 else _Automatic(self.class_id, prompt)

    def append(self, model_xy: IntArray, origins: Sequence[_Origin], status: Status) -> None:
        """Add (M, 2) prompts as one new cluster."""
        self.model_xy = np.concatenate([self.model_xy, model_xy])
        self.cluster = np.append(self.cluster, np.full(len(model_xy), self._clusters))
        self.status = np.append(self.status, np.full(len(model_xy), status, dtype=np.int64))
        self.added.extend(origins)

    @property
    def _clusters(self) -> int:
        return int(self.cluster.max()) + 1 if len(self.cluster) else 0


def _replayed(traces: Mapping[int, ClassTrace], edits: Iterable[Edit]) -> dict[int, Draft]:
    """Drafts by class id, the gates' statuses changed by all decisions in order."""
    drafts = drafts_of(traces)
    for edit in edits:
        replay(drafts, edit)
    return drafts


def drafts_of(traces: Mapping[int, ClassTrace]) -> dict[int, Draft]:
    """Return drafts by class id, without any decision."""
    return {class_id: Draft(trace) for class_id, trace in traces.items()}


def replay(drafts: Mapping[int, Draft], edit: Edit) -> None:
    """Change drafts by one decision.

    Raises
    ------
    ValueError
        If a class, prompt or cluster is not there, or a cluster cannot be moved.
    """
    draft = _draft(drafts, edit.class_id)
    match edit:
        case SetStatus():
            draft.set_status(edit.prompt, edit.status)
        case SetClusterStatus():
            draft.status[draft.members(edit.cluster)] = edit.status
        case AddPoint():
            _add_point(draft, edit)
        case MoveCluster():
            _move(draft, _draft(drafts, edit.to_class), edit.cluster)


def _draft(drafts: Mapping[int, Draft], class_id: int) -> Draft:
    if class_id not in drafts:
        raise ValueError(f"There is no class {class_id} here; the classes are {', '.join(map(str, drafts))}.")
    return drafts[class_id]


def _add_point(draft: Draft, edit: AddPoint) -> None:
    pixel = np.array([edit.model_xy], dtype=np.int64)
    helpers = np.zeros((0, 2), dtype=np.int64) if edit.positive else _accepted_near(draft, pixel)
    prompt = _Decoded(((*edit.model_xy, 1), *((int(x), int(y), 0) for x, y in helpers)))
    draft.append(pixel, [prompt], Status.ON_BY_HAND if edit.positive else Status.ERASER)


def _accepted_near(draft: Draft, pixel: IntArray) -> IntArray:
    """(K, 2) pixels of the accepted prompts nearest to a (1, 2) pixel."""
    accepted = draft.model_xy[draft.accepted()]
    distance = np.linalg.norm(accepted - pixel, axis=1)
    return accepted[np.argsort(distance, kind="stable")[:NEGATIVE_HELPERS]]


def _move(source: Draft, target: Draft, cluster: int) -> None:
    if source is target:
        raise ValueError(f"Cluster {cluster} is in class {source.class_id} already; choose another class.")
    members = source.members(cluster)
    moved = members[source.accepted(members)]
    if len(moved) == 0:
        moved = members[source.status[members] != Status.ERASER]
    if len(moved) == 0:
        raise ValueError(f"Cluster {cluster} of class {source.class_id} only erases, so it cannot be moved.")
    target.append(source.model_xy[moved], [source.origin(int(prompt)) for prompt in moved], Status.ON_BY_HAND)
    source.status[members] = Status.OFF_BY_HAND


class _Logits:
    """Mask logits by origin: from the traces where they are, else decoded."""

    def __init__(self, traces: Mapping[int, ClassTrace], drafts: Mapping[int, Draft], bank: MaskBank) -> None:
        self._traces, self._bank = traces, bank
        self._known: dict[_Origin, FloatArray] = {}
        for class_id, draft in drafts.items():
            self._known.update(zip(draft.added, traces[class_id].masks.logits[draft.automatic :], strict=True))

    def stack(self, origins: Sequence[_Origin]) -> FloatArray:
        """Return the (M, 256, 256) float32 logits of M origins."""
        return np.stack([self._one(origin) for origin in origins])

    def _one(self, origin: _Origin) -> FloatArray:
        if isinstance(origin, _Automatic):
            return np.asarray(self._traces[origin.class_id].masks.logits[origin.index])
        if origin not in self._known:
            points = np.array([origin.points], dtype=np.int64)
            self._known[origin] = self._bank.refine(points[..., :2], points[..., 2])[0]
        return self._known[origin]


def _assembled(trace: ClassTrace, old: Draft, new: Draft, logits: _Logits, frame: Frame) -> ClassTrace:
    """One class's trace: the masks that both lists share stay, later ones are put behind them."""
    pairs = zip(old.added, new.added, strict=False)
    shared = next((i for i, (one, other) in enumerate(pairs) if one != other), min(len(old.added), len(new.added)))
    if shared == len(old.added) == len(new.added) and _same(trace, new):
        return trace
    kept = new.automatic + shared
    trace = _first(trace, kept)
    if shared < len(new.added):
        trace = _extended(trace, new.model_xy[kept:], logits.stack(new.added[shared:]), frame)
    return replace(trace, graph=MaskGraph(trace.graph.coverage, new.cluster), status=new.status)


def _same(trace: ClassTrace, draft: Draft) -> bool:
    return np.array_equal(trace.status, draft.status) and np.array_equal(trace.graph.cluster, draft.cluster)


def _first(trace: ClassTrace, count: int) -> ClassTrace:
    """Cut a trace to its first prompts; arrays are views."""
    if count == len(trace.prompts):
        return trace
    graph = MaskGraph(trace.graph.coverage[:count, :count], trace.graph.cluster[:count])
    return replace(trace, prompts=_cut(trace.prompts, count), masks=_cut(trace.masks, count), graph=graph)


def _extended(trace: ClassTrace, model_xy: IntArray, logits: FloatArray, frame: Frame) -> ClassTrace:
    """Put M more prompts with their masks behind a trace's own; the gates never judged these."""
    masks = mask_stack(logits, trace.maps)
    prompts = PointPrompts(frame.model_to_grid_xy(model_xy), model_xy, np.zeros(len(model_xy), dtype=np.float32))
    count, everyone = len(trace.prompts), np.concatenate([trace.prompts.model_xy, model_xy])
    coverage = np.zeros((len(everyone), len(everyone)), dtype=bool)
    coverage[:count, :count] = trace.graph.coverage
    coverage[:count, count:] = _covers(trace.masks, model_xy)
    coverage[count:] = _covers(masks, everyone)
    return replace(
        trace,
        prompts=_joined(trace.prompts, prompts),
        masks=_joined(trace.masks, masks),
        graph=MaskGraph(coverage, trace.graph.cluster),
    )


def _covers(masks: MaskStack, model_xy: IntArray) -> BoolArray:
    """(N, M) whether each mask holds each pixel."""
    x, y = model_xy.T
    return np.asarray(masks.bits[:, y, x // 8] & (128 >> x % 8) > 0)


def _cut(rows: Rows, count: int) -> Rows:
    """Return the first rows of a dataclass of arrays, as views."""
    return type(rows)(*(getattr(rows, field.name)[:count] for field in fields(rows)))


def _joined(first: Rows, second: Rows) -> Rows:
    """Concatenate two dataclasses of arrays, field by field."""
    return type(first)(
        *(np.concatenate([getattr(first, field.name), getattr(second, field.name)]) for field in fields(first))
    )
