"""A person's point in a tile that was skipped: the tile is opened, with no prompts of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.imaging import ImageError
from napari_gfsam.imaging.source import source_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from napari_gfsam.api.tiles.answer import TiledAnswer
    from napari_gfsam.core.types import ClassSpec, ClassTrace, SimilarityMaps
    from napari_gfsam.imaging import PixelRecipe

ONE_VALUE = "This part of the picture has one value everywhere, so there is nothing to outline."
NOT_AT_HAND = (
    "This part of the picture was not looked at closely and the picture is not open; open it, or run it again."
)


@dataclass(frozen=True, slots=True, eq=False)
class LateSource:
    """The picture of a stored prediction: not at hand, unless somebody gives it.

    Parameters
    ----------
    shape, dtype
        Of the picture.
    size_yx
        (height, width), pixels.
    recipe
        How it is read.
    give
        Gives it, when a part is needed.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    size_yx: tuple[int, int]
    recipe: PixelRecipe
    give: Callable[[], ArrayLike] | None = None

    def read(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Read rows and columns.

        Raises
        ------
        ImageError
            If the picture is not at hand, or is another one.
        """
        if self.give is None:
            raise ImageError(NOT_AT_HAND)
        found = source_of(self.give(), self.recipe)
        if found.size_yx != self.size_yx:
            raise ImageError(NOT_AT_HAND)
        return found.read(rows, columns)


def open_tile(answer: TiledAnswer, point_yx: tuple[float, float]) -> int:
    """Open the tile in which a point is most central, and return its number.

    Raises
    ------
    ImageError
        If the tile has one value everywhere.
    """
    scene = answer.scene
    number = scene.grid.owner(point_yx).number
    if number not in scene.tiles:
        raise ImageError(ONE_VALUE)
    if not scene.store.has_traces(number):
        scene.store.put_traces(number, _nothing_found(answer, number))
    return number


def _nothing_found(answer: TiledAnswer, number: int) -> list[ClassTrace]:
    """Return traces without any prompt; masks that are put there get their values from the tile's maps."""
    from napari_gfsam.core.survey import ClassSurvey

    tokens, traces = answer.scene.store.tokens(number), []
    for encoded in answer.scene.classes:
        survey = ClassSurvey(encoded, answer.config)
        survey.count(tokens)
        survey.look(number, tokens)
        (_, view), *_ = survey.views(tokens)
        traces.append(_empty(encoded.spec, view.values))
    return traces


def _empty(spec: ClassSpec, maps: SimilarityMaps) -> ClassTrace:
    from napari_gfsam.core.masks import mask_stack
    from napari_gfsam.core.types import ClassTrace, Gates, MaskGraph, PointPrompts

    pixels, none = np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=np.int64)
    flags, values = np.zeros(0, dtype=bool), np.zeros(0, dtype=np.float32)
    masks = mask_stack(np.zeros((0, 256, 256), dtype=np.float32), maps)
    graph, gates = MaskGraph(np.zeros((0, 0), dtype=bool), none), Gates(flags, flags, values, none)
    return ClassTrace(spec, maps, PointPrompts(pixels, pixels, values), masks, graph, gates, none)
