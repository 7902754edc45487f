"""What the pictures of a set are called: by their file names, and by their folders too where names meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gfsam.io.exports.types import ExportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_gfsam.io.exports.types import LabelSheet


class PictureNames:
    """The names of the pictures of a set. A path tells who made it, so no more folders are named than need be."""

    def __init__(self) -> None:
        self._sheets: list[tuple[str, str]] = []
        self._places: dict[str, dict[str, tuple[str, ...]]] = {}

    def add(self, sheet: LabelSheet) -> None:
        """Take in the picture of a sheet.

        Raises
        ------
        ExportError
            If another has the same name and nothing tells that it is the same picture, or lies in another folder.
        """
        name = sheet.picture or sheet.name
        place = sheet.picture_path if sheet.picture else ""
        folders = tuple(part.removesuffix(":") for part in place.split("/")[:-1] if part)
        known = self._places.setdefault(name, {})
        if known and ("" in (place, *known) or (place not in known and folders in known.values())):
            raise ExportError(
                f"Two label images are of a picture called {name!r}, and nothing tells the two pictures apart; "
                "rename one, or export each into a folder of its own."
            )
        known[place] = folders
        self._sheets.append((name, place))

    def all(self, note: Callable[[str], None]) -> list[str]:
        """Return a name a sheet, in the order in which they came, with slashes; say it where folders are named."""
        depths = {name: _depth(set(known.values())) for name, known in self._places.items()}
        names = []
        for name, place in self._sheets:
            folders, depth = self._places[name][place], depths[name]
            names.append("/".join([*folders[max(0, len(folders) - depth) :], name]))
        longer = [name for name, (short, _) in zip(names, self._sheets, strict=True) if name != short]
        if longer:
            note(f"{len(longer)} pictures are named with their folders, as others have their names: {longer[0]} ...")
        return names


def _depth(folders: set[tuple[str, ...]]) -> int:
    """Return how many folders, from the last, tell all apart; 0 for a single picture."""
    if len(folders) == 1:
        return 0
    return next(n for n in range(1, max(map(len, folders)) + 1) if len({one[-n:] for one in folders}) == len(folders))
