"""What goes into a run and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_gfsam.api.reference import Region
    from napari_gfsam.api.scale import Scale
    from napari_gfsam.api.tiles.prediction import AnyPrediction
    from napari_gfsam.bridge.packs import PackPaint
    from napari_gfsam.core.arrays import LabelArray
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.types import ClassSpec
    from napari_gfsam.io.records import PixelSize
    from napari_gfsam.session.types import PictureSource, PlaneKey

#: What a stage is called for people.
STAGES = {
    "load": "Loading the models",
    "reference": "Encoding the references",
    "read": "Reading the picture",
    "encode": "Encoding the picture",
    "find": "Trying points",
    "store": "Storing the answer",
}


class Store(Protocol):
    """Where a run leaves its predictions, from its own thread."""

    def put(self, plane: PlaneKey, prediction: AnyPrediction) -> None:
        """Keep a prediction."""
        ...


@dataclass(frozen=True, slots=True)
class Looking:
    """How targets are looked at.

    Parameters
    ----------
    settings
        A preset or a `GFSAMConfig`; the segmenter's own when ``None``.
    scale
        ``whole``, ``auto`` or the side of a tile in pixels (`api.scale`).
    pixel_sizes
        By plane, how large a pixel is, where that is known; of references too.
    tiles
        By plane, how many tiles will be made of a target, as far as can be said before; 1 where none is said.
    """

    settings: GFSAMConfig | str | None = None
    scale: Scale = "whole"
    pixel_sizes: Mapping[PlaneKey, PixelSize | None] = field(default_factory=dict)
    tiles: Mapping[PlaneKey, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Paint:
    """What of a reference decides how targets are looked at; parameters as in `ReferenceInput`."""

    plane: PlaneKey
    labels: NDArray[Any]
    classes: tuple[ClassSpec, ...]
    ignore: int | None = None
    region_yx: Region | None = None
    title: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceInput:
    """A painted plane for a run; its picture is read by the run.

    Parameters
    ----------
    source, plane
        The picture.
    labels
        (H, W) whole numbers, 0 = unpainted: a copy, since the person may go on painting.
    classes
        The class table; it may name more classes than are painted here.
    title
        For people.
    ignore
        Label id that counts neither as object nor as background.
    region_yx
        (top, left, bottom, right) of the box that is painted fully.
    packed
        What the pack says that the paint came from.
    """

    source: PictureSource
    plane: PlaneKey
    labels: NDArray[Any]
    classes: tuple[ClassSpec, ...]
    title: str
    ignore: int | None = None
    region_yx: Region | None = None
    packed: PackPaint | None = None

    @property
    def paint(self) -> Paint:
        """What decides how targets are looked at."""
        return Paint(self.plane, self.labels, self.classes, self.ignore, self.region_yx, self.title)


@dataclass(frozen=True, slots=True)
class RunProgress:
    """Where a run is.

    Parameters
    ----------
    stage
        A key of `STAGES`.
    plane
        The target, ``None`` before the first.
    k, n
        Number of the target (0 before the first) and of all targets.
    fraction
        What is done, 0 to 1; it never goes back.
    seconds_left
        Seconds still to go.
    run
        Number of the run.
    """

    stage: str
    plane: PlaneKey | None
    k: int
    n: int
    fraction: float
    seconds_left: float
    run: int

    @property
    def text(self) -> str:
        """The stage for people."""
        return STAGES[self.stage]


@dataclass(frozen=True, slots=True, eq=False)
class TargetDone:
    """A target is segmented and stored.

    Parameters
    ----------
    plane
        Which.
    labels
        (H, W) class ids of the picture as it was read.
    score
        Of the class that is worst off among those found, 0 where none is; worst first for review.
    reason
        Why nothing was found, else empty.
    run
        Number of the run.
    view
        "in 9 tiles of 512 x 512 pixels"; empty where it was looked at whole.
    """

    plane: PlaneKey
    labels: LabelArray
    score: float
    reason: str
    run: int
    view: str = ""


@dataclass(frozen=True, slots=True)
class TargetFailed:
    """A target could not be segmented; the run goes on.

    Parameters
    ----------
    plane
        Which.
    sentence
        Why.
    run
        Number of the run.
    """

    plane: PlaneKey
    sentence: str
    run: int


RunEvent = RunProgress | TargetDone | TargetFailed
