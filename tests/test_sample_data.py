"""The samples open in a real napari window."""

from __future__ import annotations

import pytest

LAYERS = {"nuclei": 4, "village": 4, "cells_over_time": 2, "multichannel": 4}


@pytest.mark.gui
@pytest.mark.parametrize("key", LAYERS)
def test_sample_opens_in_napari(make_napari_viewer, key):
    viewer = make_napari_viewer()
    layers = viewer.open_sample("napari-gfsam", key)
    assert len(layers) == LAYERS[key]
    assert all(layer.data.size for layer in viewer.layers)
    assert viewer.dims.ndim == (3 if key == "cells_over_time" else 2)
