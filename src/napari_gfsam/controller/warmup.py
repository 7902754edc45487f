"""Importing torch and the models while a window stays alive.

Done plainly, the first import stops the main thread for a quarter of a second several times, by two things that keep
the interpreter's lock: opening torch's libraries (see `models.libraries`), and full garbage collections, in which the
window's own objects are gone through again and again while modules pile up. So the libraries are opened without the
lock, and the collector rests meanwhile.
"""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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
