from __future__ import annotations

import pytest

from napari_gfsam import samples
from napari_gfsam.io.readers import read_image, read_labels
from napari_gfsam.io.records import read_record
from tests.fakes import disc_picture


def sample(name: str, seed: int) -> samples.Sample:
    picture, labels = disc_picture(seed)
    return samples.Sample(name=name, title=f"Title of {name}", image=picture, labels=labels, class_names={1: "disc"})


@pytest.fixture
def one_pair(monkeypatch):
    targets = (sample("two", 2), sample("three", 3))
    pair = samples.SamplePair(name="discs", kind="synthetic", reference=sample("one", 1), targets=targets)
    monkeypatch.setattr(samples, "sample_pairs", lambda: (pair,))


@pytest.mark.usefixtures("fake_models", "one_pair")
def test_writes_everything_and_shows_a_table(desk):
    result = desk.run("demo", "-o", desk / "out", "--set", "max_prompts=16")
    assert result.exit_code == 0, result.output
    for words in ("Title of two", "seconds", "prompts", "clusters", "IoU"):
        assert words in result.stdout
    names = [f"{name}_{what}" for name in ("three", "two") for what in ("labels.tif", "overlay.png", "record.json")]
    assert desk.outputs == sorted(["inputs", *names])
    assert read_image(desk / "out" / "inputs" / "two.tif").shape == (180, 240, 3)
    record = read_record(desk / "out" / "two_record.json")
    assert record.target.relative_path == "inputs/two.tif"
    assert record.references[0].labels.relative_path == "inputs/one_truth.tif"
    assert desk.run("replay", desk / "out" / "two_record.json").exit_code == 0


@pytest.mark.usefixtures("fake_models", "one_pair")
def test_ctrl_c(desk, fake_models, monkeypatch):
    def interrupted(images: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fake_models[0], "encode", interrupted)
    result = desk.run("demo")
    assert result.exit_code == 130
    assert "Stopped; what is done stays in demo-output." in result.stderr


@pytest.mark.usefixtures("fake_models", "one_pair")
def test_a_target_that_fails_never_stops_the_rest(desk, fake_models, monkeypatch):
    encode, calls = fake_models[0].encode, []

    def failing(images):
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("not enough memory")
        return encode(images)

    monkeypatch.setattr(fake_models[0], "encode", failing)
    result = desk.run("demo", "--set", "max_prompts=16")
    assert result.exit_code == 1
    assert "Title of two: not enough memory" in result.stderr
    assert (desk / "demo-output" / "three_record.json").exists()


@pytest.mark.usefixtures("one_pair")
def test_damaged_weights_are_said_once(desk, monkeypatch):
    from napari_gfsam.models import WeightsError

    def damaged(spec: object, **options: object) -> None:
        raise WeightsError("The weights are damaged: reinstall napari-gfsam.")

    monkeypatch.setattr("napari_gfsam.models.encoders.load_encoder", damaged)
    result = desk.run("demo")
    assert result.exit_code == 1
    assert result.stderr.strip() == "Error: The weights are damaged: reinstall napari-gfsam."


@pytest.mark.slow
def test_the_main_job_with_the_bundled_models(desk):
    """No fake anywhere: files in, label image out, the same answer when repeated."""
    from napari_gfsam.io.writers import write_labels, write_picture

    pair = samples.load_pair("phase_cells")
    target = pair.targets[0]
    write_picture(desk / "ref.tif", pair.reference.image)
    write_labels(desk / "ref_labels.tif", pair.reference.labels)
    write_picture(desk / "target.tif", target.image)
    result = desk.segment(desk / "target.tif", "--classes", "1=cell", "--set", "max_prompts=64")
    assert result.exit_code == 0, result.output
    found, truth = read_labels(desk / "out" / "target_labels.tif") == 1, target.labels == 1
    assert (found & truth).sum() / (found | truth).sum() > 0.7
    assert desk.run("replay", desk / "out" / "target_record.json").stdout.startswith("identical")
