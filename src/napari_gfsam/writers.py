"""Writers for napari's File > Save: label layers as COCO JSON or OME-Zarr. No layer is changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.align import grid_like
from napari_gfsam.imaging.colors import class_color
from napari_gfsam.io.exports import ExportClass, ExportError, check_libraries, export_format, label_sheet, safe_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_gfsam.bridge.align import Grid
    from napari_gfsam.imaging.colors import Rgb
    from napari_gfsam.io.exports import LabelSheet

#: Between the name of a picture and what our layer over it is for.
_BETWEEN = " · "
#: Columns of a features table that may name what an id is.
_NAMES = ("class", "name", "label")
_AXES = "tczyx"


def write_coco(path: str, layer_data: Sequence[tuple[Any, Mapping[str, Any], str]]) -> list[str]:
    """Write label layers as one COCO JSON file; every plane of a stack becomes a picture.

    Parameters
    ----------
    path
        Where; napari has asked before it replaces a file.
    layer_data
        Data, attributes and type of each label layer.

    Returns
    -------
    The path that was written.

    Raises
    ------
    ValueError
        If a library is missing or a layer cannot be exported (`ExportError`).
    OSError
        If the file cannot be written.
    """
    from napari_gfsam.io.exports import coco
    from napari_gfsam.io.exports.registry import SetOptions
    from napari_gfsam.io.writers import write_bytes

    check_libraries(export_format("coco"))
    place = _with_suffix(path, ".json")
    planes = (plane for data, meta, _ in layer_data for plane in layer_sheet(data, meta).planes())
    ((_, content),) = coco.encode_set(planes, SetOptions(picture_prefix="", note=lambda text: None))
    write_bytes(place, content)
    return [str(place)]


def write_ome_zarr(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write one label layer as OME-Zarr labels, with scale, units and translation.

    Parameters
    ----------
    path
        A new folder.
    data, meta
        Of the layer.

    Returns
    -------
    The path that was written.

    Raises
    ------
    ValueError
        If something is there already, a library is missing or the layer cannot be exported (`ExportError`).
    OSError
        If it cannot be written.
    """
    from napari_gfsam.io.exports import ome_zarr
    from napari_gfsam.io.exports.running import write_folder

    check_libraries(export_format("ome-zarr"))
    place = _with_suffix(path, ".zarr")
    if place.exists():
        raise ExportError(f"{place} is there already, and folders are not replaced from here; choose another name.")
    write_folder(ome_zarr, layer_sheet(data, meta), place)
    return [str(place)]


def layer_sheet(data: Any, meta: Mapping[str, Any]) -> LabelSheet:
    """Return a label layer as a sheet.

    Parameters
    ----------
    data
        (..., H, W) integers or the levels of a pyramid, of which the first counts.
    meta
        Attributes as napari hands them to writers. Features with ``index`` and ``class`` name the ids; with ``score``
        too, as in our instances layer, the ids are objects and the features tell their classes.

    Raises
    ------
    ExportError
        If the layer cannot be exported.
    """
    ids = np.asarray(data[0] if meta.get("multiscale") else data)
    name = str(meta.get("name") or "labels")
    picture = name.rpartition(_BETWEEN)[0] or name
    rows = _rows(meta.get("features"))
    grid = _grid(meta)
    known = {
        "picture": picture,
        "axes": _axes(meta.get("axis_labels"), ids.ndim),
        "scale": () if grid is None else tuple(map(float, grid.sizes)),
        "units": tuple(_unit(unit) for unit in meta.get("units") or ()),
        "translate": () if grid is None else grid.corner(range(ids.ndim)),
    }
    if any("score" in row for row in rows.values()):
        return _objects_sheet(ids, safe_name(picture), rows, known)
    colors = _colors(meta.get("colormap"), rows.keys() | {int(one) for one in np.unique(ids)})
    names = {key: str(row.get("name") or "") for key, row in rows.items()}
    classes = [ExportClass(key, names.get(key) or f"class {key}", color) for key, color in colors.items()]
    return label_sheet(ids, safe_name(picture), classes, **known)


def _objects_sheet(
    ids: NDArray[Any], name: str, rows: Mapping[int, Mapping[str, Any]], known: dict[str, Any]
) -> LabelSheet:
    """Return the sheet of a layer of single objects: classes by name, in the order of the alphabet."""
    names = sorted({str(row.get("name") or "object") for row in rows.values()} | _unnamed(ids, rows))
    places = {text: place for place, text in enumerate(names, start=1)}
    numbers, where = np.unique(ids, return_inverse=True)
    kinds = [places[str(rows.get(int(one), {}).get("name") or "object")] if one > 0 else 0 for one in numbers]
    classes = [ExportClass(place, text, class_color(place)) for text, place in places.items()]
    scores = {key: float(row["score"]) for key, row in rows.items() if np.isfinite(row.get("score", np.nan))}
    labels = np.array(kinds, dtype=np.int64)[where].reshape(ids.shape)
    return label_sheet(labels, name, classes, instances=ids, scores=scores, **known)


def _unnamed(ids: NDArray[Any], rows: Mapping[int, Any]) -> set[str]:
    return {"object"} if any(int(one) not in rows for one in np.unique(ids) if one > 0) else set()


def _rows(features: Any) -> dict[int, dict[str, Any]]:
    """Return name and score by id from a features table; nothing where it has no ``index``."""
    columns = [] if features is None else list(features.columns)
    if "index" not in columns:
        return {}
    named = next((column for column in _NAMES if column in columns), None)
    rows: dict[int, dict[str, Any]] = {int(one): {} for one in features["index"]}
    for key, column in (("name", named), ("score", "score")):
        if column in columns:
            for one, value in zip(features["index"], features[column], strict=True):
                rows[int(one)][key] = value
    return {one: row for one, row in rows.items() if one > 0}


def _colors(colormap: Any, ids: Iterable[int]) -> dict[int, Rgb]:
    """Return the colours in which napari shows the ids."""
    wanted = sorted(one for one in ids if one > 0)
    if not wanted or not hasattr(colormap, "map"):
        return {one: class_color(one) for one in wanted}
    shown = np.round(255 * np.asarray(colormap.map(np.array(wanted)))[:, :3]).astype(int).tolist()
    return {one: (red, green, blue) for one, (red, green, blue) in zip(wanted, shown, strict=True)}


def _axes(names: Any, ndim: int) -> str:
    """Return the letters of axes whose names are letters in order; else by how many there are."""
    from napari_gfsam.io.exports.types import AXES

    text = "".join(map(str, names or ())).lower()
    fits = len(text) == ndim and text.endswith("yx") and [axis for axis in _AXES if axis in text] == list(text)
    return text if fits else AXES.get(ndim, "")


def _grid(meta: Mapping[str, Any]) -> Grid | None:
    """Return where the layer's pixels lie; ``None`` where that is not told."""
    if meta.get("scale") is None:
        return None
    n = len(meta["scale"])
    facts = {"translate": np.zeros(n), "rotate": np.eye(n), "shear": np.eye(n), "affine": np.eye(n + 1)}
    told = {name: meta[name] for name in ("scale", *facts) if meta.get(name) is not None}
    return grid_like({**facts, **told})


def _unit(unit: Any) -> str:
    return "" if str(unit) in ("pixel", "dimensionless", "") else str(unit)


def _with_suffix(path: str, suffix: str) -> Path:
    place = Path(path)
    return place if place.suffix.lower() == suffix else place.with_name(f"{place.name}{suffix}")
