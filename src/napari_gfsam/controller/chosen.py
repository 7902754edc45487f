"""What the preferences say, as far as it can be used: a slip of the pen does not keep the dock from opening."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_gfsam.bridge.preferences import PLUGIN, Preferences

if TYPE_CHECKING:
    from pathlib import Path

WHERE = f"Preferences > {PLUGIN}"
USUAL = Preferences()


def usable(stored: Preferences) -> tuple[Preferences, str]:
    """Return preferences with the usual ones in the place of what cannot be used, and a sentence for each of those."""
    model, no_model = _model(stored.model)
    room, no_room = _room(stored.correction_gigabytes)
    folder, no_folder = _folder(stored)
    found = replace(stored, model=model, correction_gigabytes=room, sessions_folder=folder)
    return found, " ".join(f"{WHERE}: {why}" for why in (no_model, no_room, no_folder) if why)


def _model(typed: str) -> tuple[str, str]:
    """Return a preset, or encoder+segmenter, as they are spelled, however the letters are cased; else why not."""
    from napari_gfsam.models.registry import MODELS, PRESETS, model_preset

    spelled = {name.casefold(): name for name in (*PRESETS, *MODELS)}
    parts = [part.strip() for part in typed.split("+")]
    name = "+".join(spelled.get(part.casefold(), part) for part in parts) or USUAL.model
    try:
        model_preset(name)
    except ValueError:
        known = f"{', '.join(PRESETS)}, or encoder+segmenter"
        return USUAL.model, f"{typed!r} is no model, so {USUAL.model} is used; known are {known}."
    return name, ""


def _room(size: float) -> tuple[float, str]:
    usual = USUAL.correction_gigabytes
    if math.isfinite(size) and size >= 0:
        return size, ""
    return usual, f"{size:g} GB for corrections cannot be, so {usual:g} are taken; 0 or more are expected."


def _folder(stored: Preferences) -> tuple[str, str]:
    named = stored.sessions_folder
    try:
        possible = stored.root is None or _can_be_made(stored.root)
    except (OSError, RuntimeError):  # no right to look there; the home of a person who is not known
        possible = False
    if possible:
        return named, ""
    return USUAL.sessions_folder, f"nothing can be written to {named!r}, so sessions are saved in the usual place."


def _can_be_made(folder: Path) -> bool:
    """Tell whether a folder can be written to, or made in one that can."""
    there = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    return there.is_dir() and os.access(there, os.W_OK)
