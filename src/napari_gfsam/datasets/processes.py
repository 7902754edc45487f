"""Worker processes on this machine, one that ends is replaced. They are fresh interpreters: nothing is pickled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

from napari_gfsam.datasets.crew import Answered, Gone, Joined
from napari_gfsam.datasets.errors import DatasetError
from napari_gfsam.datasets.rows import Row
from napari_gfsam.io.schema import build

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_gfsam.datasets.crew import Message
    from napari_gfsam.datasets.job import Task
    from napari_gfsam.datasets.plan import Plan

COMMAND = (sys.executable, "-m", "napari_gfsam.datasets.worker")
# Workers at work stop at the next batch of prompts; encoding a picture may come before it.
GRACE_SECONDS = 15.0
# Waiting without an end cannot be interrupted on Windows.
WAIT_SECONDS = 1.0
# Libraries for matrices start threads of their own.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Processes:
    """Workers on this machine (a `crew.Crew`).

    Parameters
    ----------
    plan
        What is to be done with every target; ``plan.threads`` are those of one worker.
    count
        How many workers.
    command
        What starts one; `COMMAND` when None.
    """

    def __init__(self, plan: Plan, count: int, command: Sequence[str] | None = None) -> None:
        self._plan, self._count, self._command = plan, count, tuple(command or COMMAND)
        self._said: SimpleQueue[tuple[_Process, dict[str, Any] | None]] = SimpleQueue()
        self._processes: dict[str, _Process] = {}
        self._key, self._unborn = "", 0

    def give(self, seat: str, task: Task) -> None:
        """Give a target to a free worker."""
        self._processes[seat].tell(task.as_dict())

    def messages(self) -> Iterator[Message]:
        """Yield what happens, waiting for it; errors as `crew.Crew.messages`."""
        for number in range(self._count):
            self._start(number)
        while True:
            try:
                process, words = self._said.get(timeout=WAIT_SECONDS)
            except Empty:
                continue
            yield self._ended(process) if words is None else self._heard(process, words)

    def close(self) -> None:
        """Stop all workers, those at work within a batch of prompts."""
        for process in self._processes.values():
            process.hang_up()
        deadline = monotonic() + GRACE_SECONDS
        for process in self._processes.values():
            process.end(max(0.1, deadline - monotonic()))

    def _start(self, number: int) -> None:
        process = _Process(self._command, self._plan.threads, number, self._said)
        self._processes[process.seat] = process
        process.tell({"plan": self._plan.as_dict(), "number": number})

    def _heard(self, process: _Process, words: dict[str, Any]) -> Message:
        if "fatal" in words:
            raise DatasetError(words["fatal"])
        if "row" in words:
            row: Row = build(Row, words["row"])
            return Answered(process.seat, row)
        self._unborn = 0
        self._key = self._key or words["joined"]
        if words["joined"] != self._key:
            raise DatasetError("A reference was changed while the run went on; start it again.")
        process.joined = True
        return Joined(process.seat)

    def _ended(self, process: _Process) -> Message:
        how = process.end(GRACE_SECONDS)
        del self._processes[process.seat]
        self._unborn += not process.joined
        if self._unborn > 1:
            raise DatasetError(f"Worker processes end while they start ({how}).")
        self._start(process.number)
        return Gone(process.seat, how)


class _Process:
    """One worker, and a thread that reads what it says; ``None`` stands for its end."""

    def __init__(
        self, command: Sequence[str], threads: int | None, number: int, said: SimpleQueue[tuple[_Process, Any]]
    ) -> None:
        self.number, self.joined, self._said = number, False, said
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment(threads), **_apart()
        )
        self.seat = str(self._process.pid)
        self._thread = Thread(target=self._listen, daemon=True)
        self._thread.start()

    def tell(self, words: dict[str, Any]) -> None:
        """Write a line to it; one that has ended is heard of elsewhere."""
        pipe = self._process.stdin
        with suppress(BrokenPipeError):
            if pipe is not None:
                pipe.write(json.dumps(words).encode() + b"\n")
                pipe.flush()

    def hang_up(self) -> None:
        """End its input, which tells it to stop."""
        with suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()

    def end(self, seconds: float) -> str:
        """Wait for its end, kill it when that takes longer, and say how it ended."""
        self.hang_up()
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._thread.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return f"it was killed by signal {-code}" if code < 0 else f"it ended with exit code {code}"

    def _listen(self) -> None:
        if self._process.stdout is None:
            return
        for line in self._process.stdout:
            if line.endswith(b"\n"):  # else it was killed while it spoke
                self._said.put((self, json.loads(line)))
        self._said.put((self, None))


def _environment(threads: int | None) -> dict[str, str]:
    """Return the variables of a worker, whose libraries take as many threads as torch."""
    return {**os.environ, **({} if threads is None else dict.fromkeys(THREADS, str(threads)))}


def _apart() -> dict[str, Any]:
    """Return what keeps Ctrl+C in a terminal from a worker, which is told to stop by its parent."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}
