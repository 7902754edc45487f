from __future__ import annotations

import os
import pickle
from collections import OrderedDict, defaultdict

import numpy as np
import pytest

from napari_gfsam.evaluation.layouts.pickles import RefusedPickleError, read_pickle

PLAIN = {
    0: ["a.jpg", "b.jpg"],
    "text é": (1, 2.5, True, None, b"\x00\xff", 2**80, 1 + 2j),
    "sets": {frozenset({1, 2}), frozenset()},
    "ordered": OrderedDict([(2, "x"), (1, "y")]),
    "default": defaultdict(list, {1: [2]}),
    "bytearray": bytearray(b"xyz"),
}


@pytest.fixture
def written(tmp_path):
    def write(content, protocol=4):
        path = tmp_path / "split.pkl"
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol=protocol))
        return path

    return write


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_content_is_read(written, protocol):
    assert read_pickle(written(PLAIN, protocol)) == PLAIN


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(["a", "bc"]),
        np.array([True, False]),
        np.array([[1, "x"], [None, 2.5]], dtype=object),
        np.zeros((0, 4)),
    ],
)
def test_arrays_are_read(written, protocol, array):
    (found,) = read_pickle(written([array], protocol))

    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_numpy_numbers_are_read(written, protocol):
    values = [np.int64(5), np.float32(0.5), np.bool_(True), np.dtype("<u2")]

    assert read_pickle(written(values, protocol)) == values


def test_older_module_names_are_read(written):
    content = pickle.dumps([np.arange(3), np.int64(5)], protocol=2)

    found = read_pickle(written(content.replace(b"numpy._core", b"numpy.core")))

    np.testing.assert_array_equal(found[0], [0, 1, 2])
    assert found[1] == 5


class Call:
    """Asks an unpickler to call something."""

    def __init__(self, function, *arguments):
        self.asked = function, arguments

    def __reduce__(self):
        return self.asked


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_command_is_refused_and_not_run(written, tmp_path, protocol):
    bait = tmp_path / "was-run"
    path = written({1: Call(os.system, f"touch {bait}")}, protocol)

    with pytest.raises(RefusedPickleError, match=r"split\.pkl asks for (posix|nt)\.system, .*nothing of it was run"):
        read_pickle(path)
    assert not bait.exists()


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (eval, ("1+1",)),
        (exec, ("1",)),
        (getattr, ((), "__class__")),
        (__import__, ("os",)),
        (open, ("x", "w")),
        (pickle.loads, (b"N.",)),
        (np.load, ("x.npy",)),
        (np.zeros, (3,)),
        (object, ()),
        (type, ("x", (), {})),
    ],
)
def test_every_other_name_is_refused(written, function, arguments):
    with pytest.raises(RefusedPickleError, match="asks for"):
        read_pickle(written(Call(function, *arguments)))


def test_arrays_cannot_be_called_into_being(written):
    with pytest.raises(RefusedPickleError, match="damaged"):
        read_pickle(written(Call(np.ndarray, (10**15,))))


def test_a_codec_other_than_latin_1_is_refused(written):
    import _codecs

    with pytest.raises(RefusedPickleError, match="codec"):
        read_pickle(written(Call(_codecs.encode, "x", "rot13")))


def test_an_object_scalar_is_refused(written):
    from numpy._core.multiarray import scalar

    with pytest.raises(RefusedPickleError, match="scalar of objects"):
        read_pickle(written(Call(scalar, np.dtype("O"), b"N.")))


def test_a_subclass_of_array_is_refused(written):
    with pytest.raises(RefusedPickleError, match="asks for"):
        read_pickle(written(np.zeros(3).view(np.ma.MaskedArray)))


def test_outside_objects_are_refused(written):
    with pytest.raises(RefusedPickleError, match="outside object 'file-1'"):
        read_pickle(written(b"Pfile-1\n."))


def test_copyreg_and_dotted_names_are_refused(written):
    with pytest.raises(RefusedPickleError, match=r"collections\.OrderedDict\.fromkeys"):
        read_pickle(written(b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93."))
    with pytest.raises(RefusedPickleError):
        read_pickle(written(b"\x80\x02\x82\x01."))


@pytest.mark.parametrize("cut", [0, 1, 2, 10, 40])
def test_damage_is_named(written, cut):
    with pytest.raises(RefusedPickleError, match="is damaged"):
        read_pickle(written(pickle.dumps(PLAIN)[:cut]))


@pytest.mark.parametrize("content", [b"not a pickle", b"\x89PNG\r\n", b"}u.", b"\x80\xff.", b"cos\nsystem\n(S'x'\ntR."])
def test_other_files_are_named(written, content):
    with pytest.raises(RefusedPickleError, match=r"split\.pkl"):
        read_pickle(written(content))


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_pickle(tmp_path / "nowhere.pkl")
