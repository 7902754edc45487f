"""How close the closest choice of a run was."""

from __future__ import annotations

import math


class Margin:
    """The smallest distance between two numbers that a choice hung on.

    ``slack`` divides the distance where the numbers themselves are less exact than 1e-5: torch finds the place of a
    sample in the 1024 frame in float32, good to 6e-5 pixels, and so are the weights of a mask's edge cells.

    Equal numbers made from equal inputs are a tie on purpose and leave the margin alone: the tie rule decides.
    Equal numbers made in different ways (``same=False``) count as a distance of 0, because other rounding may
    order them either way.
    """

    def __init__(self) -> None:
        self.closest = math.inf

    def note(self, left: float, right: float, *, same: bool = False, slack: float = 1.0) -> None:
        if not (same and left == right):
            self.closest = min(self.closest, abs(left - right) / slack)

    @property
    def clear(self) -> bool:
        """Whether float32 rounding cannot change any choice."""
        return self.closest > 1e-5
