"""Sample pictures with truth: for the demonstration, the tests and the viewer. Nothing is downloaded.

`sample_pairs` gives references with targets; `synthetic_stack` and `synthetic_multichannel` pictures with more axes.
scikit-image and scipy are imported when a sample is made, not before; each call makes fresh arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gfsam.samples.cells import synthetic_multichannel
from napari_gfsam.samples.pictures import load_picture_pair, picture_kinds
from napari_gfsam.samples.stacks import synthetic_stack
from napari_gfsam.samples.synthetic import SYNTHETIC_PAIRS, load_synthetic_pair
from napari_gfsam.samples.types import Sample, SampleChannels, SampleKind, SamplePair, SampleStack

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "Sample",
    "SampleChannels",
    "SampleKind",
    "SamplePair",
    "SampleStack",
    "load_pair",
    "pair_names",
    "sample_pairs",
    "synthetic_multichannel",
    "synthetic_stack",
]

_ALL_KINDS: tuple[SampleKind, ...] = ("picture", "mirrored", "synthetic")


def pair_names(kinds: Collection[SampleKind] = _ALL_KINDS) -> tuple[str, ...]:
    """Return the names of the pairs of these kinds (see `SamplePair`), in a fixed order; all by default."""
    known = {**picture_kinds(), **dict.fromkeys(SYNTHETIC_PAIRS, "synthetic")}
    return tuple(name for name, kind in known.items() if kind in kinds)


def load_pair(name: str) -> SamplePair:
    """Read or compute one pair.

    Raises
    ------
    ValueError
        If there is no pair of that name.
    FileNotFoundError
        If the installed scikit-image lacks the picture.
    """
    if name in SYNTHETIC_PAIRS:
        return load_synthetic_pair(name)
    if name in picture_kinds():
        return load_picture_pair(name)
    raise ValueError(f"There is no sample pair {name!r}; the names are {', '.join(pair_names())}.")


def sample_pairs(kinds: Collection[SampleKind] = _ALL_KINDS) -> tuple[SamplePair, ...]:
    """Return the pairs of these kinds (see `SamplePair`), in a fixed order; all by default; errors as `load_pair`."""
    return tuple(load_pair(name) for name in pair_names(kinds))
