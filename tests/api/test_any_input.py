"""Whatever the pictures and the paint: a clear sentence or a whole answer, the caller's arrays untouched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_gfsam.api import PaintError, Segmenter
from napari_gfsam.core.config import PUBLISHED, TUNED
from napari_gfsam.imaging import ImageError

DTYPES = ["bool", "uint8", "int16", "uint16", "int32", "float32", "float64"]
PATTERNS = ["disc", "dot", "line", "border", "stripes", "all", "none", "noise", "two classes"]
sizes = st.tuples(st.integers(1, 70), st.integers(1, 70))


def picture(shape: tuple[int, int], dtype: str, *, color: bool, holes: bool, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = rng.random((*shape, 3) if color else shape) * 200
    image[shape[0] // 4 : shape[0] // 2, shape[1] // 4 : shape[1] // 2] += 50
    if holes and dtype.startswith("float"):
        image[rng.random(shape) < 0.2] = np.nan
    return image > 100 if dtype == "bool" else image.astype(dtype)


def paint(shape: tuple[int, int], pattern: str, seed: int) -> np.ndarray:
    labels = np.zeros(shape, dtype=np.int32)
    y, x = np.mgrid[: shape[0], : shape[1]]
    middle = np.hypot(y - shape[0] / 2, x - shape[1] / 2) < min(shape) / 3
    masks = {
        "disc": middle,
        "dot": (y == shape[0] // 2) & (x == shape[1] // 2),
        "line": y == shape[0] // 2,
        "border": (y == 0) | (x == 0),
        "stripes": y % 2 == 0,
        "all": np.ones(shape, dtype=bool),
        "none": np.zeros(shape, dtype=bool),
        "noise": np.random.default_rng(seed).random(shape) < 0.3,
        "two classes": middle,
    }
    labels[masks[pattern]] = 3
    if pattern == "two classes":
        labels[0, 0] = 500
    return labels


@pytest.mark.usefixtures("fake_models")
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=sizes,
    target_shape=sizes,
    dtype=st.sampled_from(DTYPES),
    pattern=st.sampled_from(PATTERNS),
    color=st.booleans(),
    holes=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_sentence_or_a_whole_answer(shape, target_shape, dtype, pattern, color, holes, seed):
    image = picture(shape, dtype, color=color, holes=holes, seed=seed)
    target = picture(target_shape, dtype, color=color, holes=holes, seed=seed + 1)
    labels = paint(shape, pattern, seed)
    copies = [array.copy() for array in (image, labels, target)]
    segmenter = Segmenter(settings=(TUNED if seed % 2 else PUBLISHED).with_settings(max_prompts=24))
    sentence, prediction = "", None
    try:
        segmenter.add_reference(image, labels)
        prediction = segmenter.segment(target, scale="whole")
    except (PaintError, ImageError) as error:
        sentence = str(error)
    for array, copy in zip((image, labels, target), copies, strict=True):
        assert np.array_equal(array, copy, equal_nan=array.dtype.kind == "f")
    if prediction is None:
        assert sentence.endswith(".")
        return
    assert prediction.labels.shape == prediction.confidence.shape == target_shape
    assert set(np.unique(prediction.labels)) <= {0, *np.unique(labels)}
    assert np.isfinite(prediction.confidence).all()
    assert bool(prediction.reason) == (not prediction.labels.any())
