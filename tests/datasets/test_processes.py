from __future__ import annotations

import sys

import numpy as np
import pytest
import tifffile

from napari_gfsam.datasets import DatasetError
from napari_gfsam.io.records import read_record
from napari_gfsam.io.writers import write_picture

NAMES = [f"p{number}" for number in range(6)]


def untimed(folder, name, into):
    record = read_record(folder.path / into / f"{name}_record.json").as_dict()
    return record | {"seconds": None}


@pytest.mark.usefixtures("fake_models")
def test_processes_write_what_one_process_writes(folder):
    folder.targets(*NAMES)
    folder.run(into="alone")
    report = folder.run(workers=2)
    assert (report.done, report.skipped, report.failed) == (6, 0, 0)
    assert folder.labels() == folder.labels("alone")
    assert [untimed(folder, name, "out") for name in NAMES] == [untimed(folder, name, "alone") for name in NAMES]


def test_bad_files_fail_alone_and_a_worker_that_ends_is_replaced(folder):
    folder.targets("a", "deadly", "once", "z")
    inside = folder.path / "in"
    (inside / "b.tif").write_bytes(b"")
    (inside / "c.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    write_picture(inside / "constant.tif", np.full((9, 9), 3, np.uint8))
    write_picture(inside / "grey.tif", np.random.default_rng(0).integers(0, 65535, (31, 77), dtype=np.uint16))
    tifffile.imwrite(inside / "planes.tif", np.zeros((9, 31, 77), np.uint8), photometric="minisblack")
    report = folder.run(workers=2)
    done = dict.fromkeys(("a", "grey", "once", "z"), "done")
    failed = dict.fromkeys(("b", "c", "constant", "deadly", "planes"), "failed")
    assert folder.states() == done | failed
    assert (report.done, report.failed) == (4, 5)
    (told,) = (row for row in folder.rows if "deadly" in row.file)
    assert "the worker that had it ended twice (the last time: it was killed by signal 9)" in told.error
    assert list(folder.labels()) == [f"{name}_labels.tif" for name in sorted(done)]
    review = (folder.path / "out" / "review.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in review] == ["state", *["failed"] * 5, *["done"] * 4]


def test_a_bad_reference_is_told_once(folder):
    folder.targets(*NAMES)
    (folder.path / "ref_labels.tif").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"ref_labels.tif is empty \(0 bytes\)"):
        folder.run(workers=2)
    assert sorted(path.name for path in (folder.path / "out").iterdir()) == [".napari-gfsam.lock"]


def test_workers_that_cannot_start_end_the_run(folder, monkeypatch):
    folder.targets(*NAMES)
    monkeypatch.setattr("napari_gfsam.datasets.processes.COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(DatasetError, match=r"end while they start \(it ended with exit code 3\)"):
        folder.run(workers=2)
