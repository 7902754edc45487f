"""Where fetched weights are kept, and the hashes that are stored beside them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from platformdirs import user_cache_path

#: Environment variable that names another folder.
FOLDER_VARIABLE = "NAPARI_GFSAM_MODELS"
_HASH_LINE = re.compile(r"([0-9a-f]{64}) [ *]\S.*\n?")


def models_folder() -> Path:
    r"""Return the folder of fetched weights, whether or not it exists.

    ``NAPARI_GFSAM_MODELS`` where it is set, else ``models`` in the platform's cache folder: ``~/.cache/napari-gfsam``
    (or under ``XDG_CACHE_HOME``), ``~/Library/Caches/napari-gfsam``, ``%LOCALAPPDATA%\napari-gfsam\Cache``.
    """
    chosen = os.environ.get(FOLDER_VARIABLE, "").strip()
    if chosen:
        return Path(chosen).expanduser()
    return user_cache_path("napari-gfsam", appauthor=False) / "models"


def pin_path(path: Path) -> Path:
    """Return where the hash of a weights file is stored: beside it, as ``sha256sum`` writes and checks it."""
    return path.with_name(path.name + ".sha256")


def read_pin(path: Path) -> str | None:
    """Return the stored sha256 of a weights file, None where none is stored.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If what is stored is no hash.
    """
    try:
        text = pin_path(path).read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    found = _HASH_LINE.fullmatch(text)
    if found is None:
        raise ValueError(f"{pin_path(path)} holds no sha256.")
    return found[1]


def write_pin(path: Path, sha256: str) -> None:
    """Store the sha256 of a weights file, whole or not at all.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    pin = pin_path(path)
    hidden = pin.with_name(f".{pin.name}.{os.getpid()}.tmp")
    try:
        hidden.write_text(f"{sha256}  {path.name}\n", encoding="ascii", newline="\n")
        os.replace(hidden, pin)
    finally:
        hidden.unlink(missing_ok=True)
