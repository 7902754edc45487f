"""Computed pictures of cells, with class and object truth by construction; the same seed gives the same pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.samples.blobs import Blob, BlobSizes, dome, draw_blobs, place_blobs, smooth_noise
from napari_gfsam.samples.types import Sample, SampleChannels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Grey values of the simulated cameras: 12 bit, with an offset.
_FULL, _OFFSET = 4095, 100


def fluorescent_nuclei(name: str, title: str, seed: int, *, gain: float = 1.0) -> Sample:
    """Return stained nuclei, (384, 448) uint16 (12 bit), class 1, on an uneven and noisy background.

    Parameters
    ----------
    name, title
        As in `Sample`.
    seed
        Of the picture.
    gain
        Brightness of the nuclei; 1 as a rule.
    """
    rng = np.random.default_rng(seed)
    shape = (384, 448)
    blobs = place_blobs(rng, shape, 44, BlobSizes(radii=(9, 24), gap=-3))
    instances = draw_blobs(shape, blobs)
    light = gain * nuclear_light(rng, shape, blobs, instances) + _haze(rng, shape)
    return Sample(
        name=name,
        title=title,
        image=camera(rng, light),
        labels=(instances > 0).astype(np.uint8),
        class_names={1: "nucleus"},
        instances=instances,
    )


def phase_cells(name: str, title: str, seed: int) -> Sample:
    """Return unstained cells, (400, 400) uint8, class 1: grey bodies with grains, dark rim and bright halo.

    Parameters
    ----------
    name, title
        As in `Sample`.
    seed
        Of the picture.
    """
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    shape = (400, 400)
    blobs = place_blobs(rng, shape, 22, BlobSizes(radii=(15, 27), stretch=2.2, bumps=0.09, gap=3))
    instances = draw_blobs(shape, blobs)
    inside = (instances > 0).astype(np.float64)
    halo = gaussian_filter(inside, 6) * (1 - inside)
    rim = inside * (1 - gaussian_filter(inside, 2.5))
    grains = inside * (9 * smooth_noise(rng, shape, 1.3) + 6 * smooth_noise(rng, shape, 4))
    nuclei = gaussian_filter((dome(shape, blobs) > 0.62).astype(np.float64), 1.2)
    grey = 118 + 7 * smooth_noise(rng, shape, 70) + 95 * halo - 75 * rim - 14 * inside + grains + 26 * nuclei
    grey = gaussian_filter(grey, 0.8) + rng.normal(0, 3, shape)
    return Sample(
        name=name,
        title=title,
        image=np.clip(np.rint(grey), 0, 255).astype(np.uint8),
        labels=(instances > 0).astype(np.uint8),
        class_names={1: "cell"},
        instances=instances,
    )


def synthetic_multichannel(seed: int = 7) -> SampleChannels:
    """Return three channels, (3, 320, 384) uint16: nuclei (class 1), cytoplasm (class 2) and one of noise alone.

    Parameters
    ----------
    seed
        Of the picture.
    """
    rng = np.random.default_rng(seed)
    shape = (320, 384)
    cells = place_blobs(rng, shape, 20, BlobSizes(radii=(20, 32), stretch=1.6, bumps=0.07))
    nuclei = [cell.moved(cell.centre_yx + rng.uniform(-0.1, 0.1, 2) * cell.radius, growth=0.45) for cell in cells]
    cell_ids, nucleus_ids = draw_blobs(shape, cells), draw_blobs(shape, nuclei)
    labels = np.where(nucleus_ids > 0, 1, np.where(cell_ids > 0, 2, 0)).astype(np.uint8)
    channels = (
        nuclear_light(rng, shape, nuclei, nucleus_ids) + _haze(rng, shape),
        _cytoplasmic_light(rng, shape, cell_ids, nucleus_ids) + _haze(rng, shape),
        0.12 + 0.03 * smooth_noise(rng, shape, 3),
    )
    return SampleChannels(
        name="multichannel_cells",
        title="Cells in three channels",
        image=np.stack([camera(rng, light) for light in channels]),
        channel_names=("nuclei", "cytoplasm", "noise"),
        labels=labels,
        class_names={1: "nucleus", 2: "cytoplasm"},
        instances=cell_ids,
    )


def nuclear_light(
    rng: np.random.Generator, shape_yx: tuple[int, int], blobs: Sequence[Blob], instances: NDArray[np.uint16]
) -> NDArray[np.float64]:
    """Return the light of textured nuclei of varied brightness, (H, W) float64, about 0 to 1."""
    from scipy.ndimage import gaussian_filter

    brightness = np.concatenate([[0.0], rng.uniform(0.35, 0.8, len(blobs))])[instances]
    texture = 1 + 0.16 * smooth_noise(rng, shape_yx, 2) + 0.12 * smooth_noise(rng, shape_yx, 5)
    rounded = 0.65 + 0.35 * np.sqrt(dome(shape_yx, blobs))
    return np.asarray(gaussian_filter(brightness * np.clip(texture, 0.3, None) * rounded, 1.1))


def camera(rng: np.random.Generator, light: NDArray[Any]) -> NDArray[np.uint16]:
    """Return what a 12 bit camera records of light from 0 to 1: photon noise, read noise, an offset; uint16."""
    photons = rng.poisson(np.clip(light, 0, None) * 900) / 900
    grey = _OFFSET + 3400 * photons + rng.normal(0, 14, light.shape)
    return np.asarray(np.clip(np.rint(grey), 0, _FULL).astype(np.uint16))


def _haze(rng: np.random.Generator, shape_yx: tuple[int, int]) -> NDArray[np.float64]:
    """Return an uneven background: light that falls off from a random side, and soft blotches."""
    y, x = (np.linspace(-1, 1, length) for length in shape_yx)
    slope_y, slope_x = rng.uniform(-0.04, 0.04, 2)
    return np.asarray(0.1 + slope_y * y[:, None] + slope_x * x + 0.015 * smooth_noise(rng, shape_yx, 40))


def _cytoplasmic_light(
    rng: np.random.Generator, shape_yx: tuple[int, int], cells: NDArray[np.uint16], nuclei: NDArray[np.uint16]
) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    body = np.where(cells > 0, np.where(nuclei > 0, 0.15, 0.5), 0.0)
    fibres = 1 + 0.25 * smooth_noise(rng, shape_yx, 1.6)
    return np.asarray(gaussian_filter(body * np.clip(fibres, 0.2, None), 1.0))
