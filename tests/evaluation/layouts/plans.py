"""Planning episodes from the miniature folders."""

from __future__ import annotations

from napari_gfsam.evaluation import benchmark_episodes

NAMES = ("pascal", "coco", "fss", "lvis", "pascal_part", "paco_part", "deepglobe", "isic", "isaid")
FOLDS = {"pascal": 1, "coco": 2, "paco_part": 1, "pascal_part": 1}


def plan(datasets, name, shots=1, episodes=None, seed=0):
    return benchmark_episodes(name, datasets, FOLDS.get(name, 0), shots, episodes, seed)
