"""The named settings and the presets."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from napari_gfsam.core.config import PRESETS, PUBLISHED, TUNED, GFSAMConfig, choices, parse_setting, preset

WORDED = [(name, word) for name, words in choices().items() for word in words]
NUMBERS = [name for name, words in choices().items() if not words]

#: Every row of the method's table of settings: the official value first, then the alternatives that must exist.
METHOD = {
    "feature_norm": ["token", "channel"],
    "mask_pooling": ["sampled", "area"],
    "prompt_position": ["corner", "centre"],
    "similarity_floor": ["none", "relu"],
    "max_prompts": [128, 5, None],
    "consistency_vote": ["majority", "off"],
    "granularity": ["growth", "union"],
    "components": ["weak", "strong", "kmeans"],
    "kmeans_clusters": [10],
    "polarity": ["product", "middle", "negative", "sum"],
    "polarity_measure": ["count", "value"],
    "consistency": ["distance", "none", "point", "prototype", "mean"],
    "point_maps": ["mix", "mean", "max"],
    "point_filter": ["negative", "none"],
    "point_count": ["sum", "all"],
    "fallback": ["best", "none"],
    "reference_fusion": ["mean", "bank"],
    "background_projection": ["off", "on"],
    "reciprocal_gate": ["off", "on"],
    "output_frame": ["model", "native"],
}


@pytest.mark.parametrize("name", METHOD)
def test_every_setting_of_the_method_exists(name):
    assert getattr(PUBLISHED, name) == METHOD[name][0]
    for value in METHOD[name]:
        assert getattr(PUBLISHED.with_settings(**{name: value}), name) == value


def test_published_is_the_default():
    assert GFSAMConfig() == PUBLISHED == preset("published")


def test_tuned_differs_only_where_the_method_says():
    changed = {name for name, value in TUNED.as_dict().items() if value != PUBLISHED.as_dict()[name]}
    assert {"mask_pooling", "prompt_position", "similarity_floor", "fallback"} <= changed
    assert (TUNED.mask_pooling, TUNED.prompt_position) == ("area", "centre")
    assert (TUNED.similarity_floor, TUNED.fallback) == ("relu", "none")


@pytest.mark.parametrize(("name", "word"), WORDED)
def test_every_word_is_accepted_parsed_and_kept(name, word):
    config = GFSAMConfig(**{name: word})
    assert config.as_dict()[name] == word
    assert parse_setting(f"{name}={word}") == (name, word)
    assert parse_setting(f"  {name} = {word} ") == (name, word)
    assert GFSAMConfig(**config.as_dict()) == config


@pytest.mark.parametrize("name", [name for name, words in choices().items() if words])
@pytest.mark.parametrize("value", ["", "No", None, 3, "TOKEN", "medium"])
def test_a_wrong_word_is_refused_with_the_choices(name, value):
    with pytest.raises(ValueError, match=name) as caught:
        PUBLISHED.with_settings(**{name: value})
    assert repr(choices()[name][0]) in str(caught.value)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [0, -1, 1.5, "many", True])
def test_a_wrong_count_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        GFSAMConfig(**{name: value})


def test_only_max_prompts_may_be_unlimited():
    assert GFSAMConfig(max_prompts=None).max_prompts is None
    with pytest.raises(ValueError, match="kmeans_clusters"):
        GFSAMConfig(kmeans_clusters=None)


def test_numbers_are_parsed():
    assert sorted(NUMBERS) == ["kmeans_clusters", "max_prompts"]
    assert parse_setting("max_prompts=64") == ("max_prompts", 64)
    assert parse_setting("max_prompts = None") == ("max_prompts", None)
    assert parse_setting("kmeans_clusters=7") == ("kmeans_clusters", 7)


@pytest.mark.parametrize(
    "text", ["", "max_prompts", "=3", "colour=red", "max_prompts=few", "max_prompts=-3", "max_prompts="]
)
def test_text_that_is_no_setting_is_refused(text):
    with pytest.raises(ValueError, match=r"setting|whole number"):
        parse_setting(text)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="'colour'"):
        PUBLISHED.with_settings(colour="red")
    with pytest.raises(ValueError, match="'fast'"):
        preset("fast")


def test_settings_are_frozen_and_hashable():
    with pytest.raises(FrozenInstanceError):
        PUBLISHED.__setattr__("max_prompts", 3)
    assert len({PUBLISHED, TUNED, GFSAMConfig()}) == 2
    assert set(PRESETS) == {"published", "tuned"}
    assert not hasattr(PUBLISHED, "__dict__")


def test_every_setting_is_documented_and_used():
    core = Path(__file__).parents[2] / "src" / "napari_gfsam" / "core"
    source = "".join(path.read_text(encoding="utf-8") for path in core.glob("*.py") if path.name != "config.py")
    for field in fields(GFSAMConfig):
        assert f"\n    {field.name}\n" in (GFSAMConfig.__doc__ or "")
        if field.name != "mask_pooling":  # handed over as `pooling` when a reference is encoded
            assert f"config.{field.name}" in source, field.name
