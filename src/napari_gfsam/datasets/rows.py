"""What became of each target, as one small row; the same from a fresh answer and from a record on disk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_gfsam.io.records import RunRecord


class Ended(StrEnum):
    """How it ended with a target."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ClassRow:
    """What came out for a class (see `io.records.ClassResult`)."""

    name: str
    negative: bool
    prompts: int
    clusters: int
    accepted: int
    pixels: int
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """What became of a target.

    Parameters
    ----------
    number
        Its place in the order of targets, from 0.
    file
        The picture, as it was named.
    state
        How it ended; skipped: its outputs were there.
    labels
        Path of its label image; empty when it failed.
    classes
        What came out.
    seconds
        For all stages together, when it was made.
    device
        Where the models worked; empty where none ran.
    error
        Why it failed.
    killed
        Whether it failed because the processes that had it ended.
    tile
        Size of the tiles it was looked at in; empty where it was looked at whole.
    zoom
        How many of its pixels a pixel of the references spans.
    """

    number: int
    file: str
    state: Ended
    labels: str = ""
    classes: tuple[ClassRow, ...] = ()
    seconds: float = 0.0
    device: str = ""
    error: str = ""
    killed: bool = False
    tile: str = ""
    zoom: float = 1.0

    @property
    def found(self) -> tuple[str, ...]:
        """Names of the classes that the label image holds."""
        return tuple(one.name for one in self.classes if one.pixels)

    @property
    def prompts(self) -> int:
        """Prompts of all classes."""
        return sum(one.prompts for one in self.classes)

    @property
    def accepted(self) -> int:
        """Prompts whose masks are in the answer."""
        return sum(one.accepted for one in self.classes)

    @property
    def score(self) -> float:
        """Score of the class that is worst off among those found, 0 where none is."""
        return min((one.score for one in self.classes if one.pixels and not one.negative), default=0.0)

    @property
    def reason(self) -> str:
        """Why nothing was found, else an empty string."""
        if any(one.pixels for one in self.classes):
            return ""
        if len(self.classes) == 1:
            return self.classes[0].reason
        return " ".join(f"{one.name}: {one.reason}" for one in self.classes if one.reason)


def row_of(record: RunRecord, *, number: int = 0, state: Ended = Ended.DONE, labels: str = "") -> Row:
    """Return the row of a run from its record."""
    known = {one.id: one for reference in record.references for one in reference.classes}
    classes = tuple(
        ClassRow(
            known[one.id].name if one.id in known else f"class {one.id}",
            one.id in known and known[one.id].negative,
            one.prompts,
            one.clusters,
            one.accepted,
            one.pixels,
            one.score,
            one.reason,
        )
        for one in record.results
    )
    file = record.target.path or record.target.name
    row = Row(number, file, state, labels, classes, round(sum(record.seconds.values()), 3))
    if record.tiling is None:
        return row
    zoom = float(f"{record.tiling.tile[0] / record.tiling.view[0]:.2g}")
    return replace(row, tile=" x ".join(map(str, record.tiling.tile)), zoom=zoom)


def summary(record: RunRecord) -> str:
    """Return seconds, prompts, clusters and score of a run as plain text (see `describe`)."""
    return describe(row_of(record))


def describe(row: Row) -> str:
    """Return seconds, prompts, clusters and score of a row as plain text."""
    several = len(row.classes) > 1
    scores = [f"{one.name} {one.score:.3f}" if several else f"{one.score:.3f}" for one in row.classes]
    clusters = sum(one.clusters for one in row.classes)
    counts = f"{_count(row.prompts, 'prompt')}, {_count(clusters, 'cluster')}"
    text = f"{row.seconds:.2f} s, {counts}, score {', '.join(scores)}"
    text += f", in tiles of {row.tile} pixels" if row.tile else ""
    text += f" ({row.zoom:g} to a pixel of the references)" if row.zoom != 1 else ""
    return f"{text} (empty: {row.reason})" if row.reason else text


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
