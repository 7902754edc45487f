"""`Segmenter`: references in, predictions out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_gfsam.api.backend import Backend
from napari_gfsam.api.cache import FeatureCache
from napari_gfsam.api.pixel_sizes import pixel_sizes_of
from napari_gfsam.api.reference import PaintError, Painting, Reference, make_reference
from napari_gfsam.api.run import PaintWeights, PredictionReady, Run, classes_of
from napari_gfsam.api.scale import decide
from napari_gfsam.api.target import Target
from napari_gfsam.core.config import GFSAMConfig, preset
from napari_gfsam.imaging import PixelRecipe

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike

    from napari_gfsam.api.choice import ModelChoice
    from napari_gfsam.api.many import Outcome
    from napari_gfsam.api.prediction import Prediction
    from napari_gfsam.api.reference import Classes, Region
    from napari_gfsam.api.scale import PixelSizes, Scale, Tiling
    from napari_gfsam.api.tiles.prediction import TiledPrediction
    from napari_gfsam.core.pipeline import Event
    from napari_gfsam.core.types import ClassSpec
    from napari_gfsam.imaging import PictureSource
    from napari_gfsam.imaging.colors import Rgb
    from napari_gfsam.io.packs import Pack, PackAbout, PixelSize
    from napari_gfsam.io.records import InputRecord

Settings = GFSAMConfig | str
DEFAULT_CACHE_BYTES = 512 * 2**20


class Segmenter:
    """Few-shot segmentation: painted references in, label images of other pictures out.

    Parameters
    ----------
    model
        Name of a model preset; ``bundled`` needs no download. A `ModelChoice` says more: single models, local
        weights files, device, precision.
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
        self,
        model: str | ModelChoice = "bundled",
        *,
        settings: Settings = "tuned",
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        self._settings = _resolve(settings)
        self._backend = Backend(model, FeatureCache(cache_bytes))
        self._weights = PaintWeights()
        self._references: list[Reference] = []

    def sibling(self, settings: Settings | None = None, references: Iterable[Reference] = ()) -> Segmenter:
        """Return a segmenter over the same models and features, with these or other settings.

        It has no references but those given, such as some of `references`.
        """
        other = Segmenter.__new__(Segmenter)
        other._settings = self._settings if settings is None else _resolve(settings)
        other._backend = self._backend
        other._weights = self._weights
        other._references = list(references)
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
        return classes_of(self._references)

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
        return self._take(make_reference(image, labels, painting, recipe or PixelRecipe(), image_record, labels_record))

    def add_pack(self, pack: Pack | Path | str) -> tuple[Reference, ...]:
        """Add the references of an exemplar pack; with the encoder that the pack has features of none is encoded.

        Parameters
        ----------
        pack
            The file, or what `io.packs.read_pack` gave.

        Returns
        -------
        The references, all of them or, after an error, none.

        Raises
        ------
        napari_gfsam.io.packs.PackError
            If it cannot be read.
        PaintError
            If a class is named otherwise than in an earlier reference.
        """
        from napari_gfsam.api.packs import offer_features, references_in
        from napari_gfsam.io.packs import Pack, read_pack

        path = None if isinstance(pack, Pack) else Path(pack)
        found = pack if isinstance(pack, Pack) else read_pack(pack)
        references = references_in(found, path)
        before = tuple(self._references)
        try:
            for reference in references:
                self._take(reference)
        except PaintError:
            self._references[:] = before
            raise
        offer_features(self._backend, references, found.features)
        return references

    def save_pack(
        self,
        path: Path | str,
        *,
        about: PackAbout | None = None,
        colors: Mapping[int, Rgb] | None = None,
        pixel_sizes: Sequence[PixelSize | None] = (),
        features: bool = True,
    ) -> None:
        """Write the references as an exemplar pack: one file that others can use in place of pictures and paint.

        Parameters
        ----------
        path
            The file, by custom with the suffix ``.gfsampack``; replaced if it is there.
        about
            Title, description, author and licence.
        colors
            (red, green, blue) by class id; those of the palette where none is given.
        pixel_sizes
            One a reference (``None`` where it is not known); as the references' records say when none is given.
        features
            Whether what this segmenter's encoder sees goes in too (about 2 MB a reference with the bundled models),
            so that the same encoder need not look again.

        Raises
        ------
        napari_gfsam.io.packs.PackError
            If there is no reference, or the pictures are too large.
        OSError
            If the file cannot be written (`io.writers.OutputError`).
        """
        from napari_gfsam.api.packs import features_of, pack_of
        from napari_gfsam.io.packs import write_pack

        references = self.references
        pack = pack_of(references, self.classes, about=about, colors=colors, pixel_sizes=pixel_sizes)
        if features and references:
            pack = replace(pack, features=(features_of(self._backend, references),))
        write_pack(Path(path), pack)

    def clear_references(self) -> None:
        """Forget all references (their features stay in the cache)."""
        self._references.clear()

    def segment(
        self,
        target: ArrayLike | PictureSource,
        *,
        settings: Settings | None = None,
        recipe: PixelRecipe | None = None,
        record: InputRecord | None = None,
        scale: Scale = "auto",
        pixels: PixelSizes | None = None,
    ) -> Prediction | TiledPrediction:
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
        scale
            ``auto``: in tiles where the painted objects are too small for the models to see, or the target is larger
            than a reference (`napari_gfsam.api.scale.decide`), else whole; ``whole``; the side of a tile in pixels; or
            the `Tiling` of another run.
        pixels
            Pixel sizes of references and target; as their records say, else alike, by default.

        Raises
        ------
        PaintError
            If there is no reference.
        napari_gfsam.imaging.ImageError
            If the target is no picture, or has one value everywhere.
        """
        given = Target(target, recipe or PixelRecipe(), record, scale, pixels)
        for event in self._run(settings).events(given):
            if isinstance(event, PredictionReady):
                return event.prediction
        raise RuntimeError("A run ended without an answer; please report this.")

    def segment_events(
        self,
        target: ArrayLike | PictureSource,
        *,
        settings: Settings | None = None,
        recipe: PixelRecipe | None = None,
        record: InputRecord | None = None,
        scale: Scale = "auto",
        pixels: PixelSizes | None = None,
    ) -> Iterator[Event | PredictionReady]:
        """Segment a picture step by step; closing the generator cancels the run.

        Parameters as in `segment`. Yields the events of `napari_gfsam.core.pipeline` (with the stages ``load``,
        ``reference`` and ``target`` before them), at last `PredictionReady`.
        """
        yield from self._run(settings).events(Target(target, recipe or PixelRecipe(), record, scale, pixels))

    def tiling(
        self,
        shape: tuple[int, int],
        scale: Scale = "auto",
        pixels: PixelSizes | None = None,
        record: InputRecord | None = None,
    ) -> Tiling | None:
        """Return how a target of (height, width) pixels would be cut, ``None`` where it would be looked at whole.

        Parameters as in `segment`; raises `ValueError` if the scale is none.
        """
        return decide(scale, self._references, shape, pixels or pixel_sizes_of(self._references, record))

    def segment_many(
        self,
        targets: Iterable[ArrayLike | Target | Callable[[], Target | None]],
        *,
        settings: Settings | None = None,
        batch: int | None = None,
        watch: Callable[[int, Event | PredictionReady], None] | None = None,
    ) -> Generator[Outcome, None, None]:
        """Segment many pictures; the answers are those of `segment`.

        Reading, encoding, decoding and merging overlap, and so does what the caller does with an answer. No more than
        a few pictures are in memory at a time. Closing the generator cancels what is under way.

        Parameters
        ----------
        targets
            Pictures, `Target`s, or functions that read one (in a thread of their own) or return None to leave it out.
        settings
            Other settings for this run.
        batch
            Pictures that go through the encoders together: one on a CPU and a few elsewhere when None. Batches change
            the answers by rounding only.
        watch
            Told the number of a target and every event of it, from another thread.

        Yields
        ------
        What became of every target, in order. A picture that cannot be read is an outcome with an error; models that
        cannot be used raise.

        Raises
        ------
        PaintError
            If there is no reference.
        """
        from napari_gfsam.api.many import DEVICE_BATCH, Pipeline

        run = self._run(settings)
        size = batch or (1 if self._backend.device.is_cpu else DEVICE_BATCH)
        yield from Pipeline(run, size, watch)(targets)

    def _take(self, reference: Reference) -> Reference:
        known = {spec.id: spec for spec in self.classes}
        for spec in reference.classes:
            if known.get(spec.id, spec) != spec:
                raise PaintError(f"Class {spec.id} is {known[spec.id].name!r} in an earlier reference; use one name.")
        self._references.append(reference)
        return reference

    def _run(self, settings: Settings | None) -> Run:
        if not self._references:
            raise PaintError("There is no reference yet; add a picture with painted labels first.")
        config = self._settings if settings is None else _resolve(settings)
        return Run(self._backend, self._references, config, self._weights)


def _resolve(settings: Settings) -> GFSAMConfig:
    return preset(settings) if isinstance(settings, str) else settings
