"""Single objects of a label plane: the one definition that viewer, exports and stacks share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The objects of one plane: pieces of a class that hang together by edges.

    Parameters
    ----------
    numbers
        (H, W) int32, every object its own number from 1 without gaps, 0 = background; class by class, within a class
        from the top.
    class_id
        (n,) int64 classes of objects 1, 2, ...
    """

    numbers: NDArray[np.int32]
    class_id: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.class_id)

    def renumbered(self, ids: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
        """Return (H, W) int32 with other ids, (n,), in the place of 1, 2, ..."""
        return np.concatenate([np.zeros(1, np.int32), ids.astype(np.int32)])[self.numbers]


def pieces_of(labels: NDArray[np.integer[Any]], classes: Iterable[int] | None = None) -> Pieces:
    """Tell the objects of a plane apart.

    Parameters
    ----------
    labels
        (H, W) class ids, 0 = background.
    classes
        The classes to look at, in the order of the objects; those that are there, by id, when not given.
    """
    wanted = np.unique(labels[labels > 0]).tolist() if classes is None else list(classes)
    numbers = np.zeros(labels.shape, dtype=np.int32)
    class_id: list[int] = []
    for value in wanted:
        count = _number(labels == value, numbers, len(class_id))
        class_id += [value] * count
    return Pieces(numbers, np.array(class_id, dtype=np.int64))


def _number(inside: NDArray[np.bool_], numbers: NDArray[np.int32], before: int) -> int:
    """Write the numbers of connected pieces, counted on from `before`, and return how many there are."""
    from scipy import ndimage  # takes a while: a window opens without it

    pieces, count = ndimage.label(inside)
    np.add(pieces, before, out=numbers, where=inside, casting="same_kind")
    return int(count)
