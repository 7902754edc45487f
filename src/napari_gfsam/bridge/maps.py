"""Maps of the current target on request: confidence and similarity, as one image layer each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_gfsam.bridge.ours import Role

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from napari_gfsam.bridge.align import Shape
    from napari_gfsam.bridge.ours import OurLayers
    from napari_gfsam.core.arrays import FloatArray
    from napari_gfsam.session.types import PlaneKey

MAPS = (Role.CONFIDENCE, Role.SIMILARITY)


def show_map(ours: OurLayers, wanted: Role, over: Layer, plane: PlaneKey, shape: Shape, values: FloatArray) -> Image:
    """Show a map over one plane; the layer moves with the current target. Take it away with ``ours.remove(role)``.

    Parameters
    ----------
    ours
        The layers of ours in the viewer.
    wanted
        ``Role.CONFIDENCE`` or ``Role.SIMILARITY``.
    over, plane, shape
        The layer of the user that shows the target, the plane in label space, the shape of label space.
    values
        (h, w) in [0, 1], of any size: it is stretched over the plane.
    """
    layer: Image = ours.follow(wanted, _make, over, plane, shape, values)
    return layer


def _make(**kwargs: Any) -> Any:
    from napari.layers import Image

    return Image(**kwargs, colormap="inferno", contrast_limits=(0.0, 1.0), opacity=0.6, blending="translucent")
