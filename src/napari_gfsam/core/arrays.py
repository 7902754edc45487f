"""Names for numpy arrays by what they hold; shapes and frames stand in the docstrings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.floating[Any]]
BoolArray = NDArray[np.bool_]
LabelArray = NDArray[np.integer[Any]]
