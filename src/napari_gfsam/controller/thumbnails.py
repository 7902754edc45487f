"""Pictures as the models see them, small: made on a thread, since reading a plane may take long."""

from __future__ import annotations

from collections import OrderedDict
from time import monotonic
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_gfsam.bridge.pictures import picture_of

if TYPE_CHECKING:
    from collections.abc import Generator, Hashable

    from napari_gfsam.imaging.pixels import RgbImage
    from napari_gfsam.session.types import PictureSource, PlaneKey
    from napari_gfsam.workers import JobRunner

KEPT = 64
#: What could not be read is read again when it is asked for after so long.
AGAIN_SECONDS = 5.0


class Thumbnails:
    """The newest thumbnails. Main thread only; `changed` comes when one that was asked for is there, or cannot be."""

    changed = Signal()

    def __init__(self, jobs: JobRunner) -> None:
        self._jobs = jobs
        self._made: OrderedDict[Hashable, RgbImage] = OrderedDict()
        self._wanted: Hashable | None = None
        self._failed: Hashable | None = None
        self._why, self._failed_at = "", 0.0
        jobs.finished.connect(self._put)
        jobs.failed.connect(self._say)

    def get(self, source: PictureSource, plane: PlaneKey) -> RgbImage | None:
        """Return a thumbnail, or ``None`` while it is made (only the newest that was asked for is) or cannot be."""
        key = _key(source, plane)
        if key in self._made:
            self._made.move_to_end(key)
        elif key != self._wanted and not self._failed_just_now(key):
            self._wanted = key
            self._jobs.start(_steps(source, plane))
        return self._made.get(key)

    def why_not(self, source: PictureSource, plane: PlaneKey) -> str:
        """Return the sentence that says why there is no thumbnail, empty where there is one or none was made yet."""
        return self._why if self._failed == _key(source, plane) else ""

    def close(self) -> None:
        """Stop."""
        self._jobs.stop()

    def _put(self, made: RgbImage) -> None:
        """Keep a picture."""
        if self._wanted is not None:
            self._made[self._wanted] = made
            if self._failed == self._wanted:
                self._failed = None
            self._wanted = None
            while len(self._made) > KEPT:
                self._made.popitem(last=False)
            self.changed.emit()

    def _say(self, why: str) -> None:
        """Keep, for a while, why a picture cannot be read: a disk that was gone may be back."""
        if self._wanted is not None:
            self._failed, self._wanted = self._wanted, None
            self._why, self._failed_at = why, monotonic()
            self.changed.emit()

    def _failed_just_now(self, key: Hashable) -> bool:
        return key == self._failed and monotonic() - self._failed_at < AGAIN_SECONDS


def _key(source: PictureSource, plane: PlaneKey) -> Hashable:
    return source.id, source.recipe, plane, source.pixels


def _steps(source: PictureSource, plane: PlaneKey) -> Generator[None, None, RgbImage]:
    yield
    return picture_of(source, plane)
