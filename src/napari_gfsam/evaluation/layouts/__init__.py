"""The paper's nine benchmarks, read from their official folders and split files.

The folders are those of the official code's ``datasets``. Episodes are drawn as the official code draws them: the same
order of draws from numpy's legacy generator, seeded with 0 before the first episode. So seed 0 gives the published
episodes; every `Benchmark.protocol` says what that means for it. Pickled split files are read without running anything.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from napari_gfsam.evaluation.episodes import Episode, EpisodeSet, check_counts
from napari_gfsam.evaluation.layouts.base import Benchmark, Draws, Request
from napari_gfsam.evaluation.layouts.coco import COCO
from napari_gfsam.evaluation.layouts.deepglobe import DEEPGLOBE
from napari_gfsam.evaluation.layouts.fss import FSS
from napari_gfsam.evaluation.layouts.isaid import ISAID
from napari_gfsam.evaluation.layouts.isic import ISIC
from napari_gfsam.evaluation.layouts.lvis import LVIS
from napari_gfsam.evaluation.layouts.paco_part import PACO_PART
from napari_gfsam.evaluation.layouts.pascal import PASCAL
from napari_gfsam.evaluation.layouts.pascal_part import PASCAL_PART

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALL = (PASCAL, COCO, FSS, LVIS, PASCAL_PART, PACO_PART, DEEPGLOBE, ISIC, ISAID)
BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType({benchmark.name: benchmark for benchmark in _ALL})

__all__ = ["BENCHMARKS", "Benchmark", "benchmark_episodes"]


def benchmark_episodes(
    name: str,
    root: str | Path,
    fold: int = 0,
    shots: int = 1,
    episodes: int | None = None,
    seed: int = 0,
    *,
    splits: str | Path | None = None,
) -> EpisodeSet:
    """Draw the episodes of one of the paper's benchmarks.

    Parameters
    ----------
    name
        One of `BENCHMARKS`.
    root
        The folder ``datasets`` of the official layout; ``BENCHMARKS[name].layout`` says what is under it.
    fold
        Number of the fold, from 0.
    shots
        References per episode.
    episodes
        So many episodes from the start; ``None`` for as many as published.
    seed
        The published episodes have 0.
    splits
        Folder of split files that are not under the root, such as ``matcher/data/splits`` of the official code.

    Returns
    -------
    The episodes; the set is named after benchmark and fold.

    Raises
    ------
    OSError
        If a folder or a split file is missing.
    ValueError
        If the benchmark or the fold is unknown, a number is out of range, or a split file is damaged or refused.
    """
    if name not in BENCHMARKS:
        raise ValueError(f"There is no benchmark {name!r}; the benchmarks are {', '.join(BENCHMARKS)}.")
    benchmark = BENCHMARKS[name]
    if not 0 <= fold < benchmark.folds:
        raise ValueError(f"{benchmark.title} has the folds 0 to {benchmark.folds - 1}, not {fold}.")
    check_counts(shots=shots, episodes=1 if episodes is None else episodes, seed=seed)
    request = Request(Path(root), fold, shots, None if splits is None else Path(splits))
    try:
        planned = _plan(benchmark, request, episodes, seed)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"The split files of {benchmark.title} are not of the expected form ({error!r}).") from error
    title = benchmark.name if benchmark.folds == 1 else f"{benchmark.name} fold {fold}"
    return EpisodeSet(title, seed, shots, planned)


def _plan(benchmark: Benchmark, request: Request, episodes: int | None, seed: int) -> tuple[Episode, ...]:
    sampler = benchmark.open(request)
    draws = Draws(seed)
    count = sampler.length if episodes is None else episodes
    return tuple(sampler.episode(index, draws) for index in range(count))
