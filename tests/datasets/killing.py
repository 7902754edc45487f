"""Runs of the program that are killed at a chosen moment, with all their processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil

from napari_gfsam.io.records import read_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

WAIT_SECONDS = 240


@contextmanager
def running(command: Sequence[str], words: Sequence[object]) -> Iterator[subprocess.Popen[str]]:
    """Start the program; what is left of it at the end is killed."""
    line = [*command, *map(str, words)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            kill_all(process)


def wait_for(happened, what: str) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.002)


def records(out: Path) -> list[Path]:
    """Return the records that are there: those of targets that are done."""
    return list(out.glob("*_record.json"))


def kill_all(process: subprocess.Popen[str]) -> None:
    """Kill a run and every process that it started, at once."""
    parent = psutil.Process(process.pid)
    family = [parent, *parent.children(recursive=True)]  # the parent first: it would replace its workers
    for member in family:
        member.send_signal(signal.SIGKILL)
    process.communicate()
    psutil.wait_procs(family)


def kill_after(command: Sequence[str], words: Sequence[object], out: Path, done: int, seconds: float) -> int:
    """Run until so many targets are done and a moment longer, kill everything, and return how many are done."""
    with running(command, words) as process:
        wait_for(lambda: len(records(out)) >= done or process.poll() is not None, "targets")
        time.sleep(seconds)
    return len(records(out))


def finish(command: Sequence[str], words: Sequence[object]) -> str:
    """Run to the end and return what is said on the way."""
    with running(command, words) as process:
        said, errors = process.communicate(timeout=10 * WAIT_SECONDS)
    if process.returncode:
        sys.stderr.write(errors)
        raise RuntimeError(f"The run ended with {process.returncode}.")
    return said


def contents(out: Path) -> tuple[dict[str, bytes], dict[str, dict]]:
    """Return label files as bytes and records without their times."""
    labels = {path.name: path.read_bytes() for path in out.glob("*_labels.tif")}
    return labels, {path.name: read_record(path).as_dict() | {"seconds": None} for path in records(out)}
