"""Computed stacks of cells: over time they move and change shape, in depth they are cut plane by plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_gfsam.samples.blobs import Blob, BlobSizes, draw_blobs, place_blobs
from napari_gfsam.samples.cells import camera, nuclear_light
from napari_gfsam.samples.types import SampleStack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SHAPE = (256, 288)
_STEP = 2.5  # pixels a plane


def synthetic_stack(axis: Literal["t", "z"] = "t", *, planes: int = 8, seed: int = 11) -> SampleStack:
    """Return nuclei in (planes, 256, 288) uint16, class 1, with an id for every nucleus that holds in all planes.

    Parameters
    ----------
    axis
        "t": nuclei drift, turn and swell, all in sight all the time. "z": sections through rounded nuclei at different
        depths; a nucleus is in sight in a run of planes, and its blurred neighbours above and below shine through.
    planes
        How many, at least 2.
    seed
        Of the stack.

    Raises
    ------
    ValueError
        If `axis` is neither "t" nor "z", or there are fewer than 2 planes.
    """
    if axis not in ("t", "z"):
        raise ValueError(f'Found axis {axis!r}; expected "t" or "z".')
    if planes < 2:
        raise ValueError(f"Found {planes} planes; expected at least 2.")
    rng = np.random.default_rng(seed)
    objects = _moving(rng, planes) if axis == "t" else _sections(rng, planes)
    instances = np.stack([_draw(plane) for plane in objects])
    light = np.stack(_lights(rng, objects, instances))
    if axis == "z":
        light = _shine_through(light)
    return SampleStack(
        name=f"nuclei_{axis}_stack",
        title="Nuclei over time" if axis == "t" else "Nuclei in depth",
        axis=axis,
        image=np.stack([camera(rng, plane + 0.1) for plane in light]),
        labels=(instances > 0).astype(np.uint8),
        class_names={1: "nucleus"},
        instances=instances,
    )


#: The objects of a plane by their position in the list of all: None where one is out of sight.
_Plane = list[Blob | None]


def _moving(rng: np.random.Generator, planes: int) -> list[_Plane]:
    """Move the objects step by step; a step that would bring one too near to another or to the border is left out."""
    sizes = BlobSizes(radii=(11, 20), gap=4)
    blobs = place_blobs(rng, _SHAPE, 13, sizes)
    speed = rng.normal(0, _STEP, (len(blobs), 2))
    spin, pulse = rng.uniform(-0.12, 0.12, len(blobs)), rng.uniform(0, 2 * np.pi, len(blobs))
    found: list[_Plane] = [list(blobs)]
    for plane in range(1, planes):
        for number, blob in enumerate(blobs):
            growth = 1 + 0.03 * float(np.sin(pulse[number] + 0.8 * plane))
            step = blob.moved(blob.centre_yx + speed[number], turn=float(spin[number]), growth=growth)
            if _fits(step, [other for other in blobs if other is not blob]):
                blobs[number] = step
            else:
                speed[number] *= -1
        found.append(list(blobs))
    return found


def _fits(blob: Blob, others: Sequence[Blob]) -> bool:
    inside = np.minimum(blob.centre_yx, np.asarray(_SHAPE) - 1 - blob.centre_yx).min() >= blob.reach
    away = (np.linalg.norm(blob.centre_yx - other.centre_yx) - blob.reach - other.reach for other in others)
    return bool(inside) and all(distance >= 1 for distance in away)


def _sections(rng: np.random.Generator, planes: int) -> list[_Plane]:
    """Cut spheroids: the radius in a plane shrinks with the distance from the plane of the centre."""
    blobs = place_blobs(rng, _SHAPE, 16, BlobSizes(radii=(12, 22), gap=3))
    centre = rng.uniform(0, planes - 1, len(blobs))
    half = rng.uniform(0.25, 0.55, len(blobs)) * planes + 0.5
    found: list[_Plane] = []
    for plane in range(planes):
        cut = np.sqrt(np.clip(1 - ((plane - centre) / half) ** 2, 0, None))
        section = [blob.moved(blob.centre_yx, growth=float(part)) for blob, part in zip(blobs, cut, strict=True)]
        found.append([blob if part > 0.25 else None for blob, part in zip(section, cut, strict=True)])
    return found


def _draw(plane: _Plane) -> NDArray[np.uint16]:
    ids = draw_blobs(_SHAPE, [blob for blob in plane if blob is not None])
    numbers = [0, *(number for number, blob in enumerate(plane, start=1) if blob is not None)]
    return np.asarray(numbers, np.uint16)[ids]


def _lights(
    rng: np.random.Generator, objects: Sequence[_Plane], instances: NDArray[np.uint16]
) -> list[NDArray[np.float64]]:
    """Return the light of every plane; brightness and texture come from the same numbers in each."""
    seed = int(rng.integers(2**32))
    return [
        # An object out of sight draws no pixel, so a stand-in keeps the others' numbers.
        nuclear_light(np.random.default_rng(seed), _SHAPE, _standing_in(plane), ids)
        for plane, ids in zip(objects, instances, strict=True)
    ]


def _standing_in(plane: _Plane) -> list[Blob]:
    nothing = Blob(np.zeros(2), 0.5, 1.0, 0.0, np.zeros(4, np.complex128))
    return [nothing if blob is None else blob for blob in plane]


def _shine_through(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add to every plane a blurred part of the planes next to it."""
    from scipy.ndimage import gaussian_filter

    blurred = np.stack([gaussian_filter(plane, 5) for plane in light])
    above, below = np.zeros_like(light), np.zeros_like(light)
    above[1:], below[:-1] = blurred[:-1], blurred[1:]
    return np.asarray(light + 0.12 * (above + below))
