"""Layers of an earlier window opened again, as `describe` described them.

A picture comes back from its file or sample; one that came from neither (made by a script, cropped, duplicated) from a
copy in the session folder. A layer that is open already is used as it is.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_gfsam.bridge.ahead import add_ahead
from napari_gfsam.bridge.describe import LEVEL, fits, origin_of, same_pixels, saved_origin
from napari_gfsam.bridge.facts import set_facts
from napari_gfsam.bridge.identity import is_ours, layer_id
from napari_gfsam.session.shelf import SessionError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_gfsam.bridge.ahead import Ahead
    from napari_gfsam.session.saved import SavedLayer

logger = logging.getLogger(__name__)


class _NotOpenedError(Exception):
    """A file or sample that could not be opened; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Reopened:
    """What came back.

    Parameters
    ----------
    layers
        Image and label layers by the id that they were saved with.
    opened
        Those of them that were not open before.
    lost
        One sentence for everything that did not come back as it was.
    """

    layers: Mapping[str, Layer]
    opened: frozenset[Layer]
    lost: tuple[str, ...]


def reopen(
    viewer: ViewerModel, saved: Sequence[SavedLayer], picture: Callable[[str], Any], ahead: Ahead | None = None
) -> Generator[None, None, Reopened]:
    """Open the user's layers of a session again, but for those that are open already; entries of ours are passed over.

    It yields before every picture, so that a window can stay alive meanwhile.

    Parameters
    ----------
    viewer
        Gets the layers, in the order in which they were.
    saved
        What `describe` gave.
    picture
        Gives the copy of a picture by its name on the shelf, or raises `SessionError`.
    ahead
        What was read before (`ahead.read_ahead`).

    Returns
    -------
    What came back.
    """
    wanted = [one for one in saved if not one.role and one.kind != LEVEL]
    found = _already_open(viewer, wanted)
    missing = [one for one in wanted if one.id not in found]
    opened: dict[str, Layer] = {}
    lost: list[str] = []
    for origin in dict.fromkeys(saved_origin(one) for one in missing if saved_origin(one)):
        yield
        group = [one for one in missing if saved_origin(one) == origin]
        opened |= _from_origin(viewer, group, (yield from add_ahead(viewer, group[0], ahead or {})), lost)
    for one in missing:
        yield
        if not saved_origin(one) and one.kind == "image":
            opened |= _from_copy(viewer, one, saved, picture, lost)
        if one.id in opened:
            lost += _set(one, opened[one.id])
    found |= opened
    _restore_order(viewer, [found[one.id] for one in wanted if one.id in found], set(opened.values()))
    return Reopened(found, frozenset(opened.values()), tuple(lost))


def _already_open(viewer: ViewerModel, wanted: list[SavedLayer]) -> dict[str, Layer]:
    free = [layer for layer in viewer.layers if not is_ours(layer)]
    found = {}
    for one in wanted:
        layer = _nearest(one, [layer for layer in free if _is(one, layer)])
        if layer is not None:
            found[one.id] = layer
            free.remove(layer)
    return found


def _is(one: SavedLayer, layer: Layer) -> bool:
    """Tell whether a layer that is open is the one that was saved."""
    if not fits(one, layer):
        return False
    if layer_id(layer) == one.id:
        return True
    same = same_pixels(one, layer)
    return origin_of(layer) == saved_origin(one) != () if same is None else same


def _nearest(one: SavedLayer, layers: list[Layer]) -> Layer | None:
    """Return the layer that is most like the one that was saved; the first of several equal ones."""

    def unlike(layer: Layer) -> tuple[bool, ...]:
        origin = origin_of(layer) != saved_origin(one)
        return layer_id(layer) != one.id, origin, str(layer.name) != one.facts.get("name")

    return min(layers, key=unlike, default=None)


def _from_origin(
    viewer: ViewerModel, group: list[SavedLayer], read: list[Layer] | None, lost: list[str]
) -> dict[str, Layer]:
    """Open a file or sample, unless its layers are there already, for the layers that came from it."""
    try:
        found = _claim(viewer, group, _open(viewer, group[0]) if read is None else read)
        missing = [one for one in group if one.id not in found]
        if group[0].path and any(one.kind == "labels" for one in missing):  # a person said that they are labels
            found |= _claim(viewer, missing, _open(viewer, group[0], layer_type="labels"))
    except _NotOpenedError as error:
        lost += [_not_again(one, str(error)) for one in group]
        return {}
    for one in group:
        if one.id not in found:
            lost.append(_not_again(one, f"{one.path or one.sample[-1]} no longer holds it in this size"))
        elif same_pixels(one, found[one.id]) is False:
            lost.append(f"The pixels of {_name(one)} are not those that were labelled; check its labels.")
    return found


def _open(viewer: ViewerModel, one: SavedLayer, **how: Any) -> list[Layer]:
    if not one.sample and "://" not in one.path and not Path(one.path).exists():
        raise _NotOpenedError(f"{one.path} is not there")
    try:
        opened = viewer.open_sample(*one.sample) if one.sample else _read(viewer, one, **how)
    except Exception as error:  # a reader is somebody else's code and may raise anything
        logger.exception("A layer could not be opened again.")
        raise _NotOpenedError(str(error)) from error
    return list(opened)


def _read(viewer: ViewerModel, one: SavedLayer, **how: Any) -> Any:
    return viewer.open(one.path, plugin=one.reader or None, **how)


def _claim(viewer: ViewerModel, group: list[SavedLayer], free: list[Layer]) -> dict[str, Layer]:
    """Say which layer is which, those with the same pixels first; what nobody claims is taken away again."""
    found: dict[str, Layer] = {}
    for exact in (True, False):
        for one in group:
            fitting = [layer for layer in free if fits(one, layer) and (not exact or same_pixels(one, layer))]
            layer = None if one.id in found else _at_its_place(one, fitting)
            if layer is not None:
                found[one.id] = layer
                free.remove(layer)
    for layer in free:
        viewer.layers.remove(layer)
    return found


def _at_its_place(one: SavedLayer, layers: list[Layer]) -> Layer | None:
    named = [layer for layer in layers if str(layer.name) == one.facts.get("name")]
    chosen = named or layers
    return chosen[min(one.place, len(chosen) - 1)] if chosen else None


def _from_copy(
    viewer: ViewerModel,
    one: SavedLayer,
    saved: Sequence[SavedLayer],
    picture: Callable[[str], Any],
    lost: list[str],
) -> dict[str, Layer]:
    from napari.layers import Image

    if not one.array:
        lost.append(_not_again(one, "it came from no file, and there is no copy of it"))
        return {}
    coarser = [other.array for other in saved if other.kind == LEVEL and other.id.rpartition("#")[0] == one.id]
    try:
        levels = [picture(name) for name in (one.array, *coarser)]
    except SessionError as error:
        lost.append(_not_again(one, str(error).rstrip(".")))
        return {}
    # With its limits, napari need not look for the darkest and the brightest pixel.
    limits = {"contrast_limits": one.facts["contrast_limits"]} if "contrast_limits" in one.facts else {}
    pyramid = len(levels) > 1
    layer = Image(levels if pyramid else levels[0], multiscale=pyramid, rgb=bool(one.facts.get("rgb")), **limits)
    return {one.id: viewer.add_layer(layer)}


def _set(one: SavedLayer, layer: Layer) -> list[str]:
    refused = set_facts(layer, one.facts)
    return [f"{', '.join(refused)} of {_name(one)} could not be set again."] if refused else []


def _restore_order(viewer: ViewerModel, layers: list[Layer], movable: set[Layer]) -> None:
    """Bring the layers just opened into the order in which they were; those open before stay where they are."""
    order = viewer.layers
    for below, layer in pairwise(layers):
        if layer in movable and order.index(layer) < order.index(below):
            order.move(order.index(layer), order.index(below) + 1)


def _name(one: SavedLayer) -> str:
    return repr(str(one.facts.get("name", one.id)))


def _not_again(one: SavedLayer, why: str) -> str:
    return f"{_name(one)} could not be opened again ({why}); its work stays saved for when it is back."
