from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from napari_gfsam.core.config import TUNED
from napari_gfsam.core.frames import Frame
from napari_gfsam.core.masks import MaskBank
from napari_gfsam.core.pipeline import Finished, segment_image
from napari_gfsam.core.roundtrip import found_again
from napari_gfsam.core.types import (
    ClassSpec,
    EncodedClass,
    GridWeights,
    ImageFeatures,
    ReferenceFeatures,
    UnitTokens,
)


def plain_found_again(target, reference, foreground, background, answer) -> float:
    """The score with loops."""
    low = high = 0.0
    for j in range(len(reference)):
        nearest = max(range(len(target)), key=lambda i: float(reference[j] @ target[i]))
        shadow = answer[nearest] * (foreground[j] + background[j])
        low += min(shadow, foreground[j])
        high += max(shadow, foreground[j])
    return low / (high + 1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_equals_the_plain_score(seed):
    rng = np.random.default_rng(seed)
    target, reference = (
        functional.normalize(torch.from_numpy(rng.normal(size=(16, 5))).float(), dim=1) for _ in range(2)
    )
    foreground = rng.random(16).round(1)
    background = (1 - foreground) * (rng.random(16) > 0.2)
    answer = rng.random((4, 4)).round(1).astype(np.float32)
    weights = GridWeights(torch.from_numpy(foreground).float(), torch.from_numpy(background).float())
    score = found_again(UnitTokens(target, (reference,)), [weights], answer)
    expected = plain_found_again(target.numpy(), reference.numpy(), foreground, background, answer.ravel())
    assert score == pytest.approx(expected, abs=1e-4)


def test_an_empty_answer_finds_nothing():
    units = torch.eye(4)
    weights = GridWeights(torch.tensor([1.0, 0, 0, 0]), torch.tensor([0.0, 1, 1, 1]))
    assert found_again(UnitTokens(units, (units,)), [weights], np.zeros((2, 2), np.float32)) == 0


def test_the_right_answer_scores_higher_than_a_wrong_one():
    units = torch.eye(4)
    weights = GridWeights(torch.tensor([1.0, 0, 0, 0]), torch.tensor([0.0, 1, 1, 1]))
    right, wrong = np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float32)
    right[0, 0] = wrong[1, 1] = 1
    scores = [found_again(UnitTokens(units, (units,)), [weights], answer) for answer in (right, wrong)]
    assert scores[0] > 0.99 > scores[1]


def scene(seed: int):
    """Random smooth tokens, a painted square and a decoder that paints a square around every prompt."""
    rng = np.random.default_rng(seed)
    tokens = [torch.from_numpy(rng.normal(size=(37 * 37, 12))).float() for _ in range(2)]
    weights = torch.zeros(37, 37)
    weights[10:20, 10:20] = 1
    reference = ReferenceFeatures(tokens[0], GridWeights(weights.flatten(), 1 - weights.flatten()))

    def decode(model_xy, labels):
        del labels
        y, x = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
        near = [12 - torch.maximum((x - px // 4).abs(), (y - py // 4).abs()) for ((px, py),) in model_xy.tolist()]
        return torch.stack(near).float()

    return ImageFeatures(tokens[1], Frame(64, 64)), (EncodedClass(ClassSpec(1, "square"), (reference,)),), decode


def run(seed: int, **change: object):
    features, classes, decode = scene(seed)
    *_, last = segment_image(features, classes, TUNED.with_settings(**change), MaskBank(decode))
    assert isinstance(last, Finished)
    return last.traces[1], last.answer


@pytest.mark.parametrize("seed", range(4))
def test_auto_keeps_the_answer_that_finds_the_reference_better(seed):
    (off, _), (on, _), (auto, answer) = (
        run(seed, background_projection=choice, consistency="none", max_prompts=8) for choice in ("off", "on", "auto")
    )
    expected = on if 0 < off.found_again < on.found_again else off
    assert auto.found_again == expected.found_again
    assert auto.background_removed == (expected is on)
    assert np.array_equal(auto.status, expected.status)
    assert np.array_equal(auto.masks.bits, expected.masks.bits)
    assert answer.classes[1].score == (expected.found_again if answer.labels.any() else 0)
    assert torch.equal(auto.maps.positive_mean, off.maps.positive_mean)
