"""Folders of pictures as targets: one picture of them is open at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_gfsam.bridge.files import close_picture, open_picture
from napari_gfsam.bridge.identity import facts_of, our_layers
from napari_gfsam.bridge.ours import Role
from napari_gfsam.bridge.planes import changed_words
from napari_gfsam.bridge.proposals import read_plane, write_plane
from napari_gfsam.controller.files import FileSource, path_of
from napari_gfsam.imaging import ImageError, to_rgb
from napari_gfsam.session.packing import PackedPlane, pack
from napari_gfsam.session.types import TargetState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_gfsam.bridge.ours import OurLayers
    from napari_gfsam.controller.sources import Sources
    from napari_gfsam.core.arrays import LabelArray
    from napari_gfsam.imaging import PixelRecipe
    from napari_gfsam.session import Session
    from napari_gfsam.session.types import PlaneKey

#: Our label layers over a picture from a folder, which come and go with it.
OVER_FILE = (Role.PROPOSAL, Role.ACCEPTED, Role.INSTANCES)


class Folders:
    """Folders of pictures. Main thread only; `changed` comes when they or what is picked of them changed."""

    changed = Signal()

    def __init__(self, session: Session, ours: OurLayers, sources: Sources) -> None:
        self._session, self._ours, self._sources = session, ours, sources
        self._picked: dict[Path, bool] = {}
        self._accepted: dict[PlaneKey, PackedPlane] = {}

    def __iter__(self) -> Any:
        """Walk (folder, picked)."""
        return iter(tuple(self._picked.items()))

    def add(self, folder: Path) -> None:
        """Take a folder on the list, picked.

        Raises
        ------
        ImageError
            If there is no picture in it.
        """
        folder = folder.expanduser().absolute()
        if not pictures_in(folder):
            raise ImageError(f"There is no picture in {folder.name!r} (TIFF, PNG, JPEG or BMP); choose another folder.")
        self._picked[folder] = True
        self.changed.emit()

    def pick(self, folder: Path, picked: bool) -> None:
        """Make the pictures of a folder targets, or not."""
        self._picked[folder] = picked
        self.changed.emit()

    def remove(self, folder: Path) -> None:
        """Take a folder off the list; what was found in its pictures stays in the queue."""
        self._picked.pop(folder, None)
        self.changed.emit()

    def saved(self) -> dict[str, bool]:
        """Return which folders are on the list and picked, as JSON-ready values."""
        return {str(folder): on for folder, on in self._picked.items()}

    def restore(self, saved: Mapping[str, bool]) -> None:
        """Put what `saved` gave in the place of all."""
        self._picked, self._accepted = {Path(folder): bool(on) for folder, on in saved.items()}, {}
        self.changed.emit()

    def planes(self) -> list[PlaneKey]:
        """Return the planes of all picked folders, each file once, as the references are read."""
        recipes = self._recipes()
        found = [FileSource(path, recipes) for folder, on in self if on for path in pictures_in(folder)]
        for source in found:
            self._sources.keep(source)
        return list(dict.fromkeys(source.plane for source in found))

    def first(self, folder: Path) -> FileSource | None:
        """Return the first picture of a folder, as it would be read now; ``None`` for an empty one."""
        path = next(iter(pictures_in(folder)), None)
        return None if path is None else FileSource(path, self._recipes())

    def know(self, planes: Iterable[PlaneKey]) -> None:
        """Take in files of an earlier session."""
        for plane in planes:
            path = path_of(plane.source)
            if path is not None:
                self._sources.keep(FileSource(path, self._recipes()))

    def open(self, plane: PlaneKey) -> None:
        """Show a file in the one layer for files; nothing is done for planes of layers, or if it is open.

        Raises
        ------
        napari_gfsam.io.readers.ImageFileError
            If the file cannot be read any more.
        ImageError
            If it has another size than what was found in it; it is marked then.
        """
        source = self._sources.get(plane.source)
        if not isinstance(source, FileSource) or self._sources.is_open(plane):
            return
        pixels = source.read(plane)
        size = (int(pixels.shape[0]), int(pixels.shape[1]))
        self._require_size(plane, size, source.name)
        self.close()
        shown = pixels if pixels.ndim == 2 else to_rgb(pixels, source.recipe)
        open_picture(self._ours.viewer, source.id, source.name, shown)
        kept = self._accepted.get(plane)
        if kept is not None and kept.shape == size:
            write_plane(self._ours.labels(Role.ACCEPTED, self._sources.layer(plane), source.id), plane, kept.unpack())

    def _require_size(self, plane: PlaneKey, size: tuple[int, int], name: str) -> None:
        """Raise ImageError, and mark the target, if what was found in a file does not fit it any more."""
        kept, found = self._accepted.get(plane), self._session.proposals.shape(plane)
        if found is None and kept is not None and self._session.queue.is_accepted(plane):
            found = kept.shape
        if found not in (None, size):
            why = changed_words(name)
            self._session.queue.update(plane, state=TargetState.FAILED, note=why)
            raise ImageError(why)

    def close(self) -> None:
        """Take the file that is open out of the viewer with our layers over it; what was accepted is kept."""
        close_picture(self._ours.viewer)
        self.keep_accepted()
        # Not by the picture just closed: a person may have closed it, or another one, before.
        for wanted in OVER_FILE:
            for layer in our_layers(self._ours.viewer, wanted):
                if path_of(str(facts_of(layer).get("source", ""))) is not None:
                    self._ours.viewer.layers.remove(layer)

    def keep_accepted(self) -> None:
        """Keep what is accepted of the file that is open, as it is now."""
        for target in self._session.queue:
            layer = self._ours.find(Role.ACCEPTED, target.plane.source)
            if path_of(target.plane.source) is not None and layer is not None:
                self._accepted[target.plane] = pack(read_plane(layer, target.plane))

    def accepted(self, plane: PlaneKey) -> LabelArray | None:
        """Return what was accepted of a file that is not open."""
        kept = self._accepted.get(plane)
        return None if kept is None else kept.unpack()

    def forget_accepted(self, plane: PlaneKey) -> None:
        """Forget what was accepted of a file: a person deleted it."""
        self._accepted.pop(plane, None)

    def set_accepted(self, plane: PlaneKey, labels: LabelArray) -> None:
        """Keep what is accepted of a file that is not open."""
        self._accepted[plane] = pack(labels)

    def _recipes(self) -> tuple[PixelRecipe, ...]:
        """Return how the references in use are read, each way once."""
        sources: Iterable[Any] = (self._sources.get(row.plane.source) for row in self._session.references.enabled)
        return tuple(dict.fromkeys(source.recipe for source in sources if source is not None))


def pictures_in(folder: Path) -> list[Path]:
    """Return the picture files of a folder by name, hidden ones left out."""
    from napari_gfsam.io.readers import IMAGE_SUFFIXES

    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    except OSError:
        return []
    return sorted(path for path in found if not path.name.startswith(".") and path.is_file())
