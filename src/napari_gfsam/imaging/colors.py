"""The owner of colours: class ids and prompt statuses, told apart by colour-blind people too.

The eight colours are those of Okabe and Ito, "Color Universal Design" (2008).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Rgb: TypeAlias = tuple[int, int, int]

BLACK: Rgb = (0, 0, 0)
WHITE: Rgb = (255, 255, 255)
ORANGE: Rgb = (230, 159, 0)
SKY_BLUE: Rgb = (86, 180, 233)
GREEN: Rgb = (0, 158, 115)
YELLOW: Rgb = (240, 228, 66)
BLUE: Rgb = (0, 114, 178)
VERMILLION: Rgb = (213, 94, 0)
PURPLE: Rgb = (204, 121, 167)

#: Colours of class ids 1, 2, ... in the order in which neighbours differ most.
CLASS_COLORS: tuple[Rgb, ...] = (SKY_BLUE, ORANGE, PURPLE, GREEN, YELLOW, VERMILLION, BLUE)
#: Colour by `core.types.Status` value: background, kept, outlier, off by hand, on by hand, eraser.
STATUS_COLORS: tuple[Rgb, ...] = (VERMILLION, GREEN, YELLOW, PURPLE, SKY_BLUE, WHITE)


def class_color(class_id: int) -> Rgb:
    """Return the colour of a class id: black for 0, then the palette; each later round is lighter or darker.

    Raises
    ------
    ValueError
        If the id is negative.
    """
    if class_id < 0:
        raise ValueError(f"A class id is 0 or more, not {class_id}.")
    if class_id == 0:
        return BLACK
    turn, place = divmod(class_id - 1, len(CLASS_COLORS))
    base = CLASS_COLORS[place]
    if turn == 0:
        return base
    toward = WHITE if turn % 2 else BLACK
    share = min(0.75, 0.35 * ((turn + 1) // 2))
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(base, toward, strict=True))
    return red, green, blue


def status_color(status: int) -> Rgb:
    """Return the colour of a prompt status; black for a number that is no status."""
    return STATUS_COLORS[status] if 0 <= status < len(STATUS_COLORS) else BLACK


def color_table(class_ids: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """Return the (n, 3) uint8 colours of n class ids."""
    return np.array([class_color(int(class_id)) for class_id in class_ids], dtype=np.uint8).reshape(-1, 3)
