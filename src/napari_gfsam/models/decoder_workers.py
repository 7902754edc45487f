"""Threads that each work on prompts of their own with one core.

Two cores that share every operation wait for each other some hundred times a prompt; when anything else runs on the
machine (a viewer, say) each wait can take milliseconds. Threads with a prompt each never wait.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

# The interpreter's lock is held for about 3 % of a worker's time, so that more of them would not help.
MOST_WORKERS = 24
START_SECONDS = 60.0


class Workers:
    """As many threads as torch uses for one operation, in which torch uses one.

    Nothing is started before it is needed; the threads end with this object.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._count = 0

    @property
    def count(self) -> int:
        """How many there are, or would be."""
        return min(torch.get_num_threads(), MOST_WORKERS)

    def run(self, work: Callable[[], None], threads: int) -> None:
        """Call `work` in several threads at once and wait for all.

        Parameters
        ----------
        work
            Takes its share from somewhere safe and returns when nothing is left.
        threads
            How many.
        """
        pool = self._started()
        futures = [pool.submit(work) for _ in range(threads)]
        for future in futures:
            future.result()

    def _started(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None or self._count != self.count:
                self._count = self.count
                self._pool = _start(self._count)
            return self._pool


def _start(count: int) -> ThreadPoolExecutor:
    """Start threads that use one core each; the caller's and later threads' number of cores stays what it is."""
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(count, "mask-decoder", initializer=_use_one_core)
    everyone = threading.Barrier(count + 1, timeout=START_SECONDS)
    for _ in range(count):
        pool.submit(everyone.wait)
    everyone.wait()
    # torch keeps the number a thread sets for itself, and takes the last one set for threads that are yet to come
    torch.set_num_threads(before)
    return pool


def _use_one_core() -> None:
    torch.get_num_threads()  # a thread takes torch's common number when it first needs one: let that be over
    torch.set_num_threads(1)
