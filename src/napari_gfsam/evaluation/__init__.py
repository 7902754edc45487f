"""Evaluation: how well do painted references segment other pictures whose truth is known.

Three steps, each usable alone; nothing here imports torch, napari or Qt.

1. Episodes, planned from a seed before any picture is encoded::

       episode_set = folder_episodes("DIR", shots=1, episodes=12, seed=0)             # DIR/images, DIR/masks
       absent_set = folder_episodes("DIR", shots=1, episodes=12, seed=0, absent=True)  # targets without the class
       episode_set = benchmark_episodes("coco", "datasets", fold=0, shots=5)           # names: list(BENCHMARKS)

2. Running: a generator that appends one CSV row per episode and settings, and starts again where it stopped::

       settings = {"published": PUBLISHED, "tuned": TUNED}
       todo = pending_rows(episode_set, settings, "rows.csv", model="bundled")         # for a progress bar
       for row in evaluate(episode_set, segmenter, settings, "rows.csv", model="bundled"):
           ...                                             # EpisodeRow; row.error names what went wrong, if anything
       # several sets, shots, models and settings may share one CSV file

3. Reading the figures::

       summaries = summarise(read_rows("rows.csv"))        # one SettingsSummary per (set, seed, shots, model, settings)
       summary_table(summaries).plain()                    # or .markdown()
       class_table(summaries[0]).plain()
       accuracy_table(["a.csv", "b.csv"])                  # markdown: rows = sets, columns = settings x shots, mean

Errors a person can mend (missing folder, no pairs, too few pictures, refused pickle, foreign CSV) are ``ValueError``
or ``OSError`` with one sentence. A picture that cannot be read gives a row with ``error`` and the run goes on.
"""

from __future__ import annotations

from napari_gfsam.evaluation.accuracy import accuracy_table, sets_table
from napari_gfsam.evaluation.episodes import Episode, EpisodeSet, PictureMask
from napari_gfsam.evaluation.folders import folder_episodes
from napari_gfsam.evaluation.layouts import BENCHMARKS, Benchmark, benchmark_episodes
from napari_gfsam.evaluation.metrics import Overlap, fb_iou, mean_iou, overlap, rank_correlation, specificity, squash
from napari_gfsam.evaluation.rows import EpisodeRow, read_rows
from napari_gfsam.evaluation.runner import EpisodeSegmenter, evaluate, pending_rows
from napari_gfsam.evaluation.summary import ClassSummary, SettingsSummary, class_table, summarise, summary_table
from napari_gfsam.evaluation.table import Table

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "ClassSummary",
    "Episode",
    "EpisodeRow",
    "EpisodeSegmenter",
    "EpisodeSet",
    "Overlap",
    "PictureMask",
    "SettingsSummary",
    "Table",
    "accuracy_table",
    "benchmark_episodes",
    "class_table",
    "evaluate",
    "fb_iou",
    "folder_episodes",
    "mean_iou",
    "overlap",
    "pending_rows",
    "rank_correlation",
    "read_rows",
    "sets_table",
    "specificity",
    "squash",
    "summarise",
    "summary_table",
]
