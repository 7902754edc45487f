"""Times and sizes as people say them: never more exact than they are known."""

from __future__ import annotations

MINUTE = 60
HOUR = 3600
MEGABYTE, GIGABYTE = 2**20, 2**30


def say_seconds(seconds: float) -> str:
    """Return a guessed time: "a few seconds", "about 40 s", "about 5 min", "about 2.5 h"."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 0.9 * MINUTE:
        return f"about {round(seconds / 10) * 10} s"
    if seconds < HOUR - MINUTE / 2:
        return f"about {round(seconds / MINUTE)} min"
    return f"about {seconds / HOUR:.1f} h"


def say_bytes(size: int) -> str:
    """Return a size: "under 1 MB", "120 MB", "2.5 GB"."""
    if size < MEGABYTE:
        return "under 1 MB"
    if size < GIGABYTE:
        return f"{size / MEGABYTE:.0f} MB"
    return f"{size / GIGABYTE:.1f}".removesuffix(".0") + " GB"


def say_count(number: int, noun: str) -> str:
    """Return a number with its noun: "1 target", "12 targets"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
