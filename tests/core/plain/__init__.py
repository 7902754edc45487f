"""GF-SAM once more, loop by loop: slow, in float64, written from the method's text and not from `napari_gfsam.core`.

Only tests use it. It takes the real settings and plain numpy arrays and shares no code with the core but two
constants (1024 and 256). Every choice it makes by comparing two numbers is noted in a `Margin`: a test
discards a case whose closest choice float32 rounding could turn round.
"""

from tests.core.plain.answers import ClassResult, fallback_point, labels_of, merge
from tests.core.plain.gates import GateResult, consistency, gate, positive
from tests.core.plain.graph import components, coverage
from tests.core.plain.maps import Maps, Reference, grid_weights, similarity
from tests.core.plain.margin import Margin
from tests.core.plain.masks import binary_masks, soften, soften_by_hand, upsample
from tests.core.plain.points import Points, point_map, select

__all__ = [
    "ClassResult",
    "GateResult",
    "Maps",
    "Margin",
    "Points",
    "Reference",
    "binary_masks",
    "components",
    "consistency",
    "coverage",
    "fallback_point",
    "gate",
    "grid_weights",
    "labels_of",
    "merge",
    "point_map",
    "positive",
    "select",
    "similarity",
    "soften",
    "soften_by_hand",
    "upsample",
]
