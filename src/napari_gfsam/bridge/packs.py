"""Exemplar packs as layers: pictures with label layers over them, which remember what the pack says of their paint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.align import grid_of
from napari_gfsam.bridge.looks import class_colormap, class_names
from napari_gfsam.imaging import content_hash, to_model_input
from napari_gfsam.session.types import ClassRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Labels, Layer

    from napari_gfsam.bridge.sources import LayerSource
    from napari_gfsam.io.packs import Pack, PackFeatures, PackReference, PixelSize
    from napari_gfsam.session.types import PlaneKey

    LayerData = tuple[Any, dict[str, Any], str]

#: Entry of ``layer.metadata`` of a label layer from a pack.
KEY = "napari_gfsam_pack"
#: Between two pictures of a pack, as a share of the one before.
_GAP = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class PackPaint:
    """What a pack says of the paint in a label layer.

    Parameters
    ----------
    classes
        The classes that are painted.
    ignore
        Label that counts as nothing.
    region_yx
        (top, left, bottom, right) of what is painted fully.
    features
        Of this one picture, one entry an encoder.
    content
        `imaging.content_hash` of what the models saw then.
    """

    classes: tuple[ClassRow, ...]
    ignore: int | None
    region_yx: tuple[int, int, int, int] | None
    features: tuple[PackFeatures, ...]
    content: str


def layers_of(pack: Pack, name: str) -> list[LayerData]:
    """Return the pictures of a pack, each with its paint above it, side by side, as napari layer data tuples.

    Parameters
    ----------
    pack
        The pack.
    name
        What it is called where it names no title.
    """
    layers: list[LayerData] = []
    left = 0.0
    for number, reference in enumerate(pack.references):
        place = _place(reference, left)
        title = reference.record.image.name or pack.about.title or name
        pixels = reference.picture
        grey = bool((pixels[:, :, :1] == pixels[:, :, 1:]).all())
        looks = {"contrast_limits": (0, 255)} if grey else {"rgb": True}
        layers.append((pixels[:, :, 0] if grey else pixels, {"name": title, **looks, **place}, "image"))
        paint = _paint(pack, number)
        facts = {"name": f"{title}, painted", "metadata": {KEY: paint}, "colormap": class_colormap(paint.classes)}
        names = class_names(paint.classes)
        facts["features"] = {"index": list(names), "class": list(names.values())}
        layers.append((reference.labels, {**facts, **place}, "labels"))
        left += reference.labels.shape[1] * place["scale"][1] * (1 + _GAP)
    return layers


def paint_in(layer: Layer) -> PackPaint | None:
    """Return what a pack says of a label layer; ``None`` for any other layer, and for a copy that a person made."""
    found = layer.metadata.get(KEY)
    return found if isinstance(found, PackPaint) and layer.source.parent is None else None


def renumber(layer: Labels, numbers: Mapping[int, int], paint: PackPaint) -> PackPaint:
    """Give the paint of a pack other class ids, since the ones it has are taken; return what then holds of it."""
    ids = np.asarray(layer.data)
    table = np.arange(max(int(ids.max()), *numbers) + 1)
    for old, new in numbers.items():
        table[old] = new
    layer.data = table[ids].astype(np.uint8 if table.max() < 256 else np.uint16)
    classes = tuple(replace(row, id=numbers.get(row.id, row.id)) for row in paint.classes)
    ignore = None if paint.ignore is None else numbers.get(paint.ignore, paint.ignore)
    changed = replace(paint, classes=classes, ignore=ignore)
    layer.metadata[KEY] = changed
    layer.colormap = class_colormap(classes)
    return changed


def pixel_size_of(layer: Layer, source: LayerSource, plane: PlaneKey) -> PixelSize | None:
    """Return how large a pixel of a plane is, where the layer has units of length."""
    from napari_gfsam.io.packs import PixelSize

    rows, columns = plane.axes_yx
    unit = layer.units[rows]
    if not unit.is_compatible_with("meter") or layer.units[columns] != unit:
        return None
    sizes = grid_of(layer, source.shape).sizes
    return PixelSize(float(sizes[rows]), float(sizes[columns]), str(unit))


def _place(reference: PackReference, left: float) -> dict[str, Any]:
    size = reference.pixel_size
    if size is None:
        return {"scale": (1.0, 1.0), "translate": (0.0, left)}
    units = {"units": (size.unit, size.unit)} if _is_length(size.unit) else {}
    return {"scale": (size.height, size.width), "translate": (0.0, left), **units}


def _is_length(unit: str) -> bool:
    """Tell whether napari knows a unit: a pack may name any."""
    import pint

    if not unit.isalpha():  # what is more than a word would be parsed as a formula
        return False
    try:
        return bool(pint.Unit(unit).is_compatible_with("meter"))
    except pint.PintError:
        return False


def _paint(pack: Pack, number: int) -> PackPaint:
    reference = pack.references[number]
    record, region = reference.record, reference.record.region_yx
    shown = {one.id for one in record.classes}
    rows = (ClassRow(one.id, one.name, one.color, one.negative, one.painted_fully) for one in pack.classes)
    return PackPaint(
        classes=tuple(row for row in rows if row.id in shown),
        ignore=record.ignore,
        region_yx=None if region is None else (region[0], region[1], region[2], region[3]),
        features=tuple(replace(made, tokens=(made.tokens[number],)) for made in pack.features),
        content=content_hash(to_model_input(reference.picture)),
    )
