"""`Segmenter`: references in, predictions out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.api.backend import Backend
from napari_gfsam.api.cache import FeatureCache
from napari_gfsam.api.prediction import Prediction, Scene
from napari_gfsam.api.reference import PaintError, Painting, Reference, make_reference
from napari_gfsam.core.config import GFSAMConfig, preset
from napari_gfsam.imaging import PixelRecipe, array_hash, require_content, to_model_input, to_rgb
from napari_gfsam.io.records import InputRecord

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import ArrayLike

    from napari_gfsam.api.reference import Classes, Region
    from napari_gfsam.core.pipeline import Event, StageDone
    from napari_gfsam.core.types import ClassSpec, EncodedClass, GridWeights

Settings = GFSAMConfig | str
DEFAULT_CACHE_BYTES = 512 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class PredictionReady:
    """The last event of a run."""

    prediction: Prediction


class Segmenter:
    """Few-shot segmentation: painted references in, label images of other pictures out.

    Parameters
    ----------
    model
        Name of a model preset; ``bundled`` needs no download.
    settings
        ``tuned``, ``published`` or a `GFSAMConfig`.
    cache_bytes
        Memory for features and masks of recent pictures.

    Raises
    ------
    ValueError
        If the model or the preset is unknown.
    """

    def __init__(
        self, model: str = "bundled", *, settings: Settings = "tuned", cache_bytes: int = DEFAULT_CACHE_BYTES
    ) -> None:
        self._settings = _resolve(settings)
        self._backend = Backend(model, FeatureCache(cache_bytes))
        self._references: list[Reference] = []

    def sibling(self, settings: Settings | None = None) -> Segmenter:
        """Return a segmenter without references over the same models and features, with these or other settings."""
        other = Segmenter.__new__(Segmenter)
        other._settings = self._settings if settings is None else _resolve(settings)
        other._backend = self._backend
        other._references = []
        return other

    @property
    def settings(self) -> GFSAMConfig:
        """The settings of a run that names none."""
        return self._settings

    @property
    def backend(self) -> Backend:
        """The models."""
        return self._backend

    @property
    def references(self) -> tuple[Reference, ...]:
        """The painted pictures, in the order they came."""
        return tuple(self._references)

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """All classes of all references, by id."""
        return tuple(sorted({spec.id: spec for r in self._references for spec in r.classes}.values(), key=_id))

    def add_reference(
        self,
        image: ArrayLike,
        labels: ArrayLike,
        *,
        classes: Classes | None = None,
        ignore: int | None = None,
        region_yx: Region | None = None,
        recipe: PixelRecipe | None = None,
        records: tuple[InputRecord, InputRecord] | None = None,
    ) -> Reference:
        """Add a painted picture; it is kept as it is now.

        Parameters
        ----------
        image
            (H, W), (H, W, 3) or what `recipe` reads.
        labels
            (H, W) whole numbers, 0 = unpainted, else class ids.
        classes
            Names by id, or `ClassSpec`s (which can say ``negative``: "not this").
        ignore
            Label of pixels that count neither as object nor as background.
        region_yx
            (top, left, bottom, right): only inside was every object painted; pixels outside count for neither
            object nor background.
        recipe
            How pixel values become RGB.
        records
            Names and hashes of picture and label image for run records, when they came from files.

        Raises
        ------
        PaintError
            If the paint cannot serve, or a class is named otherwise than in an earlier reference.
        napari_gfsam.imaging.ImageError
            If the picture is none.
        """
        painting = Painting(classes, ignore, region_yx)
        image_record, labels_record = records or (None, None)
        reference = make_reference(image, labels, painting, recipe or PixelRecipe(), image_record, labels_record)
        known = {spec.id: spec for spec in self.classes}
        for spec in reference.classes:
            if known.get(spec.id, spec) != spec:
                raise PaintError(f"Class {spec.id} is {known[spec.id].name!r} in an earlier reference; use one name.")
        self._references.append(reference)
        return reference

    def clear_references(self) -> None:
        """Forget all references (their features stay in the cache)."""
        self._references.clear()

    def segment(
        self,
        target: ArrayLike,
        *,
        settings: Settings | None = None,
        recipe: PixelRecipe | None = None,
        record: InputRecord | None = None,
    ) -> Prediction:
        """Segment a picture.

        Parameters
        ----------
        target
            (H, W), (H, W, 3) or what `recipe` reads, of any size.
        settings
            Other settings for this run.
        recipe
            How pixel values become RGB.
        record
            Name and hash of the target for the run record, when it came from a file.

        Raises
        ------
        PaintError
            If there is no reference.
        napari_gfsam.imaging.ImageError
            If the target is no picture, or has one value everywhere.
        """
        for event in self.segment_events(target, settings=settings, recipe=recipe, record=record):
            if isinstance(event, PredictionReady):
                return event.prediction
        raise RuntimeError("A run ended without an answer; please report this.")

    def segment_events(
        self,
        target: ArrayLike,
        *,
        settings: Settings | None = None,
        recipe: PixelRecipe | None = None,
        record: InputRecord | None = None,
    ) -> Iterator[Event | PredictionReady]:
        """Segment a picture step by step; closing the generator cancels the run.

        Parameters as in `segment`. Yields the events of `napari_gfsam.core.pipeline` (with the stages ``load``,
        ``reference`` and ``target`` before them), at last `PredictionReady`.
        """
        from napari_gfsam.core.pipeline import StageDone

        seconds: dict[str, float] = {}
        for event in self._run(target, settings, recipe or PixelRecipe(), record):
            if isinstance(event, StageDone):
                seconds[event.stage] = seconds.get(event.stage, 0.0) + event.seconds
            if isinstance(event, PredictionReady):
                event = PredictionReady(replace(event.prediction, seconds=seconds))
            yield event

    def _run(
        self, target: ArrayLike, settings: Settings | None, recipe: PixelRecipe, record: InputRecord | None
    ) -> Iterator[Event | PredictionReady]:
        from napari_gfsam.core.pipeline import Finished, segment_image

        if not self._references:
            raise PaintError("There is no reference yet; add a picture with painted labels first.")
        config = _resolve(settings) if settings is not None else self._settings
        scene = yield from self._encode(target, config, recipe, record)
        for event in segment_image(scene.features, scene.classes, config, scene.bank):
            if isinstance(event, Finished):
                yield PredictionReady(Prediction(event.answer, event.traces, config, scene))
            else:
                yield event

    def _encode(
        self, target: ArrayLike, config: GFSAMConfig, recipe: PixelRecipe, record: InputRecord | None
    ) -> Generator[StageDone, None, Scene]:
        from napari_gfsam.core.frames import Frame
        from napari_gfsam.core.pipeline import StageDone, Watch
        from napari_gfsam.core.types import ImageFeatures

        rgb = to_rgb(target, recipe)
        require_content(rgb, "The target picture")
        model_input = to_model_input(rgb)
        record = record or InputRecord("target", array_hash(np.asarray(target)), np.shape(target))
        watch = Watch()
        self._backend.load()
        yield StageDone("load", 0, watch.lap())
        classes = self._encoded_classes(config)
        yield StageDone("reference", 0, watch.lap())
        height, width = rgb.shape[:2]
        frame = Frame(height, width, self._backend.encoder.grid)
        features = ImageFeatures(self._backend.tokens(model_input), frame)
        bank = self._backend.bank(model_input)
        yield StageDone("target", 0, watch.lap())
        references = tuple(reference.record for reference in self._references)
        return Scene(features, classes, bank, self._backend.records, references, record, recipe)

    def _encoded_classes(self, config: GFSAMConfig) -> tuple[EncodedClass, ...]:
        from napari_gfsam.core.types import EncodedClass, ReferenceFeatures

        tokens = [self._backend.tokens(reference.model_input) for reference in self._references]
        shown: dict[int, list[ReferenceFeatures]] = {spec.id: [] for spec in self.classes}
        for reference, rows in zip(self._references, tokens, strict=True):
            for spec in reference.classes:
                shown[spec.id].append(ReferenceFeatures(rows, self._weights(reference, spec.id, config)))
        return tuple(EncodedClass(spec, tuple(shown[spec.id])) for spec in self.classes)

    def _weights(self, reference: Reference, class_id: int, config: GFSAMConfig) -> GridWeights:
        from napari_gfsam.core.references import reference_weights

        return reference_weights(
            reference.labels,
            class_id,
            grid=self._backend.encoder.grid,
            pooling=config.mask_pooling,
            ignore=reference.ignore,
            region_yx=reference.region_yx,
        )


def _resolve(settings: Settings) -> GFSAMConfig:
    return preset(settings) if isinstance(settings, str) else settings


def _id(spec: ClassSpec) -> int:
    return spec.id
