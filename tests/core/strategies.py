"""Small random cases for the property tests.

Hypothesis chooses the structure (sizes, kinds, settings) and a seed; numpy fills the arrays from the seed, which
keeps a case of a million pixels cheap to draw.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from napari_gfsam.core.config import GFSAMConfig, choices
from napari_gfsam.core.frames import LOGIT_SIZE, MODEL_SIZE
from napari_gfsam.core.types import GridWeights, PointPrompts, ReferenceFeatures, SimilarityMaps
from tests.core import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRIDS = st.integers(5, 8)
SEEDS = st.integers(0, 2**32 - 1)
TOLERANCE = 1e-4


def quick(examples: int) -> settings:
    return settings(
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=examples,
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def renumbered(cluster) -> list[int]:
    first: dict[int, int] = {}
    return [first.setdefault(int(c), len(first)) for c in cluster]


@st.composite
def settings_of(draw: st.DrawFn, *names: str) -> GFSAMConfig:
    """Settings with some names drawn from all their choices (no name: every one)."""
    wanted = {name: words for name, words in choices().items() if words and (not names or name in names)}
    if "background_projection" in wanted:  # "auto" is a choice between answers: test_roundtrip.py
        wanted["background_projection"] = ("off", "on")
    drawn: dict[str, object] = {name: draw(st.sampled_from(words)) for name, words in wanted.items()}
    if not names or "max_prompts" in names:
        drawn["max_prompts"] = draw(st.sampled_from([1, 3, 6, 10]))
    return GFSAMConfig().with_settings(**drawn)


@dataclass
class TokenCase:
    """A target and K references, tokens (n, C) and weights (n,)."""

    grid: int
    target: NDArray = field(repr=False)
    references: list[plain.Reference] = field(repr=False)

    def core_target(self) -> torch.Tensor:
        return torch.from_numpy(self.target.astype(np.float32))

    def core_references(self) -> list[ReferenceFeatures]:
        return [
            ReferenceFeatures(
                torch.from_numpy(r.tokens.astype(np.float32)),
                GridWeights(
                    torch.from_numpy(r.foreground.astype(np.float32)), torch.from_numpy(r.background.astype(np.float32))
                ),
            )
            for r in self.references
        ]


def _weights(rng: np.random.Generator, kind: str, n: int) -> tuple[NDArray, NDArray]:
    """Foreground and background of one reference, exact in float32."""
    share = np.round(rng.random(n) * 64) / 64
    if kind == "ignored":
        kept = np.round(rng.random(n) * 64) / 64
        return share * kept, (1 - share) * kept
    foreground = {
        "soft": share,
        "positive": np.maximum(share, 1 / 64),
        "binary": (share > 0.6).astype(float),
        "one cell": np.eye(n)[rng.integers(n)],
        "speck": np.eye(n)[rng.integers(n)] / 2**20,
        "nothing": np.zeros(n),
        "everything": np.ones(n),
    }[kind]
    return foreground, 1 - foreground


@st.composite
def token_cases(draw: st.DrawFn) -> TokenCase:
    """Tokens of a few clusters or none, sometimes rounded to few values, sometimes with zero tokens."""
    grid = draw(GRIDS)
    channels = draw(st.integers(4, 8))
    levels = draw(st.sampled_from([0, 1, 2]))
    kinds = draw(
        st.lists(
            st.sampled_from(["soft", "positive", "binary", "one cell", "speck", "nothing", "everything", "ignored"]),
            min_size=1,
            max_size=3,
        )
    )
    zeros = draw(st.booleans())
    rng = np.random.default_rng(draw(SEEDS))
    n = grid * grid
    centres = rng.normal(size=(3, channels))

    def tokens() -> NDArray:
        out = centres[rng.integers(3, size=n)] + 0.7 * rng.normal(size=(n, channels))
        out = np.round(out * levels) if levels else out
        if zeros:
            out[rng.integers(n, size=2)] = 0
        return out.astype(np.float32).astype(np.float64)

    target = tokens()
    return TokenCase(grid, target, [plain.Reference(tokens(), *_weights(rng, kind, n)) for kind in kinds])


@st.composite
def label_cases(draw: st.DrawFn) -> tuple[NDArray, int | None, tuple[int, int, int, int] | None]:
    """A painted picture of 1 to 40 pixels a side with ids 0 to 3, an ignore id or none, a region box or none."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(SEEDS))
    labels = rng.integers(0, 4, size=(height, width))
    if draw(st.booleans()):
        labels = labels[np.arange(height)[:, None] // 5 * 5, np.arange(width) // 7 * 7]
    region = None
    if draw(st.booleans()):
        top, bottom = sorted(rng.integers(0, height + 1, size=2).tolist())
        left, right = sorted(rng.integers(0, width + 1, size=2).tolist())
        region = (top, left, bottom, right)
    return labels, draw(st.sampled_from([None, 0, 3])), region


def random_maps(rng: np.random.Generator, grid: int, levels: int, *, gate: bool = False) -> plain.Maps:
    """Similarity maps with values in [-0.5, 1), rounded to eighths or so where `levels` is above 0."""

    def one() -> NDArray:
        values = rng.random((grid, grid)) * 1.5 - 0.5
        values = np.round(values * levels) / levels if levels else values
        return values.astype(np.float32).astype(np.float64)

    allowed = rng.random((grid, grid)) < 0.7 if gate else np.ones((grid, grid), dtype=bool)
    tokens = rng.normal(size=(grid * grid, 5)) + rng.normal(size=5)
    return plain.Maps(one(), one(), one(), allowed, tokens.astype(np.float32).astype(np.float64))


@st.composite
def map_cases(draw: st.DrawFn) -> plain.Maps:
    """Maps alone, often with many ties, sometimes flat."""
    rng = np.random.default_rng(draw(SEEDS))
    maps = random_maps(rng, draw(GRIDS), draw(st.sampled_from([0, 2, 8])), gate=draw(st.booleans()))
    if draw(st.integers(0, 9)) == 0:
        maps.positive_mean[:] = maps.positive_mean[0, 0]
    return maps


def core_maps(maps: plain.Maps) -> SimilarityMaps:
    """The same maps for the core."""
    positive, highest, negative = (
        torch.from_numpy(one.astype(np.float32)) for one in (maps.positive_mean, maps.positive_max, maps.negative_mean)
    )
    return SimilarityMaps(positive, highest, negative, torch.from_numpy(maps.allowed))


def core_units(maps: plain.Maps) -> torch.Tensor:
    """Unit rows of the target for the core."""
    tokens = torch.from_numpy(maps.target.astype(np.float32))
    return tokens / tokens.norm(dim=1, keepdim=True).clamp_min(1e-12)


def disc_logits(rng: np.random.Generator, centre_xy: tuple[float, float], kind: str) -> NDArray:
    """(256, 256) float32 logits: a disc round a model pixel, empty, full, ragged noise, or a disc elsewhere."""
    y, x = np.mgrid[:LOGIT_SIZE, :LOGIT_SIZE].astype(np.float32)
    if kind == "empty":
        return np.full_like(x, -3)
    if kind == "full":
        return np.full_like(x, 3)
    if kind == "noise":
        return rng.normal(size=x.shape).astype(np.float32)
    if kind == "elsewhere":
        centre_xy = tuple(rng.random(2) * MODEL_SIZE)
    radius = float(rng.choice([10, 40, 90, 160]))
    distance = np.hypot(x * 4 - centre_xy[0], y * 4 - centre_xy[1])
    logits = (radius * rng.uniform(0.8, 3) - distance) / 40
    if kind == "ragged":
        logits = logits + 0.5 * rng.normal(size=x.shape)
    return logits.astype(np.float32)


@dataclass
class GateCase:
    """Maps, prompts and the prompts' logits, (N, 256, 256) float32."""

    grid: int
    maps: plain.Maps = field(repr=False)
    points: plain.Points
    logits: NDArray = field(repr=False)

    def core_prompts(self) -> PointPrompts:
        def pairs(values: list[tuple[int, int]]) -> NDArray:
            return np.array(values, dtype=np.int64).reshape(-1, 2)

        score = np.array(self.points.score, dtype=np.float32)
        return PointPrompts(pairs(self.points.grid_xy), pairs(self.points.model_xy), score)


@st.composite
def gate_cases(draw: st.DrawFn, max_points: int = 10) -> GateCase:
    """N = 0, 1 or many prompts with discs, empty, full, noisy and repeated masks."""
    grid = draw(GRIDS)
    n = draw(st.sampled_from([0, 1, 2, *range(3, max_points + 1), max_points]))
    rng = np.random.default_rng(draw(SEEDS))
    often = ["disc"] * 6
    kinds = rng.choice([*often, "ragged", "ragged", "noise", "empty", "full", "elsewhere", "again", "again"], size=n)
    levels = draw(st.sampled_from([0, 8]))
    centre = draw(st.booleans())
    maps = random_maps(rng, grid, levels)
    cells = rng.permutation(grid * grid)[:n]
    grid_xy = sorted((int(c % grid), int(c // grid)) for c in cells)
    shift = 0.5 if centre else 0.0
    model_xy = [(int((x + shift) * MODEL_SIZE / grid), int((y + shift) * MODEL_SIZE / grid)) for x, y in grid_xy]
    logits: list[NDArray] = []
    for kind, pixel in zip(kinds, model_xy, strict=True):
        again = kind == "again" and logits
        logits.append(logits[-1] if again else disc_logits(rng, pixel, "disc" if kind == "again" else str(kind)))
    stack = np.stack(logits) if logits else np.zeros((0, LOGIT_SIZE, LOGIT_SIZE), dtype=np.float32)
    score = rng.random(n).astype(np.float32).tolist()
    return GateCase(grid, maps, plain.Points(grid_xy, model_xy, score), stack)
