"""One target in tiles: two passes over its tiles, then the seams, then one answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.api.tiles.references import cut_classes
from napari_gfsam.api.tiles.seams import NO_SEAMS, find_seams
from napari_gfsam.api.tiles.store import TileStore
from napari_gfsam.imaging import ImageError, to_model_input, to_rgb
from napari_gfsam.imaging.source import settled, source_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import NDArray

    from napari_gfsam.api.run import PredictionReady, Run
    from napari_gfsam.api.scale import Tiling
    from napari_gfsam.api.stored.tiled import StoredRun
    from napari_gfsam.api.target import Target
    from napari_gfsam.api.tiles.prediction import TiledPrediction
    from napari_gfsam.core.arrays import FloatArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.masks import MaskBank
    from napari_gfsam.core.pipeline import Event
    from napari_gfsam.core.survey import ClassSurvey
    from napari_gfsam.core.types import ClassTrace, EncodedClass, ImageFeatures
    from napari_gfsam.imaging import PictureSource, PixelRecipe, Tile, TileGrid
    from napari_gfsam.io.records import InputRecord


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
        bank = self.run.backend.bank(picture)
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
    covered, tiles = yield from _read_tiles(scene, surveys)
    readings = {survey.encoded.spec.id: _best(survey, covered) for survey in surveys}
    store, names = scene.store, {class_id: name for class_id, (name, _) in readings.items()}
    seams = find_seams(scene.grid, tiles, lambda tile: store.traces(tile, names))
    scores = {class_id: score for class_id, (_, score) in readings.items()}
    answer = TiledAnswer(scene, config, tiles, names, scores, {key: seams.get(key, NO_SEAMS) for key in names})
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
            store.put_tokens(tile.number, run.backend.tokens_of([picture])[0])
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


#: By class id and reading, by tile: the (grid, grid) share of every cell that the answer covers.
Covered = dict[tuple[int, str], dict[int, "FloatArray"]]


def _read_tiles(
    scene: TiledScene, surveys: list[ClassSurvey]
) -> Generator[Event, None, tuple[Covered, tuple[int, ...]]]:
    """Read every tile with a likely cell, in every reading; return what the answers cover, and which were read."""
    from napari_gfsam.core.pipeline import TilesDone

    covered: Covered = {}
    tiles = []
    for done, number in enumerate(scene.tiles, 1):
        if (yield from _read_tile(scene, scene.grid[number], surveys, covered)):
            tiles.append(number)
        yield TilesDone("read", done, len(scene.tiles))
    return covered, tuple(tiles)


def _read_tile(
    scene: TiledScene, tile: Tile, surveys: list[ClassSurvey], covered: Covered
) -> Generator[Event, None, bool]:
    """Read a tile where any class is likely in it; tell whether it was."""
    from napari_gfsam.core.pipeline import read_tile
    from napari_gfsam.core.survey import is_likely

    features = scene.features(tile)
    seen = [(survey, list(survey.views(features.tokens))) for survey in surveys]
    if not any(is_likely(view, config) for _, views in seen for config, view in views):
        return False
    bank = scene.bank(tile)
    traces: dict[str, list[ClassTrace]] = {}
    for survey, views in seen:
        class_id = survey.encoded.spec.id
        for config, view in views:
            name: str = config.background_projection
            found = yield from read_tile(features, survey.encoded, config, bank, view)
            traces.setdefault(name, []).append(found.trace)
            covered.setdefault((class_id, name), {})[tile.number] = found.covered
    for name, of_tile in traces.items():
        scene.store.put_traces(tile.number, name, of_tile)
    return True


def _best(survey: ClassSurvey, covered: Covered) -> tuple[str, float]:
    """Return the reading from which the references are found again best over the whole picture, and its score."""
    names = [reading.config.background_projection for reading in survey.readings]
    scores = [survey.found_again(covered.get((survey.encoded.spec.id, name), {})) for name in names]
    # An empty first answer stays empty: a second reading must not talk it into something.
    best = int(np.argmax(scores)) if scores[0] > 0 else 0
    return names[best], scores[best]
