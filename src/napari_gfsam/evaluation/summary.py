"""From CSV rows to figures: one summary per data set, seed, shots, model and settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_gfsam.evaluation.metrics import (
    class_overlaps,
    fb_iou,
    mean_iou,
    mean_of,
    rank_correlation,
    specificity,
)
from napari_gfsam.evaluation.table import Table, number, percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_gfsam.evaluation.rows import EpisodeRow


@dataclass(frozen=True, slots=True)
class ClassSummary:
    """One class of one summary.

    Parameters
    ----------
    class_id, name
        The class.
    episodes
        Episodes that count.
    iou_1024, iou_native
        Summed intersection over summed union in [0, 1].
    """

    class_id: int
    name: str
    episodes: int
    iou_1024: float
    iou_native: float


@dataclass(frozen=True, slots=True)
class SettingsSummary:
    """The figures of one data set, seed, shots, model and settings; shares in [0, 1], NaN where nothing counts.

    Parameters
    ----------
    data_set, seed, shots, model, settings
        What was run.
    episodes, absent_episodes
        Episodes that count: targets with the class, targets without it.
    errors
        Episodes that could not be run; they count in no figure.
    miou_1024, miou_native
        mIoU over classes (counts summed per class), as published.
    mean_iou_1024, mean_iou_native
        Mean of the episodes' IoUs.
    fb_iou_1024, fb_iou_native
        Foreground-background IoU, counts summed over all episodes.
    specificity_targets, specificity_pixels
        Share of targets without the class answered empty; share of their pixels left empty (squashed frame).
    empty
        Share of targets WITH the class that were answered empty.
    confidence_correlation
        Spearman's rank correlation of the confidence score with the IoU (squashed frame).
    seconds
        Mean seconds per answer.
    classes
        Per class, by id.
    """

    data_set: str
    seed: int
    shots: int
    model: str
    settings: str
    episodes: int
    absent_episodes: int
    errors: int
    miou_1024: float
    miou_native: float
    mean_iou_1024: float
    mean_iou_native: float
    fb_iou_1024: float
    fb_iou_native: float
    specificity_targets: float
    specificity_pixels: float
    empty: float
    confidence_correlation: float
    seconds: float
    classes: tuple[ClassSummary, ...]


def summarise(rows: Iterable[EpisodeRow]) -> tuple[SettingsSummary, ...]:
    """Return the figures of every (data set, seed, shots, model, settings), in order of first appearance."""
    groups: dict[tuple[str, int, int, str, str], list[EpisodeRow]] = {}
    for row in rows:
        groups.setdefault((row.data_set, row.seed, row.shots, row.model, row.settings), []).append(row)
    return tuple(_summary(group) for group in groups.values())


def summary_table(summaries: Sequence[SettingsSummary]) -> Table:
    """Return the main figures, one line per summary; shares in percent."""
    header = (
        "set", "model", "settings", "shots", "episodes", "errors", "mIoU", "mIoU native", "mean IoU", "FB-IoU",
        "empty", "absent", "spec. targets", "spec. pixels", "confidence rank corr.", "s / target",
    )  # fmt: skip
    return Table(header, tuple(_summary_cells(summary) for summary in summaries))


def class_table(summary: SettingsSummary) -> Table:
    """Return one line per class with IoU in percent, squashed and native."""
    header = ("class", "id", "episodes", "IoU", "IoU native")
    lines = tuple(
        (found.name, str(found.class_id), str(found.episodes), percent(found.iou_1024), percent(found.iou_native))
        for found in summary.classes
    )
    return Table(header, lines)


def _summary(rows: Sequence[EpisodeRow]) -> SettingsSummary:
    first = rows[0]
    counted = [row for row in rows if not row.error]
    present = [row for row in counted if not row.absent]
    absent = [row for row in counted if row.absent]
    targets, pixels = specificity([row.overlap_1024 for row in absent])
    return SettingsSummary(
        data_set=first.data_set,
        seed=first.seed,
        shots=first.shots,
        model=first.model,
        settings=first.settings,
        episodes=len(present),
        absent_episodes=len(absent),
        errors=len(rows) - len(counted),
        miou_1024=mean_iou((row.class_id, row.overlap_1024) for row in present),
        miou_native=mean_iou((row.class_id, row.overlap_native) for row in present),
        mean_iou_1024=mean_of(row.iou_1024 for row in present),
        mean_iou_native=mean_of(row.iou_native for row in present),
        fb_iou_1024=fb_iou(row.overlap_1024 for row in present),
        fb_iou_native=fb_iou(row.overlap_native for row in present),
        specificity_targets=targets,
        specificity_pixels=pixels,
        empty=mean_of(float(row.empty) for row in present),
        confidence_correlation=rank_correlation([row.score for row in present], [row.iou_1024 for row in present]),
        seconds=mean_of(row.seconds for row in counted),
        classes=_classes(present),
    )


def _classes(rows: Sequence[EpisodeRow]) -> tuple[ClassSummary, ...]:
    square = class_overlaps((row.class_id, row.overlap_1024) for row in rows)
    native = class_overlaps((row.class_id, row.overlap_native) for row in rows)
    names = {row.class_id: row.class_name for row in rows}
    ids = [row.class_id for row in rows]
    return tuple(
        ClassSummary(class_id, names[class_id], ids.count(class_id), found.iou, native[class_id].iou)
        for class_id, found in square.items()
    )


def _summary_cells(summary: SettingsSummary) -> tuple[str, ...]:
    return (
        summary.data_set,
        summary.model,
        summary.settings,
        str(summary.shots),
        str(summary.episodes),
        str(summary.errors),
        percent(summary.miou_1024),
        percent(summary.miou_native),
        percent(summary.mean_iou_1024),
        percent(summary.fb_iou_1024),
        percent(summary.empty),
        str(summary.absent_episodes),
        percent(summary.specificity_targets),
        percent(summary.specificity_pixels),
        number(summary.confidence_correlation),
        number(summary.seconds, 1),
    )
