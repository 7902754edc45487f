"""What the models see against what napari draws, pixel by pixel, in a real window."""

from __future__ import annotations

import napari
import numpy as np
import pytest
from napari.layers import Image

from napari_gfsam.bridge.planes import show_plane, shown_plane
from napari_gfsam.bridge.sources import source_of
from napari_gfsam.imaging import to_rgb
from napari_gfsam.session.types import PlaneKey

pytestmark = pytest.mark.gui
#: The figure that napari 0.5 exports has the size of the upright picture, whatever the order of the axes.
ORDERS = 1 if napari.__version__.startswith("0.5.") else 2
RNG = np.random.default_rng(3)
GREY = RNG.integers(0, 4000, (3, 40, 60)).astype(np.uint16)
COLOR = RNG.integers(0, 256, (40, 60, 3)).astype(np.uint8)

CASES = {
    "grey": [{"data": GREY, "contrast_limits": (300, 2500), "gamma": 0.6}],
    "tinted": [{"data": GREY, "contrast_limits": (0, 4000), "colormap": "bop orange"}],
    "colour": [{"data": COLOR, "gamma": 1.7}],
    "colour, narrowed": [{"data": COLOR, "contrast_limits": (50, 180)}],
    "float colour": [{"data": COLOR / 100.0}],
    "boolean": [{"data": GREY > 2000}],
    "signed": [{"data": GREY.astype(np.int32) - 2000}],
    "two channels": [
        {"data": GREY, "contrast_limits": (0, 3000), "colormap": "magenta", "blending": "additive"},
        {"data": GREY[:, ::-1], "colormap": "green", "gamma": 2, "opacity": 0.7, "blending": "additive"},
    ],
}


def test_the_models_see_what_the_viewer_shows(make_napari_viewer_proxy):
    viewer = make_napari_viewer_proxy(show=True)
    for name, layers in CASES.items():
        viewer.layers.clear()
        source = source_of([viewer.add_layer(Image(**kwargs)) for kwargs in layers])
        place = (2,) if len(source.shape) == 3 else ()
        rows, columns = range(len(source.shape))[-2:]
        for turned in (False, True)[:ORDERS]:
            show_plane(viewer, source, PlaneKey(source.id, (*place, -1, -1), (rows, columns)))
            if turned:
                viewer.dims.transpose()
            drawn = viewer.export_figure(scale_factor=1, flash=False)[..., :3].astype(int)
            seen = to_rgb(source.read(shown_plane(viewer, source)), source.recipe).astype(int)
            seen = seen.swapaxes(0, 1) if turned else seen
            assert drawn.shape == seen.shape, name
            assert np.abs(drawn - seen).max() <= 2, name
