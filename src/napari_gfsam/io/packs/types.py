"""What a pack holds, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_gfsam.imaging.colors import Rgb
    from napari_gfsam.io.records import PixelSize, ReferenceRecord


class PackError(ValueError):
    """A pack that cannot be written or read; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class PackAbout:
    """What its author says about a pack; every text may be empty.

    Parameters
    ----------
    title, description, author
        For people.
    licence
        Under which others may use the pictures and the paint: an SPDX name or a sentence.
    """

    title: str = ""
    description: str = ""
    author: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class PackClass:
    """A class.

    Parameters
    ----------
    id
        Label value, 1 to 65535.
    name
        For people.
    color
        (red, green, blue), 0 to 255.
    negative
        "Not this": competes, then is erased.
    painted_fully
        Whether every object of it is painted; ``None`` where nobody said.
    """

    id: int
    name: str
    color: Rgb
    negative: bool = False
    painted_fully: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PackReference:
    """A painted picture.

    Parameters
    ----------
    picture
        (H, W, 3) uint8, all its pixels as its recipe reads them.
    labels
        (H, W) uint8 or uint16, 0 = unpainted.
    record
        Classes, ignored label, region, recipe, and names and hashes of the originals; without places on a disk.
    pixel_size
        Where it is known.
    """

    picture: NDArray[np.uint8]
    labels: NDArray[np.integer[Any]]
    record: ReferenceRecord
    pixel_size: PixelSize | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PackFeatures:
    """What one encoder sees in the references, so that the same encoder need not look again.

    Parameters
    ----------
    encoder
        Its name in the registry.
    weights_hash, precision, resize_version
        What the features depend on beside the pixels.
    tokens
        One (grid * grid, C) float32 array a reference, in their order.
    """

    encoder: str
    weights_hash: str
    precision: str
    resize_version: int
    tokens: tuple[NDArray[np.float32], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """Painted references that can be passed on.

    Parameters
    ----------
    references
        One at least.
    classes
        All classes of all references, by id.
    features
        One entry an encoder.
    about
        What the author says.
    version
        Of napari-gfsam that wrote it; empty before it is written.
    """

    references: tuple[PackReference, ...]
    classes: tuple[PackClass, ...]
    features: tuple[PackFeatures, ...] = ()
    about: PackAbout = PackAbout()
    version: str = ""
