"""How a run looks at its targets: at which scale, with which pixel sizes, in how many tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gfsam.api.pixel_sizes import pixel_sizes_between
from napari_gfsam.api.scale import SMALLEST, WANTED, cells_seen, shown_in, shown_together, tiling_for
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


#: What helps where paint is too small to be seen.
IN_PARTS = "Choose As needed for the scale (Advanced): pictures are then looked at in parts."
CROP = "Crop the pictures, so that it is {:.0f} times larger in them."


class Looks:
    """Says how the next run looks at its targets. Main thread only."""

    def __init__(self, sources: Sources, models: Models) -> None:
        self._sources, self._models = sources, models
        self._shown: dict[Hashable, Shown] = {}

    def of(self, paints: Sequence[Paint], targets: Sequence[PlaneKey]) -> Looking:
        """Return how targets are looked at with painted planes as references."""
        settings, scale = self._models.settings, self._models.scale
        if scale == "whole":
            return Looking(settings)
        sizes = self._pixel_sizes([*(paint.plane for paint in paints), *targets])
        return Looking(settings, scale, sizes, self._tiles(paints, targets, sizes))

    def warning(self, paints: Sequence[Paint]) -> str:
        """Return a sentence where paint is too small for the model to see at the scale chosen, else nothing."""
        scale = self._models.scale
        each = self._shown_in(paints)
        for paint, shown, cells in zip(paints, each, cells_seen(scale, each), strict=True):
            small = min(cells, key=lambda class_id: cells[class_id], default=None)
            if small is None or cells[small] >= SMALLEST:
                continue
            name = next((spec.name for spec in paint.classes if spec.id == small), str(small))
            better = scale != "auto" and cells_seen("auto", [shown])[0][small] >= SMALLEST
            return (
                f"What is painted as {name!r} in {paint.title} is {cells[small]:.1f} of the model's cells wide and may "
                f"not be seen. {IN_PARTS if better else CROP.format(WANTED / cells[small])}"
            )
        return ""

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
        shown, known = shown_together(self._shown_in(paints)), [sizes.get(paint.plane) for paint in paints]
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

    def _shown_in(self, paints: Sequence[Paint]) -> list[Shown]:
        """Return what each reference shows; measured once for the same paint."""
        keys = [(array_hash(one.labels), one.classes, one.ignore, one.region_yx) for one in paints]
        known = self._shown
        self._shown = {key: known.get(key) or shown_in(one) for key, one in zip(keys, paints, strict=True)}
        return [self._shown[key] for key in keys]


def _alike(plane: PlaneKey) -> Hashable:
    """Name what planes of one size share: the picture and how it is turned, or the folder of a file."""
    path = path_of(plane.source)
    return (plane.source, plane.axes_yx) if path is None else path.parent
