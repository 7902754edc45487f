"""Outputs of one target: where they go, whether they are there and whole, and what must never be overwritten."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from napari_gfsam.datasets.errors import DatasetError
from napari_gfsam.datasets.targets import INSTANCES, LABELS, OVERLAY, RECORD
from napari_gfsam.imaging.source import ArraySource, whole_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_gfsam.api import Prediction
    from napari_gfsam.api.tiles.prediction import TiledPrediction
    from napari_gfsam.datasets.pictures import ReadPicture
    from napari_gfsam.imaging import OverlayPoints, PictureSource
    from napari_gfsam.io.records import RunRecord

#: What a process that was killed while it wrote leaves behind (see `io.writers.write_bytes`).
_UNFINISHED = re.compile(
    rf"\..*(({re.escape(LABELS)}|{re.escape(INSTANCES)})\.\w+|{re.escape(OVERLAY)}|{re.escape(RECORD)})\.\d+\.(tmp|old)"
)


@dataclass(frozen=True, slots=True)
class OutputPaths:
    """The files of one target.

    Parameters
    ----------
    labels, record
        Label image and run record; the record is written last and marks that all is done.
    overlay
        Picture for people; ``None`` when not wanted.
    """

    labels: Path
    record: Path
    overlay: Path | None

    @property
    def all(self) -> tuple[Path, ...]:
        """Every path."""
        return tuple(path for path in (self.labels, self.overlay, self.record) if path is not None)


class Outputs(Protocol):
    """The files of one target, of whatever kind."""

    @property
    def all(self) -> tuple[Path, ...]:
        """Every path."""
        ...


class State(Enum):
    """What is there of a target's outputs."""

    MISSING = "not there, or damaged"
    DONE = "there and whole"
    OTHER_RUN = "made from other pictures, references, models or settings"
    NOT_OURS = "changed since it was made, or not made by this program"


def output_paths(folder: Path, name: str, label_format: str, *, overlay: bool) -> OutputPaths:
    """Return where the outputs of a target go."""
    return OutputPaths(
        labels=folder / f"{name}{LABELS}.{label_format}",
        record=folder / f"{name}{RECORD}",
        overlay=folder / f"{name}{OVERLAY}" if overlay else None,
    )


def prepare_folder(folder: Path) -> None:
    """Make the output folder and see that files can be written there, before any work is done.

    Raises
    ------
    DatasetError
        If not.
    """
    trial = folder / f".napari-gfsam.{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except OSError as error:
        reason = error.strerror or error
        raise DatasetError(f"Nothing can be written into {folder} ({reason}); choose another -o folder.") from error


def sweep(folder: Path) -> None:
    """Delete the unfinished files of processes that were killed; nobody else may be writing there."""
    from napari_gfsam.io.writers import remove

    with os.scandir(folder) as entries:
        left = [Path(entry.path) for entry in entries if _UNFINISHED.fullmatch(entry.name)]
    for path in left:
        remove(path)


class Inputs:
    """Files that are read, and so must never be written over.

    Parameters
    ----------
    paths
        All of them; looked at when the first output that is there already is met.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)

    def refuse(self, outputs: Outputs) -> None:
        """See that no output is a file that is read.

        Raises
        ------
        DatasetError
            If one is.
        """
        for path in outputs.all:
            found = _identity(path)
            if found is not None and found in self._identities:
                raise DatasetError(f"{path} is one of the pictures that are read; choose another -o folder.")

    @cached_property
    def _identities(self) -> frozenset[tuple[int, int]]:
        return frozenset(found for path in self._paths if (found := _identity(path)) is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What is there of a target's outputs, and their record where it can be read."""

    state: State
    record: RunRecord | None = None


def output_state(paths: OutputPaths, wanted: RunRecord) -> Standing:
    """Tell what is there of a target's outputs.

    Parameters
    ----------
    paths
        The outputs.
    wanted
        The record as far as it is known before the run (`job_key` is compared).
    """
    from napari_gfsam.io.by_part import open_labels
    from napari_gfsam.io.readers import ImageFileError
    from napari_gfsam.io.records import RecordError, labels_hash, read_record
    from napari_gfsam.io.writers import is_ours

    if paths.overlay is not None and paths.overlay.exists() and not is_ours(paths.overlay):
        return Standing(State.NOT_OURS)
    if not paths.labels.exists():
        return Standing(State.MISSING)
    try:
        record: RunRecord | None = read_record(paths.record)
    except RecordError:
        record = None
    try:
        found = labels_hash(open_labels(paths.labels))
    except ImageFileError:
        # Our label images are written whole or not at all, so a damaged file without a record is somebody's.
        return Standing(State.NOT_OURS if record is None else State.MISSING)
    if record is None or record.labels_hash != found:
        return Standing(State.MISSING if is_ours(paths.labels) else State.NOT_OURS)
    return Standing(State.DONE if job_key(record) == job_key(wanted) else State.OTHER_RUN, record)


def job_key(record: RunRecord) -> tuple[Any, ...]:
    """Return what an answer depends on, without names, places and results."""
    references = tuple(
        (
            reference.image.content_hash,
            reference.labels.content_hash,
            reference.classes,
            reference.ignore,
            reference.region_yx,
            _frozen(reference.recipe),
        )
        for reference in record.references
    )
    target = (record.target.content_hash, _frozen(record.recipe))
    return record.models, _frozen(record.settings), references, target, record.decisions, record.tiling


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """What an overlay shows: (H, W, 3) uint8, (H, W) truth, prompts."""

    rgb: NDArray[Any]
    truth: NDArray[Any] | None = None
    points: OverlayPoints | None = None


def drawing_of(
    picture: ReadPicture, prediction: Prediction | TiledPrediction, *, points: bool, truth: Any = None
) -> Drawing | None:
    """Return what the overlay of a prediction shows; ``None`` where the picture is too large for one."""
    from napari_gfsam.imaging import OverlayPoints, to_rgb

    if not picture.in_memory:
        return None
    table = prediction.points
    dots = OverlayPoints(table.points_yx, table.status) if points else None
    return Drawing(to_rgb(picture.whole(), picture.recipe), truth, dots)


def write_outputs(paths: OutputPaths, labels: PictureSource, record: RunRecord, drawing: Drawing | None) -> None:
    """Write overlay (of a drawing) and label image, then the record, which marks that all is done.

    Labels that are not in memory are written part by part; a label TIFF of a GeoTIFF lies where the picture lies.

    Raises
    ------
    OSError
        If a file cannot be written (`io.writers.OutputError`).
    """
    from napari_gfsam.io.by_part import write_label_source
    from napari_gfsam.io.geotags import geo_tags
    from napari_gfsam.io.records import place_record, write_record
    from napari_gfsam.io.writers import write_labels, write_overlay

    # An old record must not vouch for new labels if the run is cut here.
    paths.record.unlink(missing_ok=True)
    if paths.overlay is not None and drawing is not None:
        write_overlay(paths.overlay, drawing.rgb, whole_of(labels), truth=drawing.truth, points=drawing.points)
    tags = geo_tags(Path(record.target.path))
    if isinstance(labels, ArraySource) and paths.labels.suffix != ".zarr":
        write_labels(paths.labels, labels.array, tags)
    else:
        write_label_source(paths.labels, labels, tags)
    placed = place_record(record, paths.record.resolve().parent)
    whole = {**environment(), **placed.environment}
    write_record(paths.record, replace(placed, labels_file=paths.labels.name, environment=whole))


def environment() -> dict[str, str]:
    """Return versions and threads for people who look for the cause of a difference."""
    import platform
    from importlib.metadata import version

    import torch

    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "threads": str(torch.get_num_threads()),
    }


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _frozen(value: Any) -> Any:
    """Return JSON-like values in a form that compares the same before and after a trip through JSON."""
    if isinstance(value, dict):
        return tuple(sorted((key, _frozen(item)) for key, item in value.items()))
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value
