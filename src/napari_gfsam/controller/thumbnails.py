"""Pictures as the models see them, small: made on a thread, since reading a plane may take long."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_gfsam.bridge.pictures import picture_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_gfsam.imaging.pixels import RgbImage
    from napari_gfsam.session.types import PictureSource, PlaneKey
    from napari_gfsam.workers import JobRunner

KEPT = 64


class Thumbnails:
    """The newest thumbnails. Main thread only; `changed` comes when one that was asked for is there."""

    changed = Signal()

    def __init__(self, jobs: JobRunner) -> None:
        self._jobs = jobs
        self._made: OrderedDict[tuple[Any, ...], RgbImage | str] = OrderedDict()
        self._wanted: tuple[Any, ...] | None = None
        jobs.finished.connect(self._put)
        jobs.failed.connect(self._put)

    def get(self, source: PictureSource, plane: PlaneKey) -> RgbImage | None:
        """Return a thumbnail, or ``None`` while it is made (only the newest that was asked for is) or cannot be."""
        key = _key(source, plane)
        if key in self._made:
            self._made.move_to_end(key)
        elif key != self._wanted:
            self._wanted = key
            self._jobs.start(_steps(source, plane))
        made = self._made.get(key)
        return None if isinstance(made, str) else made

    def why_not(self, source: PictureSource, plane: PlaneKey) -> str:
        """Return the sentence that says why there is no thumbnail, empty where there is one or none was made yet."""
        made = self._made.get(_key(source, plane))
        return made if isinstance(made, str) else ""

    def close(self) -> None:
        """Stop."""
        self._jobs.stop()

    def _put(self, made: RgbImage | str) -> None:
        """Keep a picture, or the sentence that says why it cannot be read."""
        if self._wanted is not None:
            self._made[self._wanted] = made
            self._wanted = None
            while len(self._made) > KEPT:
                self._made.popitem(last=False)
            self.changed.emit()


def _key(source: PictureSource, plane: PlaneKey) -> tuple[Any, ...]:
    return source.id, source.recipe, plane


def _steps(source: PictureSource, plane: PlaneKey) -> Generator[None, None, RgbImage]:
    yield
    return picture_of(source, plane)
