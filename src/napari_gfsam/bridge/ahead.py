"""Pictures of earlier work read before their layers are made: reading is for a thread, layers are not.

Read ahead are our own samples, and files that napari itself read. What another plugin reads may need the main thread,
and is left to `viewer.open`.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.describe import saved_origin

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_gfsam.session.saved import SavedLayer

PLUGIN, NAPARI = "napari-gfsam", "napari"
#: Layer data by where they come from (`describe.saved_origin`).
Ahead = dict[tuple[str, ...], list[tuple[Any, ...]]]
logger = logging.getLogger(__name__)


def warm_layers() -> None:
    """Make layers for nothing, so that what the first ones import is there; any thread."""
    from napari.layers import Image, Labels, Points

    for kind, data in ((Image, np.zeros((2, 2))), (Labels, np.zeros((2, 2), np.uint8)), (Points, np.zeros((1, 2)))):
        kind(data, units=("pixel", "pixel"), affine=np.eye(3))


def read_ahead(saved: Sequence[SavedLayer]) -> Iterator[tuple[tuple[str, ...], list[tuple[Any, ...]]]]:
    """Read what the user's layers came from, as far as that can be done on any thread.

    Parameters
    ----------
    saved
        What `describe` gave.

    Yields
    ------
    Where it comes from, and layer data as napari's readers give it. What cannot be read is left out: opening it says
    why.
    """
    theirs = [one for one in saved if not one.role and saved_origin(one)]
    count = Counter(saved_origin(one) for one in theirs)
    for origin, one in {saved_origin(one): one for one in theirs}.items():
        try:
            found = _sample(one) if one.sample else _file(one) if count[origin] == 1 else []
        except Exception:  # a reader may raise anything; the main thread tries again and tells
            logger.info("A picture could not be read ahead.", exc_info=True)
            continue
        if found:
            yield origin, found


def add_ahead(
    viewer: ViewerModel, one: SavedLayer, ahead: Mapping[tuple[str, ...], Any]
) -> Generator[None, None, list[Layer] | None]:
    """Make layers of what was read ahead, one at a time; main thread only.

    Returns
    -------
    The layers; ``None`` if it was not read.
    """
    from napari.layers._source import layer_source

    found = ahead.get(saved_origin(one))
    if found is None:
        return None
    source = {"sample": one.sample} if one.sample else {"path": one.path, "reader_plugin": one.reader}
    made: list[Layer] = []
    for data, facts, kind in found:
        yield
        try:
            with layer_source(**source):
                layers = getattr(viewer, f"add_{kind}")(data, **facts)
        except (TypeError, ValueError):  # what was read is no layer: opening it says so
            for layer in made:
                viewer.layers.remove(layer)
            return None
        made += layers if isinstance(layers, list) else [layers]
    return made


def _sample(one: SavedLayer) -> list[tuple[Any, ...]]:
    from npe2 import PluginManager

    if one.sample[0] != PLUGIN:
        return []
    for plugin, samples in PluginManager.instance().iter_sample_data():
        for sample in samples:
            if (plugin, sample.key) == tuple(one.sample):
                return [tuple(data) for data in sample.open()]
    return []


def _file(one: SavedLayer) -> list[tuple[Any, ...]]:
    from npe2.io_utils import read_get_reader

    if one.reader != NAPARI or "://" in one.path or one.kind not in ("image", "labels"):
        return []
    found, _ = read_get_reader([one.path], plugin_name=NAPARI, stack=False)
    if len(found) != 1:
        return []
    data, facts = found[0][0], dict(found[0][1]) if len(found[0]) > 1 else {}
    if one.kind == "image" and "contrast_limits" in one.facts:  # with them, napari need not look for them
        facts.setdefault("contrast_limits", one.facts["contrast_limits"])
    return [(np.asarray(data) if isinstance(data, np.ndarray) else data, facts, one.kind)]
