"""What every answer offers for review and correction, whether the picture was looked at whole or in tiles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.core.types import Status
from napari_gfsam.io.records import DecisionRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from numpy.typing import ArrayLike

    from napari_gfsam.core.arrays import FloatArray, IntArray, LabelArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.imaging import PictureSource

#: Other readings of a picture, as changes of named settings.
READINGS: Mapping[str, Mapping[str, Any]] = {
    "whole object": {"granularity": "union"},
    "part": {"components": "strong"},
    "background removed": {"background_projection": "on"},
    "background kept": {"background_projection": "off"},
}


@dataclass(frozen=True, slots=True, eq=False)
class PointTable:
    """All prompts of a prediction, one row each.

    Parameters
    ----------
    points_yx
        (N, 2) float64 image points (row, column; pixel centres at integers, as in napari).
    class_id, index, cluster, status
        (N,) int64: the class, the prompt's number in it, its cluster and its `Status`.
    score
        (N,) float32: value of the point map.
    """

    points_yx: FloatArray
    class_id: IntArray
    index: IntArray
    cluster: IntArray
    status: IntArray
    score: FloatArray

    def __len__(self) -> int:
        """Return the number of prompts."""
        return len(self.index)


class Correctable(ABC):
    """The answer for one picture. Corrections return a new one; this one stays."""

    __slots__ = ()

    settings: GFSAMConfig
    decisions: tuple[DecisionRecord, ...]

    def with_status(self, class_id: int, point: int, status: Status) -> Self:
        """Give one prompt another status, such as ``Status.OFF_BY_HAND``.

        Raises
        ------
        ValueError
            If the class or the prompt is not there.
        """
        return self._with(DecisionRecord("status", class_id, point, int(Status(status))))

    def with_cluster_status(self, class_id: int, cluster: int, status: Status) -> Self:
        """Give every prompt of a cluster another status.

        Raises
        ------
        ValueError
            If the class or the cluster is not there.
        """
        return self._with(DecisionRecord("cluster_status", class_id, cluster, int(Status(status))))

    def with_cluster_moved(self, class_id: int, cluster: int, to_class: int) -> Self:
        """Move a cluster to another class.

        Its accepted masks (all of them, when none is accepted) become a new cluster of prompts ``ON_BY_HAND`` there;
        in the class that it leaves all its prompts are ``OFF_BY_HAND``. Erasers stay where they are.

        Raises
        ------
        ValueError
            If a class or the cluster is not there, both classes are one, or the cluster only erases.
        """
        return self._with(DecisionRecord("move", class_id, cluster, to_class=to_class))

    def with_point(self, class_id: int, point_yx: tuple[float, float], *, positive: bool = True) -> Self:
        """Add a point: its mask joins the answer, or, when not positive, is taken out of it. One decoder call.

        Parameters
        ----------
        class_id
            The class.
        point_yx
            (row, column) in the picture; outside it, the nearest pixel counts.
        positive
            Whether the point says "this" or "not this".

        Raises
        ------
        ValueError
            If the class is not there.
        """
        y, x = (float(value) for value in point_yx)
        return self._with(DecisionRecord("point", class_id, point_yx=(y, x), positive=positive))

    def with_decisions(self, decisions: tuple[DecisionRecord, ...]) -> Self:
        """Repeat recorded decisions after those made already; errors as `decided`."""
        return self.decided((*self.decisions, *decisions))

    @abstractmethod
    def decided(self, decisions: tuple[DecisionRecord, ...]) -> Self:
        """Return the answer that has exactly these decisions, whatever it has now: undo and redo."""

    def over(self, picture: Callable[[], ArrayLike]) -> Self:
        """Return the answer with its picture at hand, which a point where nothing was looked at closely needs.

        Parameters
        ----------
        picture
            Gives the picture as it was segmented, when it is needed.
        """
        return self

    @abstractmethod
    def read_as(self, settings: GFSAMConfig) -> Self:
        """Read the same picture with other settings, without any decision."""

    @property
    @abstractmethod
    def labels(self) -> LabelArray:
        """(H, W) class ids, 0 = background."""

    @property
    def label_source(self) -> PictureSource:
        """The labels, to be read part by part."""
        from napari_gfsam.imaging import ArraySource

        return ArraySource(self.labels)

    @property
    @abstractmethod
    def similarity(self) -> FloatArray:
        """(rows, columns) float32 over the picture: how alike each cell is to the painted objects of any class."""

    def alternatives(self) -> tuple[Alternative, ...]:
        """Return other readings of the same picture that differ from this one.

        They are made from the same features and the masks already decoded; only prompts in new places are decoded.
        """
        found: list[Alternative] = []
        for name, change in READINGS.items():
            reading = self.read_as(self.settings.with_settings(**change))
            seen = [self.labels, *(other.prediction.labels for other in found)]
            if not any(np.array_equal(reading.labels, labels) for labels in seen):
                found.append(Alternative(name, reading))
        return tuple(found)

    def _with(self, decision: DecisionRecord) -> Self:
        return self.decided((*self.decisions, decision))


@dataclass(frozen=True, slots=True, eq=False)
class Alternative:
    """Another reading of a picture.

    Parameters
    ----------
    name
        ``whole object``, ``part``, ``background removed`` or ``background kept``.
    prediction
        Its answer.
    """

    name: str
    prediction: Correctable
