"""Parts of a picture without the class stay empty, though every tile's own extremes stretch to 0 and 1."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from napari_gfsam.api import Segmenter, Tiling
from napari_gfsam.api.archive import Archive
from napari_gfsam.core.survey import ClassSurvey
from tests.api.tiles.scenes import discs

TILING = Tiling((96, 96), (32, 32), (96, 96), 5.0)


def scene() -> np.ndarray:
    """Discs on the left; stones that hardly differ from the ground on the right; plain ground between."""
    picture, _ = discs((96, 480), [(30, 30), (66, 90)], 14)
    _, stones = discs((96, 480), [(30, 330), (66, 390), (40, 450)], 14)
    picture[stones > 0] += np.array([25, 20, 5], dtype=np.uint8)
    return picture


def test_tiles_without_the_class_stay_empty(fake_models):
    segmenter = Segmenter()
    picture, numbers = discs((96, 96), [(30, 30), (66, 60)], 13)
    segmenter.add_reference(picture, (numbers > 0).astype(np.uint8))
    quick = segmenter.settings.with_settings(max_prompts=32)
    prediction = segmenter.segment(scene(), settings=quick, scale=TILING)
    assert prediction.labels[30, 30] == prediction.labels[66, 90] == 1
    assert not prediction.labels[:, 160:].any()
    alone = segmenter.segment(scene()[:, 160:], settings=quick, scale=TILING)
    assert not alone.labels.any()
    assert alone.reason


def everything_allowed(survey, tokens, *, likely=True, views=ClassSurvey.views):
    """Read tiles in vain too."""
    for config, view in views(survey, tokens, likely=likely):
        maps = replace(view.maps, allowed=torch.ones_like(view.maps.allowed))
        yield config, replace(view, maps=maps)


def test_tiles_of_nothing_but_ground_are_not_decoded_and_the_answer_stays(fake_models, monkeypatch, tmp_path):
    _, decoder = fake_models
    monkeypatch.setattr(ClassSurvey, "is_likely", lambda *_: True)
    picture, numbers = discs((96, 96), [(30, 30), (66, 60)], 13)
    rng = np.random.default_rng(0)
    wide, _ = discs((160, 480), [(30, 30), (66, 90), (120, 140)], 14)
    wide += rng.integers(0, 5, wide.shape, dtype=np.uint8)

    def run():
        segmenter = Segmenter()
        segmenter.add_reference(picture, (numbers > 0).astype(np.uint8))
        quick = segmenter.settings.with_settings(max_prompts=8, background_projection="off")
        return segmenter.segment(wide, settings=quick, scale=TILING)

    found = run()
    read = decoder.embeds
    assert found.answer.strange
    assert read == len(found.answer.tiles) < len(found.answer.scene.grid)
    archive = Archive(list)
    archive.save(tmp_path / "a.safetensors", found)
    assert archive.load(tmp_path / "a.safetensors").answer.strange == found.answer.strange
    monkeypatch.setattr(ClassSurvey, "views", everything_allowed)
    everywhere = run()
    assert decoder.embeds - read == len(found.answer.tiles) + len(found.answer.strange)
    assert everywhere.answer.strange == ()
    np.testing.assert_array_equal(found.labels, everywhere.labels)
    np.testing.assert_array_equal(found.confidence, everywhere.confidence)
