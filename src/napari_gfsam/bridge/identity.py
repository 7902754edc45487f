"""Which layer is which: layers are found by id, never by name, and ours carry a mark."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

#: Entry of ``layer.metadata`` that makes a layer ours.
KEY = "napari_gfsam"
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def layer_id(layer: Layer) -> str:
    """Return the id of a layer: of ours the uuid of its mark, of any other napari's own.

    Both are stable for the life of the viewer; a mark's uuid is kept when a session goes on in another viewer.
    """
    return str(_mark_of(layer).get("uuid") or layer.unique_id)


def find_layer(viewer: ViewerModel, wanted: str) -> Layer | None:
    """Return the layer with this id, or ``None`` if it is not (or no longer) in the viewer."""
    return next((layer for layer in viewer.layers if layer_id(layer) == wanted), None)


def mark(layer: Layer, role: str, *, uuid: str | None = None, **facts: Any) -> str:
    """Make a layer ours: to be called on layers that we create, best before they enter the viewer.

    A copy that a person makes of our layer ("Duplicate Layer") is not ours: it carries the mark of another layer.

    Parameters
    ----------
    layer
        Created by us.
    role
        What it is for.
    uuid
        Its id, when it had one in an earlier viewer; a new one otherwise.
    **facts
        More to remember with it (see `facts_of`).

    Returns
    -------
    The id.
    """
    name = uuid or uuid4().hex
    layer.metadata[KEY] = {**facts, "uuid": name, "role": role, "layer": str(layer.unique_id)}
    return name


def unmark(layer: Layer) -> None:
    """Make a layer of ours the person's own."""
    layer.metadata.pop(KEY, None)


def is_ours(layer: Layer) -> bool:
    """Tell whether `mark` was called on this layer."""
    return bool(_mark_of(layer))


def role(layer: Layer) -> str | None:
    """Return the role of our layer, or ``None`` for a layer that is not ours."""
    found = _mark_of(layer).get("role")
    return None if found is None else str(found)


def facts_of(layer: Layer) -> dict[str, Any]:
    """Return what was remembered with our layer; empty for a layer that is not ours."""
    return {name: value for name, value in _mark_of(layer).items() if name not in ("uuid", "role", "layer")}


def our_layers(viewer: ViewerModel, wanted: str | None = None) -> list[Layer]:
    """Return our layers from the bottom up: all, or those of one role."""
    return [layer for layer in viewer.layers if is_ours(layer) and wanted in (None, role(layer))]


def _mark_of(layer: Layer) -> Mapping[str, Any]:
    found = layer.metadata.get(KEY)
    if not isinstance(found, Mapping) or found.get("layer") != str(layer.unique_id):
        return _NOTHING
    return found
