from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.core.paint import object_spans


def test_spans_are_those_of_the_median_piece_in_cells():
    labels = np.zeros((370, 740), dtype=np.uint8)  # cells of 10 x 20 pixels
    labels[10:30, 20:60] = 1  # 4 cells
    labels[100:140, 100:180] = 1  # 16 cells
    labels[200:260, 200:320] = 1  # 36 cells
    labels[300:310, 600:620] = 7  # 1 cell
    assert object_spans(labels) == pytest.approx({1: 4.0, 7: 1.0})


def test_no_paint_has_no_spans():
    assert object_spans(np.zeros((8, 8), dtype=np.uint8)) == {}
