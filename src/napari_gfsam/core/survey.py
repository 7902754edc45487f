"""A picture in tiles, first pass: which tiles hold any likely cell, found over all of them before any is read.

A tile's own extremes always stretch to 0 and 1 and would put prompts into empty tiles, so whether a tile is read at all
is decided with the channel norms and the extremes of the whole picture. The tiles that are read are then read like
pictures of their own: norms and extremes of the whole picture lose dim parts of it (docs/accuracy.md), for every token
says something about all of its tile, which lifts or lowers a tile's maps as a whole. For the same reason a tile is
stretched here from its own minimum (no higher than the picture's middle, or a tile full of the class would lose it),
over no less than a share of what tiles of the picture span.

Every tile is seen twice: `count` takes its channel norms in, then `look` its maps; after that `is_likely` tells whether
anything is likely in it, and `views` has all that `pipeline.read_tile` wants. A view allows no prompt where nothing is
like the paint, or only as ground alone is (`core.reciprocity`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_gfsam.core.pipeline import TileView
from napari_gfsam.core.points import point_map, proposal
from napari_gfsam.core.reciprocity import is_ground_alone, look_both_ways
from napari_gfsam.core.roundtrip import PictureShadow
from napari_gfsam.core.second_look import Witness, found_elsewhere
from napari_gfsam.core.similarity import see_references, similarity_maps, unit_rows, unit_tokens
from napari_gfsam.core.types import PictureRange, UnitTokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

    from napari_gfsam.core.arrays import FloatArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.reciprocity import TileLook
    from napari_gfsam.core.second_look import TileBest
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
        # Masks are valued, and tiles compared with each other, on the tokens as they are.
        self._plain = next((one for one in self.readings if one.config == kept), None) or _Reading(encoded, kept)
        device = self._plain.device
        self._ground = tuple(self._plain.units(rows.to(device)).target for rows in encoded.ground)
        self._shadow = PictureShadow([reference.weights for reference in encoded.references])

    def count(self, tokens: Tensor) -> None:
        """Take in a tile's (n, C) raw tokens for the channel norms."""
        for reading in self._all:
            reading.count(tokens)

    def look(self, tile: int, tokens: Tensor) -> None:
        """Take in what a tile resembles; all tiles were counted."""
        for reading in self.readings:
            reading.look(tokens)
        self._shadow.look(tile, self._plain.units_in_picture(tokens))

    def is_likely(self, tokens: Tensor) -> bool:
        """Tell whether the class is likely anywhere in a tile; all tiles were looked at."""
        return any(reading.is_likely(tokens) for reading in self.readings)

    def views(self, tokens: Tensor, *, likely: bool = True) -> Iterator[tuple[GFSAMConfig, TileView]]:
        """Yield, for every reading, its settings and a tile's view.

        Where the class is not likely, or whatever is there would be turned down, it gets no prompt.
        """
        plain = self._plain.units(tokens)
        values = self._plain.maps(plain)
        look = look_both_ways(plain, self._plain.weights)
        likely = likely and not is_ground_alone(plain, self._ground, look.painted)
        seen = [self._seen(reading, tokens, (plain, values, look)) for reading in self.readings]
        looks = tuple(look for _, _, look in seen)
        for reading, (units, maps, mine) in zip(self.readings, seen, strict=True):
            if not (likely and mine.painted.any()):
                maps = replace(maps, allowed=torch.zeros_like(maps.allowed))
            yield reading.config, TileView(units, maps, values, mine, looks)

    def witness(self, best: TileBest, tokens: Tensor) -> Witness:
        """Return what a tile's best answer says about other tiles."""
        return Witness(best, self._plain.units(tokens).target)

    def found_elsewhere(self, tile: int, tokens: Tensor, witnesses: Sequence[Witness]) -> FloatArray | None:
        """Return what `second_look.found_elsewhere` gives."""
        return found_elsewhere(tile, self._plain.units(tokens).target, witnesses) if witnesses else None

    def found_again(self, covered: Mapping[int, FloatArray]) -> float:
        """Return how well the references are found from an answer: (grid, grid) shares of cells covered, by tile."""
        return self._shadow.found_again(covered)

    def _seen(
        self, reading: _Reading, tokens: Tensor, plain: tuple[UnitTokens, SimilarityMaps, TileLook]
    ) -> tuple[UnitTokens, SimilarityMaps, TileLook]:
        if reading is self._plain:
            return plain
        units = reading.units(tokens)
        return units, reading.maps(units), look_both_ways(units, reading.weights)

    @property
    def _all(self) -> tuple[_Reading, ...]:
        return self.readings if self._plain in self.readings else (*self.readings, self._plain)


def readings(config: GFSAMConfig) -> tuple[GFSAMConfig, ...]:
    """Return the settings of every reading: two where ``background_projection`` is to be chosen."""
    if config.background_projection != "auto":
        return (config,)
    return replace(config, background_projection="off"), replace(config, background_projection="on")


class _Reading:
    """One class in one reading."""

    def __init__(self, encoded: EncodedClass, config: GFSAMConfig) -> None:
        self.config = config
        self.weights = [reference.weights for reference in encoded.references]
        self._references = encoded.references
        self._seen = see_references(encoded.references, config)
        self._squares: Tensor | None = None
        self._limits: list[tuple[Limits, Limits]] = []
        self._spreads: tuple[_Spread, ...] = ()

    @property
    def device(self) -> torch.device:
        return self._seen.units[0].device

    def count(self, tokens: Tensor) -> None:
        if self.config.feature_norm == "token":
            squares = self._seen.project(tokens).double().square().sum(dim=0)
            self._squares = squares if self._squares is None else self._squares + squares

    def units(self, tokens: Tensor) -> UnitTokens:
        """Normalise a tile by itself."""
        return unit_tokens(tokens, self._references, self.config, self._seen)

    def units_in_picture(self, tokens: Tensor) -> UnitTokens:
        """Normalise a tile by the channel norms of the whole picture."""
        norm = None if self._squares is None else self._squares.sqrt().float()
        return UnitTokens(unit_rows(self._seen.project(tokens), norm), self._seen.units)

    def maps(self, units: UnitTokens) -> SimilarityMaps:
        return similarity_maps(units, self.weights, self.config)

    def look(self, tokens: Tensor) -> None:
        self._limits.append(self._limits_of(self.maps(self.units_in_picture(tokens))))

    def is_likely(self, tokens: Tensor) -> bool:
        maps = self.maps(self.units_in_picture(tokens))
        picture = PictureRange(*map(_range, self._spread(), self._limits_of(maps)))
        return float(point_map(maps, self.config, picture).sum()) >= 1

    def _spread(self) -> tuple[_Spread, ...]:
        """Return the spread of both maps over all tiles, found once."""
        if not self._spreads:
            every = np.array(self._limits)
            self._spreads = tuple(_Spread.of(every[:, k]) for k in range(2))
        return self._spreads

    def _limits_of(self, maps: SimilarityMaps) -> tuple[Limits, Limits]:
        return _limits(proposal(maps, self.config)), _limits(maps.negative_mean)


@dataclass(frozen=True, slots=True)
class _Spread:
    """What one map spans over the tiles of a picture: usually in a tile, and the middle of its range over all."""

    usual: float
    middle: float

    @classmethod
    def of(cls, every: FloatArray) -> _Spread:
        """Return it of the (tiles, 2) limits of all."""
        usual = float(np.quantile(every[:, 1] - every[:, 0], USUAL))
        return cls(usual, float(every[:, 0].min() + every[:, 1].max()) / 2)


def _range(spread: _Spread, own: Limits) -> Limits:
    """Stretch one map of a tile."""
    low = min(own[0], spread.middle)
    return low, max(own[1], low + LEAST_SHARE * spread.usual)


def _limits(values: Tensor) -> Limits:
    low, high = torch.aminmax(values)
    return float(low), float(high)
