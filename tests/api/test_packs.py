"""References as a pack and back: the answer is the very same, and a known encoder does not look again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_gfsam.api import PaintError, Segmenter
from napari_gfsam.core.types import ClassSpec
from napari_gfsam.imaging import PixelRecipe
from napari_gfsam.io.packs import PackAbout, PackError, PixelSize, read_pack
from tests.fakes import disc_picture

QUICK = {"max_prompts": 16}


@pytest.fixture
def deep(painted_pair):
    """A painted 12-bit picture with separate channels, its recipe, and a target."""
    picture, labels, target, _ = painted_pair
    labels[:20, :30][labels[:20, :30] == 0] = 7
    recipe = PixelRecipe("range", limits=((100.0, 3900.0),), gamma=0.8, channel_axis=0)
    return np.moveaxis(picture.astype(np.uint16) * 16, 2, 0), labels, recipe, np.moveaxis(target, 2, 0) * np.uint16(16)


@pytest.fixture
def painted(fake_models, deep):
    picture, labels, recipe, _ = deep
    made = Segmenter()
    specs = [ClassSpec(1, "disc"), ClassSpec(7, "corner", negative=True)]
    made.add_reference(picture, labels, classes=specs, ignore=9, region_yx=(0, 0, 170, 240), recipe=recipe)
    made.add_reference(*disc_picture(5, (90, 120), 2), classes=specs)
    return made


def answer(segmenter, deep):
    *_, recipe, target = deep
    return segmenter.segment(target, recipe=recipe, settings=segmenter.settings.with_settings(**QUICK))


def test_a_pack_answers_as_its_references_do(painted, deep, fake_models, tmp_path):
    painted.save_pack(tmp_path / "a.gfsampack", about=PackAbout(title="discs"))
    before, encoded = answer(painted, deep), fake_models[0].calls
    other = Segmenter()
    references = other.add_pack(tmp_path / "a.gfsampack")
    after = answer(other, deep)
    assert fake_models[0].calls == encoded + 1  # the target alone
    assert before.labels.any()
    assert np.array_equal(before.labels, after.labels)
    assert np.array_equal(before.confidence, after.confidence)
    assert [one.record.image.path for one in references] == [str((tmp_path / "a.gfsampack").resolve())] * 2
    for old, new in zip(painted.references, other.references, strict=True):
        assert np.array_equal(old.model_input, new.model_input)
        assert (old.classes, old.ignore, old.region_yx) == (new.classes, new.ignore, new.region_yx)
        assert old.record.image.content_hash == new.record.image.content_hash
        assert old.record.recipe == new.record.recipe


def test_another_encoder_looks_itself(painted, deep, fake_models, tmp_path):
    painted.save_pack(tmp_path / "a")
    before = answer(painted, deep).labels
    (features,) = read_pack(tmp_path / "a").features
    strange = [replace(features, weights_hash="other"), replace(features, precision="bfloat16")]
    strange += [replace(features, tokens=tuple(rows[:9] * 0 for rows in features.tokens))]
    for changed in strange:
        other, encoded = Segmenter(), fake_models[0].calls
        other.add_pack(replace(read_pack(tmp_path / "a"), features=(changed,)))
        assert np.array_equal(answer(other, deep).labels, before)
        assert fake_models[0].calls == encoded + 3


def test_a_pack_without_features_loads_no_model(painted, deep, tmp_path, monkeypatch):
    def load(*_, **__):
        raise AssertionError("a model was loaded")

    with monkeypatch.context() as patched:
        patched.setattr("napari_gfsam.models.encoders.load_encoder", load)
        painted.save_pack(tmp_path / "a", features=False)
        other = Segmenter()
        other.add_pack(tmp_path / "a")
    assert np.array_equal(answer(other, deep).labels, answer(painted, deep).labels)


def test_packs_and_references_go_together(painted, tmp_path):
    painted.save_pack(tmp_path / "a", colors={1: (9, 8, 7)}, pixel_sizes=(PixelSize(1, 2, "um"), None), features=False)
    found = read_pack(tmp_path / "a")
    assert found.classes[0].color == (9, 8, 7)
    assert [one.pixel_size for one in found.references] == [PixelSize(1, 2, "um"), None]
    other = Segmenter()
    other.add_reference(*disc_picture(3), classes={1: "disc"})
    other.add_pack(found)
    assert [spec.name for spec in other.classes] == ["disc", "corner"]
    assert len(other.references) == 3


def test_a_class_of_another_name_is_refused_whole(painted, tmp_path):
    painted.save_pack(tmp_path / "a", features=False)
    picture, labels = disc_picture(3)
    other = Segmenter()
    other.add_reference(picture, labels * 7, classes={7: "coin"})
    with pytest.raises(PaintError, match="Class 7 is 'coin'"):
        other.add_pack(tmp_path / "a")
    assert len(other.references) == 1


def test_a_pack_whose_paint_cannot_serve_is_named(painted, tmp_path):
    painted.save_pack(tmp_path / "a", features=False)
    found = read_pack(tmp_path / "a")
    blank = replace(found.references[0], labels=np.zeros_like(found.references[0].labels))
    with pytest.raises(PackError, match="holds a reference that cannot serve"):
        Segmenter().add_pack(replace(found, references=(blank,)))


def test_there_must_be_a_reference(fake_models, tmp_path):
    with pytest.raises(PackError, match="no reference to pack"):
        Segmenter().save_pack(tmp_path / "a")


def test_a_reference_is_a_snapshot(fake_models, painted_pair):
    picture, labels, *_ = painted_pair
    segmenter = Segmenter()
    kept = segmenter.add_reference(picture, labels)
    before = picture.copy()
    picture[:] = 0
    assert np.array_equal(kept.rgb, before)
