"""The reader for napari: an exemplar pack that is dragged into the window opens as pictures with their paint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    LayerData = tuple[Any, dict[str, Any], str]


def get_pack_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """Return what reads exemplar packs, ``None`` for other files.

    Parameters
    ----------
    path
        A file, or several that are opened together.
    """
    from napari_gfsam.io.packs import SUFFIX

    return read_packs if all(Path(one).suffix.lower() == SUFFIX for one in _several(path)) else None


def read_packs(path: str | list[str]) -> list[LayerData]:
    """Return the pictures of packs, each with its paint above it.

    Raises
    ------
    ValueError
        If one cannot be used (`io.packs.PackError`).
    """
    from napari_gfsam.bridge.packs import layers_of
    from napari_gfsam.io.packs import read_pack

    return [layer for one in _several(path) for layer in layers_of(read_pack(one), Path(one).stem)]


def _several(path: str | list[str]) -> list[str]:
    return path if isinstance(path, list) else [path]
