"""Timing in rounds: every contender in turn, so that whatever else the machine does hits all of them."""

from __future__ import annotations

import platform
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from napari_gfsam.models.device import choose_device

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(eq=False)
class Rounds:
    """What takes how long.

    Parameters
    ----------
    device
        Waited for before the clock is read.
    work
        By name.
    seconds
        Of every run, by name.
    """

    device: str
    work: dict[str, Callable[[], Any]] = field(default_factory=dict)
    before: dict[str, Callable[[], Any]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, work: Callable[[], Any], before: Callable[[], Any] | None = None) -> None:
        """Add a contender, with what is done before every run off the clock."""
        self.work[name], self.seconds[name] = work, []
        self.before[name] = before or (lambda: None)

    def run(self, rounds: int, warm: bool = True) -> None:
        """Run all in turn so many times, after one time that does not count."""
        for number in range(-1 if warm else 0, rounds):
            for name, work in self.work.items():
                self.before[name]()
                wait_for(self.device)
                start = time.perf_counter()
                work()
                wait_for(self.device)
                if number >= 0:
                    self.seconds[name].append(time.perf_counter() - start)

    def median(self, name: str) -> float:
        """Return the median seconds."""
        return statistics.median(self.seconds[name])

    def ratio(self, slow: str, fast: str) -> float:
        """Return the median of the ratios taken round by round."""
        pairs = zip(self.seconds[slow], self.seconds[fast], strict=True)
        return statistics.median(first / second for first, second in pairs)


def wait_for(device: str) -> None:
    """Wait until a device has done all it was told."""
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()


def default_device() -> str:
    """Return the device that the program would choose."""
    return choose_device().name


def device_title(device: str) -> str:
    """Return what a device is called, with the number of threads where it is the CPU."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    if torch.device(device).type == "mps":
        return f"Apple GPU ({platform.processor()})"
    return f"{_processor()}, {torch.get_num_threads()} threads"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
