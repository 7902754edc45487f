"""Packs in the viewer: what is dragged in joins the references, references go out, the answer is the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.layers._layer_actions import _duplicate_layer

from napari_gfsam.bridge.packs import layers_of, paint_in
from napari_gfsam.core.types import ClassSpec
from napari_gfsam.imaging.colors import class_color
from napari_gfsam.io.packs import PackAbout, PixelSize, read_pack, write_pack
from tests.controller.hands import RUN_MILLISECONDS, picture

pytestmark = pytest.mark.gui


def drag_in(at, path):
    return at.viewer.open(str(path), plugin="napari-gfsam")


def save(at, path, **about):
    """Save, and return what is said then."""
    said = []
    at.desk.packs.saved.connect(said.append)
    at.desk.guarded(at.desk.packs.save)(path, PackAbout(**about))
    at.qtbot.waitUntil(lambda: not at.desk.packs._jobs.running, timeout=RUN_MILLISECONDS)
    at.desk.packs.saved.disconnect(said.append)
    return said


@pytest.fixture
def pack(fake_models, tmp_path):
    """Two painted pictures, one grey and with a negative class, an ignored label and a region."""
    from napari_gfsam.api import Segmenter

    segmenter = Segmenter()
    pixels, labels = picture(1)
    segmenter.add_reference(pixels, labels, classes={1: "disc"})
    pixels, labels = picture(3)
    labels[:5, :5], labels[-4:, -4:] = 4, 9
    specs = [ClassSpec(1, "disc"), ClassSpec(4, "corner", negative=True)]
    segmenter.add_reference(pixels[..., 0], labels, classes=specs, ignore=9, region_yx=(0, 0, 55, 80))
    sizes = (PixelSize(0.5, 0.25, "micrometer"), None)
    segmenter.save_pack(tmp_path / "a.gfsampack", colors={1: (1, 2, 3)}, pixel_sizes=sizes)
    return tmp_path / "a.gfsampack", segmenter


def test_a_pack_that_is_dragged_in_joins_the_references(at, pack):
    path, _ = pack
    layers = drag_in(at, path)
    assert at.problems == []
    assert [type(layer).__name__ for layer in layers] == ["Image", "Labels"] * 2
    assert [(row.id, row.name, row.color, row.negative) for row in at.desk.session.classes] == [
        (1, "disc", (1, 2, 3), False),
        (4, "corner", class_color(4), True),
    ]
    first, second = at.desk.session.references
    assert (first.ignore, first.region_yx) == (None, None)
    assert (second.ignore, second.region_yx) == (9, (0, 0, 55, 80))
    assert [len(np.unique(at.desk.references.paint(row))) for row in (first, second)] == [2, 4]
    assert tuple(layers[0].scale) == (0.5, 0.25)
    assert "micrometer" in str(layers[0].units[0])
    assert layers[2].translate[1] > layers[0].extent.world[1, 1]
    assert at.desk.references.painted() == (first, second)


def test_a_run_with_it_is_that_of_the_segmenter_and_encodes_no_reference(at, pack, fake_models):
    path, segmenter = pack
    drag_in(at, path)
    target = at.image("target", picture(2)[0], translate=(200, 0))
    expected = segmenter.segment(picture(2)[0], settings=at.desk.models.settings)
    encoded = fake_models[0].calls
    at.desk.targets.pick(target, True)
    for row in at.desk.pictures.groups():
        at.desk.targets.pick(row[0], row[0] is target)
    at.run()
    assert at.problems == []
    assert fake_models[0].calls == encoded + 1
    (plane,) = [found.plane for found in at.queue]
    assert expected.labels.any()
    assert np.array_equal(at.desk.session.store.get(plane).labels, expected.labels)


def test_features_are_not_used_for_a_picture_that_was_changed(at, pack, fake_models):
    path, _ = pack
    image, *_ = drag_in(at, path)
    image.data = image.data[::-1].copy()
    at.image("target", picture(2)[0], translate=(200, 0))
    encoded = fake_models[0].calls
    at.press("run")
    at.wait()
    assert fake_models[0].calls >= encoded + 2


def test_classes_go_by_name_and_no_number_means_two_things(at, pack):
    path, _ = pack
    pixels, labels = picture(5)
    at.paint(at.image("mine", pixels, translate=(300, 0)), labels)
    classes = at.desk.session.classes
    classes.rename(1, "coin")
    for name in ("b", "c", "disc"):
        classes.add(name)
    layers = drag_in(at, path)
    assert at.problems == []
    names = {row.id: row.name for row in classes}
    assert {**names, 5: "corner"} == {1: "coin", 2: "b", 3: "c", 4: "disc", 5: "corner"}
    assert set(np.unique(layers[1].data)) == {0, 4}
    assert set(np.unique(layers[3].data)) == {0, 4, 5, 9}
    assert [row.ignore for row in at.desk.session.references] == [None, None, 9]


def test_a_duplicate_is_no_reference(at, pack):
    _, labels, *_ = drag_in(at, pack[0])
    at.viewer.layers.selection = {labels}
    _duplicate_layer(at.viewer.layers)
    assert len(at.viewer.layers) == 5
    assert len(at.desk.session.references) == 2
    assert at.problems == []


def test_references_are_saved_and_come_back(at, tmp_path):
    pixels, labels = picture(1)
    image = at.image("painted", pixels, scale=(0.5, 0.5), units=("um", "um"))
    at.paint(image, labels)
    at.desk.session.classes.rename(1, "coin")
    at.desk.session.classes.recolor(1, (10, 20, 30))
    at.desk.session.classes.set_painted_fully(1, True)
    assert save(at, tmp_path / "b.gfsampack", title="Coins", licence="CC0-1.0") == [
        "1 reference saved in 'b.gfsampack'."
    ]
    found = read_pack(tmp_path / "b.gfsampack")
    (one,) = found.classes
    assert (one.name, one.color, one.painted_fully) == ("coin", (10, 20, 30), True)
    assert (found.about.title, found.about.licence) == ("Coins", "CC0-1.0")
    assert np.array_equal(found.references[0].labels, labels)
    assert np.array_equal(found.references[0].picture, pixels)
    assert found.references[0].pixel_size == PixelSize(0.5, 0.5, "micrometer")
    assert len(found.features) == 1
    assert at.problems == []


def test_without_paint_nothing_is_saved(at, tmp_path):
    assert save(at, tmp_path / "b.gfsampack") == []
    assert at.problems == ["There is no painted reference yet; paint at least one object in a picture first."]
    pixels, labels = picture(1)
    at.paint(at.image("painted", pixels), labels)
    save(at, tmp_path / "nowhere" / "file" / "b.gfsampack")
    (tmp_path / "file").write_text("")
    save(at, tmp_path / "file" / "b.gfsampack")
    assert len(at.problems) == 2


@pytest.mark.parametrize("unit", ["furlongish", "", "second", "__import__('os')", "m**99999999"])
def test_units_of_no_length_are_left_out(pack, tmp_path, unit):
    found = read_pack(pack[0])
    strange = replace(found.references[0], pixel_size=PixelSize(2.0, 3.0, unit))
    write_pack(tmp_path / "c.gfsampack", replace(found, references=(strange,), features=()))
    (_, facts, _), _ = layers_of(read_pack(tmp_path / "c.gfsampack"), "c")
    assert facts["scale"] == (2.0, 3.0)
    assert "units" not in facts


def test_a_dock_that_is_opened_later_takes_what_is_open(pack, tmp_path, qtbot):
    from napari.components import ViewerModel

    from tests.controller.hands import At

    viewer = ViewerModel()
    viewer.open(str(pack[0]), plugin="napari-gfsam")
    assert [paint_in(layer) is not None for layer in viewer.layers] == [False, True, False, True]
    made = At(viewer, tmp_path / "sessions", qtbot)
    assert len(made.desk.session.references) == 2
    made.close()
