"""Preferences that cannot be used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_gfsam.bridge.preferences import Preferences
from napari_gfsam.controller.chosen import usable

USUAL = Preferences()


@pytest.mark.parametrize(
    ("typed", "model"),
    [
        ("bundled", "bundled"),
        (" Bundled ", "bundled"),
        ("MICROSCOPY-LM", "microscopy-lm"),
        ("DINOv2_ViTS14 + Mobile_SAM", "dinov2_vits14+mobile_sam"),
        ("", "bundled"),
    ],
)
def test_a_model_may_be_typed_with_other_letters(typed, model):
    assert usable(replace(USUAL, model=typed)) == (replace(USUAL, model=model), "")


@pytest.mark.parametrize(
    ("slip", "words"),
    [
        ({"model": "bundeld"}, "'bundeld' is no model, so bundled is used; known are bundled, base, "),
        ({"model": "dinov2_vits14"}, "is no model"),
        ({"model": "mobile_sam+dinov2_vits14"}, "is no model"),
        ({"correction_gigabytes": float("inf")}, "inf GB for corrections cannot be, so 8 are taken"),
        ({"correction_gigabytes": -1.0}, "-1 GB"),
        ({"sessions_folder": "~nobody-of-that-name/work"}, "'~nobody-of-that-name/work', so sessions are saved in the"),
    ],
)
def test_what_cannot_be_used_is_told_and_the_usual_taken(slip, words):
    found, problem = usable(replace(USUAL, **slip))
    assert found == USUAL
    assert words in problem
    assert problem.startswith("Preferences > napari-gfsam: ")
    assert problem.endswith(".")


def test_a_folder_for_sessions_is_one_that_can_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    wanted = replace(USUAL, sessions_folder=str(tmp_path / "new" / "work"))
    assert usable(wanted) == (wanted, "")
    assert not (tmp_path / "new").exists()
    found, problem = usable(replace(USUAL, model="x", sessions_folder=str(tmp_path / "file" / "work")))
    assert found == USUAL
    assert problem.count(". ") == 1  # a sentence for each
