"""File > Open Sample: painted pairs, a stack and a multichannel picture, as napari layer data tuples."""

from __future__ import annotations

from typing import Any

LayerData = tuple[Any, dict[str, Any], str]


def painted_pair() -> list[LayerData]:
    """Return fluorescent nuclei: a painted reference and two targets beside it."""
    return _pair("nuclei")


def painted_village() -> list[LayerData]:
    """Return an aerial scene with roofs, trees and fields painted, and two targets beside it."""
    return _pair("aerial")


def cell_stack() -> list[LayerData]:
    """Return cells that move and change over time (t, y, x), with the truth."""
    from napari_gfsam.samples import synthetic_stack

    stack = synthetic_stack("t")
    return [
        (stack.image, {"name": "cells over time", "axis_labels": ("t", "y", "x")}, "image"),
        (stack.labels, {"name": "cells over time, truth", "axis_labels": ("t", "y", "x"), "visible": False}, "labels"),
    ]


def multichannel() -> list[LayerData]:
    """Return a picture of three channels (nuclei, cytoplasm, noise), with the truth of the nuclei."""
    from napari_gfsam.samples import synthetic_multichannel

    sample = synthetic_multichannel()
    names = [f"cells, {name}" for name in sample.channel_names]
    return [
        (sample.image, {"name": names, "channel_axis": 0}, "image"),
        (sample.labels, {"name": "cells, truth", "visible": False}, "labels"),
    ]


def _pair(name: str) -> list[LayerData]:
    """Return the reference with its paint, the targets to its right."""
    from napari_gfsam.samples import load_pair

    pair = load_pair(name)
    layers: list[LayerData] = [
        (pair.reference.image, {"name": pair.reference.title}, "image"),
        (pair.reference.labels, {"name": f"{pair.reference.title}, painted"}, "labels"),
    ]
    left = pair.reference.labels.shape[1] * 1.1
    for target in pair.targets:
        layers.append((target.image, {"name": target.title, "translate": (0, left)}, "image"))
        left += target.labels.shape[1] * 1.1
    return layers
