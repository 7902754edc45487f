"""A computed scene as seen from the air: fields, roofs and trees, with class and object truth by construction."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.samples.blobs import Blob, BlobSizes, dome, draw_blobs, place_blobs, smooth_noise
from napari_gfsam.samples.types import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOF, TREE, FIELD = 1, 2, 3
_SHAPE = (448, 448)
_GRASS = (112, 128, 78)
_ROAD = (150, 147, 142)
_SOILS = ((176, 148, 104), (196, 174, 112), (158, 126, 92), (186, 182, 118))
_TILES = ((172, 74, 54), (188, 92, 66), (150, 64, 52))
_LEAVES = (44, 78, 40)
_SUN_YX = (-0.6, -0.8)  # where the light comes from; shadows fall the other way
_SHADOW = 0.55


@dataclass(slots=True)
class _Scene:
    """The picture while it is being painted: colours (H, W, 3) in 0 to 255, class ids and object ids (H, W)."""

    rng: np.random.Generator
    colour: NDArray[np.float64]
    labels: NDArray[np.uint8]
    instances: NDArray[np.uint16]

    def add(self, mask: NDArray[np.bool_], class_id: int) -> None:
        """Enter an object into the truth; it covers what lies under it."""
        self.labels[mask] = class_id
        self.instances[mask] = self.instances.max() + 1


def aerial_scene(name: str, title: str, seed: int) -> Sample:
    """Return a scene of roofs (class 1), trees (class 2) and fields (class 3), (448, 448, 3) uint8.

    Parameters
    ----------
    name, title
        As in `Sample`.
    seed
        Of the scene.
    """
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    relief = 9 * smooth_noise(rng, _SHAPE, 12) + 7 * smooth_noise(rng, _SHAPE, 1)
    scene = _Scene(rng, np.asarray(_GRASS) + relief[..., None], np.zeros(_SHAPE, np.uint8), np.zeros(_SHAPE, np.uint16))
    road = int(rng.integers(190, 260))
    _paint_fields(scene, road)
    _paint_road(scene, road)
    _paint_houses_and_trees(scene, road)
    colour = gaussian_filter(scene.colour, (0.7, 0.7, 0)) + rng.normal(0, 3, (*_SHAPE, 3))
    return Sample(
        name=name,
        title=title,
        image=np.clip(np.rint(colour), 0, 255).astype(np.uint8),
        labels=scene.labels,
        class_names={ROOF: "roof", TREE: "tree", FIELD: "field"},
        instances=_renumbered(scene.instances),
    )


def _paint_fields(scene: _Scene, road: int) -> None:
    """Ploughed and sown strips above the road, with rows in a direction of their own."""
    rng = scene.rng
    cuts = np.cumsum([10, *rng.integers(95, 150, 4)])
    y, x = np.mgrid[: _SHAPE[0], : _SHAPE[1]]
    along = x + rng.uniform(-0.12, 0.12) * y
    for left, right in pairwise(cuts):
        mask = (along > left + 5) & (along < right - 5) & (y > rng.integers(8, 40)) & (y < road - rng.integers(30, 60))
        if not mask.any():
            continue
        angle, period = rng.uniform(0, np.pi), rng.uniform(5, 8)
        rows = np.sin(2 * np.pi * (y * np.cos(angle) + x * np.sin(angle)) / period)
        soil = np.asarray(_SOILS[int(rng.integers(len(_SOILS)))])
        relief = 11 * rows + 8 * smooth_noise(rng, _SHAPE, 9)
        scene.colour[mask] = (soil + relief[..., None])[mask]
        scene.add(mask, FIELD)


def _paint_road(scene: _Scene, road: int) -> None:
    y, x = np.mgrid[: _SHAPE[0], : _SHAPE[1]]
    bend = road + 10 * np.sin(x / 90)
    mask = np.abs(y - bend) < 9
    scene.colour[mask] = np.asarray(_ROAD) + 5 * smooth_noise(scene.rng, _SHAPE, 1.5)[mask][:, None]


def _paint_houses_and_trees(scene: _Scene, road: int) -> None:
    """Houses below the road, trees between them; each throws a shadow, the shadows first."""
    below = (_SHAPE[0] - road - 22, _SHAPE[1])
    shift = np.array([road + 22, 0])
    plots = place_blobs(scene.rng, below, 10, BlobSizes(radii=(23, 31), stretch=1.01, bumps=0, gap=4))
    trees = place_blobs(scene.rng, below, 26, BlobSizes(radii=(9, 17), stretch=1.2, bumps=0.06, gap=2), plots)
    plots, trees = ([blob.moved(blob.centre_yx + shift) for blob in blobs] for blobs in (plots, trees))
    corners = [_house(scene.rng, plot) for plot in plots]
    roofs = [_polygon_mask(house) for house in corners]
    for mask in [*roofs, draw_blobs(_SHAPE, trees) > 0]:
        scene.colour[_shifted(mask, 6)] *= _SHADOW
    for mask, house in zip(roofs, corners, strict=True):
        _paint_roof(scene, mask, house)
    _paint_trees(scene, trees)


def _house(rng: np.random.Generator, plot: Blob) -> NDArray[np.float64]:
    """Return the four corners (y, x) of a rectangle inside the plot; the first two make a long side."""
    aspect = rng.uniform(0.55, 0.8)
    half = 0.97 * plot.radius / np.hypot(1, aspect) * np.array([1, aspect])
    cos, sin = np.cos(plot.angle), np.sin(plot.angle)
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    return np.asarray(plot.centre_yx + (signs * half) @ np.array([[cos, sin], [-sin, cos]]))


def _polygon_mask(corners_yx: NDArray[np.float64]) -> NDArray[np.bool_]:
    from skimage.draw import polygon2mask

    return np.asarray(polygon2mask(_SHAPE, corners_yx), bool)


def _paint_roof(scene: _Scene, mask: NDArray[np.bool_], house: NDArray[np.float64]) -> None:
    """Two slopes with the ridge along the middle, the one towards the sun brighter, rows of tiles across."""
    centre, side = house.mean(axis=0), house[0] - house[1]
    across = np.array([-side[1], side[0]]) / np.linalg.norm(side)
    y, x = np.mgrid[: _SHAPE[0], : _SHAPE[1]]
    offset = (y - centre[0]) * across[0] + (x - centre[1]) * across[1]
    sunny = np.where(offset * float(across @ np.asarray(_SUN_YX)) > 0, 1.12, 0.78)
    tiles = 1 + 0.06 * np.sin(2 * np.pi * offset / 3.5) + 0.04 * smooth_noise(scene.rng, _SHAPE, 1.2)
    ridge = np.where(np.abs(offset) < 1.2, 1.2, 1.0)
    base = np.asarray(_TILES[int(scene.rng.integers(len(_TILES)))])
    scene.colour[mask] = (base * (sunny * tiles * ridge)[..., None])[mask]
    scene.add(mask, ROOF)


def _paint_trees(scene: _Scene, trees: list[Blob]) -> None:
    ids, height = draw_blobs(_SHAPE, trees), dome(_SHAPE, trees)
    slope_y, slope_x = np.gradient(np.sqrt(height))
    light = 1 + 5 * (slope_y * -_SUN_YX[0] + slope_x * -_SUN_YX[1]) * -1
    crown = np.clip(light, 0.5, 1.6) * (1 + 0.22 * smooth_noise(scene.rng, _SHAPE, 1.6))
    for number in range(1, len(trees) + 1):
        mask = ids == number
        tint = np.asarray(_LEAVES) * scene.rng.uniform(0.85, 1.3)
        scene.colour[mask] = (tint * crown[..., None])[mask]
        scene.add(mask, TREE)


def _shifted(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """Return where the shadow of an object falls: the object and all it sweeps on its way from the sun."""
    shadow = mask.copy()
    for step in range(1, pixels + 1):
        y, x = (round(-step * part) for part in _SUN_YX)
        moved = np.zeros_like(mask)
        moved[y:, x:] = mask[: mask.shape[0] - y, : mask.shape[1] - x]
        shadow |= moved
    return shadow


def _renumbered(ids: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return the ids without gaps (an object may lie wholly under another)."""
    return np.asarray(np.unique(ids, return_inverse=True)[1].reshape(ids.shape).astype(np.uint16))
