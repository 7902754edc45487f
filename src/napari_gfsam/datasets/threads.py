"""How many CPU threads the models use."""

from __future__ import annotations

import os


def use_threads(threads: int | None) -> None:
    """Use so many CPU threads; ``None`` leaves the choice to torch."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def threads_of(workers: int) -> int:
    """Return the threads of one of several workers that share the cores of this machine."""
    # The cores that this process may use, where the system tells.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // workers)
