from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_gfsam.bridge.align import labels_over
from napari_gfsam.bridge.ours import OurLayers, Role
from napari_gfsam.bridge.packs import pixel_size_of
from napari_gfsam.bridge.proposals import object_at, paint_mask, pixels_of, read_plane, write_plane
from napari_gfsam.bridge.sources import source_of
from napari_gfsam.session.types import PlaneKey
from tests.bridge.strategies import MIXED
from tests.bridge.window import ROWS

STACK = (4, 3, 30, 50)
PLANE = PlaneKey("s", (2, 1, -1, -1), (2, 3))


@pytest.fixture
def window(make_napari_viewer):
    viewer = make_napari_viewer()
    over = viewer.add_image(np.zeros(STACK))
    ours = OurLayers(viewer)
    ours.set_classes(ROWS)
    yield viewer, over, ours
    ours.close()


@pytest.mark.filterwarnings(MIXED)
@pytest.mark.parametrize(
    ("place", "size", "corner"),
    [
        ({"affine": np.diag([1, 0.5, 0.25, 1]), "translate": (0, 10, 20)}, (0.5, 0.25), (5, 5)),
        ({"scale": (-1, 0.5, 0.25), "translate": (9, 10, 20)}, (0.5, 0.25), (10, 20)),
        ({"scale": (1, -0.5, 0.25), "translate": (0, 10, 20)}, (0.5, 0.25), ()),
        ({"scale": (2, 0.5, 0.5), "rotate": 30}, (0.5, 0.5), ()),
        ({"affine": [[1, 0, 0, 0], [0.5, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]}, (1, 1), ()),
    ],
)
def test_the_size_of_pixels_is_what_the_layer_shows(place, size, corner):
    image = Image(np.zeros((3, 4, 6)), units=("pixel", "um", "um"), **place)
    source = source_of([image])
    plane = PlaneKey(source.id, (2, -1, -1), (1, 2))
    found = pixels_of(Labels(**labels_over(image, name="x")), plane)
    assert found["units"] == ("micrometer", "micrometer")
    assert found["scale"] == pytest.approx(size)
    assert found["translate"] == pytest.approx(corner)
    told = pixel_size_of(image, source, plane)
    assert (told.height, told.width, told.unit) == pytest.approx((*size, "micrometer"))
    levels = Image([np.zeros((3, 4, 6)), np.zeros((3, 2, 2))], units=("pixel", "um", "um"), **place)
    coarser = source_of([levels], level=1)
    told = pixel_size_of(levels, coarser, PlaneKey(coarser.id, (2, -1, -1), (1, 2)))
    assert (told.height, told.width) == pytest.approx((2 * size[0], 3 * size[1]))


@pytest.mark.gui
@pytest.mark.parametrize("axes_yx", [(2, 3), (3, 2)])
def test_a_plane_is_written_and_read_and_nothing_else_changes(window, axes_yx):
    viewer, over, ours = window
    layer = ours.labels(Role.PROPOSAL, over, "s")
    plane = PlaneKey("s", (2, 1, -1, -1), axes_yx)
    labels = np.random.default_rng(0).integers(0, 3, tuple(STACK[axis] for axis in axes_yx)).astype(np.uint8)
    data, layer.mode, layer.selected_label, layer.opacity = layer.data, "paint", 2, 0.3
    write_plane(layer, plane, labels)
    assert layer.data is data
    assert (str(layer.mode), layer.selected_label, layer.opacity) == ("paint", 2, 0.3)
    read = read_plane(layer, plane)
    np.testing.assert_array_equal(read, labels)
    assert not np.shares_memory(read, layer.data)
    assert (data > 0).sum() == (labels > 0).sum()
    viewer.dims.current_step = (2, 1, 0, 0)
    upright = labels if axes_yx == (2, 3) else labels.T
    np.testing.assert_array_equal(layer._slice.image.raw, upright)
    write_plane(layer, plane, np.zeros_like(labels))
    assert not layer._slice.image.raw.any()


@pytest.mark.gui
def test_high_class_ids_widen_the_layer(window):
    _, over, ours = window
    layer = ours.labels(Role.PROPOSAL, over, "s")
    labels = np.full(STACK[2:], 400, np.uint16)
    write_plane(layer, PLANE, labels)
    np.testing.assert_array_equal(read_plane(layer, PLANE), labels)


@pytest.mark.gui
def test_high_class_ids_widen_a_file_to_another_file(window, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_gfsam.bridge.align.MEMORY_BYTES", 1000)
    monkeypatch.setattr("napari_gfsam.bridge.ours.MEMORY_BYTES", 1000)
    viewer, over, _ = window
    ours = OurLayers(viewer, lambda: tmp_path)
    layer = ours.labels(Role.PROPOSAL, over, "s")
    first, (old,) = np.ones(STACK[2:], np.uint8), tmp_path.iterdir()
    write_plane(layer, PlaneKey("s", (0, 0, -1, -1), (2, 3)), first)
    write_plane(layer, PLANE, np.full(STACK[2:], 400, np.uint16))
    assert isinstance(layer.data, np.memmap)
    assert layer.data.dtype == np.uint16
    (new,) = tmp_path.iterdir()
    assert str(new) == str(layer.data.filename) != str(old)
    assert layer.data.sum(axis=(2, 3)).tolist() == [[1500, 0, 0], [0, 0, 0], [0, 600_000, 0], [0, 0, 0]]
    layer.data = layer.data.astype(np.uint8)  # by a script: numpy calls it mapped, but from no file
    write_plane(layer, PLANE, np.full(STACK[2:], 300, np.uint16))
    assert not isinstance(layer.data, np.memmap)
    ours.close()


@pytest.mark.gui
@pytest.mark.parametrize("axes_yx", [(2, 3), (3, 2)])
def test_a_painted_mask_is_one_stroke_of_napari_s_own(window, axes_yx):
    viewer, _, _ = window
    users = viewer.add_labels(np.zeros(STACK, np.int64))
    plane = PlaneKey("s", (2, 1, -1, -1), axes_yx)
    mask = np.zeros([STACK[axis] for axis in axes_yx], bool)
    mask[3:9, 4:20] = True
    strokes = []
    users.events.paint.connect(strokes.append)
    paint_mask(users, plane, mask, 7)
    np.testing.assert_array_equal(read_plane(users, plane), mask * 7)
    assert (users.data > 0).sum() == mask.sum()
    assert len(strokes) == 1
    users.undo()
    assert not users.data.any()


@pytest.mark.gui
def test_a_label_that_a_layer_cannot_hold_is_refused(window):
    viewer, _, _ = window
    users = viewer.add_labels(np.zeros(STACK[2:], np.uint8))
    with pytest.raises(ValueError, match="holds labels up to 255, not 256"):
        paint_mask(users, PlaneKey("s"), np.ones(STACK[2:], bool), 256)


def test_an_object_is_what_hangs_together_by_edges():
    labels = np.zeros((6, 6), np.uint8)
    labels[0:2, 0:2] = labels[2:4, 2:4] = 1
    labels[0:2, 2:4] = 2
    assert object_at(labels, (0.4, 1.4)).sum() == 4
    assert np.argwhere(object_at(labels, (3, 3))).min() == 2
    for nowhere in ((5, 5), (-1, 0), (0, 6), (6, 0)):
        assert not object_at(labels, nowhere).any()
