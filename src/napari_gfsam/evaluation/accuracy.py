"""The accuracy table: rows are data sets, columns are settings at a number of shots, the last row their mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from napari_gfsam.evaluation.metrics import mean_of
from napari_gfsam.evaluation.rows import read_rows
from napari_gfsam.evaluation.summary import summarise
from napari_gfsam.evaluation.table import Table, percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from napari_gfsam.evaluation.summary import SettingsSummary

Measure = Literal["miou_1024", "miou_native", "mean_iou_1024", "mean_iou_native", "fb_iou_1024", "fb_iou_native"]
Column = tuple[int, str, str]
"""(shots, model, settings)."""


def accuracy_table(csv_paths: Iterable[str | Path], *, measure: Measure = "miou_1024") -> str:
    """Render the accuracy table of one or more evaluation CSVs as markdown.

    Parameters
    ----------
    csv_paths
        CSVs written by `evaluate`; each may hold several sets, shots, models and settings.
    measure
        The figure of `SettingsSummary` to show, in percent.

    Returns
    -------
    Markdown, ending without a line break. Several seeds of a set are averaged. The last row is the mean over the sets
    that have a figure in every column, so that columns compare.

    Raises
    ------
    OSError, ValueError
        If a CSV cannot be read.
    """
    summaries = [summary for path in csv_paths for summary in summarise(read_rows(path))]
    return sets_table(summaries, measure=measure).markdown()


def sets_table(summaries: Sequence[SettingsSummary], *, measure: Measure = "miou_1024") -> Table:
    """Return the accuracy table of summaries (see `accuracy_table`)."""
    columns = sorted({_column(s): None for s in summaries}, key=lambda column: column[0])
    names = list(dict.fromkeys(summary.data_set for summary in summaries))
    figures = {name: [_figure(summaries, name, column, measure) for column in columns] for name in names}
    rows = [(name, _episodes(summaries, name), *map(percent, figures[name])) for name in names]
    whole = [line for line in figures.values() if not any(map(math.isnan, line))]
    if len(names) > 1 and whole:
        means = [percent(mean_of(values)) for values in zip(*whole, strict=True)]
        rows.append((f"mean of {len(whole)} sets", "", *means))
    several_models = len({column[1] for column in columns}) > 1
    header = ("set", "episodes", *(_title(column, several_models) for column in columns))
    return Table(header, tuple(rows))


def _column(summary: SettingsSummary) -> Column:
    return summary.shots, summary.model, summary.settings


def _figure(summaries: Sequence[SettingsSummary], name: str, column: Column, measure: Measure) -> float:
    return mean_of(getattr(s, measure) for s in summaries if s.data_set == name and _column(s) == column)


def _episodes(summaries: Sequence[SettingsSummary], name: str) -> str:
    counts = sorted({summary.episodes for summary in summaries if summary.data_set == name})
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _title(column: Column, several_models: bool) -> str:
    shots, model, settings = column
    return f"{settings}, {f'{model}, ' if several_models else ''}{shots}-shot"
