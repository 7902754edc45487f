"""The one image layer that shows a picture of a folder; it is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_gfsam.bridge.identity import layer_id, mark, our_layers

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from numpy.typing import NDArray

ROLE = "picture"


def open_picture(viewer: ViewerModel, source_id: str, name: str, pixels: NDArray[Any]) -> None:
    """Show a picture below all our other layers; its layer's id is that of its source."""
    from napari.layers import Image

    layer = Image(pixels, name=name, rgb=pixels.ndim == 3 and pixels.shape[-1] in (3, 4))
    mark(layer, ROLE, uuid=source_id)
    viewer.add_layer(layer)


def close_picture(viewer: ViewerModel) -> str | None:
    """Take the picture away and return the id of its source; ``None`` if none is shown."""
    found = None
    for layer in our_layers(viewer, ROLE):
        found = layer_id(layer)
        viewer.layers.remove(layer)
    return found
