"""What a person set once and for all, from napari's own settings where the version has them for plugins."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

PLUGIN = "napari-gfsam"


@dataclass(frozen=True, slots=True)
class Preferences:
    """Preferences of the dock (Preferences > napari-gfsam; the same names and defaults stand in the manifest).

    Parameters
    ----------
    model
        Model preset the dock opens with.
    settings
        Settings preset, ``tuned`` or ``published``.
    autosave_minutes
        Minutes of work between two saves, besides that after each accept.
    correction_gigabytes
        Disk space that corrections of finished targets may take.
    sessions_folder
        Where work is saved; empty for the platform's own place.
    """

    model: str = "bundled"
    settings: str = "tuned"
    autosave_minutes: float = 2.0
    correction_gigabytes: float = 8.0
    sessions_folder: str = ""

    @property
    def root(self) -> Path | None:
        """Where work is saved, ``None`` for the platform's own place."""
        return Path(self.sessions_folder).expanduser() if self.sessions_folder else None


def preferences() -> Preferences:
    """Return the preferences as they are set now; the defaults where napari keeps none for plugins."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:  # napari before 0.9
        return Preferences()
    if not _any_saved():
        return Preferences()
    try:
        stored = get_plugin_settings(PLUGIN).dock
    except (KeyError, AttributeError):  # the plugin is not installed, or its manifest is another version's
        return Preferences()
    return Preferences(**{field.name: getattr(stored, field.name) for field in fields(Preferences)})


def _any_saved() -> bool:
    """Tell whether there may be preferences: asking napari makes it look through all installed packages first."""
    from napari.settings import get_settings

    kept = get_settings().config_path
    return kept is None or Path(kept).with_name(f"{PLUGIN}.yaml").exists()
