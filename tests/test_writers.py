"""Label layers as napari hands them to writers, found by npe2 as the manifest contributes them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from npe2 import PluginManager, PluginManifest
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

from napari_gfsam.io.exports import ExportError
from napari_gfsam.writers import layer_sheet, write_coco, write_ome_zarr
from tests.io.exports import scenes

COLORS = {1: (0, 0.2, 1, 1), 7: (1, 0, 0, 1), None: (0.5, 0.5, 0.5, 1), 0: (0, 0, 0, 0)}


def classes_layer(**more):
    """Like our layers of class ids."""
    features = {"index": [1, 7], "class": ["nucleus", scenes.ODD]}
    known = {"features": features, "colormap": DirectLabelColormap(color_dict=COLORS), "name": "plate.tif · labels"}
    return Labels(scenes.labels(), **{**known, **more})


def objects_layer(**more):
    """Like our instances layer."""
    rows = {
        "index": [11, 12, 40],
        "class": ["nucleus", "nucleus", "debris"],
        "cluster": [0, -1, 1],
        "score": [0.25, 0.5, np.nan],
    }
    return Labels(scenes.touching(), features=rows, name="plate.tif · instances", **more)


@pytest.fixture
def plugins():
    """A plugin manager that knows nothing but our writers."""
    commands = [
        {"id": f"napari-gfsam.{name}", "title": title, "python_name": f"napari_gfsam.writers:{name}"}
        for name, title in (("write_coco", "Save labels as COCO JSON"), ("write_ome_zarr", "Save labels as OME-Zarr"))
    ]
    writers = [
        {
            "command": commands[0]["id"],
            "layer_types": ["labels+"],
            "filename_extensions": [".json"],
            "display_name": "COCO",
        },
        {
            "command": commands[1]["id"],
            "layer_types": ["labels"],
            "filename_extensions": [".zarr"],
            "display_name": "Zarr",
        },
    ]
    manager = PluginManager()
    manager.register(PluginManifest(name="napari-gfsam", contributions={"commands": commands, "writers": writers}))
    manager.activate("napari-gfsam")
    return manager


def save(plugins, path, layers):
    """As `npe2.io_utils._write` does."""
    data = [layer.as_layer_data_tuple() for layer in layers]
    writer, new_path = plugins.get_writer(str(path), [kind for *_, kind in data], None)
    single = sum(one.max() for one in writer.layer_type_constraints()) <= 1
    return writer.exec(args=(new_path, *data[0][:2]) if single else (new_path, data), _registry=plugins.commands)


def test_coco(plugins, tmp_path):
    path = tmp_path / "x.json"
    stack = Labels(np.stack([scenes.labels()] * 2), name="stack")
    assert save(plugins, path, [classes_layer(), stack]) == [str(path)]
    data = json.loads(path.read_text())
    assert [one["file_name"] for one in data["images"]] == ["plate.tif", "stack_p0000", "stack_p0001"]
    assert [(one["name"], one["color"]) for one in data["categories"]] == [
        ("nucleus", [0, 51, 255]),
        (scenes.ODD, [255, 0, 0]),
    ]
    assert len(data["annotations"]) == 15


def test_ome_zarr(plugins, tmp_path):
    layer = classes_layer(scale=(0.5, 0.25), translate=(3, 4), units=("um", "um"))
    assert save(plugins, tmp_path / "x.zarr", [layer]) == [str(tmp_path / "x.zarr")]
    nodes = {node.zarr.basename(): node for node in Reader(parse_url(tmp_path / "x.zarr"))() if node.data}
    classes = nodes["classes"]
    assert np.array_equal(classes.data[0].compute(), scenes.labels())
    assert classes.metadata["color"][7] == [1, 0, 0, 1]
    assert classes.metadata["coordinateTransformations"][0] == [
        {"type": "scale", "scale": [0.5, 0.25]},
        {"type": "translation", "translation": [3, 4]},
    ]
    assert [one["unit"] for one in classes.metadata["axes"]] == ["micrometer"] * 2
    with pytest.raises(ExportError, match="choose another name"):
        save(plugins, tmp_path / "x.zarr", [layer])


def test_pixel_sizes_are_those_that_are_seen():
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    for place, corner in (
        ({"affine": np.diag([0.5, 2, 1])}, (1.5, 14)),
        ({"rotate": 360}, (3, 7)),
        ({"scale": (-1, 1)}, ()),
        ({"rotate": turn}, ()),
        ({"shear": [0.1]}, ()),
    ):
        layer = classes_layer(**{"scale": (4, 1), "translate": (3, 7), **place})
        sheet = layer_sheet(*layer.as_layer_data_tuple()[:2])
        wanted = np.linalg.norm(layer._data_to_world.linear_matrix, axis=0)
        assert sheet.scale == pytest.approx(wanted)
        assert sheet.translate == pytest.approx(corner)
    assert layer_sheet(scenes.labels(), {"scale": (2, 3)}).scale == (2, 3)


def test_objects_keep_class_and_score(tmp_path):
    data, meta, _ = objects_layer().as_layer_data_tuple()
    write_coco(str(tmp_path / "x"), [(data, meta, "labels")])
    found = json.loads((tmp_path / "x.json").read_text())
    assert [one["name"] for one in found["categories"]] == ["debris", "nucleus"]
    assert [(one["category_id"], one.get("score")) for one in found["annotations"]] == [(1, None), (2, 0.25), (2, 0.5)]
    write_ome_zarr(str(tmp_path / "y"), data, meta)
    nodes = {node.zarr.basename(): node for node in Reader(parse_url(tmp_path / "y.zarr"))() if node.data}
    assert nodes["objects"].metadata["properties"][11]["score"] == 0.25


def test_objects_that_are_in_no_table_are_objects():
    ids = scenes.touching()
    ids[0, 0] = 99
    layer = objects_layer()
    sheet = layer_sheet(ids, layer.as_layer_data_tuple()[1])
    assert [one.name for one in sheet.classes] == ["debris", "nucleus", "object"]
    assert sheet.labels[0, 0] == 3


def test_layers_of_others_keep_the_colours_they_are_shown_in():
    layer = Labels(scenes.labels(), name="mine")
    sheet = layer_sheet(*layer.as_layer_data_tuple()[:2])
    assert [(one.id, one.name) for one in sheet.classes] == [(1, "class 1"), (7, "class 7")]
    shown = np.round(255 * layer.get_color(7)[:3]).astype(int)
    assert sheet.classes[1].color == tuple(shown.tolist())


def test_axes_names_and_pyramids():
    ids = np.stack([scenes.labels()] * 3)
    layer = Labels([ids, ids[:, ::2, ::2]], axis_labels=("t", "y", "x"), name="../../up", scale=(2, 1, 1))
    sheet = layer_sheet(*layer.as_layer_data_tuple()[:2])
    assert (sheet.axes, sheet.name, sheet.scale, sheet.units) == ("tyx", "_.._up", (2, 1, 1), ("", "", ""))
    assert np.array_equal(sheet.labels, ids)
    odd = Labels(ids, axis_labels=("angle", "y", "x"), name="")
    assert layer_sheet(*odd.as_layer_data_tuple()[:2]).axes == "zyx"


def test_what_cannot_be_exported_is_one_sentence(tmp_path):
    with pytest.raises(ExportError, match="labels run from 0, not from -3"):
        write_coco(str(tmp_path / "x.json"), [Labels(np.full((4, 4), -3)).as_layer_data_tuple()])
    assert list(tmp_path.iterdir()) == []
