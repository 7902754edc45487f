"""Exemplar packs: painted references with their classes, reading and features in one file that can be passed on.

A pack is a plain zip of JSON, PNG and safetensors; nothing in it is ever run, and nothing of it is ever unpacked to
disk. `docs/packs.md` describes the format.
"""

from napari_gfsam.io.packs.manifest import SUFFIX
from napari_gfsam.io.packs.reading import read_about, read_pack
from napari_gfsam.io.packs.types import (
    Pack,
    PackAbout,
    PackClass,
    PackError,
    PackFeatures,
    PackReference,
)
from napari_gfsam.io.packs.writing import write_pack
from napari_gfsam.io.records import PixelSize

__all__ = [
    "SUFFIX",
    "Pack",
    "PackAbout",
    "PackClass",
    "PackError",
    "PackFeatures",
    "PackReference",
    "PixelSize",
    "read_about",
    "read_pack",
    "write_pack",
]
