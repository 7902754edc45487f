"""A process that does one target at a time: ``python -m napari_gfsam.datasets.worker``, started by `processes`.

Lines of JSON come on the standard input, first the plan, then targets, and go out on what was the standard output.
The end of the input, also that of a parent that was killed, stops it within a batch of prompts.
"""

from __future__ import annotations

import json
import os
import signal
from contextlib import closing
from dataclasses import asdict, replace
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from napari_gfsam.datasets.job import PER_TARGET, Job, Task
from napari_gfsam.datasets.plan import Plan

if TYPE_CHECKING:
    from io import FileIO

    from napari_gfsam.datasets.rows import Row


class Stop(Exception):
    """The run was stopped."""


class Stopper:
    """Told by another thread to stop, it raises at the next event of a run."""

    def __init__(self) -> None:
        self._asked = Event()

    def ask(self) -> None:
        """Ask for the stop."""
        self._asked.set()

    def __call__(self, *event: object) -> None:
        """Raise `Stop` if that was asked for."""
        if self._asked.is_set():
            raise Stop


def main() -> None:
    """Work until the input ends."""
    # Ctrl+C goes to all processes of a terminal; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = _take_output()
    # Without a buffer: its lock, held by the thread that listens, would be in the way at the end.
    lines = os.fdopen(0, "rb", buffering=0, closefd=False)
    setup = lines.readline()
    tasks: SimpleQueue[bytes] = SimpleQueue()
    stop = Stopper()
    Thread(target=_listen, args=(lines, tasks, stop), daemon=True).start()
    try:
        if setup:
            _work(json.loads(setup), tasks, stop, answers)
    except (Stop, BrokenPipeError):  # nobody wants an answer any more
        return


def _work(setup: dict[str, Any], tasks: SimpleQueue[bytes], stop: Stopper, answers: FileIO) -> None:
    try:
        job = Job(on_its_card(Plan.from_dict(setup["plan"]), setup["number"]))
        _say(answers, {"joined": job.key})
        while line := tasks.get():
            _say(answers, {"row": asdict(one_row(job, Task.from_dict(json.loads(line)), stop))})
    except BrokenPipeError:
        raise
    except PER_TARGET as error:
        _say(answers, {"fatal": " ".join(str(error).split()) or type(error).__name__})


def one_row(job: Job, task: Task, stop: Stopper) -> Row:
    """Do one target.

    Raises
    ------
    Stop
        If the run is stopped meanwhile.
    """
    stop()
    with closing(job.rows([task], watch=stop)) as rows:
        return next(rows)


def on_its_card(plan: Plan, number: int) -> Plan:
    """Return the plan of a worker by its number: where there are several GPUs, the next one for each."""
    import torch

    models = plan.choice()
    cards = torch.cuda.device_count() if models.device in ("auto", "cuda") else 0
    if cards < 2:
        return plan
    return replace(plan, models=replace(models, device=f"cuda:{number % cards}"))


def _take_output() -> FileIO:
    """Keep the standard output for answers; what libraries print goes where errors go."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)  # a buffer would be flushed at the end, to nobody
    os.dup2(2, 1)
    return answers


def _listen(lines: FileIO, tasks: SimpleQueue[bytes], stop: Stopper) -> None:
    for line in lines:
        tasks.put(line)
    stop.ask()
    tasks.put(b"")


def _say(answers: FileIO, words: dict[str, Any]) -> None:
    answers.write(json.dumps(words).encode() + b"\n")


if __name__ == "__main__":
    main()
