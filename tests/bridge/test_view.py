"""Camera and pointer are in the viewer's units, which may be others than a layer's."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_gfsam.bridge.clicks import label_at, plane_yx, zoom_of
from napari_gfsam.bridge.clusters import ClustersLayer
from napari_gfsam.bridge.ours import OurLayers, Role
from napari_gfsam.bridge.prompts import PromptsLayer
from napari_gfsam.bridge.view import SCREEN_PIXELS, camera_of, is_in_view, look_at
from napari_gfsam.session.types import PlaneKey
from tests.bridge.window import ROWS, point_table

SHAPE = (3, 60, 80)
PLANE = PlaneKey("s", (2, -1, -1), (1, 2))


@pytest.fixture
def mixed():
    """A stack in micrometers beside a picture in nanometers, ours, and how many of the viewer's units one of its is."""
    viewer = ViewerModel()
    viewer.add_image(np.zeros((5, 6)), units="nm")
    over = viewer.add_image(np.zeros(SHAPE), units=("second", "um", "um"), scale=(1, 4, 4), translate=(0, 20, 0))
    viewer.dims.set_point(0, 2)
    ours = OurLayers(viewer)
    ours.set_classes(ROWS)
    yield viewer, over, ours, 1000 if hasattr(viewer.dims, "units") else 1  # before 0.7 the numbers alone count
    ours.close()


def test_the_camera_looks_at_the_picture(mixed):
    viewer, over, _, size = mixed
    camera = camera_of(viewer)
    camera.center, camera.zoom = (0, 1e6, 1e6), 1.0
    assert not is_in_view(viewer, over, PLANE, SHAPE)
    look_at(viewer, over, PLANE, SHAPE)
    assert is_in_view(viewer, over, PLANE, SHAPE)
    assert camera.center[-2:] == pytest.approx(((20 + 4 * 29.5) * size, 4 * 39.5 * size))
    assert camera.zoom == pytest.approx(SCREEN_PIXELS / (4 * 79 * size))


def test_the_whole_view_of_napari_is_a_view_of_the_picture(mixed):
    viewer, over, _, _ = mixed
    viewer.reset_view()
    assert is_in_view(viewer, over, PLANE, SHAPE)


def test_the_camera_finds_a_picture_beside_a_stack_that_is_turned():
    viewer = ViewerModel()
    viewer.add_image(np.zeros(SHAPE))
    over = viewer.add_image(np.zeros((60, 80)), translate=(0, 300))
    viewer.dims.order = (1, 2, 0)
    look_at(viewer, over, PlaneKey("s"), (60, 80))
    assert camera_of(viewer).center[-2:] == (29.5, 339.5)


def test_the_pointer_finds_points_clusters_and_pixels(mixed):
    viewer, over, ours, size = mixed
    look_at(viewer, over, PLANE, SHAPE)
    table, drawn = point_table([(30, 40), (10, 70)], [1, 1]), np.zeros(SHAPE[1:], np.uint8)
    drawn[25:36, 35:46], drawn[5:16, 65:76] = 1, 2
    prompts, clusters = PromptsLayer(ours), ClustersLayer(ours)
    prompts.show(over, PLANE, SHAPE, table)
    clusters.show(over, PLANE, SHAPE, drawn, table)
    labels = ours.labels(Role.PROPOSAL, over, "s")
    labels.data[2, 10, 70] = 5
    world = (2.0, (20 + 4 * 10) * size, 4 * 70 * size)
    assert plane_yx(viewer, labels, PLANE, world) == pytest.approx((10, 70))
    assert label_at(viewer, labels, world) == 5
    assert prompts.at(world) == (1, 1)
    assert clusters.at(world) == (1, 1)
    beside = (world[0], world[1], world[2] + 15 / zoom_of(viewer))  # pixels of the screen
    assert prompts.at(beside) is None
    prompts.close()
    clusters.close()
