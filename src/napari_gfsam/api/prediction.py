"""`Prediction`: the answer for one picture, with all that correcting it needs; no correction runs an encoder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.api.correctable import Correctable, PointTable
from napari_gfsam.core.types import ACCEPTED, Status
from napari_gfsam.io.records import ClassResult, DecisionRecord, RunRecord, labels_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from napari_gfsam.core.arrays import BoolArray, FloatArray, LabelArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.edit import Edit
    from napari_gfsam.core.frames import Frame
    from napari_gfsam.core.masks import MaskBank
    from napari_gfsam.core.types import Answer, ClassPrediction, ClassTrace, EncodedClass, ImageFeatures
    from napari_gfsam.imaging import PixelRecipe
    from napari_gfsam.io.records import InputRecord, ModelRecord, ReferenceRecord


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One encoded target with the encoded references it was held against."""

    features: ImageFeatures
    classes: tuple[EncodedClass, ...]
    bank: MaskBank
    models: tuple[ModelRecord, ...]
    references: tuple[ReferenceRecord, ...]
    target: InputRecord
    recipe: PixelRecipe


@dataclass(frozen=True, slots=True, eq=False)
class Prediction(Correctable):
    """The answer for one picture. Corrections return a new prediction; this one stays.

    Parameters
    ----------
    answer
        Labels and confidence.
    traces
        By class id, what re-merging needs.
    settings
        The settings of the run.
    scene
        The encoded target and references.
    decisions
        A person's corrections, in order.
    seconds
        Seconds by stage.
    """

    answer: Answer
    traces: Mapping[int, ClassTrace]
    settings: GFSAMConfig
    scene: Scene
    decisions: tuple[DecisionRecord, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def labels(self) -> LabelArray:
        """(H, W) class ids, 0 = background."""
        return self.answer.labels

    @property
    def confidence(self) -> FloatArray:
        """(H, W) float32, mean similarity S+mean of the mask that holds the pixel, 0 in the background."""
        return self.answer.confidence

    @property
    def classes(self) -> Mapping[int, ClassPrediction]:
        """The answer for every class by id, negative classes included."""
        return self.answer.classes

    @property
    def reason(self) -> str:
        """Why nothing was found, else an empty string."""
        if self.labels.any():
            return ""
        reasons = {found.spec.name: found.reason for found in self.classes.values() if found.reason}
        if len(self.classes) == 1:
            return next(iter(reasons.values()), "")
        return " ".join(f"{name}: {reason}" for name, reason in reasons.items())

    @property
    def points(self) -> PointTable:
        """All prompts with class, cluster, status and score."""
        frame, traces = self.scene.features.frame, list(self.traces.values())
        return PointTable(
            points_yx=np.concatenate([frame.model_xy_to_image_yx(trace.prompts.model_xy) for trace in traces]),
            class_id=np.concatenate([np.full(len(trace.prompts), trace.spec.id) for trace in traces]),
            index=np.concatenate([np.arange(len(trace.prompts)) for trace in traces]),
            cluster=np.concatenate([trace.graph.cluster for trace in traces]),
            status=np.concatenate([trace.status for trace in traces]),
            score=np.concatenate([trace.prompts.score for trace in traces]),
        )

    @property
    def clusters(self) -> NDArray[np.int64]:
        """(H, W) clusters of all classes, numbered through from 1; small ones lie on top of large ones."""
        from napari_gfsam.core.merge import cluster_image

        image = np.zeros(self.scene.features.frame.shape, dtype=np.int64)
        offset = 0
        for trace in self.traces.values():
            mine = cluster_image(trace, self.scene.features.frame)
            image = np.where(mine > 0, mine + offset, image)
            offset += trace.graph.n_clusters
        return image

    @property
    def similarity(self) -> FloatArray:
        """(grid, grid) float32: how alike each cell is to the painted objects of any class, 0 to 1."""
        return similarity_of(self.traces.values())

    def model_mask(self, class_id: int) -> BoolArray:
        """Return the (1024, 1024) bool answer of one class in the squashed frame that published figures use."""
        from napari_gfsam.core.merge import model_mask

        return model_mask(self._trace(class_id), self.settings)

    def decided(self, decisions: tuple[DecisionRecord, ...]) -> Prediction:
        """Return the prediction that has exactly these decisions, whatever it has now: undo and redo.

        Masks of points that both lists hold are kept; a point that only the new list holds is decoded. Everything is
        merged once, and only in classes that change.

        Raises
        ------
        ValueError
            If a decision is of an unknown kind or does not fit this prediction.
        """
        from napari_gfsam.core.edit import edited
        from napari_gfsam.core.merge import merge_classes

        frame = self.scene.features.frame
        before, after = ([edit_of(decision, frame) for decision in made] for made in (self.decisions, decisions))
        traces = edited(self.traces, before, after, self.scene.bank, frame)
        same = {key: found for key, found in self.classes.items() if traces[key] is self.traces[key]}
        answer = self.answer
        if len(same) < len(traces):
            answer = merge_classes(list(traces.values()), frame, self.settings, same)
        return replace(self, answer=answer, traces=traces, decisions=tuple(decisions))

    def read_as(self, settings: GFSAMConfig) -> Prediction:
        """Read the same picture with other settings, without any decision; only prompts in new places are decoded."""
        from napari_gfsam.core.pipeline import Finished, segment_image

        for event in segment_image(self.scene.features, self.scene.classes, settings, self.scene.bank):
            if isinstance(event, Finished):
                return replace(self, answer=event.answer, traces=event.traces, settings=settings, decisions=())
        raise RuntimeError("A reading ended without an answer; please report this.")

    def record(self) -> RunRecord:
        """Return how this answer was made, enough to make it again."""
        from napari_gfsam import __version__

        return RunRecord(
            version=__version__,
            models=self.scene.models,
            settings=self.settings.as_dict(),
            references=self.scene.references,
            target=self.scene.target,
            recipe=self.scene.recipe.as_dict(),
            decisions=self.decisions,
            seconds=dict(self.seconds),
            results=tuple(self._result(class_id) for class_id in self.traces),
            labels_hash=labels_hash(self.labels),
        )

    def _trace(self, class_id: int) -> ClassTrace:
        if class_id not in self.traces:
            raise ValueError(f"There is no class {class_id} here; the classes are {', '.join(map(str, self.traces))}.")
        return self.traces[class_id]

    def _result(self, class_id: int) -> ClassResult:
        trace, found = self.traces[class_id], self.classes[class_id]
        accepted = int(np.isin(trace.status, ACCEPTED).sum())
        pixels = int((self.labels == class_id).sum())
        return ClassResult(
            class_id, len(trace.prompts), trace.graph.n_clusters, accepted, pixels, found.score, found.reason
        )


def similarity_of(traces: Iterable[ClassTrace]) -> FloatArray:
    """Return how alike each cell of the grid is to the painted objects of any class: (grid, grid) float32."""
    maps = [trace.maps.positive_mean.cpu().numpy() for trace in traces]
    return np.asarray(np.max(maps, axis=0).clip(0, 1), dtype=np.float32)


def edit_of(decision: DecisionRecord, frame: Frame) -> Edit:
    """Read a decision; a record may hold anything."""
    from napari_gfsam.core.edit import AddPoint, MoveCluster, SetClusterStatus, SetStatus

    class_id = decision.class_id
    match decision:
        case DecisionRecord(kind="status", index=int(prompt), status=int(status)):
            return SetStatus(class_id, prompt, Status(status))
        case DecisionRecord(kind="cluster_status", index=int(cluster), status=int(status)):
            return SetClusterStatus(class_id, cluster, Status(status))
        case DecisionRecord(kind="point", point_yx=(y, x)):
            ((model_x, model_y),) = frame.image_yx_to_model_xy(np.array([[y, x]])).tolist()
            return AddPoint(class_id, (model_x, model_y), decision.positive)
        case DecisionRecord(kind="move", index=int(cluster), to_class=int(to_class)):
            return MoveCluster(class_id, cluster, to_class)
    raise ValueError(f"The record holds a decision that this version does not know: {decision}.")
