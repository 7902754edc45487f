"""What the rooms of the viewer pass to each other: frozen, free of Qt and napari."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from napari_gfsam.imaging import PixelRecipe


@dataclass(frozen=True, slots=True, order=True)
class PlaneKey:
    """One two-dimensional plane of a source: what is referenced, segmented, reviewed and accepted.

    Parameters
    ----------
    source
        Id of the `PictureSource`.
    index
        One entry an axis of the source's label layer: a position, or -1 for the two axes of the plane.
    axes_yx
        The axes that are the plane's rows and columns: ascending in every key that we make, so that a plane has one key
        however the viewer turns it.
    """

    source: str
    index: tuple[int, ...] = (-1, -1)
    axes_yx: tuple[int, int] = (0, 1)

    def take(self, array: Any) -> NDArray[Any]:
        """Return the (H, W) plane of an array with one axis an entry of `index`: a view where the array gives views."""
        plane: NDArray[Any] = array[self.slicing]
        return plane if self.axes_yx[0] < self.axes_yx[1] else plane.T

    def put(self, array: Any, plane: NDArray[Any]) -> None:
        """Write the (H, W) plane into an array with one axis an entry of `index`."""
        array[self.slicing] = plane if self.axes_yx[0] < self.axes_yx[1] else plane.T

    @property
    def upright(self) -> PlaneKey:
        """The plane with its axes ascending."""
        first, second = sorted(self.axes_yx)
        return self if self.axes_yx == (first, second) else replace(self, axes_yx=(first, second))

    def where(self, other: PlaneKey) -> tuple[int | slice, int | slice] | None:
        """Return what indexes this (H, W) plane where another crosses it (a line or a pixel); ``None`` if none does."""
        if self.source != other.source or self.axes_yx == other.axes_yx:
            return None
        if any(0 <= here != there >= 0 for here, there in zip(self.index, other.index, strict=True)):
            return None
        row, column = (slice(None) if place < 0 else place for place in map(other.index.__getitem__, self.axes_yx))
        return row, column

    @property
    def slicing(self) -> tuple[int | slice, ...]:
        """What indexes the plane's two axes, in the order of the array."""
        return tuple(slice(None) if place < 0 else place for place in self.index)


class PictureSource(Protocol):
    """Pictures of one origin (image layers shown together, or a file), read plane by plane from any thread."""

    @property
    def id(self) -> str:
        """Stable for the life of the viewer."""
        ...

    @property
    def name(self) -> str:
        """For people."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a label layer over it: no RGB axis, a channel axis has length 1."""
        ...

    @property
    def recipe(self) -> PixelRecipe:
        """How the values that `read` returns become RGB."""
        ...

    @property
    def pixels(self) -> Hashable:
        """Equal while its values come from the same arrays or file."""
        ...

    def read(self, plane: PlaneKey) -> NDArray[Any]:
        """Return the values of one plane, as `imaging.to_rgb` takes them with `recipe`: rows, columns(, channels)."""
        ...


class TargetState(StrEnum):
    """Where a target stands in the queue."""

    WAITING = "waiting"
    RUNNING = "running"
    PROPOSED = "proposed"
    SKIPPED = "skipped"
    ACCEPTED = "accepted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Target:
    """A plane in the queue.

    Parameters
    ----------
    plane
        Which.
    title
        For people: the source's name and the place in the stack.
    state
        Where it stands.
    score
        Confidence of the proposal in [0, 1]; worst first.
    note
        Why it is empty or failed, else empty.
    run
        Number of the run that made the proposal, 0 before any.
    view
        How it was cut for it, in words; empty where it was looked at whole.
    """

    plane: PlaneKey
    title: str
    state: TargetState = TargetState.WAITING
    score: float = 0.0
    note: str = ""
    run: int = 0
    view: str = ""

    @property
    def percent(self) -> int:
        """The score as lists show it and as it is compared: in whole percent."""
        return round(100 * self.score)


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A row of the class table.

    Parameters
    ----------
    id
        Label value, 1 to 65535.
    name
        For people.
    color
        (red, green, blue), 0 to 255.
    negative
        "Not this": competes, then is erased.
    painted_fully
        Whether every object of the class is painted in the references; ``None`` before the user answered.
    """

    id: int
    name: str
    color: tuple[int, int, int]
    negative: bool = False
    painted_fully: bool | None = None


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """A painted plane.

    Parameters
    ----------
    id
        Its own id (32 hexadecimal digits), name of its files.
    plane
        The painted plane of a picture.
    labels_layer
        Id of the Labels layer that holds the paint (see `bridge.identity`).
    title
        For people.
    enabled
        Whether the next run uses it.
    ignore
        Label id that counts neither as object nor as background, or ``None``.
    region_yx
        (top, left, bottom, right) of the box that is painted fully, or ``None`` for the whole plane.
    """

    id: str
    plane: PlaneKey
    labels_layer: str
    title: str
    enabled: bool = True
    ignore: int | None = None
    region_yx: tuple[int, int, int, int] | None = None
