"""A whole data set: plan and targets in, files and tables out."""

from __future__ import annotations

from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from napari_gfsam.datasets.begun import Begun
from napari_gfsam.datasets.crew import ATTEMPTS, DEATHS, DEATHS_A_SEAT, work_through
from napari_gfsam.datasets.errors import DatasetError
from napari_gfsam.datasets.job import Job, Task
from napari_gfsam.datasets.journal import Journal, delete, read_rows
from napari_gfsam.datasets.outputs import Inputs, prepare_folder, sweep
from napari_gfsam.datasets.rows import Ended
from napari_gfsam.datasets.tables import REVIEW, SUMMARY, write_tables
from napari_gfsam.datasets.targets import Found, find_pictures, name_targets
from napari_gfsam.datasets.threads import threads_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from pathlib import Path

    from napari_gfsam.datasets.cluster import Cluster
    from napari_gfsam.datasets.crew import Crew
    from napari_gfsam.datasets.plan import Plan
    from napari_gfsam.datasets.rows import Row

LOCK = ".napari-gfsam.lock"
#: So many targets over which a process may have ended share a worker: if each ends it, no more than a crew bears.
AT_ONCE = (DEATHS + DEATHS_A_SEAT) // ATTEMPTS
#: So many rows of the review list are kept for showing them.
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did.

    Parameters
    ----------
    done, skipped, failed
        Numbers of targets; skipped are those whose outputs were there.
    worst
        The first rows of the review list.
    devices
        Where models worked.
    summary, review
        The tables: one row a target, in the order of file names, and the same with what most needs a look first.
    """

    done: int
    skipped: int
    failed: int
    worst: tuple[Row, ...]
    devices: tuple[str, ...]
    summary: Path
    review: Path


def segment_files(
    plan: Plan,
    targets: Iterable[str | Path] | Found,
    *,
    workers: int = 1,
    cluster: Cluster | None = None,
    on_row: Callable[[Row], None] | None = None,
    on_event: Callable[[str, Any], None] | None = None,
) -> Report:
    """Segment the pictures of a data set.

    Outputs appear whole or not at all; targets whose outputs are there and fit are skipped, so that the same call goes
    on after any kind of end. A bad file fails alone.

    Parameters
    ----------
    plan
        What is to be done with every target.
    targets
        Files, folders or globs, or what `find_pictures` made of them.
    workers
        Processes on this machine, one target each at a time; 1 works in this process, but for targets over which a
        process may have ended before: they have a worker first.
    cluster
        A Dask scheduler whose workers do the work instead.
    on_row
        Told what became of each target as soon as that is known, in this thread.
    on_event
        Told the path and every event of a target, from another thread; only where this process does the work.

    Raises
    ------
    DatasetError
        If there is nothing to do, the folder is in use, or the run cannot go on; what is done stays.
    ValueError, RuntimeError, OSError
        If a reference cannot serve, the models cannot be used or the disk is full.
    """
    if workers < 1:
        raise DatasetError(f"{workers} workers can do nothing; use 1 or more.")
    found = targets if isinstance(targets, Found) else _find(plan, targets)
    if workers > 1 and plan.threads is None:
        plan = replace(plan, threads=threads_of(workers))
    prepare_folder(plan.output)
    run, tasks = uuid4().hex, _tasks(plan, found)
    with alone(plan.output), Begun(plan.output) as begun:
        sweep(plan.output)
        if cluster is None and workers == 1:
            watch = None if on_event is None else lambda task, event: on_event(task.path, event)
            rows = _here(plan, tasks, begun, watch)
        else:
            rows = _by_crew(_crew(plan, workers, cluster, run), tasks)
        with closing(rows), closing(begun.followed(rows)) as rows:
            return _told(plan.output, run, rows, on_row)


def _find(plan: Plan, words: Iterable[str | Path]) -> Found:
    found = find_pictures(map(str, words), leave_out=[painting.labels for painting in plan.references])
    if not found.paths:
        raise DatasetError(" ".join(problem.sentence for problem in found.problems) or "There is no target.")
    return found


def _tasks(plan: Plan, found: Found) -> Iterator[Task]:
    """Yield the targets, then the words that named none."""
    inputs = Inputs((*found.paths, *plan.inputs))
    number = 0
    for number, target in enumerate(name_targets(found.paths), start=1):
        problem = ""
        try:
            inputs.refuse(plan.paths(target.name))
        except DatasetError as error:
            problem = str(error)
        yield Task(number - 1, str(target.path), target.name, problem)
    for more, problem_ in enumerate(found.problems):
        yield Task(number + more, problem_.word, "", problem_.sentence)


def _here(
    plan: Plan, tasks: Iterable[Task], begun: Begun, watch: Callable[[Task, Any], None] | None
) -> Generator[Row, None, None]:
    """Do targets in this process, after those over which one may have ended: these in a process of their own."""
    if begun.suspects:
        listed = [*tasks]
        apart = [task for task in listed if begun.suspected(task)]
        tasks = [task for task in listed if not begun.suspected(task)]
        for first in range(0, len(apart), AT_ONCE):
            yield from _by_crew(_crew(plan, 1, None, ""), apart[first : first + AT_ONCE])
    with closing(Job(plan).rows(begun.noted(tasks), watch)) as rows:
        yield from rows


def _crew(plan: Plan, workers: int, cluster: Cluster | None, run: str) -> Crew:
    if cluster is not None:
        from napari_gfsam.datasets.cluster import DaskWorkers

        return DaskWorkers(plan, cluster, run)
    from napari_gfsam.datasets.processes import Processes

    return Processes(plan, workers)


def _by_crew(crew: Crew, tasks: Iterable[Task]) -> Generator[Row, None, None]:
    with closing(crew), closing(work_through(crew, tasks)) as rows:
        yield from rows


def _told(folder: Path, run: str, rows: Iterator[Row], on_row: Callable[[Row], None] | None) -> Report:
    """Follow a run in its journal; however it ends, the tables tell what was done."""
    counts: Counter[Ended] = Counter()
    devices: dict[str, None] = {}
    worst: tuple[Row, ...] = ()
    with Journal(folder, run) as journal:
        try:
            for row in rows:
                journal.add(row)
                counts[row.state] += 1
                if row.device:
                    devices[row.device] = None
                if on_row is not None:
                    on_row(row)
        finally:
            if counts:
                worst = write_tables(folder, read_rows(journal.path))
            delete(journal.path)
    done, skipped, failed = (counts[state] for state in (Ended.DONE, Ended.SKIPPED, Ended.FAILED))
    return Report(done, skipped, failed, worst[:SHOWN], tuple(devices), folder / SUMMARY, folder / REVIEW)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep another run out of the folder.

    Raises
    ------
    DatasetError
        If one is there.
    """
    from filelock import FileLock, Timeout

    held = FileLock(folder / LOCK, timeout=0)
    try:
        held.acquire()
    except Timeout as error:
        raise DatasetError(f"Another run writes into {folder}; wait for it or choose another -o folder.") from error
    except NotImplementedError:  # some network drives have no locks
        pass
    try:
        yield
    finally:
        held.release()
