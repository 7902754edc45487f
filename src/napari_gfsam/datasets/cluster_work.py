"""What runs on the workers of a Dask cluster: text in, text out; models are loaded once and stay where they are."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from threading import Lock
from typing import Any

from napari_gfsam.datasets.errors import DatasetError
from napari_gfsam.datasets.job import PER_TARGET, Job, Task
from napari_gfsam.datasets.journal import run_of
from napari_gfsam.datasets.plan import Plan
from napari_gfsam.datasets.threads import threads_of
from napari_gfsam.datasets.worker import Stop, Stopper, on_its_card, one_row

_TURN, _CHANGE = Lock(), Lock()
_JOBS: dict[str, Job] = {}
_STOPPERS: dict[str, Stopper] = {}


def work(setup: str, task: str) -> str:
    """Do one target; a worker with several threads does one at a time all the same.

    Parameters
    ----------
    setup
        JSON: ``plan``, ``run``, the number of this worker on its machine, and how many there are.
    task
        JSON of a `Task`.

    Returns
    -------
    JSON: ``row`` and ``key``, or ``fatal`` with a sentence, or ``stopped``.
    """
    words = json.loads(setup)
    with _TURN:
        try:
            job = _job(words)
            row = one_row(job, Task.from_dict(json.loads(task)), _stopper(words["run"]))
        except Stop:
            return json.dumps({"stopped": True})
        except PER_TARGET as error:
            return json.dumps({"fatal": " ".join(str(error).split()) or type(error).__name__})
    return json.dumps({"row": asdict(row), "key": job.key})


def stop(run: str) -> None:
    """Stop what this worker does for a run, within a batch of prompts."""
    _stopper(run).ask()


def _stopper(run: str) -> Stopper:
    with _CHANGE:
        return _STOPPERS.setdefault(run, Stopper())


def _job(setup: dict[str, Any]) -> Job:
    """Return the job of a run, made at its first target; that of the run before is given up.

    Raises
    ------
    ValueError
        If a reference cannot be read here, or this machine sees another output folder than the one who asks.
    """
    run = setup["run"]
    if run not in _JOBS:
        _JOBS.clear()
        plan = Plan.from_dict(setup["plan"])
        if run_of(plan.output) != run:
            raise DatasetError(f"{plan.output} is not the same folder there; pictures and outputs must be shared.")
        if plan.threads is None:
            plan = replace(plan, threads=threads_of(setup["mates"]))
        _JOBS[run] = Job(on_its_card(plan, setup["number"]))
    return _JOBS[run]
