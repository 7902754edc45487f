"""One set of references under one settings, ready for any number of targets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from napari_gfsam.api.pixel_sizes import pixel_sizes_of
from napari_gfsam.api.prediction import Prediction, Scene
from napari_gfsam.api.scale import shown_by, tiling_for
from napari_gfsam.api.target import read_target
from napari_gfsam.imaging.source import source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_gfsam.api.backend import Backend
    from napari_gfsam.api.reference import Reference
    from napari_gfsam.api.scale import Shown, Tiling
    from napari_gfsam.api.target import Picture, Target
    from napari_gfsam.api.tiles.prediction import TiledPrediction
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.pipeline import Event
    from napari_gfsam.core.types import ClassSpec, EncodedClass, GridWeights


@dataclass(frozen=True, slots=True, eq=False)
class PredictionReady:
    """The last event of a run."""

    prediction: Prediction | TiledPrediction


class PaintWeights:
    """The paint of references reduced to the grid, once for every reference, class and way of reducing."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Reference, dict[tuple[int, int, str], GridWeights]] = WeakKeyDictionary()

    def get(self, reference: Reference, class_id: int, grid: int, config: GFSAMConfig) -> GridWeights:
        """Return the soft masks of a class and of its background."""
        from napari_gfsam.core.references import reference_weights

        kept = self._kept.setdefault(reference, {})
        key = (class_id, grid, config.mask_pooling)
        if key not in kept:
            kept[key] = reference_weights(
                reference.labels,
                class_id,
                grid=grid,
                pooling=config.mask_pooling,
                ignore=reference.ignore,
                region_yx=reference.region_yx,
            )
        return kept[key]


class Run:
    """References and settings as they were when it was made; safe to use from several threads.

    Parameters
    ----------
    backend
        The models.
    references
        The painted pictures.
    settings
        The settings.
    weights
        Where reduced paint is kept between runs.
    """

    def __init__(
        self, backend: Backend, references: Sequence[Reference], settings: GFSAMConfig, weights: PaintWeights
    ) -> None:
        self.backend, self.references, self.settings = backend, tuple(references), settings
        self._weights = weights

    @cached_property
    def classes(self) -> tuple[EncodedClass, ...]:
        """All classes with their encoded references, encoded now if they were not."""
        from napari_gfsam.core.types import EncodedClass, ReferenceFeatures

        tokens = self.backend.tokens_of([reference.model_input for reference in self.references])
        grid = self.backend.encoder.grid
        shown: dict[int, list[ReferenceFeatures]] = {}
        for reference, rows in zip(self.references, tokens, strict=True):
            for spec in reference.classes:
                weights = self._weights.get(reference, spec.id, grid, self.settings)
                shown.setdefault(spec.id, []).append(ReferenceFeatures(rows, weights))
        return tuple(EncodedClass(spec, tuple(shown[spec.id])) for spec in classes_of(self.references))

    def events(self, target: Target) -> Iterator[Event | PredictionReady]:
        """Segment one target step by step: stages ``load``, ``reference``, ``target``, then those of `answer`."""
        from napari_gfsam.core.pipeline import StageDone, Watch

        tiling = self.tiling_of(target)
        if tiling is not None:
            from napari_gfsam.api.tiles.run import tiled_events

            yield from tiled_events(self, target, tiling)
            return
        picture = read_target(target)
        watch, seconds = Watch(), {}
        scenes: list[Scene] = []
        for stage, work in (
            ("load", self.backend.load),
            ("reference", lambda: self.classes),
            ("target", lambda: scenes.extend(self.encode([picture]))),
        ):
            work()
            seconds[stage] = watch.lap()
            yield StageDone(stage, 0, seconds[stage])
        yield from self.answer(scenes[0], seconds)

    def tiling_of(self, target: Target) -> Tiling | None:
        """Return how a target is cut, ``None`` where it is looked at whole.

        Raises
        ------
        ValueError
            If its scale is none.
        """
        if target.scale == "whole":
            return None
        size = source_of(target.image, target.recipe).size_yx
        pixels = target.pixels or pixel_sizes_of(self.references, target.record)
        return tiling_for(target.scale, self._shown, size, pixels)

    @cached_property
    def _shown(self) -> Shown | None:
        """What the references show, measured once for all targets."""
        return shown_by(self.references)

    def encode(self, pictures: Sequence[Picture]) -> list[Scene]:
        """Put pictures through both encoders together, those that were not known yet."""
        from napari_gfsam.core.frames import Frame
        from napari_gfsam.core.types import ImageFeatures

        inputs = [picture.model_input for picture in pictures]
        tokens, banks = self.backend.tokens_of(inputs), self.backend.banks_of(inputs)
        grid, models = self.backend.encoder.grid, self.backend.records
        references = tuple(reference.record for reference in self.references)
        return [
            Scene(
                ImageFeatures(rows, Frame(*picture.shape, grid)),
                self.classes,
                bank,
                models,
                references,
                picture.record,
                picture.recipe,
            )
            for picture, rows, bank in zip(pictures, tokens, banks, strict=True)
        ]

    def answer(self, scene: Scene, seconds: Mapping[str, float] | None = None) -> Iterator[Event | PredictionReady]:
        """Segment an encoded target step by step.

        Parameters
        ----------
        scene
            From `encode`.
        seconds
            What the stages before took.

        Yields
        ------
        The events of `napari_gfsam.core.pipeline`, at last `PredictionReady`.
        """
        from napari_gfsam.core.pipeline import Finished, StageDone, segment_image

        taken = dict(seconds or {})
        for event in segment_image(scene.features, scene.classes, self.settings, scene.bank):
            if isinstance(event, StageDone):
                taken[event.stage] = taken.get(event.stage, 0.0) + event.seconds
            if isinstance(event, Finished):
                yield PredictionReady(Prediction(event.answer, event.traces, self.settings, scene, seconds=taken))
            else:
                yield event


def classes_of(references: Sequence[Reference]) -> tuple[ClassSpec, ...]:
    """Return all classes of all references, by id."""
    found = {spec.id: spec for reference in references for spec in reference.classes}
    return tuple(found[class_id] for class_id in sorted(found))
