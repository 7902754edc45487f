"""Whole data sets: thousands of files through one set of references, by several processes or machines.

>>> from pathlib import Path
>>> from napari_gfsam.datasets import Painting, Plan, segment_files
>>> plan = Plan(references=(Painting(Path("ref.tif"), Path("ref_labels.tif")),), output=Path("out"))
>>> report = segment_files(plan, ["tiles/"], workers=4)  # doctest: +SKIP

Importing this imports neither torch nor napari.
"""

from napari_gfsam.datasets.cluster import Cluster
from napari_gfsam.datasets.errors import DatasetError
from napari_gfsam.datasets.pictures import Painting
from napari_gfsam.datasets.plan import Plan
from napari_gfsam.datasets.rows import ClassRow, Ended, Row
from napari_gfsam.datasets.run import Report, segment_files
from napari_gfsam.datasets.targets import Found, Problem, find_pictures

__all__ = [
    "ClassRow",
    "Cluster",
    "DatasetError",
    "Ended",
    "Found",
    "Painting",
    "Plan",
    "Problem",
    "Report",
    "Row",
    "find_pictures",
    "segment_files",
]
