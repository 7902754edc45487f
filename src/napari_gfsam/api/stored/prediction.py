"""A prediction as a header and arrays, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.api.prediction import Prediction, Scene
from napari_gfsam.api.stored.header import PREDICTION, PredictionHeader, StoredClass
from napari_gfsam.api.stored.parts import array_of, put, take, tensor_of
from napari_gfsam.core.compact import CompactMasks, fold, unfold, unfold_logits
from napari_gfsam.core.config import GFSAMConfig
from napari_gfsam.core.frames import Frame
from napari_gfsam.core.types import (
    ClassSpec,
    ClassTrace,
    Gates,
    ImageFeatures,
    MaskGraph,
    MaskStack,
    PointPrompts,
    SimilarityMaps,
)
from napari_gfsam.imaging import PixelRecipe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from napari_gfsam.api.stored.file import Arrays
    from napari_gfsam.core.arrays import FloatArray, IntArray
    from napari_gfsam.core.masks import MaskBank
    from napari_gfsam.core.types import EncodedClass

_MEASURES = ("box_yx", "positive_mean", "negative_mean")


def pack(prediction: Prediction, references_file: str) -> tuple[PredictionHeader, Arrays]:
    """Turn a prediction into a header and arrays.

    Raises
    ------
    ValueError
        If its masks were not made from an embedding.
    """
    scene = prediction.scene
    if scene.bank.embedding is None:
        raise ValueError("The masks of this prediction have no embedding; only a Segmenter's predictions can be kept.")
    arrays: Arrays = {"tokens": array_of(scene.features.tokens), "embedding": array_of(scene.bank.embedding)}
    for class_id, trace in prediction.traces.items():
        put_trace(arrays, str(class_id), trace)
    _put_others(arrays, prediction.traces, scene.bank)
    return _header(prediction, references_file), arrays


def unpack(
    header: PredictionHeader,
    arrays: Arrays,
    classes: tuple[EncodedClass, ...],
    bank_of: Callable[[Tensor], MaskBank],
) -> Prediction:
    """Build a prediction again.

    Parameters
    ----------
    header, arrays
        What `pack` gave.
    classes
        The encoded references.
    bank_of
        Makes a bank of masks over the embedding, when a prompt must be decoded that was not stored.

    Raises
    ------
    KeyError, ValueError
        If something is missing or does not fit.
    """
    from napari_gfsam.api.stored.bank import StoredBank
    from napari_gfsam.core.merge import merge_classes

    frame, settings = Frame(*header.frame), GFSAMConfig().with_settings(**header.settings)
    traces = {found.id: take_trace(arrays, found) for found in header.classes}
    decoded = _decoded(arrays, traces)
    scene = Scene(
        features=ImageFeatures(tensor_of(arrays["tokens"]), frame),
        classes=classes,
        bank=StoredBank(tensor_of(arrays["embedding"]), bank_of, decoded),
        models=header.models,
        references=header.references,
        target=header.target,
        recipe=PixelRecipe.from_dict(header.recipe),
    )
    answer = merge_classes(list(traces.values()), frame, settings)
    return Prediction(answer, traces, settings, scene, header.decisions, header.seconds)


def _header(prediction: Prediction, references_file: str) -> PredictionHeader:
    scene = prediction.scene
    frame = scene.features.frame
    return PredictionHeader(
        format=PREDICTION,
        references_file=references_file,
        frame=(frame.height, frame.width, frame.grid),
        classes=tuple(stored_class(trace) for trace in prediction.traces.values()),
        models=scene.models,
        settings=prediction.settings.as_dict(),
        references=scene.references,
        target=scene.target,
        recipe=scene.recipe.as_dict(),
        decisions=prediction.decisions,
        seconds=dict(prediction.seconds),
    )


def stored_class(trace: ClassTrace) -> StoredClass:
    """Return what of a trace is no array."""
    spec = trace.spec
    return StoredClass(spec.id, spec.name, spec.negative, trace.found_again, trace.background_removed)


def put_trace(arrays: Arrays, prefix: str, trace: ClassTrace) -> None:
    """Add the arrays of a trace, each under ``prefix.name``."""
    for name in ("maps", "prompts", "graph", "gates"):
        put(arrays, f"{prefix}.{name}", getattr(trace, name))
    put(arrays, f"{prefix}.masks", fold(trace.masks.logits, trace.masks.bits))
    for name in _MEASURES:
        arrays[f"{prefix}.{name}"] = array_of(getattr(trace.masks, name))
    arrays[f"{prefix}.status"] = array_of(trace.status)


def take_trace(arrays: Arrays, found: StoredClass) -> ClassTrace:
    """Build a trace from what `put_trace` added under the class's id.

    Raises
    ------
    KeyError, ValueError
        If something is missing or does not fit.
    """
    prefix = str(found.id)
    logits, bits = unfold(take(arrays, f"{prefix}.masks", CompactMasks))
    return ClassTrace(
        spec=ClassSpec(found.id, found.name, found.negative),
        maps=take(arrays, f"{prefix}.maps", SimilarityMaps, tensor_of),
        prompts=take(arrays, f"{prefix}.prompts", PointPrompts),
        masks=MaskStack(logits, bits, *(arrays[f"{prefix}.{name}"] for name in _MEASURES)),
        graph=take(arrays, f"{prefix}.graph", MaskGraph),
        gates=take(arrays, f"{prefix}.gates", Gates),
        status=arrays[f"{prefix}.status"],
        found_again=found.found_again,
        background_removed=found.background_removed,
    )


def _automatic(trace: ClassTrace) -> tuple[IntArray, FloatArray]:
    """Pixels and logits of the prompts that the stages chose; those added by hand come after them."""
    count = len(trace.gates.status)
    return trace.prompts.model_xy[:count], trace.masks.logits[:count]


def _put_others(arrays: Arrays, traces: Mapping[int, ClassTrace], bank: MaskBank) -> None:
    """Add the masks that were decoded for other readings of the picture."""
    known = {(int(x), int(y)) for trace in traces.values() for x, y in _automatic(trace)[0]}
    others = [(int(x), int(y)) not in known for x, y in bank.decoded_xy]
    model_xy = bank.decoded_xy[np.array(others, dtype=bool)]
    arrays["others.model_xy"] = model_xy
    put(arrays, "others", fold(bank.logits(model_xy)))


def _decoded(arrays: Arrays, traces: Mapping[int, ClassTrace]) -> Callable[[], list[tuple[IntArray, FloatArray]]]:
    """Pixels and logits of all prompts decoded before, the folded ones unfolded when they are asked for."""
    automatic = [_automatic(trace) for trace in traces.values()]
    model_xy, others = arrays["others.model_xy"], take(arrays, "others", CompactMasks)
    return lambda: [*automatic, (model_xy, unfold_logits(others))]
