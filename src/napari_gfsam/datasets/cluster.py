"""Workers of a Dask cluster, on any number of machines that share their files.

Dask sends functions and values between its processes with pickle; what goes through here is text, and the function is
named, not sent. It is for trusted networks, or for TLS with certificates of one's own.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from napari_gfsam.datasets.crew import Answered, Gone, Joined
from napari_gfsam.datasets.errors import DatasetError
from napari_gfsam.datasets.pictures import absolute
from napari_gfsam.datasets.rows import Row
from napari_gfsam.io.schema import build

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client, Future

    from napari_gfsam.datasets.crew import Message
    from napari_gfsam.datasets.job import Task
    from napari_gfsam.datasets.plan import Plan

CONNECT_SECONDS = 15.0
# How often the scheduler is asked who is there, and how long nobody may be.
LOOK_SECONDS, ALONE_SECONDS = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Dask scheduler.

    Parameters
    ----------
    address
        Like ``tcp://host:8786`` or ``tls://host:8786``.
    tls_ca, tls_cert, tls_key
        Files of certificate authority, own certificate and its key, for TLS; with any of them, only TLS is spoken.
    """

    address: str
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None


class DaskWorkers:
    """The workers of a cluster (a `crew.Crew`); a seat is a worker's address.

    Parameters
    ----------
    plan
        What is to be done with every target.
    cluster
        The scheduler.
    run
        Name of this run, as the journal in the output folder has it.

    Raises
    ------
    DatasetError
        If the scheduler cannot be reached, or the library is not installed.
    """

    def __init__(self, plan: Plan, cluster: Cluster, run: str) -> None:
        self._address, self._run = cluster.address, run
        self._plan = plan.placed().as_dict()
        self._client, self._levels = _connect(cluster)
        self._done: SimpleQueue[tuple[str, Future]] = SimpleQueue()
        self._futures: dict[str, Future] = {}
        self._seats: dict[str, int] = {}
        self._key = ""

    def give(self, seat: str, task: Task) -> None:
        """Give a target to a free worker."""
        from napari_gfsam.datasets.cluster_work import work

        words = json.dumps(replace(task, path=str(absolute(Path(task.path)))).as_dict())
        try:
            # Tied to its worker: how often it is tried, and where, is decided in one place (`crew.work_through`).
            future = self._client.submit(work, self._setup(seat), words, workers=[seat], pure=False, retries=0)
        except (OSError, RuntimeError) as error:
            raise self._lost() from error
        self._futures[seat] = future
        future.add_done_callback(lambda done: self._done.put((seat, done)))

    def messages(self) -> Iterator[Message]:
        """Yield what happens, waiting for it; errors as `crew.Crew.messages`."""
        looked, seen = -LOOK_SECONDS, monotonic()
        while True:
            if monotonic() - looked >= LOOK_SECONDS:
                yield from self._look()
                looked = monotonic()
                seen = looked if self._seats else seen
            if monotonic() - seen > ALONE_SECONDS:
                raise DatasetError(f"The Dask scheduler at {self._address} has no worker; start some for it.")
            try:
                seat, future = self._done.get(timeout=LOOK_SECONDS)
            except Empty:
                continue
            if self._futures.get(seat) is future:
                del self._futures[seat]
                yield self._heard(seat, future)

    def close(self) -> None:
        """Stop all workers, those at work within a batch of prompts."""
        from napari_gfsam.datasets.cluster_work import stop

        # A scheduler that went away cannot be told anything.
        with suppress(OSError, RuntimeError):
            if self._futures and self._client.status == "running":
                self._client.cancel(list(self._futures.values()))
                self._client.run(stop, self._run, on_error="ignore")
        self._client.close()
        _set_levels(self._levels)

    def _look(self) -> Iterator[Message]:
        """Compare who is there with who was."""
        try:
            here = set(self._client.nthreads())
        except (OSError, RuntimeError, ValueError) as error:
            raise self._lost() from error
        # Idle ones first, else the target of one that is gone would be given to another one that is.
        for seat in sorted(self._seats.keys() - here, key=lambda one: (one in self._futures, one)):
            del self._seats[seat]
            future = self._futures.pop(seat, None)
            if future is not None:
                future.cancel()
            yield Gone(seat, f"the worker at {seat} left the cluster")
        new = sorted(here - self._seats.keys())
        # All of them first: a worker shares its machine's cores with those who are known when it gets its first target.
        for seat in new:
            self._seats[seat] = self._free_number(seat)
        yield from map(Joined, new)

    def _heard(self, seat: str, future: Future) -> Message:
        """Read the answer of a worker."""
        if future.status == "error":
            return self._failed(seat, future.exception())
        if future.status != "finished":
            raise self._lost()
        words: dict[str, Any] = json.loads(future.result())
        if "fatal" in words:
            raise DatasetError(f"The worker at {seat}: {words['fatal']}")
        if "row" not in words:
            raise DatasetError(f"The worker at {seat} was stopped by somebody else.")
        self._key = self._key or words["key"]
        if words["key"] != self._key:
            raise DatasetError(f"The worker at {seat} has another version, other weights or other references.")
        row: Row = build(Row, words["row"])
        return Answered(seat, row)

    def _failed(self, seat: str, error: BaseException) -> Message:
        """Tell a worker that ended over its target from one that cannot work at all."""
        from distributed import KilledWorker

        if isinstance(error, KilledWorker):  # restarted under the same address again and again
            self._seats.pop(seat, None)
            return Gone(seat, f"the worker at {seat} was killed")
        what = " ".join(str(error).split())
        raise DatasetError(
            f"The worker at {seat} cannot work ({type(error).__name__}: {what}); install the same napari-gfsam there."
        ) from error

    def _setup(self, seat: str) -> str:
        mates = [one for one in self._seats if _host(one) == _host(seat)]
        number = self._seats[seat]
        return json.dumps({"plan": self._plan, "run": self._run, "number": number, "mates": len(mates)})

    def _free_number(self, seat: str) -> int:
        """Return the lowest number that no worker on the same machine has."""
        taken = {number for one, number in self._seats.items() if _host(one) == _host(seat)}
        return next(number for number in range(len(taken) + 1) if number not in taken)

    def _lost(self) -> DatasetError:
        return DatasetError(
            f"The Dask scheduler at {self._address} went away; what is done stays, and the same command goes on."
        )


def _connect(cluster: Cluster) -> tuple[Client, dict[str, int]]:
    """Return a client and what the levels of the library's loggers were."""
    try:
        from distributed import Client, Security
    except ImportError as error:
        raise DatasetError('A Dask cluster needs one more library: pip install "napari-gfsam[cluster]".') from error
    files = {"tls_ca_file": cluster.tls_ca, "tls_client_cert": cluster.tls_cert, "tls_client_key": cluster.tls_key}
    given = {name: str(path) for name, path in files.items() if path is not None}
    security = Security(require_encryption=True, **given) if given else None
    levels = _quiet()
    try:
        return Client(cluster.address, timeout=CONNECT_SECONDS, security=security, set_as_default=False), levels
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        _set_levels(levels)
        # The half-made client would close itself when it is collected, and wait for ever if the next one starts then.
        for frame, _ in walk_tb(error.__traceback__):
            if isinstance(half_made := frame.f_locals.get("self"), Client):
                half_made.close()
        what = " ".join(str(error).split())
        raise DatasetError(f"The Dask scheduler at {cluster.address} cannot be reached ({what}).") from error


def _host(address: str) -> str:
    return address.rpartition(":")[0]


def _quiet() -> dict[str, int]:
    """Keep the library, which tells in many lines that a scheduler is gone, from the terminal; return the levels.

    Each of its modules sets up a logger of its own when it is imported.
    """
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    levels = {name: logging.getLogger(name).level for name in names}
    _set_levels(dict.fromkeys(names, logging.CRITICAL))
    return levels


def _set_levels(levels: dict[str, int]) -> None:
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
