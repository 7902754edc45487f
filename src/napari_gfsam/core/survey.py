"""A picture in tiles, first pass: what its tiles share, found over all of them before any is read.

Channel norms are those of the whole picture. A tile's own extremes always stretch to 0 and 1 and would put prompts into
empty tiles; the whole picture's lose tiles, for every token says something about all of its tile, which lifts or lowers
a tile's maps as a whole. So a tile is stretched from its own minimum (no higher than the picture's middle, or a tile
full of the class would lose it), over no less than a share of what tiles of the picture span.

Every tile is seen twice: `count` takes its channel norms in, then `look` its maps; after that `views` has all that
`pipeline.read_tile` wants.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_gfsam.core.pipeline import TileView
from napari_gfsam.core.points import point_map, proposal
from napari_gfsam.core.roundtrip import PictureShadow
from napari_gfsam.core.similarity import see_references, similarity_maps, unit_rows
from napari_gfsam.core.types import PictureRange, UnitTokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from napari_gfsam.core.arrays import FloatArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.types import EncodedClass, Limits, SimilarityMaps


#: What tiles of a picture usually span, as a quantile of their maps' extents; every tile counts as spanning a share.
USUAL, LEAST_SHARE = 0.75, 0.5


class ClassSurvey:
    """One class over all tiles of a picture, in every reading that its settings ask for.

    Parameters
    ----------
    encoded
        The class with its references.
    config
        The settings; ``background_projection="auto"`` asks for two readings.
    """

    def __init__(self, encoded: EncodedClass, config: GFSAMConfig) -> None:
        self.encoded = encoded
        self.readings = tuple(_Reading(encoded, one) for one in readings(config))
        kept = replace(config, background_projection="off")
        # Answers are scored, and masks valued, on the tokens as they are.
        self._plain = next((one for one in self.readings if one.config == kept), None) or _Reading(encoded, kept)
        self._shadow = PictureShadow([reference.weights for reference in encoded.references])

    def count(self, tokens: Tensor) -> None:
        """Take in a tile's (n, C) raw tokens for the channel norms."""
        for reading in self._all:
            reading.count(tokens)

    def look(self, tile: int, tokens: Tensor) -> None:
        """Take in what a tile resembles; all tiles were counted."""
        for reading in self._all:
            units = reading.units(tokens)
            reading.widen(reading.maps(units))
            if reading is self._plain:
                self._shadow.look(tile, units)

    def views(self, tokens: Tensor) -> Iterator[tuple[GFSAMConfig, TileView]]:
        """Yield, for every reading, its settings and a tile's view; all tiles were looked at."""
        values = self._plain.maps(self._plain.units(tokens))
        for reading in self.readings:
            units = reading.units(tokens)
            maps = values if reading is self._plain else reading.maps(units)
            yield reading.config, TileView(units, maps, values, reading.range_of(maps))

    def found_again(self, covered: Mapping[int, FloatArray]) -> float:
        """Return how well the references are found from an answer: (grid, grid) shares of cells covered, by tile."""
        return self._shadow.found_again(covered)

    @property
    def _all(self) -> tuple[_Reading, ...]:
        return self.readings if self._plain in self.readings else (*self.readings, self._plain)


def readings(config: GFSAMConfig) -> tuple[GFSAMConfig, ...]:
    """Return the settings of every reading: two where ``background_projection`` is to be chosen."""
    if config.background_projection != "auto":
        return (config,)
    return replace(config, background_projection="off"), replace(config, background_projection="on")


def is_likely(view: TileView, config: GFSAMConfig) -> bool:
    """Tell whether a tile gets any prompt."""
    return float(point_map(view.maps, config, view.picture).sum()) >= 1


class _Reading:
    """One class in one reading."""

    def __init__(self, encoded: EncodedClass, config: GFSAMConfig) -> None:
        self.config = config
        self._weights = [reference.weights for reference in encoded.references]
        self._seen = see_references(encoded.references, config)
        self._squares: Tensor | None = None
        self._limits: list[list[Limits]] = []

    def count(self, tokens: Tensor) -> None:
        if self.config.feature_norm == "token":
            squares = self._seen.project(tokens).double().square().sum(dim=0)
            self._squares = squares if self._squares is None else self._squares + squares

    def units(self, tokens: Tensor) -> UnitTokens:
        norm = None if self._squares is None else self._squares.sqrt().float()
        return UnitTokens(unit_rows(self._seen.project(tokens), norm), self._seen.units)

    def maps(self, units: UnitTokens) -> SimilarityMaps:
        return similarity_maps(units, self._weights, self.config)

    def widen(self, maps: SimilarityMaps) -> None:
        self._limits.append([_limits(values) for values in self._judged(maps)])

    def range_of(self, maps: SimilarityMaps) -> PictureRange:
        """Return what a tile is stretched by and judged against."""
        every = np.array(self._limits)
        return PictureRange(*(_range(every[:, k], _limits(values)) for k, values in enumerate(self._judged(maps))))

    def _judged(self, maps: SimilarityMaps) -> tuple[Tensor, Tensor, Tensor]:
        return proposal(maps, self.config), maps.negative_mean, maps.positive_mean


def _range(every: FloatArray, own: Limits) -> Limits:
    """Stretch one map of a tile; `every` has (tiles, 2) limits of all."""
    usual = float(np.quantile(every[:, 1] - every[:, 0], USUAL))
    low = min(own[0], float(every[:, 0].min() + every[:, 1].max()) / 2)
    return low, max(own[1], low + LEAST_SHARE * usual)


def _limits(values: Tensor) -> Limits:
    low, high = torch.aminmax(values)
    return float(low), float(high)
