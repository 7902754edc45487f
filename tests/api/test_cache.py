from __future__ import annotations

from dataclasses import dataclass

import pytest

from napari_gfsam.api.cache import FeatureCache


@dataclass
class Held:
    nbytes: int


def test_least_recently_used_goes_first():
    cache = FeatureCache(30)
    for key in "abc":
        cache.get(key, lambda: Held(10))
    cache.get("a", lambda: Held(10))
    cache.get("d", lambda: Held(10))
    assert [key in cache for key in "abcd"] == [True, False, True, True]


def test_grown_entries_count():
    cache = FeatureCache(30)
    first = cache.get("a", lambda: Held(10))
    first.nbytes = 25
    cache.get("b", lambda: Held(10))
    assert "a" not in cache
    assert cache.nbytes == 10


def test_what_is_only_looked_at_does_not_stay():
    cache = FeatureCache(20)
    assert cache.peek("a", lambda: Held(10)).nbytes == 10
    assert "a" not in cache
    kept = cache.get("a", lambda: Held(10))
    assert cache.peek("a", lambda: Held(1)) is kept


def test_newest_stays_even_when_too_large():
    cache = FeatureCache(0)
    assert cache.get("a", lambda: Held(10)).nbytes == 10
    assert "a" in cache
    cache.clear()
    assert cache.nbytes == 0


def test_negative_capacity_is_refused():
    with pytest.raises(ValueError, match="-1 bytes"):
        FeatureCache(-1)
