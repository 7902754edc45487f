"""At which scale a target is looked at: whole, or in tiles. One rule, from the painted objects and pixel sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np

from napari_gfsam.imaging.tiles import Size, TileGrid
from napari_gfsam.io.records import TilingRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_gfsam.api.reference import Region
    from napari_gfsam.core.arrays import BoolArray
    from napari_gfsam.core.types import ClassSpec

#: Cells a side that every model sees of a picture, as far as the rule is concerned.
GRID = 37
#: Painted objects that span at least so many cells are left as they are; smaller ones are brought to the second number,
#: but so that no class spans more than the third.
SMALLEST, WANTED, LARGEST = 1.5, 4.0, 16.0
#: Pixels a side that the encoders see: a smaller view shows nothing but blown-up pixels.
LEAST_VIEW = 518
#: A picture at most so much larger than a tile is not cut.
SLACK = 1.5
#: What neighbouring tiles share: so much of the objects' span, within these bounds of a tile's side.
ROOM, LEAST_OVERLAP, MOST_OVERLAP = 1.5, 0.25, 0.5


@dataclass(frozen=True, slots=True)
class Tiling:
    """How pictures are cut.

    Parameters
    ----------
    tile, overlap
        (height, width) of the target's tiles and (rows, columns) that neighbours share at least, target pixels.
    view
        (height, width) of the references' tiles, reference pixels.
    span
        Cells that the painted objects span in a whole reference.
    """

    tile: Size
    overlap: Size
    view: Size
    span: float

    def grid(self, shape: Size) -> TileGrid:
        """Return the tiles of a target."""
        return TileGrid(shape, self.tile, self.overlap)


#: ``auto``, ``whole``, the side of the target's tiles in pixels, or what another run decided.
Scale: TypeAlias = Literal["auto", "whole"] | int | Tiling


@dataclass(frozen=True, slots=True)
class PixelSizes:
    """The side of a pixel of the references and of the target, in one unit.

    Raises
    ------
    ValueError
        If one is not above 0.
    """

    reference: float = 1.0
    target: float = 1.0

    def __post_init__(self) -> None:
        """Refuse sizes that are none."""
        if not (self.reference > 0 and self.target > 0):
            raise ValueError(f"Pixel sizes are above 0, not {self.reference} and {self.target}.")

    @property
    def ratio(self) -> float:
        """Target pixels to a reference pixel."""
        return self.reference / self.target


class Painted(Protocol):
    """What the rule takes of a reference; see `api.reference.Reference`."""

    @property
    def labels(self) -> NDArray[Any]:
        """(H, W) whole numbers."""
        ...

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """Classes that may be painted in it."""
        ...

    @property
    def ignore(self) -> int | None:
        """Label of pixels that do not count."""
        ...

    @property
    def region_yx(self) -> Region | None:
        """Box whose pixels count."""
        ...


@dataclass(frozen=True, slots=True)
class Shown:
    """What the rule takes of references: the median of their sizes, and of the spans of their painted objects.

    Parameters
    ----------
    size
        (height, width), reference pixels.
    spans
        By class id, reference pixels: the side of a square as large as the piece of paint in which the median painted
        pixel lies. (Specks of paint do not count, for they hold few pixels.)
    """

    size: Size
    spans: Mapping[int, float]


def shown_by(references: Sequence[Painted]) -> Shown | None:
    """Return what the rule takes of painted pictures, ``None`` where nothing is painted."""
    return shown_together([shown_in(reference) for reference in references])


def shown_in(reference: Painted) -> Shown:
    """Return what one painted picture shows; no spans where nothing is painted."""
    from napari_gfsam.core.paint import counted_pixels

    counts = counted_pixels(reference.labels, reference.ignore, reference.region_yx)
    painted = {spec.id: (reference.labels == spec.id) & counts for spec in reference.classes}
    height, width = reference.labels.shape
    return Shown((height, width), {class_id: _span(mask) for class_id, mask in painted.items() if mask.any()})


def shown_together(each: Sequence[Shown]) -> Shown | None:
    """Return what several pictures show, ``None`` where nothing is painted in any."""
    classes = dict.fromkeys(class_id for shown in each for class_id in shown.spans)
    if not classes:
        return None
    height, width = np.median([shown.size for shown in each], axis=0)
    spans = {
        class_id: float(np.median([shown.spans[class_id] for shown in each if class_id in shown.spans]))
        for class_id in classes
    }
    return Shown((int(height), int(width)), spans)


def cells_seen(scale: Scale, each: Sequence[Shown]) -> list[dict[int, float]]:
    """Return how many cells the painted objects of each picture will span, by class id.

    Parameters
    ----------
    scale
        At which targets will be looked at.
    each
        What the pictures show.
    """
    together = shown_together(each)
    view = None if scale == "whole" or together is None else _view(scale, together)
    return [
        {class_id: GRID * span / _side(*(view or shown.size)) for class_id, span in shown.spans.items()}
        for shown in each
    ]


def decide(scale: Scale, references: Sequence[Painted], shape: Size, pixels: PixelSizes | None = None) -> Tiling | None:
    """Decide from painted pictures whether a target is cut, and how; see `tiling_for`."""
    shown = None if isinstance(scale, Tiling) or scale == "whole" else shown_by(references)
    return tiling_for(scale, shown, shape, pixels)


def tiling_for(scale: Scale, shown: Shown | None, shape: Size, pixels: PixelSizes | None = None) -> Tiling | None:
    """Decide whether a target is cut, and how; ``None`` leaves it whole.

    ``auto``: where the painted objects span fewer than 1.5 cells of the 37 that a picture is seen on, references and
    target are looked at in views in which they span 4, but of no fewer pixels than the encoders see; else a view is as
    large as a reference. A target at most 1.5 times as large as a view (in the references' pixel size) is looked at
    whole.

    Parameters
    ----------
    scale
        What was asked for.
    shown
        What the references show.
    shape
        (height, width) of the target, pixels.
    pixels
        Pixel sizes, where they are known.

    Raises
    ------
    ValueError
        If the scale is none of the words and no number of pixels.
    """
    if isinstance(scale, Tiling):
        return scale
    if scale == "whole" or shown is None:
        return None
    ratio = (pixels or PixelSizes()).ratio
    view = _view(scale, shown, ratio)
    tile = _scaled(view, ratio) if scale == "auto" else (_checked(scale), _checked(scale))
    if _side(*shape) <= SLACK * _side(*tile):
        return None
    share = np.clip(ROOM * max(shown.spans.values()) / _side(*view), LEAST_OVERLAP, MOST_OVERLAP)
    span = GRID * min(shown.spans.values()) / _side(*shown.size)
    return Tiling(tile, _scaled(tile, float(share), least=0), view, round(span, 2))


def _view(scale: Scale, shown: Shown, ratio: float = 1.0) -> Size:
    """Return (height, width) of the part of a reference that is looked at at once, reference pixels."""
    if isinstance(scale, Tiling):
        return scale.view
    if scale != "auto":
        return _scaled((_checked(scale), _checked(scale)), 1 / ratio)
    side = _side(*shown.size)
    cells = {class_id: GRID * span / side for class_id, span in shown.spans.items()}
    return _scaled(shown.size, 1 / magnification(cells, side))


def magnification(spans: dict[int, float], side: float) -> float:
    """Return how much larger than in a whole reference objects are to be seen, at least 1.

    Parameters
    ----------
    spans
        By class id, cells that its painted objects span in a whole reference.
    side
        Of a reference, pixels.
    """
    smallest, largest = min(spans.values()), max(spans.values())
    if smallest >= SMALLEST:
        return 1.0
    return max(1.0, min(WANTED / smallest, LARGEST / largest, side / LEAST_VIEW))


def _span(painted: BoolArray) -> float:
    from scipy import ndimage  # takes a while: a window opens without it

    pieces, _ = ndimage.label(painted)
    areas = np.sort(np.bincount(pieces.ravel())[1:])
    total = np.cumsum(areas)
    return float(np.sqrt(areas[np.searchsorted(total, total[-1] / 2)]))


def _side(height: float, width: float) -> float:
    return float(np.sqrt(height * width))


def _scaled(size: Size, factor: float, least: int = 1) -> Size:
    height, width = (max(least, round(side * factor)) for side in size)
    return height, width


def _checked(scale: object) -> int:
    if isinstance(scale, bool) or not isinstance(scale, int) or scale < 16:
        raise ValueError(f"The scale is auto, whole or the side of a tile of at least 16 pixels, not {scale!r}.")
    return scale


def tiling_record(tiling: Tiling | None) -> TilingRecord | None:
    """Return what a run record says of a tiling."""
    return None if tiling is None else TilingRecord(tiling.tile, tiling.overlap, tiling.view, tiling.span)


def tiling_of(record: TilingRecord | None) -> Tiling | None:
    """Return the tiling that a run record describes.

    Raises
    ------
    ValueError
        If a size is not two numbers.
    """
    if record is None:
        return None
    return Tiling(_pair(record.tile), _pair(record.overlap), _pair(record.view), record.span)


def _pair(size: tuple[int, ...]) -> Size:
    if len(size) != 2:
        raise ValueError(f"The record's tiling has {len(size)} numbers where height and width are expected.")
    return size[0], size[1]
