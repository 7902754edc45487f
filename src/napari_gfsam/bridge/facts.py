"""What a person set on a layer (place, contrast, colours) as plain values, and set again on another layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.layers import Layer

Facts = dict[str, Any]


def facts_about(layer: Layer) -> Facts:
    """Return name, transforms and looks of an image or label layer as JSON-ready values."""
    from napari.layers import Image

    known = _READ if isinstance(layer, Image) else _PLACE
    facts = {name: read(getattr(layer, name)) for name, read in known.items()}
    return {name: value for name, value in facts.items() if _is_finite(value)}


def set_facts(layer: Layer, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Set on a layer what `facts_about` gave, and return the names of facts that napari refuses."""
    refused = []
    for name in _READ:
        if name in facts:
            try:
                setattr(layer, name, _WRITE.get(name, _as_is)(facts[name]))
            except (ValueError, TypeError, KeyError, AttributeError):  # of another napari, or not as we wrote it
                refused.append(name)
    return tuple(refused)


def _as_is(value: Any) -> Any:
    return value


def _matrix(transform: Any) -> Any:
    return np.asarray(transform.affine_matrix).tolist()


def _numbers(values: Any) -> Any:
    return np.asarray(values, dtype=np.float64).tolist()


def _words(values: Any) -> list[str]:
    return [str(value) for value in values]


def _colormap(colormap: Any) -> Facts:
    return {
        "name": str(colormap.name),
        "colors": _numbers(colormap.colors),
        "controls": _numbers(colormap.controls),
        "interpolation": str(colormap.interpolation),
    }


def _colormap_again(facts: Facts) -> Any:
    from napari.utils.colormaps import Colormap

    return Colormap(**facts)


#: Attributes of any layer, in the order in which they are set again.
_PLACE: dict[str, Callable[[Any], Any]] = {
    "name": str,
    "scale": _numbers,
    "rotate": _numbers,
    "shear": _numbers,
    "translate": _numbers,
    "affine": _matrix,
    "units": _words,
    "axis_labels": _words,
    "opacity": float,
    "blending": str,
    "visible": bool,
}
#: And of an image.
_READ: dict[str, Callable[[Any], Any]] = {
    **_PLACE,
    "colormap": _colormap,
    "contrast_limits": _numbers,
    "gamma": float,
    "interpolation2d": str,
}
_WRITE: dict[str, Callable[[Any], Any]] = {
    "rotate": np.asarray,
    "shear": np.asarray,
    "affine": np.asarray,
    "colormap": _colormap_again,
}


def _is_finite(value: Any) -> bool:
    """Tell whether a value can be written as JSON, which knows no infinity."""
    array = np.asarray(value if isinstance(value, float | list) else 0)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
