from __future__ import annotations

import json
from dataclasses import asdict, replace

import dask.array as da
import npe2
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_gfsam.bridge.ahead import read_ahead
from napari_gfsam.bridge.describe import COPY_BYTES, comes_back, copy_bytes, describe, levels_of
from napari_gfsam.bridge.identity import layer_id, mark
from napari_gfsam.bridge.reopen import reopen
from napari_gfsam.io.schema import build
from napari_gfsam.session import SavedLayer, SessionError

TRANSFORMS = {
    "scale": (2.0, 0.5),
    "translate": (7.0, -3.0),
    "rotate": 30,
    "shear": [0.2],
    "affine": np.array([[1, 0.1, 4], [0, 1, 5], [0, 0, 1]]),
    "units": ("um", "um"),
    "axis_labels": ("row", "column"),
}
LOOKS = {"colormap": "magenta", "contrast_limits": (3, 70), "gamma": 0.5, "blending": "additive", "opacity": 0.8}


@pytest.fixture(autouse=True, scope="module")
def readers_and_samples():
    """What a window does when it opens."""
    npe2.PluginManager.instance().discover()


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 200, (40, 60), dtype=np.uint8)


def write(path, pixels):
    import tifffile

    tifffile.imwrite(path, pixels)
    return path


def no_copies(name):
    raise SessionError(f"{name} is lost.")


def saved(viewer, copies=None):
    """Describe all layers and go through JSON, as a session does."""
    described = describe(viewer.layers, copies)
    return [build(SavedLayer, json.loads(json.dumps(asdict(one)))) for one in described]


def again(layers, picture=no_copies, viewer=None):
    viewer = viewer or ViewerModel()
    return viewer, whole(reopen(viewer, layers, picture))


def whole(steps):
    """Run steps to their end and return what they return."""
    while True:
        try:
            next(steps)
        except StopIteration as last:
            return last.value


def facts(viewer):
    return [{**one.facts, "shape": one.shape, "kind": one.kind} for one in describe(viewer.layers)]


def test_a_picture_comes_back_from_its_file_as_it_was_set(tmp_path, picture):
    viewer = ViewerModel()
    viewer.open(str(write(tmp_path / "cells.tif", picture)), plugin="napari")
    layer = viewer.layers[0]
    for name, value in {**TRANSFORMS, **LOOKS, "name": "my cells", "visible": False}.items():
        setattr(layer, name, value)
    other, found = again(saved(viewer))
    assert found.lost == ()
    assert facts(other) == facts(viewer)
    assert other.layers[0].source.path == str(tmp_path / "cells.tif")
    assert found.layers == {layer_id(layer): other.layers[0]}
    assert np.array_equal(other.layers[0].data, picture)


def test_a_sample_is_opened_once_and_only_what_was_there_stays(tmp_path):
    viewer = ViewerModel()
    viewer.open_sample("napari-gfsam", "village")
    names = [layer.name for layer in viewer.layers]
    viewer.layers[0].name = "renamed"
    viewer.layers.remove(viewer.layers[2])
    viewer.layers.move(2, 0)
    other, found = again(saved(viewer))
    assert [layer.name for layer in other.layers] == [names[3], "renamed", names[1]]
    assert found.lost == ()
    for layer, came in zip(viewer.layers, other.layers, strict=True):
        assert np.array_equal(layer.data, came.data)


@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_picture_from_no_file_comes_back_from_its_copy(picture, levels, lazy):
    viewer = ViewerModel()
    pyramid = [picture[:: 2**level, :: 2**level] for level in range(levels)]
    arrays = [da.from_array(array) for array in pyramid] if lazy else pyramid
    layer = viewer.add_image(arrays if levels > 1 else arrays[0], multiscale=levels > 1, **TRANSFORMS, **LOOKS)
    assert copy_bytes(layer) == sum(array.nbytes for array in pyramid) < COPY_BYTES
    shelf = {f"copy {level}": np.asarray(array) for level, array in enumerate(levels_of(layer))}
    layers = saved(viewer, {layer_id(layer): tuple(shelf)})
    other, found = again(layers, shelf.__getitem__)
    assert found.lost == ()
    assert [np.array_equal(a, b) for a, b in zip(levels_of(other.layers[0]), pyramid, strict=True)] == [True] * levels
    looks, before = facts(other)[0], facts(viewer)[0]
    assert {**looks, "pixels": ""} == {**before, "pixels": ""}


def test_colour_pictures_stay_coloured(picture):
    viewer = ViewerModel()
    layer = viewer.add_image(np.stack([picture] * 3, axis=-1))
    other, _ = again(saved(viewer, {layer_id(layer): ("copy",)}), lambda name: np.asarray(layer.data))
    assert other.layers[0].rgb


def test_what_is_open_is_not_opened_again(tmp_path, picture):
    viewer = ViewerModel()
    viewer.open(str(write(tmp_path / "a.tif", picture)), plugin="napari")
    viewer.add_image(picture + 1, name="made")
    viewer.open_sample("napari-gfsam", "village")
    layers = saved(viewer)
    other = ViewerModel()
    other.open_sample("napari-gfsam", "village")
    other.add_image(picture + 1, name="made elsewhere", scale=(3, 3))
    other.open(str(tmp_path / "a.tif"), plugin="napari")
    before = list(other.layers)
    _, found = again(layers, viewer=other)
    assert list(other.layers) == before
    assert not found.opened
    assert not found.lost
    assert [found.layers[one.id].source for one in layers[2:]] == [layer.source for layer in before[:4]]
    assert found.layers[layers[1].id].name == "made elsewhere"
    assert found.layers[layers[1].id].scale[0] == 3


def test_the_same_window_keeps_its_own_layers_even_if_they_changed(picture):
    viewer = ViewerModel()
    layer = viewer.add_image(picture)
    layers = saved(viewer)
    layer.data[:5] = 9
    _, found = again(layers, viewer=viewer)
    assert found.layers == {layer_id(layer): layer}


def test_like_pictures_are_told_apart_by_their_pixels(tmp_path, picture):
    path = str(write(tmp_path / "a.tif", picture))
    viewer = ViewerModel()
    viewer.open(path, plugin="napari")
    twin = ViewerModel()
    twin.add_image(picture[::-1], name=viewer.layers[0].name)
    _, found = again(saved(viewer), viewer=twin)
    assert len(twin.layers) == 2
    assert np.array_equal(found.layers[layer_id(viewer.layers[0])].data, picture)


def test_order_is_kept_among_what_is_opened(tmp_path, picture):
    viewer = ViewerModel()
    made = [viewer.add_image(picture + i, name=f"made {i}") for i in range(2)]
    viewer.open(str(write(tmp_path / "a.tif", picture)), plugin="napari")
    viewer.layers.move(2, 1)
    layers = saved(viewer, {layer_id(layer): (layer.name,) for layer in made})
    shelf = {layer.name: layer.data for layer in made}
    other, _ = again(layers, shelf.__getitem__)
    assert [layer.name for layer in other.layers] == ["made 0", "a", "made 1"]


def test_everything_that_is_lost_is_named(tmp_path, picture, caplog):
    viewer = ViewerModel()
    for name in ("gone", "smaller", "changed", "damaged"):
        viewer.open(str(write(tmp_path / f"{name}.tif", picture)), plugin="napari")
    viewer.add_image(picture, name="too large")
    copied = viewer.add_image(picture, name="copy lost")
    layers = saved(viewer, {layer_id(copied): ("x.npy",)})
    layers.append(replace(layers[0], id="sample", path="", sample=("napari-gfsam", "no such sample")))
    (tmp_path / "gone.tif").unlink()
    write(tmp_path / "smaller.tif", picture[:9])
    write(tmp_path / "changed.tif", 255 - picture)
    (tmp_path / "damaged.tif").write_bytes(b"II*\0 no picture")
    other, found = again(layers)
    assert [layer.name for layer in other.layers] == ["changed"]
    words = ("gone.tif is not", "smaller.tif no longer", "'changed' are not", "'damaged'", "'too large'", "x.npy")
    for word in (*words, "no such sample"):
        assert sum(word in sentence for sentence in found.lost) == 1, word
    assert len(found.lost) == len(layers)
    assert sum("opened again" in record.message for record in caplog.records) == 2


def test_a_file_that_is_gone_is_copied_from_memory(tmp_path, picture):
    viewer = ViewerModel()
    path = write(tmp_path / "a.tif", picture)
    viewer.open(str(path), plugin="napari")
    assert comes_back(viewer.layers[0])
    path.unlink()
    assert not comes_back(viewer.layers[0])
    assert copy_bytes(viewer.layers[0]) == picture.nbytes


def test_labels_come_back_from_files_also_where_a_person_said_that_they_are_labels(tmp_path, picture):
    viewer = ViewerModel()
    path = str(write(tmp_path / "paint.tif", picture))
    viewer.open(path, plugin="napari")
    viewer.open(path, plugin="napari", layer_type="labels", opacity=0.25)
    viewer.add_labels(picture, name="mine")
    other, found = again(saved(viewer))
    assert [type(layer) for layer in other.layers] == [Image, Labels]
    assert other.layers[1].opacity == 0.25
    assert [layer.source.path for layer in other.layers] == [path, path]
    assert found.lost == ()  # paint that was in no file is the session's


def test_layers_of_ours_are_described_but_not_opened(picture):
    viewer = ViewerModel()
    layer = Labels(picture, name="cells · labels", opacity=0.3)
    name = mark(layer, "accepted", source="somewhere")
    viewer.add_layer(layer)
    (one,) = saved(viewer)
    assert (one.id, one.role) == (name, "accepted")
    assert one.facts == {"name": "cells · labels", "opacity": 0.3, "visible": True, "source": "somewhere"}
    other, found = again([one])
    assert not other.layers
    assert found.layers == {}


def test_facts_that_napari_refuses_are_named(tmp_path, picture):
    viewer = ViewerModel()
    viewer.open(str(write(tmp_path / "a.tif", picture)), plugin="napari")
    (one,) = saved(viewer)
    one = replace(one, facts={**one.facts, "blending": "no such blending", "gamma": 0.5})
    other, found = again([one])
    assert found.lost == ("blending of 'a' could not be set again.",)
    assert other.layers[0].gamma == 0.5


def test_numbers_that_json_has_not_are_left_out():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((4, 5), np.float32))
    layer.contrast_limits_range = (0, np.inf)
    layer.contrast_limits = (0, np.inf)
    json.dumps([asdict(one) for one in describe(viewer.layers)], allow_nan=False)


def test_what_was_read_ahead_is_what_would_have_been_opened(tmp_path, picture):
    viewer = ViewerModel()
    path = write(tmp_path / "cells.tif", picture)
    viewer.open(str(path), plugin="napari", gamma=0.7)
    viewer.open_sample("napari-gfsam", "multichannel")
    layers = saved(viewer)
    ahead = dict(read_ahead(layers))
    assert len(ahead) == 2
    path.unlink()  # it is not read again
    other = ViewerModel()
    found = whole(reopen(other, layers, no_copies, ahead))
    assert found.lost == ()
    assert facts(other) == facts(viewer)
    assert [layer.source for layer in other.layers] == [layer.source for layer in viewer.layers]


def test_what_cannot_be_read_ahead_is_left_to_the_main_thread(tmp_path, picture):
    viewer = ViewerModel()
    path = write(tmp_path / "cells.tif", picture)
    viewer.open(str(path), plugin="napari")
    layers = saved(viewer)
    path.write_bytes(b"damaged")
    assert dict(read_ahead(layers)) == {}
    (lost,) = again(layers)[1].lost
    assert "cells" in lost
