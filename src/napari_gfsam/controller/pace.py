"""How long a run takes: an estimate before it, the share done and the time left during it, what it took after it."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that the parts of a run take on this machine; the defaults are those of two cores.

    Parameters
    ----------
    load
        Import and load the models, the first time.
    reference
        Read and encode a reference.
    target
        Read and encode a target, or a tile of one; merge and store its answer.
    each_class
        Find one class in a target, or a tile of one.
    """

    load: float = 3.0
    reference: float = 0.5
    target: float = 1.2
    each_class: float = 1.2

    def seconds_per_view(self, n_classes: int) -> float:
        """Return what a target, or a tile of one, takes with so many classes."""
        return self.target + n_classes * self.each_class


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will take.

    Parameters
    ----------
    seconds
        Of time.
    disk_bytes
        What its answers take in the session folder, so that they can be corrected later.
    memory_bytes
        What the process will hold more of than before, with the bundled models.
    """

    seconds: float
    disk_bytes: int
    memory_bytes: int


# Of a stored target, or a tile of one: tokens and embedding; and what a class adds (one class: 7 to 12 MB in all on
# the samples).
TARGET_BYTES = 6 * MEGABYTE
CLASS_BYTES = 3 * MEGABYTE
# Models and one target at work; a target that is kept, up to the bounds of the feature cache and the prediction store.
MODELS_MEMORY = 1200 * MEGABYTE
TARGET_MEMORY = 90 * MEGABYTE
KEPT_MEMORY = 1024 * MEGABYTE


def estimate(
    n_targets: int,
    n_classes: int,
    n_references: int,
    known: Pace | None = None,
    *,
    n_views: int | None = None,
    loaded: bool = False,
) -> Estimate:
    """Estimate a run.

    Parameters
    ----------
    n_targets, n_classes, n_references
        How many.
    known
        What an earlier run returned; a guess where there was none.
    n_views
        Tiles of all targets, those that are not cut counted once; as many as targets when ``None``.
    loaded
        Whether the models are loaded already.
    """
    pace, views = known or Pace(), n_targets if n_views is None else n_views
    seconds = (0.0 if loaded else pace.load) + n_references * pace.reference
    seconds += views * pace.seconds_per_view(n_classes)
    memory = (0 if loaded else MODELS_MEMORY) + min(n_targets * TARGET_MEMORY, KEPT_MEMORY)
    return Estimate(seconds, views * (TARGET_BYTES + n_classes * CLASS_BYTES), memory)


class Meter:
    """The clock of one run: tells how far it is, and measures its parts.

    Parameters
    ----------
    pace
        What the parts will take, as far as known.
    views
        By target, its tiles as far as known; 1 where it is not cut.
    n_classes, n_references
        How many.
    loaded
        Whether the models are loaded already.
    """

    def __init__(self, pace: Pace, views: Sequence[int], n_classes: int, n_references: int, *, loaded: bool) -> None:
        self._pace, self._n_classes = pace, n_classes
        self._load = 0.0 if loaded else pace.load
        first_target = self._load + n_references * pace.reference
        planned = (count * pace.seconds_per_view(n_classes) for count in views)
        # In planned seconds: where the targets begin and the last ends, where the one at work does, what is done.
        self._begins = list(accumulate(planned, initial=first_target))
        self._place = self._done = 0.0
        self._each, self._views, self._planned_views = 0.0, 1, tuple(views)
        self._begin = self._mark = self._target_mark = time.monotonic()
        self._measured: dict[str, list[float]] = {field.name: [] for field in fields(Pace)}
        self._ratios: list[float] = []

    @property
    def fraction(self) -> float:
        """What is done, 0 to 1; it never goes back."""
        return self._done / self._begins[-1] if self._begins[-1] else 1.0

    @property
    def seconds_left(self) -> float:
        """Seconds still to go, from the median of the targets that are done."""
        scale = 1.0
        if self._ratios:
            scale = statistics.median(self._ratios)
        elif self._done:  # a slow machine shows at once, a quick one only when a target is done
            scale = max(1.0, (time.monotonic() - self._begin) / self._done)
        return scale * (self._begins[-1] - self._done)

    @property
    def pace(self) -> Pace:
        """The medians of what was measured, and what was expected where nothing was."""
        return replace(self._pace, **{name: statistics.median(took) for name, took in self._measured.items() if took})

    def models_loaded(self) -> None:
        """Count the models."""
        seconds = self._lap()
        if self._load:
            self._measured["load"].append(seconds)
        self._reach(self._load)

    def reference_done(self, number: int) -> None:
        """Count the references up to this number (the first is 1)."""
        self._measured["reference"].append(self._lap())
        self._reach(self._load + number * self._pace.reference)

    def target_begins(self, number: int) -> None:
        """Turn to the target of this number (the first is 1); all before it count, also those that failed."""
        self._place = self._begins[number - 1]
        self._each, self._views = self._begins[number] - self._place, self._planned_views[number - 1]
        self._reach(self._place)
        self._lap()
        self._target_mark = self._mark

    def cut(self, tiles: int) -> None:
        """Say how many tiles the target has: what it takes is measured by the tile."""
        self._views = tiles

    def classes_found(self, classes: float) -> None:
        """Count so many classes of the target, the last one perhaps in part; 0 when it is encoded."""
        if classes == 0:
            self._lap()
        self._reach(self._place + self._pace.target + min(classes, self._n_classes) * self._pace.each_class)

    def share_done(self, share: float) -> None:
        """Count a share of the target, 0 to 1."""
        self._reach(self._place + share * self._each)

    def target_found(self) -> None:
        """Count the classes of the target, all of them."""
        if self._n_classes:
            self._measured["each_class"].append(self._lap() / self._n_classes / self._views)
        self._reach(self._place + self._each)

    def target_stored(self) -> None:
        """Take the time of a target that is done."""
        seconds = time.monotonic() - self._target_mark
        self._ratios.append(seconds / self._each)
        classes = self._measured["each_class"][-1] * self._n_classes if self._n_classes else 0.0
        self._measured["target"].append(max(seconds / self._views - classes, 0.0))

    def _reach(self, planned_seconds: float) -> None:
        self._done = max(self._done, planned_seconds)

    def _lap(self) -> float:
        """Return the seconds since the last lap."""
        now = time.monotonic()
        seconds, self._mark = now - self._mark, now
        return seconds
