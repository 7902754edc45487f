"""How a run looks at its targets: at which scale, with which pixel sizes, in how many tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gfsam.api.pixel_sizes import pixel_sizes_between
from napari_gfsam.api.scale import shown_by, tiling_for
from napari_gfsam.bridge.packs import pixel_size_of
from napari_gfsam.controller.files import header_of, path_of
from napari_gfsam.controller.run_types import Looking
from napari_gfsam.imaging import array_hash

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from napari_gfsam.api.scale import Shown
    from napari_gfsam.controller.models import Models
    from napari_gfsam.controller.run_types import Paint
    from napari_gfsam.controller.sources import Sources
    from napari_gfsam.io.records import PixelSize
    from napari_gfsam.session.types import PlaneKey


class Looks:
    """Says how the next run looks at its targets. Main thread only."""

    def __init__(self, sources: Sources, models: Models) -> None:
        self._sources, self._models = sources, models
        self._paint: Hashable = None
        self._shown: Shown | None = None

    def of(self, paints: Sequence[Paint], targets: Sequence[PlaneKey]) -> Looking:
        """Return how targets are looked at with painted planes as references."""
        settings, scale = self._models.settings, self._models.scale
        if scale == "whole":
            return Looking(settings)
        sizes = self._pixel_sizes([*(paint.plane for paint in paints), *targets])
        return Looking(settings, scale, sizes, self._tiles(paints, targets, sizes))

    def _pixel_sizes(self, planes: Sequence[PlaneKey]) -> dict[PlaneKey, PixelSize | None]:
        """Return how large pixels are in the planes that are open; in all planes of a picture alike."""
        first = {(plane.source, plane.axes_yx): plane for plane in planes}
        found = {
            kind: pixel_size_of(self._sources.layer(plane), self._sources.of(plane), plane)
            for kind, plane in first.items()
            if self._sources.is_open(plane)
        }
        kinds = {plane: (plane.source, plane.axes_yx) for plane in planes}
        return {plane: found[kind] for plane, kind in kinds.items() if kind in found}

    def _tiles(
        self, paints: Sequence[Paint], targets: Sequence[PlaneKey], sizes: Mapping[PlaneKey, PixelSize | None]
    ) -> dict[PlaneKey, int]:
        """Return how many tiles are made of each target; all planes of a picture and all files of a folder alike."""
        shown, known = self._shown_by(paints), [sizes.get(paint.plane) for paint in paints]
        found: dict[Hashable, int] = {}
        for plane in targets:
            if _alike(plane) not in found:
                shape, size = self._header(plane, sizes)
                tiling = shape and tiling_for(self._models.scale, shown, shape, pixel_sizes_between(known, size))
                found[_alike(plane)] = len(tiling.grid(shape)) if shape and tiling else 1
        return {plane: found[_alike(plane)] for plane in targets}

    def _header(
        self, plane: PlaneKey, sizes: Mapping[PlaneKey, PixelSize | None]
    ) -> tuple[tuple[int, int] | None, PixelSize | None]:
        """Return (rows, columns) and pixel size of a plane; ``None`` for what is not known."""
        path = path_of(plane.source)
        return (self._sources.of(plane).plane_shape(plane), sizes.get(plane)) if path is None else header_of(path)

    def _shown_by(self, paints: Sequence[Paint]) -> Shown | None:
        """Return what references show; measured once for the same paint."""
        paint = tuple((array_hash(one.labels), one.classes, one.ignore, one.region_yx) for one in paints)
        if paint != self._paint:
            self._paint, self._shown = paint, shown_by(paints)
        return self._shown


def _alike(plane: PlaneKey) -> Hashable:
    """Name what planes of one size share: the picture and how it is turned, or the folder of a file."""
    path = path_of(plane.source)
    return (plane.source, plane.axes_yx) if path is None else path.parent
