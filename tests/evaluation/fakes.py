"""Stand-ins for the segmenter: bright pixels are the class."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from napari_gfsam.evaluation import EpisodeRow, squash


@dataclass(frozen=True)
class FakeClass:
    score: float
    points: tuple[int, ...]
    cluster: np.ndarray


@dataclass(frozen=True)
class FakePrediction:
    labels: np.ndarray
    classes: dict[int, FakeClass]

    def model_mask(self, class_id):
        return squash(self.labels == class_id)


@dataclass
class BrightSegmenter:
    """Answers with the bright pixels; with the setting ``fallback="none"``, with nothing. Counts what is asked."""

    references: list[tuple[np.ndarray, np.ndarray, dict[int, str], int | None]] = field(default_factory=list)
    segmented: list[tuple[int, str]] = field(default_factory=list)

    def clear_references(self):
        self.references.clear()

    def add_reference(self, image, labels, *, classes, ignore):
        if not (labels == 1).any():
            raise ValueError("The label image has no painted pixel.")
        self.references.append((image, labels, dict(classes), ignore))

    def segment(self, target, *, settings, scale):
        self.segmented.append((len(self.references), settings.fallback))
        bright = np.asarray(target) > 127
        bright = bright if bright.ndim == 2 else bright[..., 0]
        if settings.fallback == "none":
            bright = np.zeros_like(bright)
        score = float(bright.mean())
        return FakePrediction(bright.astype(np.uint8), {1: FakeClass(score, (1, 2, 3), np.array([0, 0, 1]))})


def row(**values):
    """An EpisodeRow with everything set that a test does not care about."""
    usual = {
        "fingerprint": "f", "data_set": "cells", "seed": 0, "shots": 1, "model": "bundled", "settings": "tuned",
        "episode": 0, "absent": False, "class_id": 1, "class_name": "cell", "references": "a", "target": "b",
    }  # fmt: skip
    return EpisodeRow(**{**usual, **values})
