"""The named settings of GF-SAM and its two presets.

A preset is settings, never models. ``published`` follows the official code step by step;
``tuned`` is the default and differs only through settings that a measurement justifies.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

FeatureNorm = Literal["token", "channel"]
MaskPooling = Literal["sampled", "area"]
PromptPosition = Literal["corner", "centre"]
SimilarityFloor = Literal["none", "relu"]
ConsistencyVote = Literal["majority", "off"]
Granularity = Literal["growth", "union"]
Components = Literal["weak", "strong", "kmeans"]
Polarity = Literal["product", "middle", "negative", "sum"]
PolarityMeasure = Literal["count", "value"]
Consistency = Literal["distance", "mean", "prototype", "point", "none"]
PointMaps = Literal["mix", "mean", "max"]
PointFilter = Literal["negative", "none"]
PointCount = Literal["sum", "all"]
PointTies = Literal["topk", "lowest"]
Fallback = Literal["best", "none"]
ReferenceFusion = Literal["mean", "bank"]
Switch = Literal["off", "on"]
Projection = Literal["off", "on", "auto"]
OutputFrame = Literal["model", "native"]


@dataclass(frozen=True, slots=True)
class GFSAMConfig:
    """Settings of one GF-SAM run; the defaults are the preset ``published``.

    Parameters
    ----------
    feature_norm
        ``token``: each channel is divided by its L2 norm over the image's own tokens before the cosine
        (official code). ``channel``: plain cosine (paper, Eq. 1).
    mask_pooling
        How a reference mask becomes soft weights on the grid. ``sampled``: nearest to 1024, then bilinear
        with aligned corners (official code). ``area``: exact area average.
    prompt_position
        Where in its cell a prompt is placed: ``corner`` (official code) or ``centre``.
    similarity_floor
        ``relu`` clamps every pairwise cosine at 0 (paper, Eq. 1), in the maps and in the overshooting gate.
    max_prompts
        At most so many prompts; ``None`` sets no cap.
    consistency_vote
        ``majority``: a cluster with fewer consistent than inconsistent points loses all of them (official code).
    granularity
        ``growth``: Algorithm 1. ``union``: each cluster's union is judged once (paper, Table 15).
    components
        ``weak`` or ``strong`` components of the coverage graph, or ``kmeans``: k-means++ on the prompt
        positions (paper, Table 4).
    kmeans_clusters
        k of ``components="kmeans"``.
    polarity
        The positive gate compares S+mean with two pivots, smid and S-mean: their ``product`` (Eq. 4),
        ``middle`` or ``negative`` alone, or their ``sum`` (paper, Table 14).
    polarity_measure
        ``count`` the area of positive cells, or sum their signed ``value`` (paper, Table 5).
    consistency
        The overshooting gate's score (paper, Table 6): mean similarity to the cluster's mask over ``distance``
        (Eq. 6), ``mean`` similarity without distance, cosine to the mask's average ``prototype`` over distance,
        mean cosine to the cluster's prompts (``point``) over distance, or ``none``: every point is consistent.
    point_maps
        The map that proposes points: ``mix`` of S+mean and S+max, or one of them (paper, Table 3).
    point_filter
        ``negative`` drops cells that S-mean explains better; ``none`` keeps them (paper, Table 3).
    point_count
        ``sum``: N = floor(sum P); ``all``: every cell with P > 0 up to the cap (paper, Table 3).
    point_ties
        Which of equal cells are taken where the N-th highest value is shared: those torch's ``topk`` takes on the
        CPU (official code), or the ``lowest`` ones, row by row.
    fallback
        ``best``: an empty answer is replaced by the best single mask (official code); ``none``: empty means absent.
    reference_fusion
        Several references: the ``mean`` of their maps, or one ``bank`` of all their tokens.
    background_projection
        Remove the span of the references' background tokens from all tokens first (REBASE, arXiv 2607.09082).
        ``auto``: segment with and without, keep the answer from which the reference is found again better.
    reciprocal_gate
        Keep a target token only where its nearest reference token is foreground.
    output_frame
        ``model``: the answer is made at 1024 x 1024, then nearest to the image. ``native``: the accepted logits
        are upsampled straight to the image's size.
    """

    feature_norm: FeatureNorm = "token"
    mask_pooling: MaskPooling = "sampled"
    prompt_position: PromptPosition = "corner"
    similarity_floor: SimilarityFloor = "none"
    max_prompts: int | None = 128
    consistency_vote: ConsistencyVote = "majority"
    granularity: Granularity = "growth"
    components: Components = "weak"
    kmeans_clusters: int = 10
    polarity: Polarity = "product"
    polarity_measure: PolarityMeasure = "count"
    consistency: Consistency = "distance"
    point_maps: PointMaps = "mix"
    point_filter: PointFilter = "negative"
    point_count: PointCount = "sum"
    point_ties: PointTies = "topk"
    fallback: Fallback = "best"
    reference_fusion: ReferenceFusion = "mean"
    background_projection: Projection = "off"
    reciprocal_gate: Switch = "off"
    output_frame: OutputFrame = "model"

    def __post_init__(self) -> None:
        """Check every value, so that a wrong word never passes for a setting."""
        for name, allowed in choices().items():
            value = getattr(self, name)
            if allowed and value not in allowed:
                raise ValueError(f"{name}={value!r} is not a choice; use one of {', '.join(map(repr, allowed))}.")
        _check_count("max_prompts", self.max_prompts, optional=True)
        _check_count("kmeans_clusters", self.kmeans_clusters, optional=False)

    def with_settings(self, **settings: Any) -> GFSAMConfig:
        """Return a copy with some settings changed.

        Raises
        ------
        ValueError
            If a name is not a setting or a value is not one of its choices.
        """
        unknown = sorted(set(settings) - set(choices()))
        if unknown:
            raise ValueError(f"There is no setting {unknown[0]!r}; the settings are {', '.join(choices())}.")
        return replace(self, **settings)

    def as_dict(self) -> dict[str, str | int | None]:
        """Return the settings as a plain dictionary (for run records)."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def choices() -> dict[str, tuple[str, ...]]:
    """Return every setting's name with its allowed words (empty for the two that take a number)."""
    hints = get_type_hints(GFSAMConfig)
    return {
        field.name: get_args(hints[field.name]) if get_origin(hints[field.name]) is Literal else ()
        for field in fields(GFSAMConfig)
    }


def parse_setting(text: str) -> tuple[str, str | int | None]:
    """Parse ``name=value`` as typed on a command line.

    Raises
    ------
    ValueError
        If the text has no ``=``, the name is no setting or a number is expected and not found.
    """
    name, separator, word = (part.strip() for part in text.partition("="))
    if not separator or name not in choices():
        raise ValueError(f"{text!r} is not a setting; write name=value with a name of {', '.join(choices())}.")
    if choices()[name]:
        return name, word
    if word.lower() == "none":
        return name, None
    if not word.isdecimal():
        raise ValueError(f"{name} takes a whole number or none, not {word!r}.")
    return name, int(word)


def _check_count(name: str, value: int | None, *, optional: bool) -> None:
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}={value!r} is not a whole number of at least 1.")


PUBLISHED = GFSAMConfig()
TUNED = GFSAMConfig(
    mask_pooling="area",
    prompt_position="centre",
    similarity_floor="relu",
    point_ties="lowest",
    fallback="none",
    background_projection="auto",
)
PRESETS = {"published": PUBLISHED, "tuned": TUNED}


def preset(name: str) -> GFSAMConfig:
    """Return the settings of a preset by name.

    Raises
    ------
    ValueError
        If there is no such preset.
    """
    if name not in PRESETS:
        raise ValueError(f"There is no preset {name!r}; the presets are {', '.join(PRESETS)}.")
    return PRESETS[name]
