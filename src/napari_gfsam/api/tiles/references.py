"""References cut like their targets: each stays one reference, seen closer, of the tokens of its best-painted tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.api.scale import SLACK
from napari_gfsam.core.paint import counted_pixels
from napari_gfsam.imaging import TileGrid, to_model_input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_gfsam.api.backend import Backend
    from napari_gfsam.api.reference import Reference
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.types import ClassSpec, EncodedClass, GridWeights, ReferenceFeatures
    from napari_gfsam.imaging import Tile
    from napari_gfsam.imaging.tiles import Size

#: Every token of a target is compared with every token of a reference: more tiles cost time and tell little more.
MOST_TILES = 6
#: Pixels around paint that do not count as ground.
AROUND = 4


def cut_classes(
    backend: Backend, references: Sequence[Reference], settings: GFSAMConfig, view: Size
) -> tuple[EncodedClass, ...]:
    """Return all classes with their references, these cut into views and encoded now if they were not.

    Parameters
    ----------
    backend
        The models.
    references
        The painted pictures.
    settings
        Uses ``mask_pooling``.
    view
        (height, width) of a view, reference pixels.
    """
    import torch

    from napari_gfsam.core.types import EncodedClass, ReferenceFeatures

    shown: dict[ClassSpec, list[ReferenceFeatures]] = {}
    ground: dict[ClassSpec, list[Tensor]] = {}
    for reference in references:
        tiles = best_painted(reference, view)
        inputs = [to_model_input(reference.rgb[tile.box]) for tile in tiles]
        tokens = torch.cat(backend.tokens_of(inputs))
        nothing = backend.tokens_of([to_model_input(rgb) for rgb in without_paint(reference)])
        for spec in reference.classes:
            weights = _weights(reference, spec.id, tiles, backend.encoder.grid, settings)
            if bool(weights.foreground.any()):
                shown.setdefault(spec, []).append(ReferenceFeatures(tokens, weights))
                ground.setdefault(spec, []).extend(nothing)
    specs = sorted(shown, key=lambda spec: spec.id)
    return tuple(EncodedClass(spec, tuple(shown[spec]), tuple(ground[spec])) for spec in specs)


def without_paint(reference: Reference) -> list[NDArray[np.uint8]]:
    """Return what a reference looks like without paint, none where all is painted.

    Returns
    -------
    Two (H, W, 3) pictures of its unpainted pixels: all drawn by chance, and only those on paint and around it, for what
    has a texture is unlike the first, and what was cut out of it leaves traces in the second.
    """
    from scipy import ndimage

    ground = counted_pixels(reference.labels, reference.ignore, reference.region_yx) & (reference.labels == 0)
    around = ndimage.binary_erosion(ground, iterations=AROUND, border_value=1)
    ground = around if around.any() else ground
    if not ground.any():
        return []
    drawn = np.random.default_rng(0).choice(reference.rgb[ground], ground.shape)
    return [drawn, np.where(ground[..., None], reference.rgb, drawn)]


def best_painted(reference: Reference, view: Size) -> list[Tile]:
    """Return the tiles of a reference that show most of its paint, every class alike, with others to fill up."""
    shape = reference.labels.shape
    height, width = shape
    if height * width <= SLACK**2 * view[0] * view[1]:
        view = (height, width)
    grid = TileGrid((height, width), view, (0, 0))
    counts = counted_pixels(reference.labels, reference.ignore, reference.region_yx)
    shares = np.zeros(len(grid))
    for spec in reference.classes:
        painted = (reference.labels == spec.id) & counts
        here = np.array([np.count_nonzero(painted[tile.box]) for tile in grid])
        shares += here / np.count_nonzero(painted)
    chosen = [grid[int(number)] for number in np.argsort(-shares, kind="stable")[:MOST_TILES]]
    return [tile for tile in chosen if _has_content(reference, tile)] or chosen[:1]


def _weights(
    reference: Reference, class_id: int, tiles: Sequence[Tile], grid: int, settings: GFSAMConfig
) -> GridWeights:
    """One class of a reference on the grids of its tiles, one after the other."""
    import torch

    from napari_gfsam.core.references import reference_weights
    from napari_gfsam.core.types import GridWeights

    parts = [
        reference_weights(
            reference.labels[tile.box],
            class_id,
            grid=grid,
            pooling=settings.mask_pooling,
            ignore=reference.ignore,
            region_yx=_region(reference, tile),
        )
        for tile in tiles
    ]
    return GridWeights(torch.cat([part.foreground for part in parts]), torch.cat([part.background for part in parts]))


def _region(reference: Reference, tile: Tile) -> tuple[int, int, int, int] | None:
    if reference.region_yx is None:
        return None
    top, left, bottom, right = reference.region_yx
    return top - tile.top, left - tile.left, bottom - tile.top, right - tile.left


def _has_content(reference: Reference, tile: Tile) -> bool:
    rgb = reference.rgb[tile.box]
    return bool((rgb != rgb[0, 0]).any())
