"""Layers described so that a later window can open them again: by file, by sample, or with a copy of their pixels."""

from __future__ import annotations

import math
from collections import Counter
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.facts import facts_about
from napari_gfsam.bridge.identity import facts_of, is_ours, layer_id, role
from napari_gfsam.session.saved import SavedLayer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari.layers import Layer

#: Pictures from no file are copied into the session folder up to this size.
COPY_BYTES = 512 * 2**20
#: Kind of the entry that holds the copy of a coarser level of a pyramid.
LEVEL = "level"
#: Reader of packs, in which pictures are beside others.
PLUGIN = "napari-gfsam"
#: Pixels looked at to tell pictures apart: along each of the last three axes, and along each of the others.
_SAMPLES, _FEWER = 32, 4


def levels_of(layer: Layer) -> tuple[Any, ...]:
    """Return the arrays of a layer, the finest level first; one for a plain layer."""
    return tuple(layer.data) if layer.multiscale else (layer.data,)


def copy_bytes(layer: Layer) -> int:
    """Return how many bytes a copy of a layer takes; 0 for one that comes from a file or sample."""
    if origin_of(layer):
        return 0
    return sum(math.prod(array.shape) * np.dtype(array.dtype).itemsize for array in levels_of(layer))


def is_lazy(layer: Layer) -> bool:
    """Tell whether a copy of a layer would first be computed or fetched."""
    return not all(isinstance(array, np.ndarray) for array in levels_of(layer))


def comes_back(layer: Layer) -> bool:
    """Tell whether a layer comes from a file or sample that can be opened again."""
    return bool(origin_of(layer))


def describe(layers: Iterable[Layer], copies: Mapping[str, tuple[str, ...]] | None = None) -> tuple[SavedLayer, ...]:
    """Describe image and label layers, the user's and ours, in the order of the viewer.

    Parameters
    ----------
    layers
        From the bottom up.
    copies
        By id of a layer, the names that the copies of its levels have on the shelf (`Session.keep_array`).

    Returns
    -------
    One entry a layer, and one more for each coarser level of a copy.
    """
    places: Counter[tuple[str, ...]] = Counter()
    found: list[SavedLayer] = []
    for layer in layers:
        if is_ours(layer):
            found.append(_ours(layer))
            continue
        origin, names = origin_of(layer), (copies or {}).get(layer_id(layer), ())
        found.append(_users(layer, origin, places[origin], next(iter(names), "")))
        found += [_level(layer, number, name) for number, name in enumerate(names) if number]
        places[origin] += 1
    return tuple(found)


def _users(layer: Layer, origin: tuple[str, ...], place: int, array: str) -> SavedLayer:
    kind, levels = _kind(layer), levels_of(layer)
    facts = facts_about(layer)
    if kind == "image":
        facts |= {"rgb": bool(layer.rgb), "pixels": _fingerprint(levels[0])}
    return SavedLayer(
        id=layer_id(layer),
        kind=kind,
        shape=_shape(levels[0]),
        dtype=str(np.dtype(levels[0].dtype)),
        path=origin[1] if origin[:1] == ("file",) else "",
        reader=str(layer.source.reader_plugin or "") if origin[:1] == ("file",) else "",
        sample=origin[1:] if origin[:1] == ("sample",) else (),
        place=place,
        array=array,
        facts=facts,
    )


def _level(layer: Layer, number: int, name: str) -> SavedLayer:
    array = levels_of(layer)[number]
    return SavedLayer(
        f"{layer_id(layer)}#{number}", LEVEL, shape=_shape(array), dtype=str(np.dtype(array.dtype)), array=name
    )


def _ours(layer: Layer) -> SavedLayer:
    looks = {"name": str(layer.name), "opacity": float(layer.opacity), "visible": bool(layer.visible)}
    facts = {**looks, "source": str(facts_of(layer).get("source", ""))}
    array = levels_of(layer)[0]
    return SavedLayer(
        layer_id(layer), _kind(layer), role(layer) or "", _shape(array), str(np.dtype(array.dtype)), facts=facts
    )


def _kind(layer: Layer) -> str:
    return type(layer).__name__.lower()


def _shape(array: Any) -> tuple[int, ...]:
    return tuple(int(length) for length in array.shape)


def origin_of(layer: Layer) -> tuple[str, ...]:
    """Return ``sample, plugin, key`` or ``file, path``; nothing for a layer that cannot be opened again."""
    source = layer.source
    if source.sample:
        return ("sample", *(str(part) for part in source.sample))
    if not source.path:
        return ()
    if "://" in str(source.path):
        return "file", str(source.path)
    path = Path(source.path).absolute()
    return ("file", str(path)) if path.exists() else ()


def file_of(layer: Layer) -> Path | None:
    """Return the picture file that a layer came from; ``None`` for one from elsewhere, such as a pack or an address."""
    origin = origin_of(layer)
    is_file = origin[:1] == ("file",) and "://" not in origin[1] and layer.source.reader_plugin != PLUGIN
    return Path(origin[1]) if is_file else None


def saved_origin(one: SavedLayer) -> tuple[str, ...]:
    """Return the same of a layer that was saved."""
    if one.sample:
        return ("sample", *one.sample)
    return ("file", one.path) if one.path else ()


def _fingerprint(array: Any) -> str:
    """Return what tells pictures apart without looking at all of them; nothing where pixels would be computed first."""
    if not isinstance(array, np.ndarray) or array.dtype.hasobject:
        return ""
    first = array.ndim - 3
    most = [_FEWER if axis < first else _SAMPLES for axis in range(array.ndim)]
    steps = tuple(slice(None, None, -(-max(n, 1) // count)) for n, count in zip(array.shape, most, strict=True))
    return blake2b(np.ascontiguousarray(array[steps]).tobytes(), digest_size=16).hexdigest()


def fits(one: SavedLayer, layer: Layer) -> bool:
    """Tell whether a layer can be the one that was saved: kind, shape, type and colour."""
    array = levels_of(layer)[0] if _kind(layer) == one.kind else None
    return (
        array is not None
        and _shape(array) == one.shape
        and str(np.dtype(array.dtype)) == one.dtype
        and bool(getattr(layer, "rgb", False)) == bool(one.facts.get("rgb", False))
    )


def same_pixels(one: SavedLayer, layer: Layer) -> bool | None:
    """Tell whether a layer has the pixels that were saved; ``None`` where that is not known."""
    known = one.facts.get("pixels")
    now = _fingerprint(levels_of(layer)[0]) if known else ""
    return known == now if known and now else None
