"""Line plots as small SVG files, without any library."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WIDTH, HEIGHT, LEFT, BOTTOM, RIGHT, TOP = 560, 320, 64, 48, 16, 16
COLORS = ("#0072b2", "#d55e00", "#009e73")
STEPS = 5


@dataclass(frozen=True)
class Series:
    """Points joined by a line."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def write_plot(path: Path, titles: tuple[str, str], series: Sequence[Series]) -> None:
    """Write a plot from (0, 0) on, with the names of both axes."""
    most_x = _round_up(max(max(one.x) for one in series))
    most_y = _round_up(max(max(one.y) for one in series))

    def at(x: float, y: float) -> tuple[float, float]:
        across = LEFT + x / most_x * (WIDTH - LEFT - RIGHT)
        return round(across, 1), round(HEIGHT - BOTTOM - y / most_y * (HEIGHT - BOTTOM - TOP), 1)

    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for step in range(STEPS + 1):
        (x, floor), (left, y) = at(most_x * step / STEPS, 0), at(0, most_y * step / STEPS)
        parts += [
            f'<path d="M{LEFT} {y}H{WIDTH - RIGHT}M{x} {TOP}V{floor}" stroke="#ddd"/>',
            _text(x, floor + 16, f"{most_x * step / STEPS:g}", "middle"),
            _text(left - 6, y + 4, f"{most_y * step / STEPS:g}", "end"),
        ]
    parts.append(_text((WIDTH + LEFT) / 2, HEIGHT - 10, titles[0], "middle"))
    parts.append(f'<g transform="rotate(-90)">{_text(-HEIGHT / 2 + 20, 14, titles[1], "middle")}</g>')
    for number, one in enumerate(series):
        color, points = COLORS[number], [at(x, y) for x, y in zip(one.x, one.y, strict=True)]
        line = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3.5" fill="{color}"/>' for x, y in points]
        parts.append(_text(LEFT + 12, TOP + 16 + 16 * number, one.name, "start", color))
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    style = 'font-family="sans-serif" font-size="12"'
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{"".join(parts)}</svg>\n')


def _text(x: float, y: float, words: str, anchor: str, color: str = "#333") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{color}">{escape(words)}</text>'


def _round_up(value: float) -> float:
    """Return the next larger of 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if power * step >= value)
