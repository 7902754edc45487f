from __future__ import annotations

import csv
import errno
import os
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from filelock import FileLock

from napari_gfsam.datasets import DatasetError, Found, Plan, find_pictures, segment_files
from napari_gfsam.datasets.outputs import output_paths, sweep
from napari_gfsam.datasets.run import LOCK
from napari_gfsam.datasets.threads import threads_of
from napari_gfsam.imaging import PixelRecipe
from napari_gfsam.io.readers import read_labels
from napari_gfsam.io.writers import OutputError, beside
from tests.fakes import disc_picture
from tests.io.files import ome_zarr

pytestmark = pytest.mark.usefixtures("fake_models")


def names(folder):
    return sorted(path.name for path in (folder.path / "out").iterdir())


def test_the_report_and_the_tables_tell_of_every_target(folder):
    folder.targets("a", "b")
    (folder.path / "in" / "c.tif").write_bytes(b"")
    report = segment_files(folder.plan, [folder.path / "in", "nowhere*.tif"], on_row=folder.rows.append)
    assert (report.done, report.skipped, report.failed) == (2, 0, 2)
    assert len(folder.rows) == 4
    with report.summary.open(newline="", encoding="utf-8") as file:
        table = {row["file"]: row for row in csv.DictReader(file)}
    assert table["nowhere*.tif"]["error"] == "No picture matches nowhere*.tif."
    done = table[str(folder.path / "in" / "a.tif")]
    assert (done["state"], done["labels"], done["classes"]) == ("done", "a_labels.tif", "class 1")
    assert int(done["prompts"]) >= int(done["accepted"]) > 0
    assert "summary.jsonl" not in names(folder)


def test_an_answer_depends_neither_on_order_nor_on_company(folder):
    first, second, third = folder.targets("a", "b", "c")
    folder.run()
    segment_files(replace(folder.plan, output=folder.path / "other"), [third, first])
    assert folder.labels("other") == {name: data for name, data in folder.labels().items() if name[0] in "ac"}
    assert second.exists()


def test_plans_survive_the_way_to_a_worker(folder):
    import json

    plan = replace(folder.plan, recipe=PixelRecipe(intensity="range", limits=((0, 9),)), label_format="png").placed()
    assert Plan.from_dict(json.loads(json.dumps(plan.as_dict()))) == plan
    with pytest.raises(DatasetError, match="cannot read the plan"):
        Plan.from_dict(plan.as_dict() | {"sauce": 1})


def test_nothing_to_do_is_said(folder):
    with pytest.raises(DatasetError, match="does not exist"):
        segment_files(folder.plan, ["nowhere"])
    with pytest.raises(DatasetError, match="no target"):
        segment_files(folder.plan, [])
    with pytest.raises(DatasetError, match="use 1 or more"):
        segment_files(folder.plan, [folder.path], workers=0)


def test_two_runs_never_share_a_folder(folder):
    folder.targets("a")
    (folder.path / "out").mkdir()
    with FileLock(folder.path / "out" / LOCK), pytest.raises(DatasetError, match="Another run writes into"):
        folder.run()
    assert folder.run().done == 1


def test_a_full_disk_ends_the_run_and_leaves_no_half_file(folder, monkeypatch):
    """Every file that is written meets the end of the disk once: always one sentence, and never a half file."""
    folder.targets("a", "b", "c")
    folder.run(into="whole")
    synced = os.fsync

    def full_after(files):
        left = iter(range(files))

        def fsync(descriptor):
            if next(left, None) is None:
                raise OSError(errno.ENOSPC, "No space left on device")
            synced(descriptor)

        return fsync

    for files in range(12):
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full_after(files))
            with pytest.raises(OutputError, match="No space left on device"):
                folder.run(into=f"full{files}")
        assert not [path for path in (folder.path / f"full{files}").iterdir() if path.name.endswith(".tmp")]
        assert folder.labels(f"full{files}").items() <= folder.labels("whole").items()
        assert folder.run(into=f"full{files}").failed == 0
        assert folder.labels(f"full{files}") == folder.labels("whole")


def test_what_was_cut_by_a_kill_is_swept_away_and_nothing_else(folder):
    out = folder.path / "out"
    out.mkdir()
    mine = [".a_labels.tif.123.tmp", ".a_instances.tif.123.tmp", ".a_overlay.png.1.tmp", ".a_record.json.99.tmp"]
    for name in ("a", "核" * 70):
        for path in output_paths(out, name, "tiff", overlay=True).all:
            with beside(path) as hidden:
                hidden.touch()
            mine += [hidden.name, hidden.with_suffix(".old").name]
            path.unlink()
    others = [".a.tif.123.tmp", "a_labels.tif.123.tmp", ".notes"]
    for name in mine + others:
        (out / name).touch()
    sweep(out)
    assert names(folder) == sorted(others)


def test_a_damaged_zarr_of_labels_is_made_again(folder):
    folder.targets("a", "b")
    plan, targets = replace(folder.plan, label_format="zarr"), [folder.path / "in"]
    assert segment_files(plan, targets).done == 2
    chunk = folder.path / "out" / "a_labels.zarr" / "0.0"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:10])
    report = segment_files(plan, targets)
    assert (report.done, report.skipped, report.failed) == (1, 1, 0)
    assert chunk.read_bytes() == whole


def test_channels_of_a_zarr_are_read_by_tile_as_those_of_a_tiff(folder, monkeypatch):
    channels = np.moveaxis(disc_picture(10, (60, 80), 3)[0], 2, 0).astype(np.uint16) * 100
    tifffile.imwrite(folder.path / "a.tif", channels, metadata={"axes": "CYX"}, ome=True)
    ome_zarr(folder.path / "b.zarr", channels[None, :, None], "tczyx")
    plan = replace(folder.plan, scale=64)
    assert segment_files(plan, [folder.path / "a.tif"]).done == 1
    monkeypatch.setattr("napari_gfsam.io.large.LARGE_BYTES", 1)
    assert segment_files(plan, [folder.path / "b.zarr"]).done == 1
    found = [read_labels(folder.path / "out" / f"{name}_labels.tif") for name in "ab"]
    assert found[0].any()
    np.testing.assert_array_equal(*found)


def test_a_folder_that_cannot_be_written(folder, monkeypatch):
    folder.targets("a")

    def refuse(*given, **more):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.touch", refuse)
    with pytest.raises(DatasetError, match=r"Nothing can be written into .* \(Permission denied\)"):
        folder.run()


def test_ctrl_c_stops_and_the_tables_tell_what_was_done(folder):
    folder.targets("a", "b", "c")
    told = []

    def interrupt(row):
        told.append(row)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment_files(folder.plan, [folder.path / "in"], on_row=interrupt)
    assert len((folder.path / "out" / "summary.csv").read_text().splitlines()) == 3
    report = folder.run()
    assert (report.done + report.skipped, report.failed) == (3, 0)
    assert report.skipped >= 2


def test_memory_stays_small_over_many_targets(folder, monkeypatch):
    """Pictures are not kept: at most a few exist at a time."""
    from napari_gfsam.datasets import job

    alive, most = set(), []
    read = job.read_picture_file

    def counted(path, recipe):
        import weakref

        picture = read(path, recipe)
        alive.add(path.name)
        weakref.finalize(picture.pixels, alive.discard, path.name)
        most.append(len(alive))
        return picture

    monkeypatch.setattr(job, "read_picture_file", counted)
    folder.targets(*(f"p{number}" for number in range(12)))
    assert folder.run().done == 12
    assert max(most) <= 7


def test_names_are_found_without_opening_a_file(tmp_path, monkeypatch):
    for number in range(300):
        (tmp_path / f"p{number}.tif").touch()

    def refuse(*given, **more):
        raise AssertionError("a file was opened")

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr("pathlib.Path.open", refuse)
    found = find_pictures([str(tmp_path)])
    assert isinstance(found, Found)
    assert [path.name for path in found.paths[:3]] == ["p0.tif", "p1.tif", "p2.tif"]
    assert len(found.paths) == 300


def test_models_run_only_where_something_is_to_be_done(folder, fake_models):
    folder.targets("a", "b")
    folder.run()
    calls = fake_models[0].calls
    report = folder.run()
    assert report.skipped == 2
    assert fake_models[0].calls == calls
    assert [row.score for row in report.worst] == sorted(row.score for row in report.worst)
    assert all(row.prompts for row in report.worst), "from the records"


def test_workers_share_the_cores():
    assert threads_of(1) >= 1
    assert threads_of(10_000) == 1
