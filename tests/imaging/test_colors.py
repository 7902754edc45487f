from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.core.types import Status
from napari_gfsam.imaging.colors import BLACK, CLASS_COLORS, STATUS_COLORS, class_color, color_table, status_color

#: Linear sRGB as a person with each kind of colour blindness sees it (Viénot, Brettel and Mollon, 1999).
PROTANOPIA = np.array([[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]])
DEUTERANOPIA = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])


def seen(colors: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    linear = (colors / 255.0) ** 2.2
    return 255 * (linear @ matrix.T).clip(0, 1) ** (1 / 2.2)


def nearest(colors: np.ndarray) -> float:
    distance = np.linalg.norm(colors[:, None] - colors[None], axis=2)
    return float(distance[~np.eye(len(colors), dtype=bool)].min())


@pytest.mark.parametrize("matrix", [np.eye(3), PROTANOPIA, DEUTERANOPIA])
@pytest.mark.parametrize("palette", [CLASS_COLORS[:5], STATUS_COLORS])
def test_colours_differ_for_everyone(palette, matrix):
    assert nearest(seen(np.array(palette), matrix)) > 25


def test_every_status_has_a_colour():
    assert len(STATUS_COLORS) == len(Status)
    assert all(status_color(status) == STATUS_COLORS[status] for status in Status)
    assert status_color(99) == BLACK


def test_class_colours_are_stable_and_distinct_for_many_classes():
    assert class_color(0) == BLACK
    assert class_color(1) == CLASS_COLORS[0]
    assert len({class_color(i) for i in range(1, 22)}) == 21
    assert all(0 <= part <= 255 for i in (50, 65535) for part in class_color(i))
    with pytest.raises(ValueError, match="not -1"):
        class_color(-1)


def test_a_table_has_a_row_for_every_id():
    assert color_table(np.array([], int)).shape == (0, 3)
    assert color_table(np.array([0, 1]))[1].tolist() == list(class_color(1))
