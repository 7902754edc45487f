"""Processes with stand-ins for the models: a worker (``python pretending.py``), or the program with words after it.

``dask worker --preload pretending.py`` brings them into a worker of a cluster. Some pictures are deadly, by name.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = str(Path(__file__))
COMMAND = (sys.executable, SCRIPT)


def pretend() -> None:
    """Put the stand-ins in the models' place in this process."""
    sys.path.insert(0, str(ROOT))
    from napari_gfsam.datasets import job, processes
    from napari_gfsam.models import encoders, segmenters
    from tests.fakes import FakeEncoder, FakeSegmenter

    encoder, segmenter = FakeEncoder(), FakeSegmenter()
    encoders.load_encoder = lambda spec, **options: encoder
    segmenters.load_segmenter = lambda spec, **options: segmenter
    processes.COMMAND = COMMAND
    read = job.read_picture_file

    def risky(path, recipe):
        _happen(Path(path))
        return read(path, recipe)

    job.read_picture_file = risky


def _happen(path: Path) -> None:
    """Do what the name of a picture says."""
    if path.stem.startswith("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    if path.stem.startswith("once"):
        mark = path.with_suffix(".killed")
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    if path.stem.startswith("wait"):
        path.with_suffix(".told").write_text(str(os.getpid()))
        path.with_suffix(".told").replace(path.with_suffix(".begun"))
        while not path.with_suffix(".go").exists():
            time.sleep(0.02)


def dask_setup(worker: object) -> None:
    """Called by a Dask worker before it takes work."""
    pretend()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests run in the background hand on an ignored one
    pretend()
    if sys.argv[1:]:
        from napari_gfsam.cli import main
    else:
        from napari_gfsam.datasets.worker import main
    main()
