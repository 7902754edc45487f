"""Libraries that only some formats need: imported when they are used, and one sentence when they are not there."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from napari_gfsam.io.exports.types import ExportError


def library(name: str, extra: str) -> Any:
    """Import a module of an optional library.

    Parameters
    ----------
    name
        Of the module, such as ``rasterio.features``.
    extra
        Of this package, that brings it.

    Raises
    ------
    ExportError
        If it is not installed; the sentence has the command.
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ExportError(
            f"This export needs the library {package}, which cannot be imported; "
            f'install it with: pip install "napari-gfsam[{extra}]"'
        ) from error
