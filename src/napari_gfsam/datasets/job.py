"""A plan at work in one process: targets in, rows out, files written; models are loaded when one is first needed."""

from __future__ import annotations

import errno
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from napari_gfsam.datasets.errors import DatasetError
from napari_gfsam.datasets.outputs import State, drawing_of, output_state, write_outputs
from napari_gfsam.datasets.pictures import read_picture_file
from napari_gfsam.datasets.rows import Ended, Row, row_of
from napari_gfsam.datasets.threads import use_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from napari_gfsam.api import Outcome
    from napari_gfsam.api import Target as Wanted
    from napari_gfsam.datasets.outputs import OutputPaths
    from napari_gfsam.datasets.pictures import ReadPicture
    from napari_gfsam.datasets.plan import Plan
    from napari_gfsam.io.records import RunRecord

#: What can be wrong with one target and need not stop the others.
PER_TARGET = (OSError, ValueError, RuntimeError, MemoryError)
#: What is wrong with the disk and would be so for every target.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True, slots=True)
class Task:
    """One target for one process.

    Parameters
    ----------
    number
        Its place in the order of targets, from 0.
    path
        The picture.
    name
        What its outputs begin with.
    problem
        Why it cannot be done, when that is known before.
    """

    number: int
    path: str
    name: str
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build a task from `as_dict`."""
        return cls(**data)

    def failed(self, sentence: str) -> Row:
        """Return the row that tells why it failed."""
        return Row(self.number, self.path, Ended.FAILED, error=sentence)


@dataclass(slots=True)
class _Begun:
    """A target that was read: its picture, or the row of one whose outputs are there."""

    task: Task
    picture: ReadPicture | None = None
    row: Row | None = None


class Job:
    """A plan with the models of this process.

    Parameters
    ----------
    plan
        What is to be done with every target.

    Raises
    ------
    ValueError
        If a reference cannot be read or its paint cannot serve; the sentence names the files.
    """

    def __init__(self, plan: Plan) -> None:
        use_threads(plan.threads)
        self._plan = plan
        self._recipe = plan.pixels()
        self._segmenter = plan.segmenter()

    @property
    def key(self) -> str:
        """What all answers depend on: the same in every process that does the same."""
        from napari_gfsam import __version__

        backend, references = self._segmenter.backend, self._segmenter.references
        hashes = [(one.record.image.content_hash, one.record.labels.content_hash) for one in references]
        return repr((__version__, [(one.id, one.sha256) for one in backend.records], hashes))

    def rows(
        self, tasks: Iterable[Task], watch: Callable[[Task, Any], None] | None = None
    ) -> Generator[Row, None, None]:
        """Do targets; while one is written the next ones are read and segmented.

        Parameters
        ----------
        tasks
            The targets; no more than a few are held at a time.
        watch
            Told every event of every target, from another thread; what it raises ends the run.

        Yields
        ------
        What became of each target, in order.

        Raises
        ------
        ValueError, RuntimeError, OSError
            If the models cannot be used or the disk is full, which would be the same for every target.
        """
        begun: dict[int, _Begun] = {}
        outcomes = self._segmenter.segment_many(
            self._reading(tasks, begun),
            watch=None if watch is None else lambda number, event: watch(begun[number].task, event),
        )
        with closing(outcomes):
            for outcome in outcomes:
                yield self._finish(begun[outcome.number], outcome)
                del begun[outcome.number]

    def _reading(self, tasks: Iterable[Task], begun: dict[int, _Begun]) -> Iterator[Callable[[], Wanted | None]]:
        for number, task in enumerate(tasks):
            begun[number] = _Begun(task)
            yield partial(self._read, begun[number])

    def _read(self, begun: _Begun) -> Wanted | None:
        """Read a target and keep it for its overlay; ``None`` when its outputs are there."""
        from napari_gfsam.api import Target as Wanted

        task = begun.task
        if task.problem:
            raise DatasetError(task.problem)
        picture = read_picture_file(Path(task.path), self._recipe)
        _refuse_png(self._plan.label_format, picture)
        if not self._plan.overwrite:
            begun.row = self._standing(task, picture)
        if begun.row is not None:
            return None
        begun.picture = picture
        return Wanted(picture.pixels, picture.recipe, picture.record, self._plan.scale, self._plan.pixel_sizes)

    def _standing(self, task: Task, picture: ReadPicture) -> Row | None:
        """Return the row of a target whose outputs are there; an overlay that alone is missing is drawn again.

        Raises
        ------
        DatasetError
            If something else stands in their place.
        """
        paths = self._plan.paths(task.name)
        found = output_state(paths, self._wanted(picture))
        if found.state in (State.OTHER_RUN, State.NOT_OURS):
            raise DatasetError(f"{paths.labels} was {found.state.value}; --overwrite replaces it.")
        if found.state is not State.DONE or found.record is None:
            return None
        if paths.overlay is not None and not paths.overlay.exists():
            _draw_again(paths, picture)
        row = row_of(found.record, number=task.number, state=Ended.SKIPPED, labels=str(paths.labels))
        return replace(row, file=task.path)

    def _wanted(self, picture: ReadPicture) -> RunRecord:
        """Return the record of the run as far as it is known before."""
        from napari_gfsam import __version__
        from napari_gfsam.api.scale import tiling_record
        from napari_gfsam.io.records import RunRecord

        segmenter, plan = self._segmenter, self._plan
        return RunRecord(
            version=__version__,
            models=segmenter.backend.records,
            settings=segmenter.settings.as_dict(),
            references=tuple(reference.record for reference in segmenter.references),
            target=picture.record,
            recipe=picture.recipe.as_dict(),
            tiling=tiling_record(segmenter.tiling(picture.size_yx, plan.scale, plan.pixel_sizes, picture.record)),
        )

    def _finish(self, begun: _Begun, outcome: Outcome) -> Row:
        """Write a target's outputs and return its row; what goes wrong with it stays with it."""
        try:
            if outcome.error is not None:
                raise outcome.error
            return begun.row or self._write(begun, outcome)
        except PER_TARGET as error:
            if _of_the_disk(error):
                raise
            text, path = " ".join(str(error).split()) or type(error).__name__, begun.task.path
            return begun.task.failed(text if path in text else f"{path}: {text}")

    def _write(self, begun: _Begun, outcome: Outcome) -> Row:
        task, picture, prediction = begun.task, begun.picture, outcome.prediction
        if picture is None or prediction is None:
            raise RuntimeError("A target ended without an answer; please report this.")
        paths, device = self._plan.paths(task.name), self._segmenter.backend.device
        record = replace(prediction.record(), environment={"device": device.name, "precision": device.precision})
        drawing = drawing_of(picture, prediction, points=self._plan.points) if paths.overlay else None
        write_outputs(paths, prediction.label_source, record, drawing)
        row = row_of(record, number=task.number, labels=str(paths.labels))
        return replace(row, file=task.path, device=device.reason)


def _refuse_png(label_format: str, picture: ReadPicture) -> None:
    """Say before the work that the labels of a picture are too large for a PNG."""
    from napari_gfsam.io.decode import LARGEST_PICTURE

    height, width = picture.size_yx
    if label_format == "png" and height * width > LARGEST_PICTURE:
        raise DatasetError(f"A PNG of {height} x {width} labels could not be read again; use --format tif or zarr.")


def _of_the_disk(error: BaseException) -> bool:
    """Tell whether an error of writing would be the same for every target."""
    cause = error.__cause__ if isinstance(error, OSError) else None
    return any(isinstance(one, OSError) and one.errno in DISK for one in (error, cause))


def _draw_again(paths: OutputPaths, picture: ReadPicture) -> None:
    from napari_gfsam.imaging import to_rgb
    from napari_gfsam.imaging.source import whole_of
    from napari_gfsam.io.by_part import open_labels
    from napari_gfsam.io.writers import write_overlay

    if paths.overlay is not None and picture.in_memory:
        labels = whole_of(open_labels(paths.labels))
        write_overlay(paths.overlay, to_rgb(picture.whole(), picture.recipe), labels)
