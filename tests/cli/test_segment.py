from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest

from napari_gfsam.core.config import TUNED
from napari_gfsam.datasets.outputs import write_outputs
from napari_gfsam.io.readers import read_image, read_labels
from napari_gfsam.io.records import labels_hash, read_record
from napari_gfsam.io.writers import write_labels, write_picture
from tests.fakes import FakeEncoder, disc_picture

pytestmark = pytest.mark.usefixtures("fake_models")
OF_A = ["a_labels.tif", "a_overlay.png", "a_record.json"]


def test_writes_labels_overlay_and_record(desk):
    result = desk.segment(desk.target("a"))
    assert result.exit_code == 0, result.output
    assert desk.outputs == OF_A
    truth = disc_picture(2)[1] > 0
    found = read_labels(desk / "out" / "a_labels.tif") > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.9
    assert read_image(desk / "out" / "a_overlay.png").shape == (*truth.shape, 3)
    assert "prompts" in result.stdout
    assert "1 done, 0 skipped" in result.stdout
    assert result.stderr == ""


def test_the_record_says_how_it_was_made(desk):
    desk.segment(desk.target("a"), "--classes", "1=disc", "--set", "max_prompts=12", "--gamma", "0.9")
    record = read_record(desk / "out" / "a_record.json")
    assert record.settings == TUNED.with_settings(max_prompts=12).as_dict()
    assert record.target.path == str(desk / "a.tif")
    assert record.target.relative_path == "../a.tif"
    assert record.references[0].image.relative_path == "../ref.tif"
    assert record.references[0].labels.name == "ref_labels.tif"
    assert [(one.id, one.name) for one in record.references[0].classes] == [(1, "disc")]
    assert record.recipe["gamma"] == 0.9
    assert record.labels_hash == labels_hash(read_labels(desk / "out" / "a_labels.tif"))
    assert record.labels_file == "a_labels.tif"
    assert record.results[0].prompts > 0
    assert set(record.environment) >= {"python", "torch", "threads"}
    assert record.seconds


def test_what_is_done_is_skipped_until_overwritten(desk, fake_models):
    target = desk.target("a")
    desk.segment(target)
    before, calls = (desk / "out" / "a_labels.tif").stat(), fake_models[0].calls
    result = desk.segment(target)
    assert result.exit_code == 0
    assert "0 done, 1 skipped" in result.stdout
    assert fake_models[0].calls == calls, "no model runs"
    assert (desk / "out" / "a_labels.tif").stat().st_mtime_ns == before.st_mtime_ns
    result = desk.segment(target, "--overwrite")
    assert "1 done, 0 skipped" in result.stdout
    assert (desk / "out" / "a_labels.tif").stat().st_mtime_ns > before.st_mtime_ns


@pytest.mark.parametrize("broken", ["cut labels", "no record", "cut record", "no labels"])
def test_what_is_not_whole_is_made_again(desk, broken):
    target = desk.target("a")
    desk.segment(target)
    labels, record = desk / "out" / "a_labels.tif", desk / "out" / "a_record.json"
    whole = labels.read_bytes()
    if broken == "cut labels":
        labels.write_bytes(whole[: len(whole) // 2])
    elif broken == "no record":
        record.unlink()
    elif broken == "cut record":
        record.write_text(record.read_text()[:50])
    else:
        labels.unlink()
    result = desk.segment(target)
    assert "1 done" in result.stdout, result.output
    assert labels.read_bytes() == whole
    assert read_record(record).labels_hash == labels_hash(read_labels(labels))


def test_a_missing_overlay_is_drawn_again_without_a_model(desk, fake_models):
    target = desk.target("a")
    desk.segment(target, "--no-overlay")
    assert desk.outputs == ["a_labels.tif", "a_record.json"]
    calls = fake_models[0].calls
    assert "1 skipped" in desk.segment(target).stdout
    assert desk.outputs == OF_A
    assert fake_models[0].calls == calls


@pytest.mark.parametrize("change", [["--set", "fallback=best"], ["--gamma", "2"], ["--preset", "published"]])
def test_outputs_of_another_run_are_not_taken_for_done(desk, change):
    target = desk.target("a")
    desk.segment(target)
    before = (desk / "out" / "a_labels.tif").read_bytes()
    result = desk.segment(target, *change)
    assert result.exit_code == 1
    assert "a_labels.tif was made from other pictures, references, models or settings" in result.stderr
    assert (desk / "out" / "a_labels.tif").read_bytes() == before
    assert desk.segment(target, *change, "--overwrite").exit_code == 0


@pytest.mark.parametrize("owner", ["edited", "foreign"])
def test_labels_that_a_person_made_or_changed_are_kept(desk, owner):
    target = desk.target("a")
    labels = desk / "out" / "a_labels.tif"
    if owner == "edited":
        desk.segment(target)
    labels.parent.mkdir(exist_ok=True)
    write_picture(labels, np.full((180, 240), 7, np.uint8))
    import tifffile

    tifffile.imwrite(labels, np.full((180, 240), 7, np.uint8))
    before = labels.read_bytes()
    result = desk.segment(target)
    assert result.exit_code == 1
    assert "not made by this program; --overwrite replaces it" in result.stderr
    assert labels.read_bytes() == before


def test_one_bad_file_never_stops_the_rest(desk):
    good, late = desk.target("a"), desk.target("z", seed=3)
    (desk / "b.tif").write_bytes(b"")
    (desk / "c.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (desk / "d.tif").write_bytes(good.read_bytes()[:300])
    write_picture(desk / "e.tif", np.full((9, 9), np.nan, np.float32))
    write_picture(desk / "f.tif", np.full((9, 9), 3, np.uint8))
    write_picture(desk / "g.tif", np.full((1, 1), 3, np.uint8))
    result = desk.segment(
        *(desk / name for name in ("b.tif", "c.png", "d.tif", "e.tif", "f.tif", "g.tif", "no.tif")), good, late
    )
    assert result.exit_code == 1
    assert "2 done, 0 skipped, 7 failed" in result.stdout
    assert [name for name in desk.outputs if name.endswith("labels.tif")] == ["a_labels.tif", "z_labels.tif"]
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 7
    for name, words in {
        "no.tif": "does not exist",
        "b.tif": "is empty (0 bytes)",
        "c.png": "cannot be read",
        "d.tif": "cannot be read",
        "e.tif": "no finite value",
        "f.tif": "the same colour (3, 3, 3) everywhere",
        "g.tif": "a single pixel",
    }.items():
        assert sum(name in line and words in line for line in lines) == 1, (name, lines)


@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (2, 2), (5, 3)])
def test_tiny_and_thin_targets(desk, shape):
    rng = np.random.default_rng(0)
    write_picture(desk / "t.tif", rng.integers(0, 65536, shape, dtype=np.uint16))
    result = desk.segment(desk / "t.tif")
    assert result.exit_code == 0, result.output
    assert read_labels(desk / "out" / "t_labels.tif").shape == shape


def test_folders_globs_and_formats(desk):
    (desk / "in").mkdir()
    for name, suffix in (("x10", "png"), ("x9", "jpg"), ("y", "tif")):
        from PIL import Image

        Image.fromarray(disc_picture(4)[0]).save(desk / "in" / f"{name}.{suffix}")
    (desk / "in" / "notes.txt").write_text("no picture")
    result = desk.segment(desk / "in", "in/*.png", "--format", "png", "--no-overlay")
    assert "3 done" in result.stdout, result.output
    assert result.stdout.index("x9.jpg") < result.stdout.index("x10.png"), "in the order people count"
    assert [name for name in desk.outputs if "labels" in name] == ["x10_labels.png", "x9_labels.png", "y_labels.png"]


def test_pictures_of_the_same_name_do_not_meet(desk):
    for place in ("p", "q"):
        (desk / place).mkdir()
    first, second = desk.target("p/x", 2), desk.target("q/x", 3)
    shutil.copy(first, desk / "q" / "x.tiff")
    result = desk.segment(first, second, desk / "q" / "x.tiff", "--no-overlay")
    assert "3 done" in result.stdout, result.output
    assert [name for name in desk.outputs if "labels" in name] == [
        "p_x_labels.tif",
        "q_x_tif_labels.tif",
        "q_x_tiff_labels.tif",
    ]


def test_outputs_beside_the_pictures_are_no_targets_the_next_time(desk):
    (desk / "in").mkdir()
    desk.target("in/a")
    words = (
        "segment",
        desk / "in",
        "--reference",
        desk / "ref.tif",
        "--labels",
        desk / "ref_labels.tif",
        "-o",
        desk / "in",
    )
    assert "1 done" in desk.run(*words).stdout
    assert "0 done, 1 skipped" in desk.run(*words).stdout


def test_a_picture_that_is_read_is_never_written_over(desk):
    target = desk.target("a")
    (desk / "out").mkdir()
    shutil.copy(desk / "ref_labels.tif", desk / "out" / "a_labels.tif")
    before = (desk / "out" / "a_labels.tif").read_bytes()
    result = desk.run(
        "segment",
        target,
        "--reference",
        desk / "ref.tif",
        "--labels",
        desk / "out" / "a_labels.tif",
        "-o",
        desk / "out",
        "--overwrite",
    )
    assert result.exit_code == 1
    assert "is one of the pictures that are read" in result.stderr
    assert (desk / "out" / "a_labels.tif").read_bytes() == before


def test_classes_negative_ignore_and_region(desk):
    labels = disc_picture(1)[1].astype(np.uint8)
    labels[:, 120:][labels[:, 120:] > 0] = 2
    labels[:5] = 255
    write_labels(desk / "ref_labels.tif", labels)
    result = desk.segment(
        desk.target("a"),
        "--classes",
        "1=left, 2=right",
        "--negative",
        "2",
        "--ignore",
        "255",
        "--region",
        "0,0,170,240",
    )
    assert result.exit_code == 0, result.output
    assert "left 0." in result.stdout
    reference = read_record(desk / "out" / "a_record.json").references[0]
    assert [(one.id, one.name, one.negative) for one in reference.classes] == [(1, "left", False), (2, "right", True)]
    assert (reference.ignore, reference.region_yx) == (255, (0, 0, 170, 240))
    assert 2 not in read_labels(desk / "out" / "a_labels.tif")


def test_several_references(desk):
    picture, labels = disc_picture(seed=5)
    write_picture(desk / "ref2.tif", picture)
    write_labels(desk / "ref2_labels.tif", labels)
    result = desk.segment(
        desk.target("a"),
        "--reference",
        desk / "ref2.tif",
        "--labels",
        desk / "ref2_labels.tif",
        "--region",
        "0,0,99,99",
        "--region",
        "1,1,99,99",
    )
    assert result.exit_code == 0, result.output
    references = read_record(desk / "out" / "a_record.json").references
    assert [reference.region_yx for reference in references] == [(0, 0, 99, 99), (1, 1, 99, 99)]


def test_channels_and_intensity(desk):
    import tifffile

    picture = disc_picture(1)[0]
    tifffile.imwrite(
        desk / "c.tif", np.moveaxis(picture[..., :2].astype(np.uint16) * 99, 2, 0), photometric="minisblack"
    )
    words = (
        "segment",
        desk / "c.tif",
        "--reference",
        desk / "c.tif",
        "--labels",
        desk / "ref_labels.tif",
        "-o",
        desk / "out",
    )
    refused = desk.run(*words)
    assert refused.exit_code == 1
    assert "name the channel axis" in refused.stderr
    result = desk.run(*words, "--channel-axis", "0", "--intensity", "range", "--limits", "0,25000")
    assert result.exit_code == 0, result.output
    recipe = read_record(desk / "out" / "c_record.json").recipe
    assert (recipe["channel_axis"], recipe["limits"]) == (0, [[0, 25000]])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--labels", "ref_labels.tif"], "There are 1 --reference and 2 --labels"),
        (["--classes", "nucleus"], "'nucleus' names no class"),
        (["--classes", "1=a,1=b"], "Class 1 is named twice"),
        (["--region", "1,2,3"], "'1,2,3' is no region"),
        (["--region", "5,5,5,9"], "holds no pixel"),
        (["--region", "0,0,5,9", "--region", "0,0,5,9"], "There are 2 --region"),
        (["--preset", "best"], "There is no preset 'best'"),
        (["--model", "huge"], "There is no model preset 'huge'"),
        (["--set", "fallback"], "'fallback' is not a setting"),
        (["--set", "fallback=worst"], "fallback='worst' is not a choice"),
        (["--limits", "5"], "'5' is no pair of limits"),
        (["--limits", "5,2"], "the lower first"),
        (["--gamma", "0"], "gamma=0.0"),
        (["--intensity", "range"], "needs limits"),
    ],
)
def test_wrong_words_end_with_two(desk, words, sentence):
    result = desk.segment(desk.target("a"), *words)
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (desk / "out").exists()


def test_nothing_to_do_ends_with_two(desk):
    (desk / "empty").mkdir()
    result = desk.segment("empty", "no.tif", "x*.png")
    assert result.exit_code == 2
    for words in ("The folder empty holds no picture", "no.tif does not exist", "No picture matches x*.png"):
        assert words in result.stderr


@pytest.mark.parametrize("words", [["--format", "jpg"], ["--threads", "0"], ["--colour"]])
def test_options_that_typer_refuses_end_with_two(desk, words):
    assert desk.segment(desk.target("a"), *words).exit_code == 2


def bad_reference(desk, kind):
    labels = disc_picture(1)[1]
    if kind == "size":
        write_labels(desk / "ref_labels.tif", labels[:50])
    elif kind == "nothing":
        write_labels(desk / "ref_labels.tif", labels * 0)
    elif kind == "everything":
        write_labels(desk / "ref_labels.tif", labels * 0 + 1)
    elif kind == "half":
        write_picture(desk / "ref_labels.tif", labels / 2)
    elif kind == "empty":
        (desk / "ref_labels.tif").write_bytes(b"")
    elif kind == "missing":
        (desk / "ref_labels.tif").unlink()
    elif kind == "constant":
        write_picture(desk / "ref.tif", labels * 0)
    elif kind == "nan":
        write_picture(desk / "ref.tif", np.full(labels.shape, np.nan, np.float32))
    elif kind == "pixel":
        write_picture(desk / "ref.tif", labels[:1, :1])
        write_labels(desk / "ref_labels.tif", labels[:1, :1] + 1)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("size", "must have the same size"),
        ("nothing", "no painted pixel"),
        ("everything", "covers every pixel"),
        ("half", "not whole numbers"),
        ("empty", "is empty (0 bytes)"),
        ("missing", "does not exist"),
        ("constant", "everywhere"),
        ("nan", "no finite value"),
        ("pixel", "a single pixel"),
    ],
)
def test_a_bad_reference_is_named_before_any_target(desk, kind, words):
    target = desk.target("a")
    bad_reference(desk, kind)
    result = desk.segment(target)
    assert result.exit_code == 1, result.output
    assert words in result.stderr
    assert "ref" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert desk.outputs == []


def test_labels_of_whole_floats_serve(desk):
    write_picture(desk / "ref_labels.tif", disc_picture(1)[1].astype(np.float32))
    assert desk.segment(desk.target("a")).exit_code == 0


def test_an_output_folder_that_cannot_be_written(desk):
    (desk / "file").write_text("x")
    result = desk.run(
        "segment",
        desk.target("a"),
        "--reference",
        desk / "ref.tif",
        "--labels",
        desk / "ref_labels.tif",
        "-o",
        desk / "file" / "out",
    )
    assert result.exit_code == 1
    assert "Nothing can be written into" in result.stderr
    assert (desk / "file").read_text() == "x"


def test_damaged_weights_stop_the_run_with_one_sentence(desk, monkeypatch):
    from napari_gfsam.models import WeightsError

    def damaged(spec: object, **options: object) -> None:
        raise WeightsError("The weights file x of model 'y' is damaged: reinstall napari-gfsam.")

    monkeypatch.setattr("napari_gfsam.models.encoders.load_encoder", damaged)
    result = desk.segment(desk.target("a"), desk.target("b"))
    assert result.exit_code == 1
    assert result.stderr.strip() == "Error: The weights file x of model 'y' is damaged: reinstall napari-gfsam."


def test_ctrl_c_keeps_what_is_done(desk, fake_models, monkeypatch):
    targets = [desk.target("a"), desk.target("b", 3)]
    calls = []

    def interrupted(*given):
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        write_outputs(*given)

    monkeypatch.setattr("napari_gfsam.datasets.job.write_outputs", interrupted)
    result = desk.segment(*targets)
    assert result.exit_code == 130
    assert "Stopped after 1 of 2 targets" in result.stderr
    assert desk.outputs == OF_A
    monkeypatch.setattr("napari_gfsam.datasets.job.write_outputs", write_outputs)
    assert "1 done, 1 skipped" in desk.segment(*targets).stdout


def test_a_full_disk_loses_nothing(desk, monkeypatch):
    from napari_gfsam.io.writers import OutputError

    def full(path, *args, **options):
        raise OutputError(f"{path} cannot be written (No space left on device); choose another folder.")

    monkeypatch.setattr("napari_gfsam.io.writers.write_labels", full)
    result = desk.segment(desk.target("a"))
    assert result.exit_code == 1
    assert "No space left" in result.stderr
    assert "a_record.json" not in desk.outputs


def test_an_empty_answer_says_why(desk, monkeypatch):
    write_picture(desk / "n.tif", (255 - disc_picture(2)[0]))
    result = desk.segment(desk / "n.tif", "--set", "max_prompts=1")
    record = json.loads((desk / "out" / "n_record.json").read_text())
    if not read_labels(desk / "out" / "n_labels.tif").any():
        assert record["results"][0]["reason"]
        assert "(empty: " in result.stdout
    assert result.exit_code == 0


def test_models_device_and_precision_can_be_chosen(desk, monkeypatch):
    told = []

    def load(spec, *, device, compiled):
        told.append((spec.id, spec.path, device.name, device.precision, compiled))
        encoder = FakeEncoder()
        encoder.weights_hash = hashlib.sha256(b"x").hexdigest()
        return encoder

    monkeypatch.setattr("napari_gfsam.models.encoders.load_encoder", load)
    weights = desk / "mine.safetensors"
    weights.write_bytes(b"x")
    words = ("--encoder", "dinov2_vitb14", "--encoder-weights", weights, "--device", "cpu", "--precision", "bfloat16")
    result = desk.segment(desk.target("a"), *words, "--compile")
    assert result.exit_code == 0, result.output
    assert told == [("dinov2_vitb14", str(weights), "cpu", "bfloat16", True)]
    assert "CPU in bfloat16, as chosen" in result.stdout
    record = read_record(desk / "out" / "a_record.json")
    assert record.models[0].id == "dinov2_vitb14"
    assert (record.environment["device"], record.environment["precision"]) == ("cpu", "bfloat16")
    assert "1 skipped" in desk.segment(desk.target("a"), *words).stdout


@pytest.mark.parametrize(
    ("words", "sentence", "code"),
    [
        (("--encoder", "mobile_sam"), "is a segmenter, not an encoder", 2),
        (("--model", "huge"), "no model preset 'huge'", 2),
        (("--device", "tpu"), "no device 'tpu'", 1),
        (("--precision", "half"), "precision", 2),
        (("--segmenter-weights", "nowhere.pth"), "nowhere.pth", 2),
    ],
)
def test_wrong_models_and_devices_are_named(desk, words, sentence, code):
    result = desk.segment(desk.target("a"), *words)
    assert result.exit_code == code
    assert sentence in result.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--workers", "2", "--scheduler", "tcp://127.0.0.1:9"), "give one of them"),
        (("--tls-ca", "ref.tif"), "go with --scheduler"),
    ],
)
def test_words_about_workers_that_do_not_fit_end_with_two(desk, words, sentence):
    result = desk.segment(desk.target("a"), *words)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not (desk / "out").exists()


def test_the_end_shows_what_most_needs_a_look(desk):
    good, bad = desk.target("a"), desk / "b.tif"
    bad.write_bytes(b"")
    result = desk.segment(good, bad)
    shown = result.stdout[result.stdout.index("What most needs a look") :]
    assert shown.index("b.tif") < shown.index("a.tif")
    assert "All targets: summary.csv; worst first: review.csv" in shown
    assert (desk / "out" / "summary.csv").read_text().count("\n") == 3


def test_many_failures_are_told_in_the_tables(desk, monkeypatch):
    monkeypatch.setattr("napari_gfsam.cli.segment.MOST_SENTENCES", 2)
    for name in "abcd":
        (desk / f"{name}.tif").write_bytes(b"")
    result = desk.segment(*(desk / f"{name}.tif" for name in "abcd"))
    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()) == 3
    assert "2 more failed; " in result.stderr
