"""Importing torch and the models while a window stays alive.

Done plainly, the first import stops the main thread for a quarter of a second several times, by two things that keep
the interpreter's lock: opening torch's libraries (see `models.libraries`), and full garbage collections, in which the
window's own objects are gone through again and again while modules pile up. So the libraries are opened without the
lock, and the collector rests meanwhile. And it is begun as soon as there is a reference, so that a person paints, or
looks for the button, while it goes on.
"""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from psygnal import Signal

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from napari_gfsam.api.backend import Backend
    from napari_gfsam.controller.models import Models
    from napari_gfsam.session import Session
    from napari_gfsam.workers import JobRunner

#: All that a run needs, the slow ones first by themselves: a run can be cancelled between them.
MODULES = (
    "torch",
    "scipy.spatial",
    "torchvision",
    "timm",
    "napari_gfsam.core.pipeline",
    "napari_gfsam.models.encoders",
    "napari_gfsam.models.segmenters",
)


class Warmup:
    """Imports what a run needs while there is no run yet, and finds the device. Main thread only.

    `done` comes when all is there. What goes wrong is left for a run to say.

    Parameters
    ----------
    session
        Has the references.
    models
        Say on which device they will be.
    jobs
        The thread.
    """

    done = Signal()

    def __init__(self, session: Session, models: Models, jobs: JobRunner) -> None:
        self._session, self._models, self._jobs = session, models, jobs
        session.references.changed.connect(self._begin)
        jobs.finished.connect(self._on_finished)

    def close(self) -> None:
        """Stop listening, and wait a little for an import under way, which ends with its module."""
        self._session.references.changed.disconnect(self._begin)
        self._jobs.stop()

    def _begin(self) -> None:
        if self._session.references.enabled and not models_imported() and not self._jobs.running:
            self._jobs.start(_steps(self._models.segmenter.backend))

    def _on_finished(self, _: Any) -> None:
        self.done.emit()


def models_imported() -> bool:
    """Tell whether `import_models` has nothing left to do."""
    return all(name in sys.modules for name in MODULES)


def import_models() -> Iterator[str]:
    """Import all that a run needs, yielding the name of each module after it.

    Raises
    ------
    ImportError
        If one is missing or broken.
    """
    if models_imported():
        return
    from napari_gfsam.models.libraries import open_libraries

    with collector_at_rest():
        open_libraries()
        for name in MODULES:
            import_module(name)
            yield name


def _steps(backend: Backend) -> Generator[str, None, None]:
    """Import, then ask for the device, since a GPU may take long to answer."""
    yield from import_models()
    _ = backend.device


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Collect no garbage meanwhile, nor at once after it: what was made counts as long-lived without a look at it."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # all objects of all generations to the permanent one ...
        gc.unfreeze()  # ... and from there to the oldest
        gc.enable()


@contextmanager
def old_objects_at_rest() -> Iterator[None]:
    """Leave what is there out of garbage collections meanwhile: going through all of it takes half a second.

    What becomes garbage of it is collected afterwards.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
