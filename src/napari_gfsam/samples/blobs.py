"""Rounded objects for the computed samples: placed apart from each other, drawn into an image of object ids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_TRIES = 4000
_WAVES = np.arange(2, 6)


@dataclass(frozen=True, slots=True, eq=False)
class Blob:
    """A star-shaped object.

    Attributes
    ----------
    centre_yx
        (2,) float64, pixels.
    radius
        Mean radius in pixels.
    stretch
        Long by short axis, 1 or more.
    angle
        Of the long axis, radians from y towards x.
    waves
        (4,) complex128: height, as a part of the radius, and phase of 2 to 5 bumps around the outline.
    """

    centre_yx: NDArray[np.float64]
    radius: float
    stretch: float
    angle: float
    waves: NDArray[np.complex128]

    @property
    def reach(self) -> float:
        """No point of the object is farther from its centre, in pixels."""
        return float(self.radius * np.sqrt(self.stretch) * (1 + np.abs(self.waves).sum()))

    def moved(self, centre_yx: NDArray[np.float64], *, turn: float = 0.0, growth: float = 1.0) -> Blob:
        """Return the object elsewhere, turned by an angle in radians and with its radius multiplied."""
        return replace(self, centre_yx=centre_yx, angle=self.angle + turn, radius=self.radius * growth)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSizes:
    """How objects vary: radii in pixels, the largest stretch, the height of the bumps, the gap to keep in pixels."""

    radii: tuple[float, float]
    stretch: float = 1.5
    bumps: float = 0.05
    gap: float = 2.0


def place_blobs(
    rng: np.random.Generator, shape_yx: tuple[int, int], count: int, sizes: BlobSizes, taken: Sequence[Blob] = ()
) -> list[Blob]:
    """Return up to `count` objects that keep apart from each other, from `taken` and from the border."""
    found: list[Blob] = []
    for _ in range(_TRIES):
        if len(found) == count:
            break
        blob = _random_blob(rng, shape_yx, sizes)
        near_border = np.minimum(blob.centre_yx, np.asarray(shape_yx) - 1 - blob.centre_yx).min() < blob.reach
        if not near_border and all(_apart(blob, other) >= sizes.gap for other in (*taken, *found)):
            found.append(blob)
    return found


def draw_blobs(shape_yx: tuple[int, int], blobs: Sequence[Blob]) -> NDArray[np.uint16]:
    """Return the object ids, (H, W) uint16: 1 for the first object and so on; the lower id wins where two meet."""
    ids = np.zeros(shape_yx, np.uint16)
    for number, blob in enumerate(blobs, start=1):
        window = _window(shape_yx, blob)
        ids[window][(_height(blob, window) > 0) & (ids[window] == 0)] = number
    return ids


def dome(shape_yx: tuple[int, int], blobs: Sequence[Blob]) -> NDArray[np.float64]:
    """Return (H, W) float64: 1 at the centre of every object, falling to 0 at its outline and outside."""
    relief = np.zeros(shape_yx)
    for blob in blobs:
        window = _window(shape_yx, blob)
        relief[window] = np.maximum(relief[window], np.clip(_height(blob, window), 0, None))
    return relief


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> NDArray[np.float64]:
    """Return blurred noise of mean 0 and standard deviation 1; `sigma` in pixels."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap")
    return np.asarray((noise - noise.mean()) / noise.std())


def _random_blob(rng: np.random.Generator, shape_yx: tuple[int, int], sizes: BlobSizes) -> Blob:
    return Blob(
        centre_yx=rng.uniform(0, 1, 2) * np.asarray(shape_yx),
        radius=float(rng.uniform(*sizes.radii)),
        stretch=float(rng.uniform(1, sizes.stretch)),
        angle=float(rng.uniform(0, np.pi)),
        waves=rng.uniform(0, sizes.bumps, _WAVES.size) * np.exp(1j * rng.uniform(0, 2 * np.pi, _WAVES.size)),
    )


def _apart(one: Blob, other: Blob) -> float:
    return float(np.linalg.norm(one.centre_yx - other.centre_yx)) - one.reach - other.reach


def _window(shape_yx: tuple[int, int], blob: Blob) -> tuple[slice, slice]:
    low = np.clip(np.floor(blob.centre_yx - blob.reach), 0, shape_yx).astype(int)
    high = np.clip(np.ceil(blob.centre_yx + blob.reach) + 1, 0, shape_yx).astype(int)
    return slice(low[0], high[0]), slice(low[1], high[1])


def _height(blob: Blob, window: tuple[slice, slice]) -> NDArray[np.float64]:
    """Return 1 minus the distance from the centre as a part of the outline's distance in that direction."""
    y, x = np.mgrid[window]
    y, x = y - blob.centre_yx[0], x - blob.centre_yx[1]
    cos, sin = np.cos(blob.angle), np.sin(blob.angle)
    root = np.sqrt(blob.stretch)
    along, across = (y * cos + x * sin) / root, (x * cos - y * sin) * root
    turn = np.arctan2(across, along)
    outline = 1 + sum(
        abs(wave) * np.cos(bumps * turn + np.angle(wave)) for bumps, wave in zip(_WAVES, blob.waves, strict=True)
    )
    return np.asarray(1 - np.hypot(along, across) / (blob.radius * outline))
