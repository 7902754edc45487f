"""Pictures for timing, computed, as many as wanted: tiles of the sample scenes that together show five classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.imaging import to_rgb
from napari_gfsam.samples.aerial import aerial_scene
from napari_gfsam.samples.cells import fluorescent_nuclei, phase_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.samples import Sample

KINDS = 5
SIDE = 384


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture, (H, W, 3) uint8, and its labels, (H, W) uint8: 1 roof, 2 tree, 3 field, 4 nucleus, 5 cell."""

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def scene(seed: int) -> Scene:
    """Return a village, nuclei and cells side by side; every seed gives other ones."""
    tiles = [
        _tile(aerial_scene("village", "Village", seed), 0),
        _tile(fluorescent_nuclei("nuclei", "Nuclei", seed), 3),
        _tile(phase_cells("cells", "Cells", seed), 4),
    ]
    return Scene(np.hstack([tile.image for tile in tiles]), np.hstack([tile.labels for tile in tiles]))


def _tile(sample: Sample, offset: int) -> Scene:
    rgb = to_rgb(sample.image)
    rows, columns = (np.arange(SIDE) * size // SIDE for size in rgb.shape[:2])
    labels = sample.labels[np.ix_(rows, columns)].astype(np.uint8)
    return Scene(rgb[np.ix_(rows, columns)], np.where(labels > 0, labels + offset, 0).astype(np.uint8))
