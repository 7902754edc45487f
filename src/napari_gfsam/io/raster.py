"""What the picture files have in common that are read in parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class RasterFile:
    """A picture file that is opened anew for every read: safe from several threads.

    Parameters
    ----------
    path
        The file.
    shape
        (H, W), or (H, W, 3 or 4) of colour.
    dtype
        Type of its values.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size_yx(self) -> tuple[int, int]:
        """(height, width), pixels."""
        return self.shape[0], self.shape[1]
