"""Few-shot annotation with GF-SAM: paint one picture, get label layers for the rest.

Importing this package imports neither torch nor Qt; names below are resolved when they are first used.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from napari_gfsam.lazy import names_of

if TYPE_CHECKING:
    from napari_gfsam.api import Prediction, Segmenter
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.types import ClassSpec, Status

try:
    __version__ = version("napari-gfsam")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["ClassSpec", "GFSAMConfig", "Prediction", "Segmenter", "Status", "__version__"]

_HOMES = {
    "ClassSpec": "napari_gfsam.core.types",
    "GFSAMConfig": "napari_gfsam.core.config",
    "Prediction": "napari_gfsam.api",
    "Segmenter": "napari_gfsam.api",
    "Status": "napari_gfsam.core.types",
}


__getattr__ = names_of(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
