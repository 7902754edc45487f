"""One target in tiles: a survey of its tiles, each is read, each is settled by what all say, the seams, one answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.api.tiles.references import cut_classes
from napari_gfsam.api.tiles.seams import NO_SEAMS, find_seams
from napari_gfsam.api.tiles.store import TileStore
from napari_gfsam.imaging import ImageError, to_model_input, to_rgb
from napari_gfsam.imaging.source import settled, source_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from numpy.typing import NDArray

    from napari_gfsam.api.run import PredictionReady, Run
    from napari_gfsam.api.scale import Tiling
    from napari_gfsam.api.stored.tiled import StoredRun
    from napari_gfsam.api.target import Target
    from napari_gfsam.api.tiles.prediction import TiledPrediction
    from napari_gfsam.core.arrays import FloatArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.masks import MaskBank
    from napari_gfsam.core.pipeline import Event, TileReading, TileView
    from napari_gfsam.core.second_look import BestAnswers
    from napari_gfsam.core.survey import ClassSurvey
    from napari_gfsam.core.types import EncodedClass, ImageFeatures
    from napari_gfsam.imaging import PictureSource, PixelRecipe, Tile, TileGrid
    from napari_gfsam.io.records import InputRecord

#: Tiles that fit into the cache with their embeddings and masks, some 40 MB a tile.
FEW = 12


@dataclass(frozen=True, slots=True, eq=False)
class TiledScene:
    """A target in tiles with all that reading it once more needs; tokens and embeddings lie in the store.

    Parameters
    ----------
    run
        References, settings and models.
    source
        The target.
    recipe
        How it is read; `settled_recipe` reads every part of it as this reads the whole.
    record
        What goes into the run record.
    tiling, grid
        How it is cut.
    classes
        All classes with their references, these cut too.
    store
        What is kept on disk.
    tiles
        Numbers of the tiles that have content.
    """

    run: Run | StoredRun
    source: PictureSource
    recipe: PixelRecipe
    settled_recipe: PixelRecipe
    record: InputRecord
    tiling: Tiling
    grid: TileGrid
    classes: tuple[EncodedClass, ...]
    store: TileStore
    tiles: tuple[int, ...]

    @property
    def is_small(self) -> bool:
        """Whether the cache can hold what was computed of all tiles, for another run over the same picture.

        Of more tiles nothing would be left by the time they are asked for again: it lies in the store only.
        """
        return len(self.grid) <= FEW

    def again(self) -> TiledScene:
        """Return a scene for another reading of the same target: the tokens are there, traces are put beside."""
        return replace(self, store=self.store.sibling())

    def model_input(self, tile: Tile) -> NDArray[np.uint8] | None:
        """Return the (1024, 1024, 3) picture of a tile, ``None`` where it has one value everywhere."""
        part = self.source.read(*tile.box)
        if part.dtype.kind == "f" and not np.isfinite(part).any():
            return None
        rgb = to_rgb(part, self.settled_recipe)
        return to_model_input(rgb) if (rgb != rgb[0, 0]).any() else None

    def features(self, tile: Tile) -> ImageFeatures:
        """Return the tokens of a tile."""
        from napari_gfsam.core.frames import Frame
        from napari_gfsam.core.types import ImageFeatures

        return ImageFeatures(self.store.tokens(tile.number), Frame(*tile.shape, self.run.backend.encoder.grid))

    def bank(self, tile: Tile) -> MaskBank:
        """Return the masks of a tile; its embedding is made now if it never was."""
        kept = self.store.embedding(tile.number)
        if kept is not None:
            return self.run.backend.bank_of(kept)
        picture = self.model_input(tile)
        if picture is None:
            raise ImageError("This part of the picture has one value everywhere, so there is nothing to outline.")
        bank = self.run.backend.bank(picture, keep=self.is_small)
        if bank.embedding is not None:
            self.store.put_embedding(tile.number, bank.embedding)
        return bank


def tiled_events(run: Run, target: Target, tiling: Tiling) -> Iterator[Event | PredictionReady]:
    """Segment a target in tiles step by step; closing the generator cancels.

    Yields
    ------
    The events of `napari_gfsam.core.pipeline`, `TilesDone` among them, at last `PredictionReady`.
    """
    from napari_gfsam.api.run import PredictionReady
    from napari_gfsam.core.pipeline import StageDone, Watch

    watch, seconds = Watch(), {}
    run.backend.load()
    seconds["load"] = watch.lap()
    yield StageDone("load", 0, seconds["load"])
    classes = cut_classes(run.backend, run.references, run.settings, tiling.view)
    seconds["reference"] = watch.lap()
    yield StageDone("reference", 0, seconds["reference"])
    scene = yield from _encoded(run, target, tiling, classes)
    seconds["target"] = watch.lap()
    yield StageDone("target", 0, seconds["target"])
    prediction = yield from read_picture(scene, run.settings)
    seconds["tiles"] = watch.lap()
    yield PredictionReady(replace(prediction, seconds=seconds))


def read_picture(scene: TiledScene, settings: GFSAMConfig) -> Generator[Event, None, TiledPrediction]:
    """Read an encoded target with some settings: survey, tiles, seams, answer; yields events."""
    from napari_gfsam.api.tiles.answer import TiledAnswer
    from napari_gfsam.api.tiles.prediction import first_prediction
    from napari_gfsam.core.survey import ClassSurvey

    # What is not found in one tile may be in another: the fallback of an empty answer is for whole pictures.
    config = settings.with_settings(fallback="none")
    surveys = [ClassSurvey(encoded, config) for encoded in scene.classes]
    _survey(scene, surveys)
    found = yield from _read_tiles(scene, surveys)
    yield from _settle_tiles(scene, surveys, found)
    scores = {survey.encoded.spec.id: survey.found_again(found.covered[survey.encoded.spec.id]) for survey in surveys}
    seams = find_seams(scene.grid, found.read, scene.store.traces)
    of_class = {key: seams.get(key, NO_SEAMS) for key in scores}
    answer = TiledAnswer(scene, config, tuple(found.read), tuple(found.strange), scores, of_class)
    return first_prediction(answer, settings)


def _encoded(
    run: Run, target: Target, tiling: Tiling, classes: tuple[EncodedClass, ...]
) -> Generator[Event, None, TiledScene]:
    """Put every tile that has content through the encoder; tokens go to disk, so that memory stays flat."""
    from napari_gfsam.api.target import record_of
    from napari_gfsam.core.pipeline import TilesDone

    source = source_of(target.image, target.recipe)
    recipe = settled(source, target.recipe)
    grid, store = tiling.grid(source.size_yx), TileStore()
    record = record_of(target, source)
    scene = TiledScene(run, source, target.recipe, recipe, record, tiling, grid, classes, store, ())
    tiles = []
    for tile in grid:
        picture = scene.model_input(tile)
        if picture is not None:
            store.put_tokens(tile.number, run.backend.tokens_of([picture], keep=scene.is_small)[0])
            tiles.append(tile.number)
        yield TilesDone("encoded", tile.number + 1, len(grid))
    if not tiles:
        raise ImageError(
            "The target picture has one value everywhere, so there is nothing in it to compare; "
            "use a picture with content."
        )
    return replace(scene, tiles=tuple(tiles))


def _survey(scene: TiledScene, surveys: list[ClassSurvey]) -> None:
    for number in scene.tiles:
        tokens = scene.store.tokens(number)
        for survey in surveys:
            survey.count(tokens)
    for number in scene.tiles:
        tokens = scene.store.tokens(number)
        for survey in surveys:
            survey.look(number, tokens)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What the tiles gave so far.

    Parameters
    ----------
    covered
        By class id, by tile: the (grid, grid) share of every cell that the answer covers.
    best
        By class id, the best answers.
    read, strange
        As in `TiledAnswer`.
    """

    covered: dict[int, dict[int, FloatArray]]
    best: dict[int, BestAnswers]
    read: list[int] = field(default_factory=list)
    strange: list[int] = field(default_factory=list)


def _read_tiles(scene: TiledScene, surveys: list[ClassSurvey]) -> Generator[Event, None, _Found]:
    """Read every tile in which anything can be found."""
    from napari_gfsam.core.pipeline import TilesDone
    from napari_gfsam.core.second_look import BestAnswers

    ids = [survey.encoded.spec.id for survey in surveys]
    found = _Found({class_id: {} for class_id in ids}, {class_id: BestAnswers() for class_id in ids})
    for done, number in enumerate(scene.tiles, 1):
        yield from _read_tile(scene, scene.grid[number], surveys, found)
        yield TilesDone("read", done, len(scene.tiles))
    return found


def _read_tile(
    scene: TiledScene, tile: Tile, surveys: list[ClassSurvey], found: _Found
) -> Generator[Event, None, None]:
    """Read a tile where any class is likely in it and not all of it is strange to the paint."""
    from napari_gfsam.core.second_look import TileBest

    features = scene.features(tile)
    likely = [survey.is_likely(features.tokens) for survey in surveys]
    if not any(likely):
        return
    seen = [tuple(one.views(features.tokens, likely=wanted)) for one, wanted in zip(surveys, likely, strict=True)]
    if not any(view.may_hold_it for views in seen for _, view in views):
        found.strange.append(tile.number)
        return
    bank = scene.bank(tile)
    kept = []
    for survey, views in zip(surveys, seen, strict=True):
        readings = yield from _readings(features, survey.encoded, bank, views)
        best = max(readings, key=lambda reading: reading.found_again)
        found.best[survey.encoded.spec.id].take(TileBest(tile.number, best.found_again, best.covered()))
        kept.append((survey.encoded.spec, readings))
    scene.store.put_readings(tile.number, kept)
    found.read.append(tile.number)


def _readings(
    features: ImageFeatures, encoded: EncodedClass, bank: MaskBank, views: Iterable[tuple[GFSAMConfig, TileView]]
) -> Generator[Event, None, list[TileReading]]:
    """Read a class in a tile in every reading."""
    from napari_gfsam.core.pipeline import read_tile

    found = []
    for config, view in views:
        found.append((yield from read_tile(features, encoded, config, bank, view)))
    return found


def _settle_tiles(scene: TiledScene, surveys: list[ClassSurvey], found: _Found) -> Generator[Event, None, None]:
    """Choose a reading of every class in every tile that was read, by what the paint and the other tiles say.

    What suits one tile need not suit the next: one choice for the whole picture was worse (docs/accuracy.md).
    """
    from napari_gfsam.core.pipeline import StageDone, Watch
    from napari_gfsam.core.second_look import choose, is_open

    store, watch = scene.store, Watch()
    witnesses = [
        [survey.witness(best, store.tokens(best.tile)) for best in found.best[survey.encoded.spec.id].kept]
        for survey in surveys
    ]
    for number in found.read:
        tokens, readings, traces = store.tokens(number), store.take_readings(number), []
        for survey, others in zip(surveys, witnesses, strict=True):
            spec = survey.encoded.spec
            several = readings[spec.id]
            elsewhere = survey.found_elsewhere(number, tokens, others) if is_open(several) else None
            chosen = choose(several, elsewhere)
            traces.append(chosen.trace(spec, elsewhere))
            found.covered[spec.id][number] = chosen.covered(elsewhere)
            yield StageDone("merge", spec.id, watch.lap())
        store.put_traces(number, traces)
