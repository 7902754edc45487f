"""An earlier session read back from its folder, ready to be gone on with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_gfsam.session.saved import SavedSession, read_saved
from napari_gfsam.session.shelf import SessionError, Shelf
from napari_gfsam.session.upright import Upright
from napari_gfsam.session.versions import is_stored

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from napari_gfsam.core.arrays import LabelArray
    from napari_gfsam.session.folder import SessionFolder
    from napari_gfsam.session.packing import PackedPlane
    from napari_gfsam.session.types import PlaneKey


@dataclass(frozen=True, slots=True, eq=False)
class Resumed:
    """What was read.

    Parameters
    ----------
    saved
        The description.
    planes
        Label planes by name.
    shelf
        Where they came from, and the copies of pictures are.
    lost
        One sentence for everything that could not be read, for people.
    """

    saved: SavedSession
    planes: Mapping[str, PackedPlane]
    shelf: Shelf
    lost: tuple[str, ...] = ()

    def renamed(self, ids: Mapping[str, str]) -> Resumed:
        """Return it with other ids of sources and layers (see `SavedSession.renamed`)."""
        return replace(self, saved=self.saved.renamed(ids))

    def paint(self, row_id: str) -> LabelArray | None:
        """Return the (H, W) paint of a reference; ``None`` if it was not saved or is lost."""
        names = {reference.row.id: reference.paint for reference in self.saved.references}
        return self._unpacked(names.get(row_id, ""))

    def labels(self, plane: PlaneKey) -> LabelArray | None:
        """Return the (H, W) accepted labels of a plane; ``None`` if they were not saved or are lost."""
        return self._unpacked(self.saved.labels.get(plane, ""))

    def has_labels(self, plane: PlaneKey) -> bool:
        """Tell whether `labels` gives any."""
        return self.saved.labels.get(plane) in self.planes

    def picture(self, name: str) -> Any:
        """Open the copy of a picture (`SavedLayer.array`): an array that is read from disk where it is looked at.

        Raises
        ------
        SessionError
            If it is lost.
        """
        return self.shelf.array(name)

    def _unpacked(self, name: str) -> LabelArray | None:
        plane = self.planes.get(name)
        return plane.unpack() if plane else None


def read_session(folder: SessionFolder) -> Resumed:
    """Read a session; a file that is missing or damaged is named in `Resumed.lost` and costs nothing else.

    Raises
    ------
    SessionError
        If the description itself is missing or damaged.
    """
    saved, shelf = read_saved(folder), Shelf(folder.labels)
    planes: dict[str, PackedPlane] = {}
    lost: list[str] = []
    for name in sorted(saved.planes):
        try:
            planes[name] = shelf.labels(name)
        except SessionError as error:
            lost.append(str(error))
    for found in saved.targets:
        if found.prediction and not is_stored(folder.predictions, found.prediction):
            lost.append(f"What correcting {found.target.title} needs is lost; run it again to correct it.")
    turning = Upright(planes, shelf.keep)
    saved = turning.session(saved)
    return Resumed(saved, turning.planes, shelf, (*lost, *turning.lost))
