"""Many targets: while one is decoded and merged, the next ones are read and encoded; memory is bounded.

Stages run in threads of their own and pass their results on in order. On a CPU encoding and decoding share one thread,
for each of them takes all cores; reading, and whatever the caller does with an answer, go on beside them.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from threading import Event
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from napari_gfsam.api.target import Target, read_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import ArrayLike

    from napari_gfsam.api.prediction import Prediction, Scene
    from napari_gfsam.api.run import Run
    from napari_gfsam.api.target import Picture
    from napari_gfsam.api.tiles.prediction import TiledPrediction

Item = TypeVar("Item")
Made = TypeVar("Made")

AHEAD = 2
# Pictures that go through the encoders together where that is not said.
DEVICE_BATCH = 4
# While a GPU decodes one picture, the answers of those before are merged on the CPU.
MOST_ANSWERS = 4
# What can be wrong with one target and need not stop the others.
PER_TARGET = (OSError, ValueError, RuntimeError, MemoryError)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of one target.

    Parameters
    ----------
    number
        Its place in the order of targets, from 0.
    prediction
        The answer; None where there is an error, or where the target was left out.
    error
        What is wrong with this target.
    """

    number: int
    prediction: Prediction | TiledPrediction | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """A target on its way: read, then encoded; one in tiles is read and encoded where it is answered, tile by tile."""

    outcome: Outcome
    picture: Picture | None = None
    tiled: Target | None = None
    scene: Scene | None = None
    seconds: float = 0.0


class Pipeline:
    """Targets through one run of a segmenter; iterate over it once.

    Parameters
    ----------
    run
        References and settings, with the models.
    batch
        Pictures that go through the encoders together.
    watch
        Told the number of a target and every event of it, from another thread.
    """

    def __init__(self, run: Run, batch: int, watch: Callable[[int, Any], None] | None = None) -> None:
        self._run, self._batch, self._watch = run, batch, watch
        self._stopped = Event()

    def __call__(self, targets: Iterable[ArrayLike | Target | Callable[[], Target | None]]) -> Iterator[Outcome]:
        """Yield the outcomes in order; closing the generator stops all stages."""
        on_cpu = self._run.backend.device.is_cpu
        answers = 1 if on_cpu else max(2, min(MOST_ANSWERS, (os.cpu_count() or 2) // 2))
        with ExitStack() as stack:
            reading, encoding = (stack.enter_context(ThreadPoolExecutor(1)) for _ in range(2))
            answering = encoding if on_cpu else stack.enter_context(ThreadPoolExecutor(answers))
            for pool in (reading, encoding, answering):
                stack.callback(pool.shutdown, wait=False, cancel_futures=True)
            stack.callback(self._stopped.set)
            read = in_order(reading, self._read, enumerate(targets), AHEAD * self._batch)
            encoded = in_order(encoding, self._encode, batched(read, self._batch), 1)
            each = (task for tasks in encoded for task in tasks)
            yield from in_order(answering, self._answer, each, max(AHEAD, answers))

    def _read(self, item: tuple[int, Any]) -> _Task:
        number, given = item
        try:
            target = given() if callable(given) else given
            if target is None:
                return _Task(Outcome(number))
            target = target if isinstance(target, Target) else Target(target)
            if self._run.tiling_of(target) is not None:
                return _Task(Outcome(number), tiled=target)
            picture = read_target(target)
        except PER_TARGET as error:
            return _Task(Outcome(number, error=error))
        return _Task(Outcome(number), picture)

    def _encode(self, tasks: list[_Task]) -> list[_Task]:
        pictures = [task.picture for task in tasks if task.picture is not None]
        if not pictures or self._stopped.is_set():
            return tasks
        start = perf_counter()
        try:
            scenes = iter(self._run.encode(pictures))
        except PER_TARGET as error:
            _raise_fatal(error)
            return [_Task(replace(task.outcome, error=error)) if task.picture else task for task in tasks]
        seconds = (perf_counter() - start) / len(pictures)
        return [
            task if task.picture is None else replace(task, picture=None, scene=next(scenes), seconds=seconds)
            for task in tasks
        ]

    def _answer(self, task: _Task) -> Outcome:
        if task.scene is not None:
            events = self._run.answer(task.scene, {"target": task.seconds})
        elif task.tiled is not None:
            events = self._run.events(task.tiled)
        else:
            return task.outcome
        try:
            return replace(task.outcome, prediction=self._predict(task.outcome.number, events))
        except PER_TARGET as error:
            _raise_fatal(error)
            return replace(task.outcome, error=error)

    def _predict(self, number: int, events: Iterator[Any]) -> Prediction | TiledPrediction | None:
        """Walk through the events of a target; None when all was stopped meanwhile."""
        from napari_gfsam.api.run import PredictionReady

        for event in events:
            if self._stopped.is_set():
                break
            if self._watch is not None:
                self._watch(number, event)
            if isinstance(event, PredictionReady):
                return event.prediction
        return None


def _raise_fatal(error: Exception) -> None:
    """Raise what would be the same for every target."""
    from napari_gfsam.models.device import DeviceError
    from napari_gfsam.models.weights import WeightsError

    if isinstance(error, (WeightsError, DeviceError)):
        raise error


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[Item], Made], items: Iterable[Item], ahead: int
) -> Iterator[Made]:
    """Work on items in threads and yield what is made in their order.

    Parameters
    ----------
    pool
        The threads.
    work
        What is done with every item.
    items
        Taken one by one, in the caller's thread.
    ahead
        At most so many items are begun beyond the one that is waited for.
    """
    begun: deque[Future[Made]] = deque()
    for item in items:
        begun.append(pool.submit(work, item))
        if len(begun) > ahead:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of `size` items, the last one of what is left."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
