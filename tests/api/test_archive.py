"""Predictions on disk: what comes back is, for every correction, what was saved."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from napari_gfsam.api.archive import Archive, ArchiveError
from napari_gfsam.core.types import Status
from napari_gfsam.io.records import ModelRecord
from napari_gfsam.io.writers import OutputError
from tests.api.conftest import two_colors


@pytest.fixture
def archive(two_classes):
    return Archive(lambda models: two_classes.backend)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plane.safetensors"


def no_models(models):
    raise ValueError("No model may be asked for.")


def assert_same(found, wanted):
    assert found.labels.dtype == wanted.labels.dtype
    for name in ("labels", "confidence", "clusters"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    for field in fields(found.points):
        np.testing.assert_array_equal(getattr(found.points, field.name), getattr(wanted.points, field.name))
    for class_id, one in wanted.classes.items():
        other = found.classes[class_id]
        np.testing.assert_array_equal(other.mask, one.mask)
        np.testing.assert_array_equal(other.confidence, one.confidence)
        assert (other.score, other.reason, other.spec) == (one.score, one.reason, one.spec)
    assert found.reason == wanted.reason
    assert found.settings == wanted.settings
    assert found.record() == wanted.record()


def test_what_comes_back_is_what_was_saved(archive, path, answer):
    archive.save(path, answer)
    found = archive.load(path)
    assert_same(found, answer)
    for class_id in (1, 2):
        np.testing.assert_array_equal(found.model_mask(class_id), answer.model_mask(class_id))
        for field in fields(answer.traces[class_id].maps):
            one, two = (getattr(it.traces[class_id].maps, field.name) for it in (found, answer))
            assert one.equal(two)
    assert sorted(it.name[:11] for it in path.parent.iterdir()) == ["plane.safet", "references-"]


def test_every_correction_gives_what_it_gave(archive, path, answer):
    archive.save(path, answer)
    found = Archive(no_models).load(path)
    for class_id, trace in answer.traces.items():
        for cluster in range(trace.graph.n_clusters):
            for status in (Status.OFF_BY_HAND, Status.ON_BY_HAND):
                one, two = (it.with_cluster_status(class_id, cluster, status) for it in (found, answer))
                assert_same(one, two)
            assert_same(
                found.with_cluster_moved(class_id, cluster, 3 - class_id),
                answer.with_cluster_moved(class_id, cluster, 3 - class_id),
            )


def test_other_readings_are_made_without_a_model(archive, path, answer):
    before = answer.alternatives()
    archive.save(path, answer)
    found = Archive(no_models).load(path)
    after = found.alternatives()
    assert [reading.name for reading in after] == [reading.name for reading in before]
    for one, two in zip(after, before, strict=True):
        assert_same(one.prediction, two.prediction)
    native = answer.settings.with_settings(output_frame="native")
    assert_same(found.read_as(native), answer.read_as(native))


def test_a_model_is_asked_for_when_a_prompt_is_new(archive, path, answer, fake_models):
    archive.save(path, answer)
    encoded = fake_models[0].calls, fake_models[1].embeds
    found = archive.load(path)
    decoded = fake_models[1].decodes
    assert_same(found.with_point(1, (80, 100)), answer.with_point(1, (80, 100)))
    assert fake_models[1].decodes == decoded + 2
    assert (fake_models[0].calls, fake_models[1].embeds) == encoded
    with pytest.raises(ValueError, match="No model may be asked for"):
        Archive(no_models).load(path).with_point(1, (80, 100))


def test_decisions_come_back_and_can_be_undone(archive, path, answer):
    edited = answer.with_point(1, (40, 40)).with_cluster_moved(1, 0, 2).with_point(2, (100, 100), positive=False)
    archive.save(path, edited)
    found = Archive(no_models).load(path)
    assert_same(found, edited)
    assert_same(found.decided(edited.decisions[:1]), edited.decided(edited.decisions[:1]))
    assert_same(found.decided(()), answer)
    again = path.with_name("again.safetensors")
    archive.save(again, found.decided(edited.decisions[:2]))
    assert_same(Archive(no_models).load(again), edited.decided(edited.decisions[:2]))


def test_a_loaded_prediction_saves_as_it_is(archive, path, answer):
    answer.alternatives()
    archive.save(path, answer)
    again = path.with_name("again.safetensors")
    archive.save(again, Archive(no_models).load(path))
    first, second = load_file(path), load_file(again)
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(second[name], array, err_msg=name)


def test_targets_of_a_run_share_their_references(archive, path, answer, two_classes):
    other = two_classes.segment(two_colors(5)[0])
    archive.save(path, answer)
    archive.save(path.with_name("other.safetensors"), other)
    assert len(list(path.parent.glob("references-*"))) == 1
    fresh = Archive(no_models)
    one, two = fresh.load(path), fresh.load(path.with_name("other.safetensors"))
    assert one.scene.classes is two.scene.classes
    assert one.scene.classes[0].references[0].tokens is one.scene.classes[1].references[0].tokens
    for mine, theirs in zip(one.scene.classes, answer.scene.classes, strict=True):
        assert mine.spec == theirs.spec
        for k, reference in enumerate(theirs.references):
            assert mine.references[k].tokens.equal(reference.tokens)
            assert mine.references[k].weights.foreground.equal(reference.weights.foreground)
            assert mine.references[k].weights.background.equal(reference.weights.background)


def test_references_that_no_prediction_needs_are_removed(archive, path, answer, two_classes):
    archive.save(path, answer)
    two_classes.add_reference(*two_colors(3), classes={1: "yellow", 2: "blue"})
    other = path.with_name("other.safetensors")
    archive.save(other, two_classes.segment(two_colors(2)[0]))
    foreign = path.with_name("foreign.safetensors")
    save_file({"a": np.zeros(3)}, foreign)
    (path.parent / "torn.safetensors").write_bytes(b"1234")
    assert len(list(path.parent.glob("references-*"))) == 2
    archive.remove_unused_references(path.parent)
    assert len(list(path.parent.glob("references-*"))) == 2
    path.unlink()
    archive.remove_unused_references(path.parent)
    assert len(list(path.parent.glob("references-*"))) == 1
    Archive(no_models).load(other)
    assert foreign.is_file()


def test_other_models_are_named(archive, path, answer):
    models = (ModelRecord("large_encoder", "00"), answer.scene.models[1])
    archive.save(path, replace(answer, scene=replace(answer.scene, models=models)))
    found = archive.load(path)
    found.with_status(1, 0, Status.OFF_BY_HAND)
    with pytest.raises(ArchiveError, match="segmented with large_encoder and mobile_sam; choose"):
        found.with_point(1, (40, 40))


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.5, 0.999])
def test_a_torn_file_is_named(archive, path, answer, share):
    archive.save(path, answer)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ArchiveError, match=r"plane\.safetensors is damaged .*\.$"):
        archive.load(path)


def test_a_changed_byte_is_seen_wherever_it_is(archive, path, answer):
    archive.save(path, answer)
    data = path.read_bytes()
    for place in (9, 200, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        with pytest.raises(ArchiveError, match="is damaged or no file of ours"):
            archive.load(path)


def test_foreign_and_missing_files_are_named(archive, path, answer):
    with pytest.raises(ArchiveError, match="cannot be read"):
        archive.load(path)
    path.mkdir()
    with pytest.raises(ArchiveError, match="cannot be read"):
        archive.load(path)
    path.rmdir()
    save_file({"a": np.zeros(3)}, path, {"napari-gfsam": "[]"})
    with pytest.raises(ArchiveError, match="no file of ours"):
        archive.load(path)
    archive.save(path, answer)
    (shared,) = path.parent.glob("references-*")
    with pytest.raises(ArchiveError, match="its format is 'napari-gfsam-references/1'"):
        archive.load(shared)
    shared.unlink()
    with pytest.raises(ArchiveError, match=r"references-.* cannot be read"):
        Archive(no_models).load(path)


def test_arrays_that_do_not_fit_together_are_named(archive, path, answer, monkeypatch):
    from napari_gfsam.api.stored import file

    archive.save(path, answer)
    monkeypatch.setattr(file, "_checksum", lambda text, arrays: "00")
    for change in ("1.status", "embedding", "others.signs"):
        arrays = load_file(path)
        del arrays[change]
        self_made = {"napari-gfsam": header_of(path), "checksum": "00"}
        save_file(arrays, path.with_name("less.safetensors"), self_made)
        with pytest.raises(ArchiveError, match="does not fit together"):
            archive.load(path.with_name("less.safetensors"))


@pytest.mark.parametrize("name", ["../../x", "", "0" * 31, "0" * 31 + "G"])
def test_names_from_files_are_no_paths(archive, path, answer, monkeypatch, name):
    from napari_gfsam.api.stored import file

    archive.save(path, answer)
    monkeypatch.setattr(file, "_checksum", lambda text, arrays: "00")
    header = json.loads(header_of(path)) | {"references_file": name}
    save_file(load_file(path), path, {"napari-gfsam": json.dumps(header), "checksum": "00"})
    with pytest.raises(ArchiveError, match="no name of stored references"):
        archive.load(path)


def header_of(path) -> str:
    data = path.read_bytes()
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]["napari-gfsam"]


def test_a_folder_that_cannot_be_written_leaves_nothing(archive, path, answer):
    blocked = path.parent / "file"
    blocked.write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        archive.save(blocked / "plane.safetensors", answer)
    assert [it.name for it in path.parent.iterdir()] == ["file"]


def test_opens_without_torch():
    code = "import sys, napari_gfsam.api.archive; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
def test_real_masks_come_back_bit_for_bit(path):
    from napari_gfsam.api import Segmenter
    from napari_gfsam.samples import load_pair

    pair = load_pair("nuclei")
    segmenter = Segmenter()
    segmenter.add_reference(pair.reference.image, pair.reference.labels, classes=dict(pair.reference.class_names))
    answer = segmenter.segment(pair.targets[0].image)
    readings = answer.alternatives()
    Archive(no_models).save(path, answer)
    assert path.stat().st_size < 12e6
    found = Archive(no_models).load(path)
    assert_same(found, answer)
    for class_id, trace in answer.traces.items():
        for cluster in range(0, trace.graph.n_clusters, 5):
            one, two = (it.with_cluster_status(class_id, cluster, Status.ON_BY_HAND) for it in (found, answer))
            assert_same(one, two)
    for one, two in zip(found.alternatives(), readings, strict=True):
        assert_same(one.prediction, two.prediction)
    added = Archive(lambda models: segmenter.backend).load(path).with_point(1, (100, 200), positive=False)
    assert_same(added, answer.with_point(1, (100, 200), positive=False))
