from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_gfsam.bridge.clicks import label_at, on_click, plane_yx, zoom_of
from napari_gfsam.session.types import PlaneKey
from tests.bridge.window import click, drag

pytestmark = pytest.mark.gui


def centre_of(viewer):
    return getattr(viewer, "scene", viewer).camera.center


@pytest.fixture
def labels(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_labels(np.arange(64 * 48, dtype=np.uint16).reshape(64, 48), scale=(2, 2), translate=(10, -5))
    return viewer, layer


def test_a_click_is_told_with_its_place(labels):
    viewer, layer = labels
    seen = []
    stop = on_click(layer, seen.append)
    click(viewer, (50, 40))
    assert len(seen) == 1
    np.testing.assert_allclose(seen[0], (50, 40), atol=1.0)
    y, x = plane_yx(viewer, layer, PlaneKey("s"), seen[0])
    np.testing.assert_allclose((y, x), (20, 22.5), atol=0.5)
    assert label_at(viewer, layer, seen[0]) == layer.data[round(y), round(x)]
    assert label_at(viewer, layer, (-100, 0)) == 0
    stop()
    stop()
    click(viewer, (50, 40))
    assert len(seen) == 1


def test_drags_modifiers_and_other_modes_are_no_clicks(labels):
    viewer, layer = labels
    seen = []
    on_click(layer, seen.append)
    centre = centre_of(viewer)
    drag(viewer, (50, 40), (70, 60))
    assert centre_of(viewer) != centre
    click(viewer, (50, 40), Qt.KeyboardModifier.ShiftModifier)
    layer.mode = "pick"
    click(viewer, (50, 40))
    assert seen == []


def test_a_trembling_hand_clicks(labels):
    viewer, layer = labels
    seen = []
    on_click(layer, seen.append)
    drag(viewer, (50, 40), (50 + 2 / zoom_of(viewer), 40))
    assert len(seen) == 1


def test_a_click_on_another_layer_is_not_told(labels):
    viewer, layer = labels
    seen = []
    on_click(layer, seen.append)
    viewer.add_image(np.zeros((64, 48)))
    click(viewer, (20, 20))
    assert seen == []
