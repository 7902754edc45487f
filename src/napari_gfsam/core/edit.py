"""Decisions of a person on one class's trace; merging it again gives the corrected answer, no encoder runs."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_gfsam.core.masks import mask_stack, unpack
from napari_gfsam.core.types import ACCEPTED, Gates, MaskGraph, MaskStack, PointPrompts, Status

if TYPE_CHECKING:
    from napari_gfsam.core.arrays import FloatArray, IntArray
    from napari_gfsam.core.frames import Frame
    from napari_gfsam.core.types import ClassTrace

Rows = TypeVar("Rows", PointPrompts, MaskStack, Gates)
NEGATIVE_HELPERS = 4


def with_status(trace: ClassTrace, prompts: IntArray, status: Status) -> ClassTrace:
    """Give some prompts another status.

    Raises
    ------
    ValueError
        If a prompt is not there.
    """
    count = len(trace.prompts)
    wrong = [int(index) for index in prompts if not 0 <= index < count]
    if wrong:
        raise ValueError(f"There is no prompt {wrong[0]} in class {trace.spec.id}; it has {count}, counted from 0.")
    changed = trace.status.copy()
    changed[prompts] = status
    return replace(trace, status=changed)


def with_cluster_status(trace: ClassTrace, cluster: int, status: Status) -> ClassTrace:
    """Give every prompt of a cluster another status.

    Raises
    ------
    ValueError
        If the cluster is not there.
    """
    members = np.flatnonzero(trace.graph.cluster == cluster)
    if len(members) == 0:
        raise ValueError(
            f"There is no cluster {cluster} in class {trace.spec.id}; it has {trace.graph.n_clusters}, counted from 0."
        )
    return with_status(trace, members, status)


def eraser_points(trace: ClassTrace, model_xy: IntArray) -> tuple[IntArray, IntArray]:
    """Return the prompt that outlines what a negative point should take away.

    The point itself says "this", the nearest accepted prompts say "not this", so that an object beside it stays.

    Parameters
    ----------
    trace
        The class.
    model_xy
        (1, 2) the point's pixel.

    Returns
    -------
    model_xy, labels
        (1, K, 2) and (1, K) for one decoder call.
    """
    accepted = np.flatnonzero(np.isin(trace.status, ACCEPTED))
    distance = np.linalg.norm(trace.prompts.model_xy[accepted] - model_xy, axis=1)
    nearest = accepted[np.argsort(distance, kind="stable")[:NEGATIVE_HELPERS]]
    points = np.concatenate([model_xy, trace.prompts.model_xy[nearest]])
    labels = np.array([1] + [0] * len(nearest), dtype=np.int64)
    return points[None], labels[None]


def with_mask(trace: ClassTrace, model_xy: IntArray, logits: FloatArray, status: Status, frame: Frame) -> ClassTrace:
    """Append one prompt with its mask, as a cluster of its own.

    Parameters
    ----------
    trace
        The class.
    model_xy
        (2,) its pixel.
    logits
        (1, 256, 256) float32 its mask logits.
    status
        ``ON_BY_HAND`` adds the mask, ``ERASER`` takes it out of all masks before it.
    frame
        The image's frame.
    """
    mask = mask_stack(logits, trace.maps)
    grid_xy = frame.model_to_grid_xy(model_xy[None])
    prompt = PointPrompts(grid_xy, model_xy[None], np.zeros(1, dtype=np.float32))
    gates = Gates(np.zeros(1, bool), np.zeros(1, bool), np.zeros(1, np.float32), np.zeros(1, np.int64))
    return replace(
        trace,
        prompts=_append(trace.prompts, prompt),
        masks=_append(trace.masks, mask),
        gates=_append(trace.gates, gates),
        graph=_grown(trace, prompt, mask),
        status=np.append(trace.status, np.int64(status)),
    )


def _append(first: Rows, second: Rows) -> Rows:
    """Concatenate two dataclasses of arrays, field by field."""
    return type(first)(
        *(np.concatenate([getattr(first, field.name), getattr(second, field.name)]) for field in fields(first))
    )


def _grown(trace: ClassTrace, prompt: PointPrompts, mask: MaskStack) -> MaskGraph:
    """Return the graph with one more prompt: who covers it, whom it covers."""
    count = len(trace.prompts)
    coverage = np.zeros((count + 1, count + 1), dtype=bool)
    coverage[:count, :count] = trace.graph.coverage
    x, y = prompt.model_xy[0]
    coverage[:count, count] = unpack(trace.masks.bits[:, y, x // 8][:, None])[:, x % 8]
    everyone = np.concatenate([trace.prompts.model_xy, prompt.model_xy])
    coverage[count] = unpack(mask.bits[0])[everyone[:, 1], everyone[:, 0]]
    return MaskGraph(coverage, np.append(trace.graph.cluster, trace.graph.n_clusters))
