from __future__ import annotations

from threading import Thread

import numpy as np
import pytest

from napari_gfsam.io.writers import OutputError
from napari_gfsam.session.packing import pack
from napari_gfsam.session.shelf import SessionError, Shelf

PLANE = np.array([[0, 1, 300]])


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    return Shelf(tmp_path / "labels")


def written(tmp_path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (tmp_path / "labels").iterdir()}


def test_a_plane_is_kept_as_it_was_and_written_once(shelf, tmp_path):
    plane = PLANE.copy()
    name = shelf.keep(plane)
    plane[:] = 0
    assert not (tmp_path / "labels").exists()
    shelf.flush()
    files = written(tmp_path)
    assert list(files) == [name]
    assert shelf.keep(PLANE.astype(np.uint16)) == name
    shelf.flush()
    assert written(tmp_path) == files
    assert np.array_equal(shelf.labels(name).unpack(), PLANE)


def test_another_process_reads_it_and_does_not_write_it_again(shelf, tmp_path):
    name = shelf.keep(PLANE)
    shelf.flush()
    files = written(tmp_path)
    other = Shelf(tmp_path / "labels")
    assert other.keep(other.labels(name)) == name
    other.flush()
    assert written(tmp_path) == files


def test_pictures_of_any_type_are_read_from_disk(shelf):
    picture = np.linspace(0, 1, 24).reshape(2, 3, 4)
    name = shelf.keep_array(picture)
    shelf.flush()
    back = shelf.array(name)
    assert isinstance(back, np.memmap)
    assert np.array_equal(back, picture)
    with pytest.raises(ValueError, match="save the picture to a file"):
        shelf.keep_array(np.array([{}]))


def test_sweeping_leaves_what_is_used_new_or_somebody_elses(shelf, tmp_path):
    old, used = shelf.keep(PLANE), shelf.keep(PLANE + 1)
    shelf.flush()
    shelf.sweep([old, used])
    (tmp_path / "labels" / "mine.tif").write_bytes(b"")
    new = shelf.keep(PLANE + 2)
    shelf.flush()
    shelf.sweep([used])
    assert set(written(tmp_path)) == {used, new, "mine.tif"}
    again = shelf.keep(PLANE)
    shelf.flush()
    assert again == old
    assert old in written(tmp_path)


def test_what_cannot_be_written_waits(shelf, tmp_path):
    (tmp_path / "labels").write_text("in the way")
    planes, picture = shelf.keep(PLANE), shelf.keep_array(PLANE)
    for _ in range(2):
        with pytest.raises(OutputError, match="cannot be written"):
            shelf.flush()
    (tmp_path / "labels").unlink()
    shelf.flush()
    assert set(written(tmp_path)) == {planes, picture}


def test_no_picture_is_left_half_written(shelf, tmp_path):
    (tmp_path / "labels" / shelf.keep_array(PLANE)).mkdir(parents=True)
    with pytest.raises(OutputError, match="make room on the disk"):
        shelf.flush()
    assert not list((tmp_path / "labels").glob("*.tmp"))


@pytest.mark.parametrize("name", ["../../secret.tif", "a.tif", f"{'0' * 32}.txt", "", f"x/{'0' * 32}.tif"])
def test_names_from_a_file_are_not_followed(shelf, name):
    for read in (shelf.labels, shelf.array):
        with pytest.raises(SessionError, match="none of its own"):
            read(name)


def test_lost_and_damaged_files_are_named(shelf, tmp_path):
    labels, picture = shelf.keep(PLANE), shelf.keep_array(PLANE)
    with pytest.raises(SessionError, match=r"labels are lost: .*does not exist"):
        shelf.labels(labels)
    with pytest.raises(SessionError, match=r"picture is lost: .*cannot be read"):
        shelf.array(picture)
    shelf.flush()
    whole = (tmp_path / "labels" / labels).read_bytes()
    (tmp_path / "labels" / labels).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SessionError, match="labels are lost"):
        shelf.labels(labels)
    (tmp_path / "labels" / picture).write_bytes(b"no array")
    with pytest.raises(SessionError, match="picture is lost"):
        shelf.array(picture)


def test_labels_changed_by_another_program_are_told_and_left(shelf, tmp_path):
    name, other = shelf.keep(PLANE), shelf.keep(PLANE + 1)
    shelf.flush()
    (tmp_path / "labels" / other).replace(tmp_path / "labels" / name)
    read = Shelf(tmp_path / "labels")
    with pytest.raises(SessionError, match="was changed after it was saved"):
        read.labels(name)
    read.sweep([])
    assert set(written(tmp_path)) == {name}


def test_two_threads_flush_what_is_taken_in_meanwhile(shelf):
    planes = [pack(PLANE + i) for i in range(40)]
    names: list[str] = []

    def work() -> None:
        for plane in planes:
            names.append(shelf.keep(plane))
            shelf.flush()

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(names)) == sorted(f"{plane.name}.tif" for plane in planes)
    for plane in planes:
        assert shelf.labels(f"{plane.name}.tif") == plane
