"""A pack from a file; a bad file gives one clear sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from napari_gfsam.io.packs import pictures
from napari_gfsam.io.packs.container import open_pack
from napari_gfsam.io.packs.types import Pack, PackClass, PackError, PackFeatures, PackReference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.io.packs.container import PackFile
    from napari_gfsam.io.packs.manifest import ClassEntry, FeaturesEntry, Manifest, ReferenceEntry


def read_pack(path: Path | str) -> Pack:
    """Read a pack.

    Parameters
    ----------
    path
        The file; what it holds is checked against its hashes and never trusted.

    Raises
    ------
    PackError
        If it is missing, damaged, altered, no pack, too large, or of a newer version.
    """
    with open_pack(Path(path)) as file:
        manifest = file.manifest
        _require_small(manifest)
        return Pack(
            references=tuple(_reference(file, entry) for entry in manifest.references),
            classes=tuple(map(_class, manifest.classes)),
            features=tuple(_features(file, entry) for entry in manifest.features),
            about=manifest.about,
            version=manifest.version,
        )


def read_about(path: Path | str) -> Manifest:
    """Read what a pack says of itself, and check all its members against their hashes; errors as `read_pack`."""
    with open_pack(Path(path)) as file:
        for name in file.manifest.members:
            file.member(name)
        return file.manifest


def _require_small(manifest: Manifest) -> None:
    pixels = sum(height * width for height, width in (entry.shape for entry in manifest.references))
    if pixels > pictures.MOST_PIXELS:
        raise PackError(
            f"its pictures have {pixels / 1e6:.0f} million pixels, and {pictures.MOST_PIXELS / 1e6:.0f} are allowed"
        )


def _class(entry: ClassEntry) -> PackClass:
    red, green, blue = entry.color
    return PackClass(entry.id, entry.name, (red, green, blue), entry.negative, entry.painted_fully)


def _reference(file: PackFile, entry: ReferenceEntry) -> PackReference:
    return PackReference(
        picture=pictures.decode_picture(file.member(entry.picture), entry.shape),
        labels=pictures.decode_labels(file.member(entry.labels), entry.shape),
        record=entry.record,
        pixel_size=entry.pixel_size,
    )


def _features(file: PackFile, entry: FeaturesEntry) -> PackFeatures:
    try:
        arrays = load(file.member(entry.member))
    except SafetensorError as error:
        raise PackError(f"{entry.member!r} is damaged") from error
    names = [str(place) for place in range(len(file.manifest.references))]
    if sorted(arrays) != sorted(names):
        raise PackError(f"{entry.member!r} does not hold features of every picture")
    tokens = tuple(_checked(arrays[name], entry.member) for name in names)
    return PackFeatures(entry.encoder, entry.weights_hash, entry.precision, entry.resize_version, tokens)


def _checked(rows: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    if rows.dtype != np.float32 or rows.ndim != 2 or not np.isfinite(rows).all():
        raise PackError(f"{name!r} holds no features")
    return rows
