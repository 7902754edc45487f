"""A vote of tiles at every pixel, and a person's word before all.

Every tile that sees a pixel votes on every class: the more the further from its border the pixel lies, and the more the
better its answer and the paint find each other (`found_again` of its trace). The class is there when at least a third
of the votes are for it, or half where three tiles and more see the pixel. So a false mask in one tile is outvoted by
its neighbours, and what a border cuts by the tile that sees it whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import DTypeLike

    from napari_gfsam.core.arrays import BoolArray, FloatArray, LabelArray
    from napari_gfsam.imaging.tiles import Box, Size

BY_HAND_WEIGHT = 1e6
#: Share of the votes from which a class is there: strangers to the paint were turned down (`core.reciprocity`), so that
#: a tile that shows the class is worth more than one that does not.
ENOUGH = 1 / 3
#: Where so many tiles and more see a pixel, most of the votes decide.
MANY, MOST = 3, 1 / 2


@dataclass(frozen=True, slots=True, eq=False)
class Voter:
    """A tile at a box of the picture.

    Parameters
    ----------
    at
        Where it reaches into the box.
    weight
        (h, w) float32, how much each of its pixels counts there.
    trust
        By class id, how much its word counts, above 0.
    """

    at: Box
    weight: FloatArray
    trust: Mapping[int, float]


class Ballot:
    """The votes at every pixel of a box, class by class.

    Parameters
    ----------
    shape
        (height, width) of the box.
    classes
        Ids of all classes that are voted on.
    """

    def __init__(self, shape: Size, classes: Iterable[int]) -> None:
        self._shape = shape
        self._voters = np.zeros(shape, dtype=np.uint8)
        self._all = {class_id: np.zeros(shape, dtype=np.float32) for class_id in classes}
        self._votes: dict[int, FloatArray] = {}
        self._sure: dict[int, FloatArray] = {}

    def abstain(self, voter: Voter) -> None:
        """Count a tile in which nothing is likely."""
        self._voters[voter.at] += 1
        for class_id, every in self._all.items():
            every[voter.at] += voter.weight * np.float32(voter.trust[class_id])

    def vote(self, voter: Voter, labels: LabelArray, sure: FloatArray, by_hand: BoolArray | None = None) -> None:
        """Count a tile's (h, w) labels and confidence; where a person said so, it outvotes all others."""
        self.abstain(voter)
        for class_id in np.unique(labels[labels > 0]).tolist():
            votes = self._votes.setdefault(class_id, np.zeros(self._shape, dtype=np.float32))
            best = self._sure.setdefault(class_id, np.zeros(self._shape, dtype=np.float32))
            mine = labels == class_id
            weight = voter.weight * np.float32(voter.trust[class_id])
            if by_hand is not None:
                weight = np.where(by_hand, np.float32(BY_HAND_WEIGHT), weight)
            votes[voter.at] += np.where(mine, weight, np.float32(0))
            np.maximum(best[voter.at], np.where(mine, sure, np.float32(0)), out=best[voter.at])

    def count(self, dtype: DTypeLike) -> tuple[LabelArray, FloatArray]:
        """Return labels and confidence: a class is there where the shares of the votes for all add up to enough."""
        labels, sure = np.zeros(self._shape, dtype=dtype), np.zeros(self._shape, dtype=np.float32)
        if not self._votes:
            return labels, sure
        ids = sorted(self._votes)
        shares = np.stack([self._votes[class_id] / self._all[class_id] for class_id in ids])
        winner = shares.argmax(axis=0)
        found = shares.sum(axis=0) >= np.where(self._voters >= MANY, np.float32(MOST), np.float32(ENOUGH))
        labels[found] = np.array(ids)[winner[found]]
        for place, class_id in enumerate(ids):
            mine = found & (winner == place)
            sure[mine] = self._sure[class_id][mine]
        return labels, sure
