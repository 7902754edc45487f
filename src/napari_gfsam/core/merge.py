"""From statuses to the answer: union, confidence, classes; and the same again after edits (method, sections 6, 10)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_gfsam.core.frames import LOGIT_SIZE, MODEL_SIZE, Frame, linear_taps, nearest_rows
from napari_gfsam.core.masks import unpack
from napari_gfsam.core.sampling import interpolate_outer
from napari_gfsam.core.types import ACCEPTED, BY_HAND, Answer, ClassPrediction, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_gfsam.core.arrays import BoolArray, FloatArray, IntArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.types import ClassTrace, Gates, MaskStack

#: Pixels: bool, or uint8 with eight of a row in a byte.
Bits = NDArray[Any]
Crop = tuple[slice, slice, Bits]


def merge_status(positive: BoolArray, consistent: BoolArray) -> IntArray:
    """Return (N,) int64: 1 = passed both gates, 2 = passed exactly one, 0 = neither."""
    both, one = positive & consistent, positive ^ consistent
    return np.where(both, Status.KEPT, np.where(one, Status.OUTLIER, Status.BACKGROUND)).astype(np.int64)


def accepted_masks(trace: ClassTrace, config: GFSAMConfig) -> IntArray:
    """Return the indices of the masks whose union is the answer, with the official fallback where it is set."""
    accepted = np.flatnonzero(np.isin(trace.status, ACCEPTED))
    if config.fallback == "none" or len(trace.masks) == 0 or np.isin(trace.status, BY_HAND).any():
        return accepted
    found = any(trace.masks.bits[index].any() for index in accepted)
    return accepted if found else np.array([_fallback(trace.gates)])


def merge_class(trace: ClassTrace, frame: Frame, config: GFSAMConfig) -> ClassPrediction:
    """Merge one class: the union of its accepted masks in the image's frame, with confidence.

    Parameters
    ----------
    trace
        What the stages left behind, with edited statuses as the case may be.
    frame
        The image's frame.
    config
        Uses ``fallback`` and ``output_frame``.
    """
    accepted = accepted_masks(trace, config)
    mask, confidence = _paint(trace, accepted, trace.masks.positive_mean, frame, config)
    score = trace.found_again if mask.any() else 0.0
    reason = "" if mask.any() else _reason(trace)
    return ClassPrediction(
        trace.spec, mask, confidence, score, trace.prompts, trace.graph.cluster, trace.status, reason
    )


def merge_classes(
    traces: Sequence[ClassTrace], frame: Frame, config: GFSAMConfig, known: Mapping[int, ClassPrediction] | None = None
) -> Answer:
    """Merge several classes into one label image.

    A pixel claimed twice goes to the class with the higher S+mean - S-mean over its mask there, ties to the lower
    id; negative classes compete, then their pixels become background.

    Parameters
    ----------
    traces
        One a class.
    frame, config
        As in `merge_class`.
    known
        By class id, answers that `merge_class` gave for these very traces before; they are not made again.
    """
    traces = sorted(traces, key=lambda trace: trace.spec.id)
    known = known or {}
    classes = {trace.spec.id: known.get(trace.spec.id) or merge_class(trace, frame, config) for trace in traces}
    winner = _compete(traces, classes, frame, config)
    highest = max((spec_id for spec_id, found in classes.items() if not found.spec.negative), default=0)
    labels = np.zeros(frame.shape, dtype=np.uint8 if highest < 256 else np.uint16)
    confidence = np.zeros(frame.shape, dtype=np.float32)
    for class_id, found in classes.items():
        if not found.spec.negative:
            mine = found.mask & (winner == class_id)
            labels[mine] = class_id
            confidence[mine] = found.confidence[mine]
    return Answer(labels, confidence, classes)


def model_mask(trace: ClassTrace, config: GFSAMConfig) -> BoolArray:
    """Return the (1024, 1024) bool answer of one class in the model frame."""
    squashed = replace(config, output_frame="model")
    frame = Frame(MODEL_SIZE, MODEL_SIZE)
    return _paint(trace, accepted_masks(trace, config), trace.masks.positive_mean, frame, squashed)[0]


def cluster_image(trace: ClassTrace, frame: Frame) -> IntArray:
    """Return (H, W) int64: for review, each pixel's cluster + 1 (largest cluster first, small ones on top), else 0."""
    image = np.zeros((MODEL_SIZE, MODEL_SIZE), dtype=np.int64)
    members = [np.flatnonzero(trace.graph.cluster == cluster) for cluster in range(trace.graph.n_clusters)]
    unions = [unpack(np.bitwise_or.reduce(trace.masks.bits[indices], axis=0)) for indices in members]
    for cluster in sorted(range(len(unions)), key=lambda index: -int(unions[index].sum())):
        image[unions[cluster]] = cluster + 1
    return _to_image(image, frame)


@dataclass(frozen=True, slots=True)
class _Canvas:
    """Where masks are painted: the image's own frame, or the model frame with eight pixels of a row in a byte."""

    shape: tuple[int, int]
    native: bool

    def empty(self) -> Bits:
        """Return a union without a pixel."""
        height, width = self.shape
        return np.zeros(self.shape, dtype=bool) if self.native else np.zeros((height, width // 8), dtype=np.uint8)

    def crops(self, masks: MaskStack, indices: IntArray) -> Iterator[Crop]:
        """Yield masks with their places on the canvas."""
        for index in indices:
            yield (self._native if self.native else _packed)(masks, int(index))

    def put(self, image: FloatArray, rows: slice, columns: slice, bits: Bits, value: float) -> None:
        """Write a value where a crop is set."""
        if self.native:
            np.putmask(image[rows, columns], bits, value)
            return
        used = np.flatnonzero(bits.any(axis=1))
        if len(used):
            rows = slice(rows.start + used[0], rows.start + used[-1] + 1)
            pixels = unpack(bits[used[0] : used[-1] + 1])
            np.putmask(image[rows, columns.start * 8 : columns.stop * 8], pixels, value)

    def pixels(self, union: Bits) -> BoolArray:
        """Return a union as (H, W) bool."""
        return union if self.native else unpack(union)

    def _native(self, masks: MaskStack, index: int) -> Crop:
        """One mask, its logits interpolated straight to the image's size, only where they can be positive."""
        top, left, bottom, right = masks.box_yx[index] * LOGIT_SIZE // MODEL_SIZE
        y, x = (linear_taps(LOGIT_SIZE, size) for size in self.shape)
        rows = slice(*np.searchsorted(y.low, [max(top - 1, 0), bottom]))
        columns = slice(*np.searchsorted(x.low, [max(left - 1, 0), right]))
        return rows, columns, interpolate_outer(masks.logits[index : index + 1], y.at(rows), x.at(columns))[0] > 0


def _packed(masks: MaskStack, index: int) -> Crop:
    top, left, bottom, right = (int(edge) for edge in masks.box_yx[index])
    rows, columns = slice(top, bottom), slice(left // 8, right // 8)
    return rows, columns, masks.bits[index, rows, columns]


def _paint(
    trace: ClassTrace, indices: IntArray, value: FloatArray, frame: Frame, config: GFSAMConfig
) -> tuple[BoolArray, FloatArray]:
    """Union of masks, and per pixel the highest value of the masks over it (0 outside), in the image's frame.

    An eraser takes its mask out of all masks before it; what is accepted after it stays.
    """
    native = config.output_frame == "native"
    canvas = _Canvas(frame.shape if native else (MODEL_SIZE, MODEL_SIZE), native)
    union = canvas.empty()
    highest = np.zeros(canvas.shape, dtype=np.float32)
    downwards = indices[np.argsort(-value[indices], kind="stable")]
    erasers = np.flatnonzero(trace.status == Status.ERASER)
    for index, (rows, columns, crop) in zip(downwards, canvas.crops(trace.masks, downwards), strict=True):
        new = crop & ~union[rows, columns]
        for erase_rows, erase_columns, erased in canvas.crops(trace.masks, erasers[erasers > index]):
            _clear(new, (rows, columns), erased, (erase_rows, erase_columns))
        union[rows, columns] |= new
        canvas.put(highest, rows, columns, new, value[index])
    pixels = canvas.pixels(union)
    return (pixels, highest) if native else (_to_image(pixels, frame), _to_image(highest, frame))


def _clear(mask: Bits, at: tuple[slice, slice], erased: Bits, erased_at: tuple[slice, slice]) -> None:
    """Clear one crop by another, each with its place on the canvas."""
    mine, other = [], []
    for place, erased_place in zip(at, erased_at, strict=True):
        low, high = max(place.start, erased_place.start), min(place.stop, erased_place.stop)
        if high <= low:
            return
        mine.append(slice(low - place.start, high - place.start))
        other.append(slice(low - erased_place.start, high - erased_place.start))
    mask[tuple(mine)] &= ~erased[tuple(other)]


def _compete(
    traces: Sequence[ClassTrace], classes: dict[int, ClassPrediction], frame: Frame, config: GFSAMConfig
) -> IntArray:
    """(H, W) int64 id of the class that holds each pixel, 0 where none does; `traces` by rising id."""
    winner = np.zeros(frame.shape, dtype=np.int64)
    contested = np.zeros(frame.shape, dtype=bool)
    for class_id, found in classes.items():
        contested |= found.mask & (winner > 0)
        winner[found.mask] = class_id
    if not contested.any():
        return winner
    best = np.full(frame.shape, -np.inf, dtype=np.float32)
    for trace in traces:
        mine = contested & classes[trace.spec.id].mask
        if not mine.any():
            continue
        margin = trace.masks.positive_mean - trace.masks.negative_mean
        _, claim = _paint(trace, accepted_masks(trace, config), margin, frame, config)
        better = mine & (claim > best)
        winner[better] = trace.spec.id
        best[better] = claim[better]
    return winner


def _to_image(model: np.ndarray[tuple[int, int], np.dtype[np.generic]], frame: Frame) -> np.ndarray:
    rows, columns = (nearest_rows(MODEL_SIZE, size) for size in frame.shape)
    return model.take(rows, axis=0).take(columns, axis=1)


def _fallback(gates: Gates) -> int:
    """Index of the best single mask: highest cluster score among status 2, all others count 0, first wins."""
    return int(np.where(gates.status == Status.OUTLIER, gates.cluster_score, 0).argmax())


def _reason(trace: ClassTrace) -> str:
    count = len(trace.prompts)
    if count == 0:
        return "No place in the target resembles the class more than the reference's background."
    if np.isin(trace.status, BY_HAND).any():
        return "Every mask was switched off or erased by hand."
    if np.isin(trace.status, ACCEPTED).any():
        return "The accepted masks are empty."
    positive, consistent = int(trace.gates.positive.sum()), int(trace.gates.consistent.sum())
    return (
        f"None of {count} prompts passed both gates ({positive} the positive gate, "
        f"{consistent} the overshooting gate): the class seems to be absent."
    )
