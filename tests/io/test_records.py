from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gfsam.core.config import TUNED
from napari_gfsam.imaging import PixelRecipe
from napari_gfsam.io.records import (
    FORMAT,
    ClassRecord,
    ClassResult,
    DecisionRecord,
    InputRecord,
    ModelRecord,
    RecordError,
    ReferenceRecord,
    RunRecord,
    labels_hash,
    place_record,
    read_record,
    write_record,
)

TEXT = st.text(max_size=12)
COUNT = st.integers(0, 10**6)
REAL = st.floats(allow_nan=False, allow_infinity=False)
INPUTS = st.builds(InputRecord, TEXT, TEXT, st.lists(COUNT, max_size=3).map(tuple), TEXT, TEXT)
REFERENCES = st.builds(
    ReferenceRecord,
    INPUTS,
    INPUTS,
    st.lists(st.builds(ClassRecord, COUNT, TEXT, st.booleans()), max_size=2).map(tuple),
    st.none() | COUNT,
    st.none() | st.tuples(COUNT, COUNT, COUNT, COUNT),
    st.just(PixelRecipe().as_dict()),
)
RECORDS = st.builds(
    RunRecord,
    version=TEXT,
    models=st.lists(st.builds(ModelRecord, TEXT, st.none() | TEXT), max_size=2).map(tuple),
    settings=st.just(TUNED.as_dict()),
    references=st.lists(REFERENCES, max_size=2).map(tuple),
    target=INPUTS,
    decisions=st.lists(
        st.builds(
            DecisionRecord,
            TEXT,
            COUNT,
            st.none() | COUNT,
            st.none() | COUNT,
            st.none() | st.tuples(REAL, REAL),
            st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
    seconds=st.dictionaries(TEXT, REAL, max_size=2),
    results=st.lists(st.builds(ClassResult, COUNT, COUNT, COUNT, COUNT, COUNT, REAL, TEXT), max_size=2).map(tuple),
    labels_hash=TEXT,
    environment=st.dictionaries(TEXT, TEXT, max_size=2),
)


def example() -> RunRecord:
    found = InputRecord("a.tif", "00", (2, 3))
    model = ModelRecord("m", "ff")
    return RunRecord("1", (model,), TUNED.as_dict(), (ReferenceRecord(found, found),), found)


@given(RECORDS)
def test_a_record_survives_json(record):
    assert RunRecord.from_dict(json.loads(json.dumps(record.as_dict()))) == record


def test_a_record_survives_the_disk(tmp_path):
    record = replace(example(), version="1 ü")
    write_record(tmp_path / "r.json", record)
    assert read_record(tmp_path / "r.json") == record


def change(path: str, value: object) -> dict[str, object]:
    data = json.loads(json.dumps(example().as_dict()))
    *parents, name = path.split(".")
    inside = data
    for parent in parents:
        inside = inside[int(parent)] if parent.isdecimal() else inside[parent]
    if value is KeyError:
        del inside[name]
    else:
        inside[name] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("format", "other/1", "no such 'format'"),
        ("format", "napari-gfsam-run/99", "'napari-gfsam-run/99', this version reads"),
        ("target", KeyError, "target is missing"),
        ("target.name", KeyError, "target.name is missing"),
        ("target.name", 3, "target.name is 3, not of the kind str"),
        ("target.colour", 3, "target.colour is not a known name"),
        ("target.shape", "ab", "target.shape is not a list"),
        ("target.shape", [1, "b"], r"target.shape\[1\] is 'b'"),
        ("references", {}, "references is not a list"),
        ("references.0.image", [], r"references\[0\].image is not a group"),
        ("references.0.ignore", "x", r"references\[0\].ignore is 'x'"),
        ("settings", [], "settings is not a group"),
        ("settings.fallback", 1.5, "settings.fallback"),
        ("seconds", {"a": "b"}, "seconds.a is 'b'"),
        ("models.0.sha256", True, r"models\[0\].sha256"),
    ],
)
def test_a_damaged_record_says_where(tmp_path, path, value, words):
    data = change(path, value)
    with pytest.raises(RecordError, match=words):
        RunRecord.from_dict(data)
    (tmp_path / "r.json").write_text(json.dumps(data))
    with pytest.raises(RecordError, match=r"r\.json: "):
        read_record(tmp_path / "r.json")


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe\x00", b"null", b'"x"', b"[" * 9999])
def test_what_is_no_record_is_named(tmp_path, content):
    (tmp_path / "r.json").write_bytes(content)
    with pytest.raises(RecordError, match=r"r\.json"):
        read_record(tmp_path / "r.json")


def test_a_missing_record_is_named(tmp_path):
    with pytest.raises(RecordError, match="cannot be read"):
        read_record(tmp_path / "none.json")
    with pytest.raises(RecordError, match="cannot be read"):
        read_record(tmp_path)


def test_inputs_are_named_from_the_record_folder_too(tmp_path):
    record = example()
    record = replace(record, target=replace(record.target, path=str(tmp_path / "in" / "a.tif")))
    placed = place_record(record, tmp_path / "out")
    assert placed.target.relative_path == "../in/a.tif"
    assert placed.references == record.references, "what came from memory has no place"
    assert Path(placed.target.path).is_absolute()


@given(st.sampled_from(["uint8", "int16", "uint32", "int64"]), st.sampled_from(["C", "F"]))
def test_labels_hash_follows_ids_and_shape_only(kind, order):
    labels = np.array([[0, 1, 2], [3, 4, 5]])
    assert labels_hash(np.array(labels, kind, order=order)) == labels_hash(labels)
    assert labels_hash(labels.T) != labels_hash(labels)
    assert labels_hash(labels.reshape(3, 2)) != labels_hash(labels)


def test_the_format_is_stable():
    assert FORMAT == "napari-gfsam-run/1"
    known = "9e84b51c449b81c3ef3017a0137b130578a496eab1a16787a6dc6a1ec36dfcc5"
    assert labels_hash(np.arange(6).reshape(2, 3)) == known
